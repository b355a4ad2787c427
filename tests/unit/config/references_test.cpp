// ${...} in every form, and that what it stands for is in no message.
#include "fixture.hpp"
#include "support/event_list.hpp"

#include <cstdlib>

namespace modelmesh::settings {
namespace {

const environment variables{{"KEY", "sk-123"},
                            {"HOST", "lab.example"},
                            {"DEPTH", "4"},
                            {"WORD", "hidden-word"},
                            {"NAME", "openai.llm.v1"}};

std::string key_of(const std::string& written) {
    return read("providers:\n  openai.llm.v1:\n    api_key: \"" + written + "\"\n", variables)
        .providers[0]
        .second.api_key;
}
std::string refusal_of(const std::string& written) {
    const std::string said =
        refusal("providers:\n  openai.llm.v1:\n    api_key: \"" + written + "\"\n", variables);
    constexpr std::string_view place = "mesh.yaml:3:14: providers.openai.llm.v1.api_key: ";
    EXPECT_EQ(said.find(place), 0u) << said;
    return said.substr(std::min(place.size(), said.size()));
}

TEST(ConfigReferences, Variables) {
    EXPECT_EQ(key_of("${KEY}"), "sk-123");
    EXPECT_EQ(key_of("${env:KEY}"), "sk-123");
    EXPECT_EQ(key_of("<${KEY}-${HOST}>"), "<sk-123-lab.example>");
    EXPECT_EQ(key_of("${KEY:-other}"), "sk-123");
    EXPECT_EQ(key_of("${NONE:-other: thing}"), "other: thing");
    EXPECT_EQ(key_of("${env:NONE:-}"), "");
    EXPECT_EQ(key_of("${NONE:-${NEITHER:-${HOST}}}"), "lab.example");
    EXPECT_EQ(key_of("${KEY:?say it}"), "sk-123");
    EXPECT_EQ(key_of("$${KEY} costs $5"), "${KEY} costs $5");
    EXPECT_EQ(key_of("no $KEY here}"), "no $KEY here}");
}

TEST(ConfigReferences, AKeyThatIsMadeOfThemKnowsWhereToReadItAgain) {
    const auto provider_of = [](const std::string& written) {
        return read("providers:\n  openai.llm.v1:\n    api_key: \"" + written + "\"\n", process_environment())
            .providers[0]
            .second;
    };
    setenv("MESH_TEST_KEY", "first", 1);
    for (const std::string written : {"${MESH_TEST_KEY}", "${secrets:MESH_TEST_KEY}"}) {
        setenv("MESH_TEST_KEY", "first", 1);
        const provider_config its = provider_of(written);
        ASSERT_TRUE(its.key_source);
        EXPECT_EQ(its.key_source->key, "first");
        setenv("MESH_TEST_KEY", "second", 1);
        EXPECT_EQ(its.key_source->read().value().text, "second");
        unsetenv("MESH_TEST_KEY");
        const result<resolved_key> none = its.key_source->read();
        ASSERT_FALSE(none);
        EXPECT_EQ(none.error().kind(), errc::config);
        EXPECT_NE(none.error().message.find("MESH_TEST_KEY"), std::string::npos);
    }
    EXPECT_FALSE(provider_of("plain").key_source);
}

TEST(ConfigReferences, WhatCannotBeResolved) {
    EXPECT_EQ(refusal_of("${NONE}"), "the environment variable NONE is not set");
    EXPECT_EQ(refusal_of("${env:NONE}"), "the environment variable NONE is not set");
    EXPECT_EQ(refusal_of("${NONE:?ask Ann for it}"),
              "the environment variable NONE is not set: ask Ann for it");
    EXPECT_EQ(refusal_of("a ${KEY"),
              "a reference that is not closed: ${...} ends with }; $${ is the text ${");
    for (const char* text : {"${}", "${1A}", "${a b}", "${file:/x}", "${KEY:+x}", "${env:}", "${KEY:}"})
        EXPECT_EQ(refusal_of(text), "not a reference: write ${NAME}, ${NAME:-default}, ${NAME:?message}, "
                                    "${env:NAME} or ${secrets:NAME}; $${ is the text ${")
            << text;
    EXPECT_EQ(refusal_of("${secrets:}"), "${secrets:NAME} needs a name");
    EXPECT_EQ(refusal_of("${secrets:NO_SUCH_SECRET_5}"),
              "there is no secret 'NO_SUCH_SECRET_5' in the store");
    std::string deep = "x";
    for (int i = 0; i < 12; ++i) deep = "${N:-" + deep + "}";
    EXPECT_EQ(refusal_of(deep), "references within references, more than 8 levels of them");
}

TEST(ConfigReferences, AtAnyDepthAndForAnyKind) {
    const config made = read(R"(
providers:
  lab:
    connector: ${NAME}
    base_url: https://${HOST}/v1
    models: ["${WORD}", "m-${DEPTH}"]
    tls: {verify: "${CHECK:-false}"}
    pipeline_depth: ${DEPTH}
)",
                             variables);
    const provider_config& lab = made.providers[0].second;
    EXPECT_EQ(lab.connector, "openai.llm.v1");
    EXPECT_EQ(lab.base_url, "https://lab.example/v1");
    EXPECT_EQ(lab.models, (std::vector<std::string>{"hidden-word", "m-4"}));
    EXPECT_FALSE(lab.tls.verify);
    EXPECT_EQ(lab.pipeline_depth, 4u);
}

TEST(ConfigReferences, AMessageHasWhatWasWritten) {
    const std::string said = refusal(R"(
providers:
  lab:
    connector: ${WORD}
    http: ${WORD}
    pipeline_depth: ${WORD}
    tls: {verify: "${WORD}"}
  more:
    connector: openai.llm.v1
    base_url: ${WORD}
pools:
  chat: {capability: "${WORD}!", providers: ["${HOST}"], cooldown_seconds: "${WORD}"}
)",
                                     variables);
    EXPECT_EQ(said.find("hidden-word"), said.npos) << said;
    EXPECT_EQ(said.find("lab.example"), said.npos) << said;
    EXPECT_NE(
        said.find("mesh.yaml:6:21: providers.lab.pipeline_depth: must be a whole number from 1 to 1000, not "
                  "'${WORD}', which stands for something else\n"),
        said.npos)
        << said;
    EXPECT_NE(
        said.find("mesh.yaml:4:16: providers.lab.connector: ${WORD} stands for no provider connector\n"),
        said.npos)
        << said;
    EXPECT_NE(said.find("mesh.yaml:12:46: pools.chat.providers[0]: there is no provider '${HOST}'"),
              said.npos)
        << said;
    EXPECT_NE(said.find("mesh.yaml:12:22: pools.chat.capability: ${WORD}! stands for no capability"),
              said.npos)
        << said;
}

