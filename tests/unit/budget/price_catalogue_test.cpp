#include "budget/price_catalogue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace modelmesh::budget {
namespace {

TEST(PriceCatalogue, IsSortedAndCompiledIn) {
    const auto all = price_table();
    EXPECT_GT(all.size(), 1400u);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const listed_model& a, const listed_model& b) {
        return std::tie(a.vendor, a.name) < std::tie(b.vendor, b.name);
    }));
}

// models.json: 2.5, 10 and 1.25 dollars for a million tokens. A table for 1,000 would be a thousand times
// that.
TEST(PriceCatalogue, PricesAreForOneToken) {
    const listed_model* model = find_model("openai", "gpt-4o");
    ASSERT_NE(model, nullptr);
    EXPECT_EQ(model->prices.input, 2500000);
    EXPECT_EQ(model->prices.output, 10000000);
    EXPECT_EQ(model->prices.cached_input, 1250000);
    EXPECT_EQ(model->context_window, 128000);
    consumption million;
    million.input = 1000000;
    EXPECT_EQ(dollars(settled(cost_of(million, model->prices, model->tiers))), "$2.50");
}

TEST(PriceCatalogue, KnowsUnitsAndTiers) {
    EXPECT_EQ(find_model("openai", "dall-e-3")->prices.image, 40000000000);
    EXPECT_EQ(find_model("openai", "tts-1")->prices.character, 15000000);
    EXPECT_EQ(find_model("cohere", "rerank-english-v3.0")->prices.request, 2000000000);
    const price_tiers& tiers = find_model("openai", "gpt-5.4")->tiers;
    EXPECT_EQ(tiers[0], (price_tier{272000, 5000000, 22500000, 500000}));
    EXPECT_EQ(tiers[1], price_tier());
}

TEST(PriceCatalogue, FallsBackOnOtherVersionsOfAModel) {
    const auto name_of = [](std::string_view vendor, std::string_view name) {
        const listed_model* found = find_model(vendor, name);
        return found == nullptr ? std::string_view("nothing") : found->name;
    };
    EXPECT_EQ(name_of("openai", "gpt-4o-2024-08-06"), "gpt-4o-2024-08-06");
    EXPECT_EQ(name_of("openai", "gpt-4o-2031-01-02"), "gpt-4o");
    EXPECT_EQ(name_of("openai", "gpt-4o-latest"), "gpt-4o");
    EXPECT_EQ(name_of("openai", "ft:gpt-4o-mini-2031-01-02:org::id"), "ft:gpt-4o-mini-2024-07-18");
    EXPECT_EQ(name_of("openai", "ft:gpt-5.4:org::id"), "gpt-5.4") << "no price of its own is known";
    EXPECT_EQ(name_of("openai", "gpt-4o-x"), "nothing");
    EXPECT_EQ(name_of("openai", ""), "nothing");
    EXPECT_EQ(name_of("ollama", "gpt-4o"), "nothing") << "prices are a vendor's own";
    EXPECT_EQ(name_of("nobody", "x"), "nothing");
}

TEST(PriceCatalogue, HalfAPriceIsNoneAndARowWithOneCounts) {
    EXPECT_FALSE(find_model("openai", "gpt-image-1")->prices.any())
        << "the list has no price of its pictures";
    EXPECT_GT(find_model("openai", "gpt-image-1.5")->prices.output, 0);
    EXPECT_GT(find_model("openai", "text-embedding-3-small")->prices.input, 0);
    for (const listed_model& each : price_table()) {
        if (each.prices.input <= 0) continue;
        EXPECT_NE(each.prices.cached_input, 0) << each.name << ": not published is not free";
        for (const price_tier& tier : each.tiers)
            EXPECT_TRUE(tier.input <= 0 || tier.cached_input != 0) << each.name;
    }
}

// Every dated model is found under its own name; the undated name finds one of the family.
TEST(PriceCatalogue, EveryModelIsFoundByItsName) {
    for (const listed_model& each : price_table()) {
        const listed_model* found = find_model(each.vendor, each.name);
        ASSERT_NE(found, nullptr) << each.name;
        EXPECT_TRUE(found->name == each.name || each.name.starts_with("ft:")) << each.name;
    }
}

} // namespace
} // namespace modelmesh::budget
