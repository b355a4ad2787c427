#include <modelmesh/connector/cache.hpp>

#include "support/manual_clock.hpp"

#include <gtest/gtest.h>

namespace modelmesh::connector {
namespace {

using namespace std::chrono_literals;

class Cache : public ::testing::Test {
protected:
    support::manual_clock time;
    cache<int> kept{{10s, 3}, time};
};

TEST_F(Cache, KeepsAValueForItsTime) {
    EXPECT_EQ(kept.get("a"), std::nullopt);
    kept.put("a", 1);
    time.advance(10s - 1ns);
    EXPECT_EQ(kept.get("a"), 1);
    time.advance(1ns);
    EXPECT_EQ(kept.get("a"), std::nullopt);
    EXPECT_EQ(kept.stats().entries, 0u) << "what is too old leaves with the look-up";
}

TEST_F(Cache, TheLongestTimeIsForEver) {
    cache<int> all({.ttl = duration::max()}, time);
    all.put("a", 1);
    time.advance(std::chrono::hours(1000));
    EXPECT_EQ(all.get("a"), 1);
}

TEST_F(Cache, ReadingAValueDoesNotMakeItYounger) {
    kept.put("a", 1);
    time.advance(9s);
    EXPECT_EQ(kept.get("a"), 1);
    time.advance(1s);
    EXPECT_EQ(kept.get("a"), std::nullopt);
    kept.put("a", 2);
    EXPECT_EQ(kept.get("a"), 2);
}

TEST_F(Cache, TheValueNotUsedForLongestMakesRoom) {
    kept.put("a", 1);
    kept.put("b", 2);
    kept.put("c", 3);
    EXPECT_EQ(kept.get("a"), 1);
    kept.put("d", 4);
    EXPECT_EQ(kept.get("b"), std::nullopt);
    EXPECT_EQ(kept.get("a"), 1);
    EXPECT_EQ(kept.stats().evictions, 1u);
    EXPECT_EQ(kept.stats().entries, 3u);
}

TEST_F(Cache, AWeightTakesAsMuchRoom) {
    kept.put("a", 1);
    kept.put("b", 2, 2);
    EXPECT_EQ(kept.stats().weight, 3u);
    kept.put("b", 3, 1);
    EXPECT_EQ(kept.stats().weight, 2u) << "the old value is gone";
    EXPECT_EQ(kept.stats().evictions, 0u);
    kept.put("c", 4, 3);
    EXPECT_EQ(kept.get("a"), std::nullopt);
    EXPECT_EQ(kept.get("b"), std::nullopt);
    EXPECT_EQ(kept.get("c"), 4);
    kept.put("c", 5, 4);
    EXPECT_EQ(kept.get("c"), std::nullopt) << "too heavy, and the old value would be wrong";
    EXPECT_EQ(kept.stats().weight, 0u);
}

TEST_F(Cache, CountsWhatWasAskedFor) {
    kept.put("a", 1);
    (void)kept.get("a");
    (void)kept.get("b");
    (void)kept.peek("a");
    (void)kept.peek("b");
    EXPECT_EQ(kept.stats().hits, 1u);
    EXPECT_EQ(kept.stats().misses, 1u);
    kept.clear();
    EXPECT_EQ(kept.get("a"), std::nullopt);
    EXPECT_EQ(kept.stats().hits, 1u);
    EXPECT_EQ(kept.stats().weight, 0u);
}

TEST_F(Cache, ForgetsAKey) {
    kept.put("a", 1);
    EXPECT_TRUE(kept.remove("a"));
    EXPECT_FALSE(kept.remove("a"));
    EXPECT_EQ(kept.get("a"), std::nullopt);
}

} // namespace
} // namespace modelmesh::connector
