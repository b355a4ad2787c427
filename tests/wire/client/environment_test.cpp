// What create() finds in the environment, and what it says when there is nothing.
#include "fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing {
namespace {

class Environment : public ClientFixture {
protected:
    void SetUp() override {
        ClientFixture::SetUp();
        for (const char* name : variables) unsetenv(name);
    }
    void TearDown() override {
        for (const char* name : variables) unsetenv(name);
        ClientFixture::TearDown();
    }
    static constexpr const char* variables[] = {"OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY",
                                                "OLLAMA_HOST", "VLLM_HOST"};

    static std::string failure() {
        try {
            (void)create("chat-completion");
        } catch (const error& e) {
            EXPECT_EQ(e.code(), errc::config);
            return e.what();
        }
        return "no error";
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, Environment, ::testing::Values("auto"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Environment, WithoutProvidersTheErrorNamesTheVariables) {
    EXPECT_EQ(
        failure(),
        "no provider configured: set one of OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST, VLLM_HOST, or "
        "pass a configuration to modelmesh::create()");
    setenv("OPENAI_API_KEY", "", 1);
    EXPECT_EQ(failure().find("no provider configured"), 0u) << "an empty value is no value";
    setenv("ANTHROPIC_API_KEY", "sk-ant", 1);
    EXPECT_NE(failure().find("ANTHROPIC_API_KEY is set"), std::string::npos);
    EXPECT_EQ(failure().find("sk-ant"), std::string::npos);
}

TEST_P(Environment, ProvidersAreDetectedInTableOrder) {
    setenv("VLLM_HOST", "http://127.0.0.1:8000", 1);
    setenv("OLLAMA_HOST", "127.0.0.1", 1);
    setenv("OPENAI_API_KEY", "sk-1", 1);
    const config found = detect("chat-completion");
    ASSERT_EQ(found.providers.size(), 3u);
    EXPECT_EQ(found.providers[0].first, "openai");
    EXPECT_EQ(found.providers[0].second.base_url, "https://api.openai.com/v1");
    EXPECT_THAT(found.providers[0].second.models,
                ::testing::ElementsAre("gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "gpt-image-1",
                                       "dall-e-2", "gpt-4o-mini-tts", "whisper-1", "gpt-4o-mini-transcribe",
                                       "omni-moderation-latest"));
    EXPECT_EQ(found.providers[1].first, "ollama");
    EXPECT_EQ(found.providers[1].second.base_url, "http://127.0.0.1:11434/v1");
    EXPECT_EQ(found.providers[2].first, "vllm");
    EXPECT_EQ(found.providers[2].second.base_url, "http://127.0.0.1:8000/v1");
}

TEST_P(Environment, AddressesInAllTheirForms) {
    const std::pair<const char*, const char*> table[] = {
        {"localhost", "http://localhost:11434/v1"},
        {"localhost:9", "http://localhost:9/v1"},
        {"http://localhost:9/", "http://localhost:9/v1"},
        {"https://host.example/v1", "https://host.example/v1"},
        {"[::1]", "http://[::1]:11434/v1"},
        {"[::1]:9", "http://[::1]:9/v1"},
        {"::1", "http://[::1]:11434/v1"},
        {"fe80::1/", "http://[fe80::1]:11434/v1"},
        {":9", "http://127.0.0.1:9/v1"},
        {" 'localhost:9'\r", "http://localhost:9/v1"},
        {"\"http://localhost:9/api\"", "http://localhost:9/api/v1"},
    };
    for (const auto& [value, url] : table) {
        setenv("OLLAMA_HOST", value, 1);
        EXPECT_EQ(detect("chat").providers.at(0).second.base_url, url) << value;
    }
    setenv("OLLAMA_HOST", "ftp://host", 1);
    EXPECT_EQ(failure().find("OLLAMA_HOST is not a server's address"), 0u) << failure();
}

TEST_P(Environment, AServerOfTheFormatNeedsNoKey) {
    simulator& server = start("local");
    setenv("OPENAI_BASE_URL", (" " + server.base_url() + "\n").c_str(), 1);
    const auto reply = run(ask_once(create("chat-completion"), question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->x_modelmesh->model, "openai.local-model");
    EXPECT_EQ(server.requests().back().header("Authorization"), "");
}

TEST_P(Environment, AServerOfOnesOwnIsAskedForItsModels) {
    simulator& server = start("local", R"({"rules":[{"text":"hi there"}]})");
    setenv("VLLM_HOST", ("127.0.0.1:" + std::to_string(server.port())).c_str(), 1);
    const auto reply = run(ask_once(create("chat-completion"), question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->text(), "hi there");
    EXPECT_EQ(reply->x_modelmesh->model, "vllm.local-model");
    EXPECT_EQ(server.requests().back().header("Authorization"), "");
}

TEST_P(Environment, ACapabilityThatNobodyOffersIsRefused) {
    setenv("OPENAI_API_KEY", "sk-1", 1);
    try {
        (void)create("text-to-video");
        FAIL() << "no error";
    } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::config);
        EXPECT_NE(std::string(e.what()).find("no configured provider offers "
                                             "'generation.video-generation.text-to-video'"),
                  std::string::npos)
            << e.what();
    }
}

TEST_P(Environment, EveryProblemOfAConfigurationIsReported) {
    config bad;
    provider_config provider;
    provider.connector = "nobody.v1";
    provider.base_url = "host/v1";
    bad.providers.emplace_back("p", provider);
    pool_config pool;
    pool.capability = "Chat";
    bad.pools.emplace_back("q", pool);
    try {
        (void)create(bad);
        FAIL() << "no error";
    } catch (const error& e) {
        const std::string text = e.what();
        EXPECT_NE(text.find("provider 'p': no provider connector 'nobody.v1'"), std::string::npos) << text;
        EXPECT_NE(text.find("pool 'q': capability 'Chat'"), std::string::npos) << text;
        EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
    }
}

TEST_P(Environment, OptionsSayWhatIsTakenOfIt) {
    setenv("OLLAMA_HOST", "127.0.0.1", 1);
    create_options options;
    options.capabilities = {"chat", "text-embeddings"};
    options.strategy = "round-robin";
    options.api_keys = {{"openai", "sk-mine"}};
    options.models = {"openai.gpt-4.1", "gpt-4o", "ollama.qwen2.5"};
    const config found = detect(options);
    ASSERT_EQ(found.providers.size(), 2u);
    EXPECT_EQ(found.providers[0].second.api_key, "sk-mine");
    EXPECT_THAT(found.providers[0].second.models, ::testing::ElementsAre("gpt-4.1", "gpt-4o"));
    EXPECT_THAT(found.providers[1].second.models, ::testing::ElementsAre("gpt-4o", "qwen2.5"));
    ASSERT_EQ(found.pools.size(), 2u);
    EXPECT_EQ(found.pools[1].first, "text-embeddings");
    EXPECT_EQ(found.pools[1].second.strategy, "round-robin");
    EXPECT_NO_THROW((void)create(options));
    options.providers = {"ollama"};
    EXPECT_EQ(detect(options).providers.size(), 1u);
}

TEST_P(Environment, WhatOptionsNameAndIsNotThereIsAnError) {
    setenv("OPENAI_API_KEY", "sk-1", 1);
    const auto refusal_of = [](const create_options& options) {
        try {
            (void)create(options);
        } catch (const error& e) {
            return std::string(e.what());
        }
        return std::string("no error");
    };
    create_options options;
    EXPECT_EQ(refusal_of(options), "no error");
    options.providers = {"opnai"};
    EXPECT_EQ(refusal_of(options), "the environment has no provider 'opnai'; there are: openai");
    options.providers.clear();
    options.models = {"llama"};
    EXPECT_EQ(refusal_of(options), "no provider has the model 'llama'; there are: openai");
    options.models.clear();
    options.api_keys = {{"mistral", "S3CRET"}};
    EXPECT_EQ(refusal_of(options),
              "there is no provider with a key named 'mistral'; there are: openai OPENAI_API_KEY");
}

} // namespace
} // namespace modelmesh::testing
