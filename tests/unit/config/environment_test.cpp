// Variables that lie over files.
#include "fixture.hpp"

namespace modelmesh::settings {
namespace {

constexpr const char* file = R"(
providers:
  openai.llm.v1: {api_key: a, models: [m]}
pools:
  chat: {recovery: {cooldown: 45s}}
)";

TEST(ConfigEnvironment, VariablesLieOverFiles) {
    const config made = read(file, {{"MODELMESH__POOLS__CHAT__FAILURE_THRESHOLD", "5"},
                                    {"MODELMESH__POOLS__CHAT__COOLDOWN_SECONDS", "1m"},
                                    {"MODELMESH__PROVIDERS__OPENAI_LLM_V1__MODELS", "[n, o]"},
                                    {"MODELMESH__PROVIDERS__OPENAI_LLM_V1__TLS__VERIFY", "false"},
                                    {"MODELMESH__PROVIDERS__LAB__CONNECTOR", "vllm.local.v1"},
                                    {"MODELMESH_IO", "epoll"},
                                    {"OTHER__POOLS__CHAT", "x"}});
    EXPECT_EQ(made.pools[0].second.failure_threshold, 5u);
    EXPECT_EQ(made.pools[0].second.cooldown_seconds, 60u);
    EXPECT_EQ(made.providers[0].second.models, (std::vector<std::string>{"n", "o"}));
    EXPECT_FALSE(made.providers[0].second.tls.verify);
    EXPECT_EQ(made.providers[0].second.api_key, "a");
    EXPECT_EQ(made.providers[1].first, "lab");
    EXPECT_EQ(made.providers[1].second.connector, "vllm.local.v1");
}

TEST(ConfigEnvironment, TheOtherPlacesOfAKeyCountAsWell) {
    const config made = read(file, {{"MODELMESH__POOLS__CHAT__RECOVERY__COOLDOWN", "7s"}});
    EXPECT_EQ(made.pools[0].second.cooldown_seconds, 7u);
}

TEST(ConfigEnvironment, AValueIsTextUnlessItIsAListOrAMap) {
    const config made = read(file, {{"MODELMESH__PROVIDERS__OPENAI_LLM_V1__API_KEY", "a: b # c"},
                                    {"MODELMESH__POOLS__EXTRA", "{capability: chat}"}});
    EXPECT_EQ(made.providers[0].second.api_key, "a: b # c");
    EXPECT_EQ(made.pools[1].second.capability, "chat");
}

TEST(ConfigEnvironment, AProblemNamesTheVariable) {
    EXPECT_EQ(refusal(file, {{"MODELMESH__POOLS__CHAT__FAILURE_TRESHOLD", "5"}}),
              "environment variable MODELMESH__POOLS__CHAT__FAILURE_TRESHOLD: pools.chat.failure_treshold: "
              "there is "
              "no such key; did you mean 'failure_threshold'?");
    EXPECT_EQ(refusal(file, {{"MODELMESH__POOLS__CHAT__FAILURE_THRESHOLD", "many"}}),
              "environment variable MODELMESH__POOLS__CHAT__FAILURE_THRESHOLD: pools.chat.failure_threshold: "
              "must be "
              "a whole number from 1 to 4095, not this text");
    EXPECT_EQ(refusal(file, {{"MODELMESH__POOLS____CHAT", "5"}}),
              "environment variable MODELMESH__POOLS____CHAT: its name is no path of keys, each behind two "
              "underscores");
    EXPECT_EQ(refusal(file, {{"MODELMESH__POOLS__CHAT", "[1"}}),
              "environment variable MODELMESH__POOLS__CHAT:1:1: a list or a map cannot be a "
              "key (is a bracket not closed?)");
    EXPECT_EQ(
        refusal("pools: {a-b: , a.b: }\n", {{"MODELMESH__POOLS__A_B__CAPABILITY", "chat"}})
            .find(
                "environment variable MODELMESH__POOLS__A_B__CAPABILITY: pools: its name fits several keys; "
                "'a-b' is one"),
        0u);
}

TEST(ConfigEnvironment, NoMessageShowsAValue) {
    const std::pair<const char*, const char*> wrong[] = {
        {"POOLS__CHAT__STRATEGY_X", "S3CRET"},
        {"POOLS__CHAT__PROVIDERS", "[S3CRET]"},
        {"POOLS__CHAT__MODELS", "[openai.llm.v1.S3CRET]"},
        {"POOLS__CHAT__EXCLUDED_PROVIDERS", "S3CRET"},
        {"POOLS__CHAT__CAPABILITY", "S3 CRET"},
        {"POOLS__CHAT__BALANCE_MODE", "S3CRET"},
        {"PROVIDERS__OPENAI_LLM_V1__CONNECTOR", "S3CRET"},
        {"PROVIDERS__OPENAI_LLM_V1__BASE_URL", "S3CRET"},
        {"MODELS__X", "{provider: S3CRET}"},
        {"POOLS__CHAT", "{failure_threshold: S3CRET}"},
    };
    for (const auto& [name, value] : wrong) {
        const std::string text = refusal(file, {{std::string("MODELMESH__") + name, value}});
        EXPECT_NE(text, "no error") << name;
        EXPECT_EQ(text.find("CRET"), text.npos) << text;
    }
}

TEST(ConfigEnvironment, ATextMayBeginWithABracket) {
    const config made = read(file, {{"MODELMESH__PROVIDERS__OPENAI_LLM_V1__API_KEY", "{not a map"},
                                    {"MODELMESH__POOLS__CHAT__SESSION_HEADER", "[x]"},
                                    {"MODELMESH__POOLS__CHAT__RECOVERY", "{cooldown: 9s}"}});
    EXPECT_EQ(made.providers[0].second.api_key, "{not a map");
    EXPECT_EQ(made.pools[0].second.session_header, "[x]");
    EXPECT_EQ(made.pools[0].second.cooldown_seconds, 9u);
}

} // namespace
} // namespace modelmesh::settings
