#include "budget/prices.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace modelmesh::budget {
namespace {

consumption tokens(std::int64_t input, std::int64_t output) {
    consumption used;
    used.input = input;
    used.output = output;
    return used;
}

constexpr price_list plain{.input = 3, .output = 7};

TEST(Prices, PartsCostTheirOwnPriceAndAreNotCountedTwice) {
    consumption used = tokens(100, 50);
    EXPECT_EQ(cost_of(used, plain, {}), 100 * 3 + 50 * 7);
    used.cached_input = 40;
    used.cache_write = 10;
    used.audio_input = 5;
    used.reasoning = 20;
    used.audio_output = 4;
    EXPECT_EQ(cost_of(used, plain, {}), 100 * 3 + 50 * 7)
        << "what has no price of its own costs what its whole costs";
    price_list all = plain;
    all.cached_input = 1;
    all.cache_write = 4;
    all.audio_input = 30;
    all.reasoning = 9;
    all.audio_output = 70;
    EXPECT_EQ(cost_of(used, all, {}), 45 * 3 + 40 * 1 + 10 * 4 + 5 * 30 + 26 * 7 + 20 * 9 + 4 * 70);
}

TEST(Prices, UnitsAreAdded) {
    price_list prices;
    prices.image = 1000;
    prices.character = 2;
    prices.request = 5;
    prices.second = 2000;
    consumption used;
    used.images = 3;
    used.characters = 10;
    used.milliseconds = 1500;
    EXPECT_EQ(cost_of(used, prices, {}), 3000 + 20 + 5 + 3000);
    used.output = 1;
    EXPECT_EQ(cost_of(used, prices, {}), 5) << "the tokens are the same pictures";
}

TEST(Prices, ATierPricesTheWholeRequest) {
    price_tiers tiers;
    tiers[0] = {100, 6, 14, 2};
    tiers[1] = {200, 9, price_list::unknown, price_list::unknown};
    EXPECT_EQ(cost_of(tokens(100, 1), plain, tiers), 100 * 3 + 7);
    EXPECT_EQ(cost_of(tokens(101, 1), plain, tiers), 101 * 6 + 14);
    EXPECT_EQ(cost_of(tokens(201, 1), plain, tiers), 201 * 9 + 14);
}

// A server may send any number.
TEST(Prices, NonsenseStaysWithinBounds) {
    consumption used = tokens(10, -5);
    used.cached_input = 1000;
    EXPECT_EQ(cost_of(used, plain, {}), 30);
    used.input = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(cost_of(used, plain, {}), std::numeric_limits<pico_usd>::max());
    used.input = std::numeric_limits<std::int64_t>::min();
    EXPECT_EQ(cost_of(used, plain, {}), 0);
}

TEST(Prices, KnownPricesOverride) {
    price_list base = plain;
    EXPECT_FALSE(price_list().any());
    base.override_with({.output = 0, .image = 4});
    EXPECT_EQ(base, (price_list{.input = 3, .output = 0, .image = 4}));
}

} // namespace
} // namespace modelmesh::budget
