#include <modelmesh/core/random.hpp>

#include <gtest/gtest.h>

namespace modelmesh {
namespace {

TEST(Random, SameSeedSameSequence) {
    xoshiro256 a(42), b(42), c(43);
    bool differs = false;
    for (int i = 0; i < 100; ++i) {
        const std::uint64_t value = a.next();
        EXPECT_EQ(value, b.next());
        differs |= value != c.next();
    }
    EXPECT_TRUE(differs);
}

TEST(Random, UnitStaysInItsIntervalAndFillsIt) {
    xoshiro256 source(7);
    double low = 1, high = 0, sum = 0;
    for (int i = 0; i < 10000; ++i) {
        const double u = source.unit();
        low = u < low ? u : low;
        high = u > high ? u : high;
        sum += u;
    }
    EXPECT_GE(low, 0.0);
    EXPECT_LT(high, 1.0);
    EXPECT_LT(low, 0.01);
    EXPECT_GT(high, 0.99);
    EXPECT_NEAR(sum / 10000, 0.5, 0.02);
}

} // namespace
} // namespace modelmesh
