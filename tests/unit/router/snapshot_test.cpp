#include "router/snapshot.hpp"

#include "router/selection.hpp"

#include "fixture.hpp"

#include <modelmesh/router/capability.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

using ::testing::Contains;
using testing::make_snapshot;

// One provider with these models, and a pool of its own name for each capability, in this order.
std::shared_ptr<const snapshot> with_pools(const std::vector<std::string>& capabilities,
                                           std::vector<connector::model_info> models) {
    auto entry = std::make_unique<provider_entry>();
    entry->id = "a";
    entry->codec = std::make_shared<connector::openai_compatible>();
    std::vector<std::unique_ptr<provider_entry>> providers;
    providers.push_back(std::move(entry));
    std::vector<pool_plan> plans;
    for (const std::string& each : capabilities)
        plans.push_back(
            {"pool-of-" + each, capability::canonical(each).value(), {}, {3, std::chrono::seconds(60)}});
    return build_snapshot(std::move(providers), {std::move(models)}, plans);
}

const capability::offer& offer_of(const snapshot& picture, std::string_view path) {
    for (const capability::offer& each : picture.capabilities)
        if (each.node.path == path) return each;
    throw std::out_of_range("no such node");
}

TEST(Snapshot, OneLookupFindsPoolsCapabilitiesAndModels) {
    const auto picture = make_snapshot({"a", "b"});
    const pool* chat = picture->pools.front().get();
    for (const char* name : {"chat", "chat-completion", "generation.text-generation.chat-completion",
                             "generation", "text-generation", "generation.chat-completion"})
        EXPECT_EQ(picture->resolve(name).value(), chat) << name;
    const pool* single = picture->resolve("b.m").value();
    ASSERT_EQ(single->models.size(), 1u);
    EXPECT_EQ(single->models[0]->id, "b.m");
    EXPECT_EQ(picture->resolve("m").value()->models[0]->id, "a.m")
        << "the first provider wins a vendor's name";
}

TEST(Snapshot, UnknownNamesGetASuggestion) {
    const auto picture = make_snapshot({"alpha", "beta"});
    const auto found = picture->resolve("alpa.m");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind(), errc::not_found);
    EXPECT_EQ(found.error().param, "model");
    EXPECT_EQ(found.error().message, "no pool or model named 'alpa.m'; did you mean 'alpha.m'?");
}

TEST(Snapshot, ACapabilityGoesToTheNearestPool) {
    const auto picture = with_pools({"generation", "text-generation", "code-generation", "ocr"}, {});
    const auto goes_to = [&picture](std::string_view name) { return picture->resolve(name).value()->name; };
    EXPECT_EQ(goes_to("code-generation"), "pool-of-code-generation");
    EXPECT_EQ(goes_to("chat"), "pool-of-text-generation") << "what is above it, the nearest first";
    EXPECT_EQ(goes_to("generation.text-generation.poetry"), "pool-of-text-generation")
        << "a node nobody named";
    EXPECT_EQ(goes_to("tts"), "pool-of-generation");
    EXPECT_EQ(goes_to("generation.audio.text-to-speech"), "pool-of-generation") << "another spelling";
    EXPECT_EQ(goes_to("vision"), "pool-of-ocr") << "what is below it, when nothing is above";
    const auto unserved = picture->resolve("embeddings");
    ASSERT_FALSE(unserved);
    EXPECT_EQ(unserved.error().kind(), errc::not_found);
}

TEST(Snapshot, OfPoolsAsNearTheFirstInTheConfigurationServes) {
    const auto picture = with_pools({"upscaling", "rewriting", "inpainting", "translation"}, {});
    EXPECT_EQ(picture->resolve("transformation").value()->name, "pool-of-rewriting") << "the nearest below";
}

TEST(Snapshot, APoolWithoutModelsServesOnlyWhereThereIsNoOther) {
    const std::string chat = capability::canonical("chat").value();
    const auto picture = with_pools({"chat", "image-generation", "text-to-image"}, {{"m", {chat}}});
    EXPECT_EQ(picture->resolve("generation").value()->name, "pool-of-chat");
    EXPECT_EQ(picture->resolve("text-to-image").value()->name, "pool-of-text-to-image");
    EXPECT_EQ(picture->resolve("inpainting").value()->name, "pool-of-image-generation");
    const auto other = with_pools({"chat", "generation"}, {{"m", {"generation.text-generation"}}});
    for (const std::string& name : {std::string("chat"), std::string("chat-completion"), chat})
        EXPECT_EQ(other->resolve(name).value()->name, "pool-of-generation") << name;
}

