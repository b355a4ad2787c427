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

} // namespace
} // namespace modelmesh::router