TEST(ConfigReferences, SecretsComeFromTheConfiguredStore) {
    const config made = read(R"(
secrets:
  store: modelmesh.memory-secrets.v1
  config: {secrets: {OPENAI: sk-9, HOST: inner.example}}
providers:
  openai.llm.v1: {api_key: "${secrets:OPENAI}", base_url: "https://${secrets:HOST}/v1"}
)");
    EXPECT_EQ(made.providers[0].second.api_key, "sk-9");
    EXPECT_EQ(made.providers[0].second.base_url, "https://inner.example/v1");
    const std::string shown = to_yaml(made);
    EXPECT_EQ(shown, "version: 1\n"
                     "providers:\n"
                     "  openai.llm.v1:\n"
                     "    connector: openai.llm.v1\n"
                     "    base_url: '***'\n"
                     "    api_key: '***'\n");
}

TEST(ConfigReferences, OptionsOfAStoreFlatOrBelowConfig) {
    setenv("UNIT_TEST_MM_TOKEN", "from-environment", 1);
    const std::string rest = "providers: {openai.llm.v1: {api_key: '${secrets:TOKEN}'}}\n";
    EXPECT_EQ(read("secrets: {prefix: UNIT_TEST_MM_}\n" + rest).providers[0].second.api_key,
              "from-environment");
    EXPECT_EQ(
        read("secrets: {connector: secret-store.modelmesh.env.v1, config: {prefix: UNIT_TEST_MM_}}\n" + rest)
            .providers[0]
            .second.api_key,
        "from-environment");
    support::event_list log{{.least = severity::warning}};
    EXPECT_EQ(read("secrets: {prefix: NOT_, config: {prefix: UNIT_TEST_MM_}}\n" + rest, {}, &log)
                  .providers[0]
                  .second.api_key,
              "from-environment");
    EXPECT_EQ(log.lines(),
              (std::vector<std::string>{"config.warning message=mesh.yaml:1:11: secrets.prefix: is the "
                                        "same as secrets.config.prefix, which counts"}));
    unsetenv("UNIT_TEST_MM_TOKEN");
}

TEST(ConfigReferences, WithoutAnyStoreASecretIsNotFound) {
    try {
        (void)load({{"mesh.yaml", "providers:\n  a:\n    api_key: ${secrets:KEY}\n"}}, {},
                   connector::registry(), nullptr);
        FAIL();
    } catch (const error& e) {
        EXPECT_NE(
            e.info().message.find("mesh.yaml:3:14: providers.a.api_key: there is no secret store to look it "
                                  "up in; 'secrets.store' names one"),
            std::string::npos)
            << e.info().message;
    }
}

TEST(ConfigReferences, AMissingSecretMayBeEmpty) {
    const std::string rest = "providers: {openai.llm.v1: {api_key: 'x${secrets:NO_SUCH_SECRET_5}'}}\n";
    EXPECT_EQ(read("secrets: {fail_on_missing: false}\n" + rest).providers[0].second.api_key, "x");
}

TEST(ConfigReferences, TheSectionOfSecretsIsChecked) {
    EXPECT_EQ(refusal("secrets: {store: modelmesh.safe.v1}\n"),
              "mesh.yaml:1:18: secrets.store: there is no secret store 'modelmesh.safe.v1'; there are: "
              "modelmesh.dotenv.v1 modelmesh.env.v1 modelmesh.memory-secrets.v1");
    EXPECT_EQ(refusal("secrets: {prefx: A}\n"),
              "mesh.yaml:1:11: secrets.prefx: there is no such key; did you mean 'prefix'?");
    EXPECT_EQ(refusal("secrets: {store: modelmesh.memory-secrets.v1, secrets: [sk-5]}\n"),
              "mesh.yaml:1:56: secrets.secrets: must be a map of names, not a list");
    EXPECT_EQ(refusal("secrets: {prefix: '${secrets:A}'}\n"),
              "mesh.yaml:1:19: secrets.prefix: the options of the secret store cannot refer to its secrets");
    EXPECT_EQ(refusal("secrets: {config: text}\n"),
              "mesh.yaml:1:19: secrets.config: must be a map of settings");
}

} // namespace
} // namespace modelmesh::settings
