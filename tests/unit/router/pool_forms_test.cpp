// Which models a pool has: by capability, by name, by both, and for what its own pools are only a part of.
#include "fixture.hpp"

#include "budget/book.hpp"
#include "router/selection.hpp"

#include <modelmesh/router/capability.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* chat_path = "generation.text-generation.chat-completion";
constexpr const char* code_path = "generation.text-generation.code-generation";
constexpr const char* image_path = "generation.image-generation.text-to-image";

// Provider `a` has two models for chat and one for pictures, `b` one for chat and one of which nothing is known.
std::shared_ptr<const snapshot> with(std::vector<pool_plan> plans, const model_plans& configured = {},
                                     const snapshot* previous = nullptr, budget::book* ledger = nullptr) {
    std::vector<std::unique_ptr<provider_entry>> providers;
    for (const char* name : {"a", "b"}) {
        providers.push_back(std::make_unique<provider_entry>());
        providers.back()->id = name;
    }
    return build_snapshot(std::move(providers),
                          {{{"one", {chat_path}}, {"two", {chat_path}}, {"paint", {image_path}}},
                           {{"one", {chat_path}}, {"odd", {}}}},
                          plans, previous, ledger, configured);
}

pool_plan plan(const char* name, const char* capability, std::vector<std::string> models = {}) {
    pool_plan made{name, capability, {}, {3, std::chrono::seconds(60)}};
    made.models = std::move(models);
    return made;
}

std::vector<std::string> ids(const pool& of) {
    std::vector<std::string> all;
    for (const model_entry* model : of.models) all.push_back(model->id);
    return all;
}

std::vector<std::string> asked_for(const pool& of, operation what) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < of.models.size(); ++i)
        if (is_eligible(of, i, {nullptr, bit_of(what), {}})) all.push_back(of.models[i]->id);
    return all;
}

TEST(PoolForms, AnExplicitPoolHasTheModelsThatItNamesInItsOrder) {
    const auto picture = with({plan("mine", "", {"b.one", "two", "b.odd"})});
    const pool& mine = *picture->resolve("mine").value();
    EXPECT_THAT(ids(mine), ElementsAre("b.one", "a.two", "b.odd"));
    EXPECT_EQ(mine.kind, pool_kind::configured);
    EXPECT_THAT(asked_for(mine, operation::chat_completion), ElementsAre("b.one", "a.two", "b.odd"))
        << "what is not known is allowed";
    EXPECT_THAT(asked_for(mine, operation::image_generation), ElementsAre("b.odd"));
}

TEST(PoolForms, AVendorsNameStandsForTheModelOfEachProvider) {
    EXPECT_THAT(ids(*with({plan("mine", "", {"one"})})->pools.front()), ElementsAre("a.one", "b.one"));
}

TEST(PoolForms, AHybridPoolHasMatchesFirstAndNamesNoModelTwice) {
    const auto picture = with({plan("chat", chat_path, {"paint", "b.one", "b.odd"})});
    const pool& chat = *picture->pools.front();
    EXPECT_THAT(ids(chat), ElementsAre("a.one", "a.two", "b.one", "a.paint", "b.odd"));
    EXPECT_THAT(asked_for(chat, operation::chat_completion),
                ElementsAre("a.one", "a.two", "b.one", "a.paint", "b.odd"))
        << "a model that is named does what the pool is for";
}

TEST(PoolForms, TheListOfProvidersIsForMatchesOnly) {
    pool_plan hybrid = plan("chat", chat_path, {"b.odd"});
    hybrid.providers = {"a"};
    EXPECT_THAT(ids(*with({hybrid})->pools.front()), ElementsAre("a.one", "a.two", "b.odd"));
}

TEST(PoolForms, AnExcludedProviderHasNoModelInThePool) {
    pool_plan hybrid = plan("chat", chat_path, {"a.paint", "b.odd"});
    hybrid.excluded_providers = {"a"};
    EXPECT_THAT(ids(*with({hybrid})->pools.front()), ElementsAre("b.one", "b.odd"));
}

TEST(PoolForms, ANameThatNobodyListsYetIsNoModelUntilSomebodyDoes) {
    EXPECT_THAT(ids(*with({plan("mine", "", {"c.later"})})->pools.front()), IsEmpty());
}

TEST(PoolForms, ABroadRequestGoesToTheModelsOfAllPoolsBelowIt) {
    pool_plan first = plan("pictures", image_path);
    first.hedging.is_enabled = true;
    auto picture = with({first, plan("chat", chat_path)});
    const pool& all = *picture->resolve("generation").value();
    EXPECT_TRUE(all.hedging.is_enabled) << "as the first of them says";
    EXPECT_THAT(ids(all), ElementsAre("a.paint", "a.one", "a.two", "b.one"));
    EXPECT_EQ(all.kind, pool_kind::joint);
    EXPECT_THAT(asked_for(all, operation::chat_completion), ElementsAre("a.one", "a.two", "b.one"));
    EXPECT_EQ(picture->resolve("text-generation").value()->name, "chat") << "one pool has them all";
    EXPECT_EQ(picture->resolve("pictures").value()->kind, pool_kind::configured);
}