TEST(Snapshot, ModelsNamedLikeACapabilityAnswerToTheirNames) {
    const auto picture = with_pools({"chat"}, {{"completion", {capability::canonical("chat").value()}}});
    EXPECT_EQ(picture->resolve("completion").value()->name, "a.completion");
    EXPECT_EQ(picture->resolve("chat").value()->name, "pool-of-chat");
}

TEST(Snapshot, AModelIsGoodForWhatItsCapabilitiesAreWithinOrAbove) {
    const std::string chat = capability::canonical("chat").value();
    const std::string image = capability::canonical("text-to-image").value();
    const auto picture = with_pools({"generation"}, {{"c", {chat}},
                                                     {"i", {image}},
                                                     {"t", {"generation.text-generation"}},
                                                     {"f", {chat + ".french"}},
                                                     {"none", {}}});
    const auto does = [&picture](std::size_t model, operation what) {
        return (picture->models[model]->operations & bit_of(what)) != 0;
    };
    for (const std::size_t model : {0, 2, 3}) EXPECT_TRUE(does(model, operation::response)) << model;
    EXPECT_FALSE(does(1, operation::chat_completion));
    EXPECT_TRUE(does(1, operation::image_generation));
    EXPECT_TRUE(does(2, operation::text_completion));
    EXPECT_FALSE(does(0, operation::text_completion));
    EXPECT_EQ(picture->models[4]->operations, 0u);
    const pool& all = *picture->pools.front();
    EXPECT_EQ(count_eligible(all, {}), 4u);
    EXPECT_EQ(count_eligible(all, {nullptr, bit_of(operation::chat_completion)}), 3u);
    EXPECT_EQ(count_eligible(all, {nullptr, bit_of(operation::speech)}), 0u);
}

TEST(Snapshot, AVendorsNameAtOneProviderIsThatProvidersModel) {
    const auto picture = make_snapshot({"a", "b"});
    const provider_entry& b = *picture->providers[1];
    EXPECT_EQ(picture->resolve("m").value()->name, "a.m");
    EXPECT_EQ(picture->resolve("m", b).value()->name, "b.m");
    EXPECT_EQ(picture->resolve("chat", b).value()->name, "chat");
    EXPECT_EQ(picture->resolve("a.m", b).value()->name, "a.m") << "a name of one model only";
    EXPECT_FALSE(picture->resolve("z", b));
}

TEST(Snapshot, SaysOfEveryCapabilityWhatServesIt) {
    const std::string chat = capability::canonical("chat").value();
    const auto picture = with_pools({"text-generation", "acme.search"},
                                    {{"m", {chat}}, {"n", {chat, "own.node"}}, {"o", {"not a path"}}});
    EXPECT_EQ(offer_of(*picture, chat).pool, "pool-of-text-generation");
    EXPECT_EQ(offer_of(*picture, chat).models, 2u);
    EXPECT_EQ(offer_of(*picture, "generation").models, 2u);
    EXPECT_EQ(offer_of(*picture, "generation").pool, "pool-of-text-generation");
    EXPECT_EQ(offer_of(*picture, "acme.search").pool, "pool-of-acme.search");
    EXPECT_EQ(offer_of(*picture, "acme.search").models, 0u);
    EXPECT_EQ(offer_of(*picture, "own.node").pool, "");
    EXPECT_EQ(offer_of(*picture, "own.node").models, 1u);
    EXPECT_EQ(picture->capabilities.size(), capability::shipped().size() + 4);
}

TEST(Snapshot, EveryNameOfAServedCapabilityIsOneLookupAway) {
    const auto picture = with_pools({"chat"}, {});
    for (const char* name : {"generation", "text-generation", "chat", "chat-completion",
                             "generation.text-generation.chat-completion"})
        EXPECT_THAT(picture->names, Contains(::testing::Key(name)));
    EXPECT_THAT(picture->names, ::testing::Not(Contains(::testing::Key("embeddings"))));
}

