// The section `models`, and the models that pools name.
#include "fixture.hpp"

#include "config/model_names.hpp"

#include <gmock/gmock.h>

namespace modelmesh::settings {
namespace {

using ::testing::ElementsAre;

const std::string listed = R"(
providers:
  openai.llm.v1: {api_key: k, models: [gpt-4o, gpt-4o-mini]}
)";

TEST(ConfigModels, HaveFeaturesConstraintsAndDelivery) {
    const config made = read(listed + R"(
models:
  openai.gpt-4.1-mini:
    provider: openai.llm.v1
    capabilities: [chat-completion]
    delivery: {synchronous: true, streaming: false, batch: false}
    features: {tool_calling: true, vision: false}
    constraints: {context_window: 1047576, max_output_tokens: 32768, max_images: 10}
)");
    const model_config& model = made.models[0].second;
    EXPECT_EQ(model.provider, "openai.llm.v1");
    EXPECT_EQ(model.features.tool_calling, true);
    EXPECT_EQ(model.features.vision, false);
    EXPECT_EQ(model.features.json_mode, std::nullopt);
    EXPECT_EQ(model.constraints.context_window, 1047576);
    EXPECT_EQ(model.constraints.max_images, 10u);
    EXPECT_EQ(model.delivery.streaming, false);
    EXPECT_EQ(model.delivery.batch, false);
}

TEST(ConfigModels, ModelsAndProvidersHaveLimitsOfAMinute) {
    const config made = read(R"(
providers:
  openai.llm.v1:
    {api_key: k, models: [gpt-4o], rate_limit: {requests_per_minute: 500, tokens_per_minute: 30000}}
models: {openai.llm.v1.gpt-4o: {rate_limit: {requests_per_minute: 60}}}
)");
    EXPECT_EQ(made.providers[0].second.rate_limit.requests_per_minute, 500);
    EXPECT_EQ(made.providers[0].second.rate_limit.tokens_per_minute, 30000);
    EXPECT_EQ(made.models[0].second.rate_limit.requests_per_minute, 60);
    EXPECT_EQ(made.models[0].second.rate_limit.tokens_per_minute, 0);
    EXPECT_EQ(
        refusal("providers:\n  openai.llm.v1: {rate_limit: {requests_per_minute: -1}}\n"),
        "mesh.yaml:2:53: providers.openai.llm.v1.rate_limit.requests_per_minute: must be a whole number "
        "from 0 to 1e+05, not '-1'");
    EXPECT_EQ(
        refusal("providers:\n  openai.llm.v1: {rate_limit: {request_per_minute: 1}}\n"),
        "mesh.yaml:2:32: providers.openai.llm.v1.rate_limit.request_per_minute: there is no such key; did "
        "you mean 'requests_per_minute'?");
}

TEST(ConfigModels, DeliveryMayBeOneWord) {
    const config made = read(listed + "models:\n  openai.llm.v1.gpt-4o: {delivery: sync}\n");
    EXPECT_EQ(made.models[0].second.delivery.mode, delivery_mode::sync);
    EXPECT_EQ(read(to_yaml(made)).models[0].second.delivery.mode, delivery_mode::sync);
    EXPECT_EQ(
        refusal(listed + "models:\n  openai.llm.v1.gpt-4o: {delivery: sometimes}\n"),
        "mesh.yaml:5:36: models.openai.llm.v1.gpt-4o.delivery: must be one of sync, streaming, batch, not "
        "'sometimes'");
}

TEST(ConfigModels, WhatDoesNotActYetIsRefused) {
    for (const char* key :
         {"batch: {max_items: 1}", "features: {fine_tunable: true}", "constraints: {max_file_size: 1MB}"})
        EXPECT_NE(
            refusal(listed + "models:\n  openai.llm.v1.gpt-4o: {" + key + "}\n").find("is not supported yet"),
            std::string::npos)
            << key;
}

TEST(ConfigModels, TheProviderMayBeNamedByItsConnectorOrItsVendor) {
    const std::string providers = "providers:\n  main: {connector: openai.llm.v1, api_key: k}\n";
    for (const char* name : {"main", "openai.llm.v1", "openai"})
        EXPECT_EQ(read(providers + "models:\n  x.y: {provider: " + name + "}\n").models[0].second.provider,
                  "main")
            << name;
    EXPECT_EQ(refusal(providers + "models:\n  x.y: {provider: mian}\n"),
              "mesh.yaml:4:19: models.x.y.provider: there is no provider 'mian'; did you mean 'main'?");
}

TEST(ConfigModels, AnIdIsTheVendorsNameBehindItsProviderOrItsVendor) {
    model_config model;
    const auto name = [&model](const char* id) { return vendors_name(id, model, "main", "openai.llm.v1"); };
    EXPECT_EQ(name("main.gpt-4.1"), "gpt-4.1");
    EXPECT_EQ(name("openai.gpt-4.1"), "gpt-4.1");
    EXPECT_EQ(name("gpt-4.1-mini"), "gpt-4.1-mini") << "a dot of its own stays";
    EXPECT_EQ(name("llama-3.3-70b"), "llama-3.3-70b");
    EXPECT_EQ(name("openai."), "openai.");
    model.model = "gpt-4o-2024-11-20";
    EXPECT_EQ(name("main.any"), "gpt-4o-2024-11-20");
}

TEST(ConfigModels, APoolThatNamesModelsNeedsNoCapability) {
    const config made =
        read(listed + "pools:\n  mine: {models: [gpt-4o, openai.llm.v1.gpt-4o-mini]}\n  chat:\n");
    EXPECT_EQ(made.pools[0].second.capability, "");
    EXPECT_THAT(made.pools[0].second.models, ElementsAre("gpt-4o", "openai.llm.v1.gpt-4o-mini"));
    EXPECT_EQ(made.pools[1].second.capability, "chat");
}

TEST(ConfigModels, AnUnknownModelOfAPoolIsAnErrorWhereTheListIsConfigured) {
    EXPECT_EQ(refusal(listed + "pools:\n  mine: {models: [gpt-4p]}\n"),
              "mesh.yaml:5:19: pools.mine.models[0]: there is no model 'gpt-4p'; did you mean 'gpt-4o'?");
    const std::string asked = "  lab: {connector: vllm.local.v1}\n";
    EXPECT_EQ(refusal(listed + asked + "pools:\n  mine: {models: [llama, lab.llama]}\n"), "no error")
        << "the server may have it";
    EXPECT_EQ(refusal(listed + asked + "pools:\n  mine: {models: [openai.llm.v1.gpt-5]}\n"),
              "mesh.yaml:6:19: pools.mine.models[0]: there is no model 'openai.llm.v1.gpt-5'; did you mean "
              "'openai.llm.v1.gpt-4o'?");
    EXPECT_EQ(refusal(listed +
                      "models:\n  mine.big: {provider: openai.llm.v1}\npools:\n  m: {models: [mine.big]}\n"),
              "no error");
}

TEST(ConfigModels, ExcludedProvidersAreResolvedAsOthersAre) {
    EXPECT_THAT(
        read(listed + "pools:\n  chat: {excluded_providers: [openai]}\n").pools[0].second.excluded_providers,
        ElementsAre("openai.llm.v1"));
    EXPECT_EQ(refusal(listed + "pools:\n  chat: {excluded_providers: [x]}\n"),
              "mesh.yaml:5:31: pools.chat.excluded_providers[0]: there is no provider 'x'");
}

} // namespace
} // namespace modelmesh::settings
