#include "budget/money.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace modelmesh::budget {
namespace {

TEST(Money, DecimalsAreScaledExactly) {
    EXPECT_EQ(scaled("2.5", 6).value(), 2500000);
    EXPECT_EQ(scaled("0.0002833333", 12).value(), 283333300);
    EXPECT_EQ(scaled("5e-05", 6).value(), 50);
    EXPECT_EQ(scaled("1.25E+2", 6).value(), 125000000);
    EXPECT_EQ(scaled("0", 12).value(), 0);
    EXPECT_EQ(scaled("007.10", 2).value(), 710);
    EXPECT_EQ(scaled("9223372036854.775807", 6).value(), std::numeric_limits<std::int64_t>::max());
}

TEST(Money, WhatIsFinerIsRoundedHalfUp) {
    EXPECT_EQ(scaled("0.0000004999", 6).value(), 0);
    EXPECT_EQ(scaled("0.0000005", 6).value(), 1);
    EXPECT_EQ(scaled("1e-300", 12).value(), 0);
    EXPECT_EQ(scaled(10.0 / 3, 6).value(), 3333333);
}

TEST(Money, WhatIsNoAmountIsRefused) {
    for (const char* text :
         {"-1", "", ".", "e5", "1e", "1e999", "1.2.3", "NaN", "1 ", "9223372036854.775808", "1e30"})
        EXPECT_FALSE(scaled(text, 6)) << text;
    for (const double value : {-0.01, std::nan(""), std::numeric_limits<double>::infinity(), 1e300})
        EXPECT_FALSE(scaled(value, 6)) << value;
}

// The binary double nearest to a price is not the price; its shortest decimal is.
TEST(Money, ADoubleMeansWhatItsAuthorWrote) {
    EXPECT_EQ(scaled(0.1, 12).value(), 100000000000);
    EXPECT_EQ(scaled(0.00015, 12).value(), 150000000);
    EXPECT_EQ(scaled(0.29, 2).value(), 29);
    for (std::int64_t micro = 1; micro < 2000000; micro += 7) {
        const std::string text = dollars(micro).substr(1);
        ASSERT_EQ(scaled(std::stod(text), 6).value(), micro) << text;
    }
}

TEST(Money, SettlementRoundsHalfUpAndNeverAboveItsReservation) {
    EXPECT_EQ(settled(0), 0);
    EXPECT_EQ(settled(499999), 0);
    EXPECT_EQ(settled(500000), 1);
    EXPECT_EQ(settled(1499999), 1);
    EXPECT_EQ(settled(std::numeric_limits<pico_usd>::max()), 9223372036855);
    EXPECT_EQ(reserved(1), 1);
    EXPECT_EQ(reserved(1000000), 1);
    for (pico_usd cost = 0; cost < 3000000; cost += 1337) {
        EXPECT_LE(settled(cost), reserved(cost));
        EXPECT_LE(std::abs(settled(cost) * 1000000 - cost), 500000) << "half a micro-dollar";
    }
}

TEST(Money, DollarsForPeople) {
    EXPECT_EQ(dollars(0), "$0.00");
    EXPECT_EQ(dollars(1250), "$0.00125");
    EXPECT_EQ(dollars(12500000), "$12.50");
}

} // namespace
} // namespace modelmesh::budget