// What the next configuration's snapshot knows of the one before.

using std::chrono::milliseconds;

TEST(Reload, AModelKeepsAllThatIsKnownOfItById) {
    const auto before = make_snapshot({"a", "b"}, 1);
    state::model_slot& slot = *before->pools.front()->models[1]->slot;
    slot.in_flight = 3;
    slot.total.add(std::chrono::microseconds(700));
    slot.first_token.add(std::chrono::microseconds(70));
    slot.requests.note({100, 40}, milliseconds(1000));
    slot.tokens.note({1000, 400}, milliseconds(1000));
    note_failure(*before->pools.front(), 1, {errc::connect, 0}, time_point(), testing::even);
    const auto after =
        make_snapshot({"new", "b", "a"}, 5, testing::rotates_by("stick-until-failure"), before.get());
    const pool& chat = *after->pools.front();
    const state::model_slot& kept = *chat.models[1]->slot;
    EXPECT_EQ(&kept, &slot) << "so that the calls under way count in both";
    EXPECT_EQ(kept.in_flight, 3);
    EXPECT_EQ(kept.total.mean(), 700);
    EXPECT_EQ(kept.first_token.mean(), 70);
    EXPECT_EQ(kept.requests.load(milliseconds(0))->remaining, 40);
    EXPECT_EQ(kept.tokens.load(milliseconds(0))->remaining, 400);
    EXPECT_EQ(chat.state->health[1]->load().phase, state::health_slot::phase::standby);
    EXPECT_EQ(chat.state->health[0]->load().phase, state::health_slot::phase::active);
    EXPECT_EQ(chat.trips_at.threshold, 5u) << "the rules are the new ones";
    // What becomes of a call that began before is seen by those who come after.
    note_failure(*before->pools.front(), 0, {errc::connect, 0}, time_point(), testing::even);
    EXPECT_EQ(chat.state->health[2]->load().phase, state::health_slot::phase::standby);
}

TEST(Reload, AnotherLatencyWindowIsOfKnownModelsAsWell) {
    const auto before = make_snapshot({"a"}, 1);
    state::model_slot& slot = *before->models[0]->slot;
    for (const int sample : {900, 100, 200}) slot.total.add(std::chrono::microseconds(sample));
    slot.requests.note({100, 40}, milliseconds(1000));
    rotation_plan shorter = testing::rotates_by("latency-first");
    shorter.latency_window = 2;
    const auto after = make_snapshot({"a"}, 1, shorter, before.get());
    EXPECT_EQ(after->models[0]->slot->total.mean(), 150);
    EXPECT_EQ(after->models[0]->slot->requests.load(milliseconds(0))->remaining, 40);
}

TEST(Reload, ARemovedModelThatComesBackBeginsAnew) {
    const auto first = make_snapshot({"a", "b"}, 1);
    note_failure(*first->pools.front(), 1, {errc::connect, 0}, time_point(), testing::even);
    first->pools.front()->models[1]->slot->total.add(std::chrono::microseconds(700));
    const auto without = make_snapshot({"a"}, 1, testing::rotates_by("stick-until-failure"), first.get());
    const auto again =
        make_snapshot({"a", "b"}, 1, testing::rotates_by("stick-until-failure"), without.get());
    EXPECT_TRUE(again->pools.front()->state->health[1]->available(milliseconds(0)));
    EXPECT_EQ(again->pools.front()->models[1]->slot->total.mean(), std::nullopt);
}

TEST(Reload, ARenamedPoolBeginsAnewAndItsModelsDoNot) {
    const auto entry = [] {
        auto made = std::make_unique<provider_entry>();
        made->id = "a";
        made->codec = std::make_shared<connector::openai_compatible>();
        made->where = testing::nowhere;
        std::vector<std::unique_ptr<provider_entry>> all;
        all.push_back(std::move(made));
        return all;
    };
    const std::string chat = capability::canonical("chat").value();
    const auto named = [&](const char* name, const snapshot* previous) {
        return build_snapshot(entry(), {{{"m", {chat}}}},
                              {pool_plan{name, chat, {}, {1, std::chrono::seconds(60)}}}, previous);
    };
    const auto before = named("old", nullptr);
    note_failure(*before->pools[0], 0, {errc::connect, 0}, time_point(), testing::even);
    note_failure(*before->resolve("a.m").value(), 0, {errc::connect, 0}, time_point(), testing::even);
    before->pools[0]->models[0]->slot->total.add(std::chrono::microseconds(700));
    const auto after = named("new", before.get());
    EXPECT_TRUE(after->pools[0]->state->health[0]->available(milliseconds(0)));
    EXPECT_EQ(after->pools[0]->models[0]->slot->total.mean(), 700);
    EXPECT_FALSE(after->resolve("a.m").value()->state->health[0]->available(milliseconds(0)))
        << "the pool of the model's own name is the same";
}

