// Pools and filters as a client has them.
#include "fixture.hpp"

namespace modelmesh::testing {
namespace {

using ::testing::HasSubstr;

class ClientPools : public ClientFixture {
protected:
    void SetUp() override {
        ClientFixture::SetUp();
        start("alpha");
        start("beta");
    }
    model_config& model(const std::string& provider) {
        settings.models.emplace_back(provider + "." + provider + "-model", model_config());
        return settings.models.back().second;
    }
    result<chat::reply> ask(const chat::request& request) {
        return run(create(settings).chat.completions.try_create(request));
    }
    std::string provider_of(const result<chat::reply>& reply) {
        return reply ? reply->x_modelmesh->provider : reply.error().message;
    }
};
INSTANTIATE_TEST_SUITE_P(Io, ClientPools, ::testing::Values("auto", "epoll"));

struct topic {
    std::string name{};
};

chat::request with_tools() {
    chat::request request;
    request.model = "chat-completion";
    request.messages.push_back(chat::user("hello"));
    chat::toolbox tools;
    tools.add<topic>("f", "Does something", [](const topic& about) { return about.name; });
    request.tools = tools.definitions();
    return request;
}

TEST_P(ClientPools, AnExplicitPoolHasItsOwnOrderAndNeedsNoCapability) {
    pool_config mine;
    mine.models = {"beta-model", "alpha.alpha-model"};
    settings.pools.emplace_back("mine", mine);
    chat::request request = question();
    request.model = "mine";
    EXPECT_EQ(provider_of(ask(request)), "beta");
}

TEST_P(ClientPools, ARequestGoesOnlyToModelsThatHaveWhatItUses) {
    model("alpha").features.tool_calling = false;
    EXPECT_EQ(provider_of(ask(question())), "alpha");
    EXPECT_EQ(provider_of(ask(with_tools())), "beta");
}

TEST_P(ClientPools, WhenNobodyHasItTheErrorNamesWhatAndWho) {
    model("alpha").features.tool_calling = false;
    model("beta").delivery.mode = delivery_mode::batch;
    const result<chat::reply> reply = ask(with_tools());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind(), errc::unsupported);
    EXPECT_THAT(
        reply.error().message,
        HasSubstr("does all that the request needs (synchronous delivery, tool_calling): "
                  "'alpha.alpha-model' lacks tool_calling; 'beta.beta-model' lacks synchronous delivery"));
}

TEST_P(ClientPools, ALongRequestGoesToTheModelThatItFits) {
    model("alpha").constraints.context_window = 200;
    chat::request request = question();
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "words ";
    request.messages.push_back(chat::user(text));
    EXPECT_EQ(provider_of(ask(request)), "beta");
    model("beta").constraints.context_window = 300;
    const result<chat::reply> reply = ask(request);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind(), errc::context_length);
    EXPECT_THAT(reply.error().message, HasSubstr("'beta.beta-model' has a window of 300 tokens"));
}

TEST_P(ClientPools, AStreamGoesOnlyToModelsThatStream) {
    model("alpha").delivery.mode = delivery_mode::sync;
    EXPECT_EQ(provider_of(ask(question())), "alpha");
    client c = create(settings);
    const chat::request request = question();
    auto stream = run(c.chat.completions.try_stream(request));
    ASSERT_TRUE(stream) << stream.error().message;
    EXPECT_EQ(stream->route().provider, "beta");
}

TEST_P(ClientPools, AModelThatIsConfiguredWithItsProviderIsServedUnderItsId) {
    model_config named;
    named.provider = "beta";
    named.model = "beta-model";
    settings.providers.back().second.models.clear();
    settings.models.emplace_back("house.large", named);
    chat::request request = question();
    request.model = "house.large";
    const result<chat::reply> reply = ask(request);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->x_modelmesh->model, "house.large");
}

TEST_P(ClientPools, WhatAPoolNamesIsChecked) {
    pool_config mine;
    mine.models = {"beta-modle"};
    mine.excluded_providers = {"gamma"};
    settings.pools.emplace_back("mine", mine);
    EXPECT_EQ(refusal(settings),
              "pool 'mine': there is no provider 'gamma'\n"
              "pool 'mine': models: there is no model 'beta-modle'; did you mean 'beta-model'?");
}

} // namespace
} // namespace modelmesh::testing