TEST(PoolForms, TheNearestPoolsModelsComeFirstAndEachOnce) {
    model_plans configured;
    configured.models.push_back({"a.two", "a", "two", {chat_path, code_path}});
    const auto picture =
        with({plan("image", image_path), plan("text", "generation.text-generation")}, configured);
    EXPECT_THAT(ids(*picture->resolve("generation").value()),
                ElementsAre("a.one", "a.two", "b.one", "a.paint"));
}

TEST(PoolForms, AModelIsOutOfServiceForABroadRequestAsInItsOwnPool) {
    const auto picture = with({plan("pictures", image_path), plan("chat", chat_path)});
    testing::virtual_clock time;
    const pool& chat = *picture->resolve("chat").value();
    for (int i = 0; i < 3; ++i) note_failure(chat, 0, {errc::upstream, 500}, time.now(), testing::even);
    const pool& all = *picture->resolve("generation").value();
    EXPECT_EQ(why_not(all, 1, {}, since_epoch(time.now())), exclusion::standby);
    EXPECT_EQ(why_not(all, 2, {}, since_epoch(time.now())), exclusion::none);
    const auto next = with({plan("pictures", image_path), plan("chat", chat_path)}, {}, picture.get());
    EXPECT_EQ(why_not(*next->resolve("generation").value(), 1, {}, since_epoch(time.now())),
              exclusion::standby);
}

TEST(PoolForms, ABroadRequestIsCountedForThePoolOfItsModel) {
    budget::book ledger{budget::plan()};
    const auto picture = with({plan("pictures", image_path), plan("chat", chat_path)}, {}, nullptr, &ledger);
    EXPECT_EQ(picture->resolve("generation").value()->lines[1], picture->resolve("chat").value()->lines[0]);
}

TEST(PoolForms, ABroadRequestKeepsThePaceOfEachPool) {
    pool_plan pictures = plan("pictures", image_path);
    pictures.pace = {{std::chrono::milliseconds(0), 1}, true};
    const auto picture = with({pictures, plan("chat", chat_path)});
    const pool& all = *picture->resolve("generation").value();
    ASSERT_THAT(ids(all), ElementsAre("a.paint", "a.one", "a.two", "b.one"));
    testing::virtual_clock time;
    const std::chrono::milliseconds now = since_epoch(time.now());
    for (std::size_t i = 0; i < all.models.size(); ++i) EXPECT_TRUE(all.state->paces.at(i)->take(now, false));
    EXPECT_EQ(why_not(all, 0, {}, now), exclusion::paced);
    EXPECT_EQ(why_not(*picture->resolve("pictures").value(), 0, {}, now), exclusion::paced)
        << "it is the same";
    for (const std::size_t i : {1, 2, 3}) EXPECT_EQ(why_not(all, i, {}, now), exclusion::none);
    EXPECT_TRUE(all.pace.delays);
}

TEST(PoolForms, WhereNoModelIsAskedByItsNameAProvidersIsNotEither) {
    model_plans configured;
    configured.answer_by_name = false;
    const auto picture = with({plan("one", chat_path, {"a.one"})}, configured);
    const result<const pool*> found = picture->resolve("one", *picture->find_provider("b").value());
    ASSERT_TRUE(found);
    EXPECT_EQ((*found)->name, "one");
}

TEST(PoolForms, AConfiguredModelHasItsIdItsWireNameAndItsCapabilities) {
    model_plans configured;
    configured.models.push_back({"vendor.large", "b", "odd", {chat_path}});
    const auto picture = with({plan("chat", chat_path)}, configured);
    EXPECT_THAT(ids(*picture->pools.front()), ElementsAre("a.one", "a.two", "b.one", "vendor.large"));
    for (const char* name : {"vendor.large", "odd", "b/odd"})
        EXPECT_EQ(picture->resolve(name).value()->models[0]->name, "odd") << name;
}

TEST(PoolForms, CapabilitiesOfAProviderAreThoseOfItsModels) {
    model_plans configured;
    configured.capabilities = {{"b", {image_path}}};
    configured.models.push_back({"b.one", "b", "one", {chat_path}});
    EXPECT_THAT(ids(*with({plan("chat", chat_path)}, configured)->pools.front()),
                ElementsAre("a.one", "a.two", "b.one"))
        << "what a model says of itself comes first";
    EXPECT_THAT(ids(*with({plan("pictures", image_path)}, configured)->pools.front()),
                ElementsAre("a.paint", "b.odd"));
}

TEST(PoolForms, ModelsAnswerToTheirNamesUnlessItIsForbidden) {
    model_plans closed;
    closed.answer_by_name = false;
    const auto picture = with({plan("chat", chat_path)}, closed);
    EXPECT_TRUE(picture->resolve("chat-completion"));
    for (const char* name : {"a.one", "one", "a/one"}) EXPECT_FALSE(picture->resolve(name)) << name;
}

} // namespace
} // namespace modelmesh::router