TEST(Reload, APoolGoesOnWhereItStoodWhileItsModelsMove) {
    const auto before = make_snapshot({"a", "b", "c"}, 1);
    before->pools.front()->state->cursor = 1;
    const auto moved =
        make_snapshot({"c", "a", "b"}, 1, testing::rotates_by("stick-until-failure"), before.get());
    EXPECT_EQ(moved->pools.front()->state->cursor, 2u);
    const auto without =
        make_snapshot({"c", "a"}, 1, testing::rotates_by("stick-until-failure"), moved.get());
    EXPECT_EQ(without->pools.front()->state->cursor, 0u) << "the next that is still there";
}

TEST(Reload, PositionsStayWithTheirModelsUnlessTheStrategyIsAnother) {
    const auto before = make_snapshot({"a", "b", "c"}, 1, testing::rotates_by("weighted"));
    const connector::position_words words = before->pools.front()->policy->positions();
    ASSERT_EQ(words.per_model, 1u) << "or this test looks at nothing";
    for (std::size_t index = 0; index < 3; ++index)
        before->pools.front()->state->positions.set(words.cursors + index, 10.0 * double(index + 1));
    const auto after = make_snapshot({"c", "new", "a"}, 1, testing::rotates_by("weighted"), before.get());
    const state::position_table& kept = after->pools.front()->state->positions;
    EXPECT_EQ(kept.get(words.cursors), 30);
    EXPECT_EQ(kept.get(words.cursors + 1u), 0);
    EXPECT_EQ(kept.get(words.cursors + 2u), 10);
    const auto other = make_snapshot({"a", "b", "c"}, 1, testing::rotates_by("load-balanced"), before.get());
    const pool& chat = *other->pools.front();
    for (std::size_t word = 0; word < chat.state->positions.words(); ++word)
        EXPECT_EQ(chat.state->positions.get(word), 0) << word;
    EXPECT_EQ(chat.state->health[0], before->pools.front()->state->health[0]) << "health is no matter of it";
}

TEST(Reload, AProviderWithAnotherKeyBeginsWithoutTheFailuresOfTheOneBefore) {
    const auto with_key = [](const char* key, const snapshot* previous) {
        auto entry = std::make_unique<provider_entry>();
        entry->id = "a";
        entry->api_key = key;
        entry->codec = std::make_shared<connector::openai_compatible>();
        entry->where = testing::nowhere;
        std::vector<std::unique_ptr<provider_entry>> providers;
        providers.push_back(std::move(entry));
        const std::string chat = capability::canonical("chat").value();
        return build_snapshot(std::move(providers), {{{"m", {chat}}, {"n", {chat}}}},
                              {pool_plan{"chat", chat, {}, {1, std::chrono::seconds(60)}}}, previous);
    };
    const auto wrong = with_key("wrong", nullptr);
    note_failure(*wrong->pools[0], 0, {errc::auth, 401}, time_point(), testing::even);
    wrong->pools[0]->state->health[1]->take_out({});
    wrong->pools[0]->models[0]->slot->in_flight = 1;
    const auto right = with_key("right", wrong.get());
    EXPECT_TRUE(right->pools[0]->state->health[0]->available(milliseconds(0)));
    EXPECT_TRUE(right->pools[0]->state->health[1]->load().is_manual()) << "what was said by hand stands";
    EXPECT_EQ(right->pools[0]->models[0]->slot->in_flight, 1);
    note_failure(*wrong->pools[0], 0, {errc::auth, 401}, time_point(), testing::even); // a call under way
    EXPECT_TRUE(right->pools[0]->state->health[0]->available(milliseconds(0)));
}

} // namespace
} // namespace modelmesh::router
