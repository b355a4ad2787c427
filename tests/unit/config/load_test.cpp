// Whole files: what they give, and what is said about what is wrong with them.
#include "fixture.hpp"

#include <algorithm>

namespace modelmesh::settings {
namespace {

TEST(ConfigLoad, EverythingThatAProviderAndAPoolHave) {
    const config made = read(R"(
version: 1
x-note: ignored
providers:
  lab:
    connector: vllm.local.v1
    enabled: false
    base_url: https://lab.example/v1
    api_key: key-1
    models: [small, large, 7]
    tls:
      verify: false
      ca_file: roots.pem
      ca_pem: ROOTS
      certificate_file: own.pem
      certificate_pem: OWN
      key_file: key.pem
      key_pem: KEY
    proxy: http://proxy:3128
    http: http1
    pipeline_depth: 4
    connection_pool: {max_connections: 64, timeout: 5s}
pools:
  chat:
    capability: chat-completion
    providers: [lab]
    failure_threshold: 5
    cooldown_seconds: 90
)");
    ASSERT_EQ(made.providers.size(), 1u);
    const auto& [name, provider] = made.providers[0];
    EXPECT_EQ(name, "lab");
    EXPECT_EQ(provider.connector, "vllm.local.v1");
    EXPECT_FALSE(provider.enabled);
    EXPECT_EQ(provider.base_url, "https://lab.example/v1");
    EXPECT_EQ(provider.api_key, "key-1");
    EXPECT_EQ(provider.models, (std::vector<std::string>{"small", "large", "7"}));
    EXPECT_FALSE(provider.tls.verify);
    EXPECT_EQ(provider.tls.ca_file, "roots.pem");
    EXPECT_EQ(provider.tls.ca_pem, "ROOTS");
    EXPECT_EQ(provider.tls.certificate_file, "own.pem");
    EXPECT_EQ(provider.tls.certificate_pem, "OWN");
    EXPECT_EQ(provider.tls.key_file, "key.pem");
    EXPECT_EQ(provider.tls.key_pem, "KEY");
    EXPECT_EQ(provider.proxy, "http://proxy:3128");
    EXPECT_EQ(provider.http, http_version::http1);
    EXPECT_EQ(provider.pipeline_depth, 4u);
    EXPECT_EQ(provider.connection_pool.max_connections, 64u);
    EXPECT_EQ(provider.connection_pool.timeout, std::chrono::seconds(5));
    EXPECT_EQ(provider.connection_pool.idle_timeout, std::chrono::seconds(55));
    ASSERT_EQ(made.pools.size(), 1u);
    EXPECT_EQ(made.pools[0].first, "chat");
    EXPECT_EQ(made.pools[0].second.capability, "chat-completion");
    EXPECT_EQ(made.pools[0].second.providers, (std::vector<std::string>{"lab"}));
    EXPECT_EQ(made.pools[0].second.failure_threshold, 5u);
    EXPECT_EQ(made.pools[0].second.cooldown_seconds, 90u);
}

TEST(ConfigLoad, WhatAPoolDoesWithStreamsThatBreakOff) {
    const auto pool = [](const std::string& streaming) {
        return "providers:\n  ollama.local.v1:\npools:\n  chat:\n    streaming: " + streaming + "\n";
    };
    const config made = read(pool("{on_failure: continue, hold_back: 300ms, max_failovers: 1}"));
    const streaming_config& streaming = made.pools[0].second.streaming;
    EXPECT_EQ(streaming.on_failure, stream_failure_action::continue_);
    EXPECT_EQ(streaming.hold_back, std::chrono::milliseconds(300));
    EXPECT_EQ(streaming.max_failovers, 1u);
    EXPECT_EQ(read(pool("{}")).pools[0].second.streaming.hold_back, std::nullopt);
    EXPECT_EQ(refusal(pool("{on_failure: resume}")),
              "mesh.yaml:5:29: pools.chat.streaming.on_failure: must be one of error, continue, restart, not "
              "'resume'");
    EXPECT_EQ(refusal(pool("{hold_back: soon}")), "mesh.yaml:5:28: pools.chat.streaming.hold_back: must be a "
                                                  "duration, like 30s, 500ms, 1h30m or none, not "
                                                  "'soon'");
    EXPECT_EQ(
        refusal(pool("{max_failovers: 0}")),
        "mesh.yaml:5:32: pools.chat.streaming.max_failovers: must be a whole number from 1 to 100, not '0'");
}

TEST(ConfigLoad, HowAPoolHedges) {
    const auto pool = [](const std::string& hedging) {
        return "providers:\n  ollama.local.v1:\npools:\n  chat:\n    hedging: " + hedging + "\n";
    };
    const config made = read(pool("{enabled: true, percentile: 99, min_delay: 1s, max_extra_load: 10%}"));
    const hedging_config& hedging = made.pools[0].second.hedging;
    EXPECT_TRUE(hedging.enabled);
    EXPECT_EQ(hedging.percentile, 99);
    EXPECT_EQ(hedging.min_delay, std::chrono::seconds(1));
    EXPECT_EQ(hedging.max_extra_load, 0.1);
    EXPECT_FALSE(read(pool("{}")).pools[0].second.hedging.enabled);
}

TEST(ConfigLoad, NamesSayWhatIsLeftOut) {
    const config made =
        read("providers:\n  openai.llm.v1:\n    api_key: k\n  ollama.local.v1:\npools:\n  chat:\n");
    EXPECT_EQ(made.providers[0].second.connector, "openai.llm.v1");
    EXPECT_EQ(made.providers[0].second.base_url, "https://api.openai.com/v1");
    EXPECT_EQ(made.providers[1].second.base_url, "http://127.0.0.1:11434/v1");
    EXPECT_EQ(made.pools[0].second.capability, "chat");
    EXPECT_EQ(made.pools[0].second.failure_threshold, 3u);
}

TEST(ConfigLoad, NothingAtAllIsAnEmptyConfiguration) {
    for (const char* text : {"", "# nothing\n", "version: 1\n", "providers:\npools:\nsecrets:\n"}) {
        const config made = read(std::string(text));
        EXPECT_TRUE(made.providers.empty()) << text;
        EXPECT_TRUE(made.pools.empty()) << text;
    }
}

TEST(ConfigLoad, OrderIsThatOfTheFile) {
    const config made = read("providers: {vllm.local.v1: , ollama.local.v1: , openai.llm.v1: }");
    EXPECT_EQ(made.providers[0].first, "vllm.local.v1");
    EXPECT_EQ(made.providers[1].first, "ollama.local.v1");
    EXPECT_EQ(made.providers[2].first, "openai.llm.v1");
}

TEST(ConfigLoad, EveryProblemIsReportedWithItsPlace) {
    EXPECT_EQ(
        refusal(R"(version: 2
providers:
  lab:
    conector: vllm.local.v1
    http: http3
    pipeline_depth: 0
    tls: {verify: maybe}
    models: small
    quota: 1
pools:
  chat:
    failure_treshold: 5
    cooldown_seconds: soon
    providers: [lob, lab]
    capability: [chat]
unknown: 1
)"),
        "mesh.yaml:1:10: version: must be 1, the only version there is\n"
        "mesh.yaml:4:5: providers.lab.conector: there is no such key; did you mean 'connector'?\n"
        "mesh.yaml:5:11: providers.lab.http: must be one of automatic, http1, http2, not 'http3'; did you "
        "mean 'http1'?\n"
        "mesh.yaml:6:21: providers.lab.pipeline_depth: must be a whole number from 1 to 1000, not '0'\n"
        "mesh.yaml:7:19: providers.lab.tls.verify: must be true or false, not 'maybe'\n"
        "mesh.yaml:8:13: providers.lab.models: must be a list, like [a, b], not 'small'\n"
        "mesh.yaml:9:5: providers.lab.quota: is not supported yet\n"
        "mesh.yaml:12:5: pools.chat.failure_treshold: there is no such key; did you mean "
        "'failure_threshold'?\n"
        "mesh.yaml:13:23: pools.chat.cooldown_seconds: must be a duration in whole seconds, like 30s, 5m, "
        "1h30m "
        "or none, not 'soon'\n"
        "mesh.yaml:14:17: pools.chat.providers[0]: there is no provider 'lob'; did you mean 'lab'?\n"
        "mesh.yaml:15:17: pools.chat.capability: must be text, not a list\n"
        "mesh.yaml:16:1: unknown: there is no such key; there are: providers pools models "
        "allow_direct_models budget time_zone "
        "unknown_price assumed_pricing storage discovery observability middleware middlewares connectors "
        "proxy server version template secrets");
}

TEST(ConfigLoad, WrongKinds) {
    EXPECT_EQ(refusal("- a\n"), "mesh.yaml:1:1: must be a map of sections: providers, pools, secrets");
    EXPECT_EQ(refusal("providers: [a]\n"), "mesh.yaml:1:12: providers: must be a map of names, not a list");
    EXPECT_EQ(refusal("providers:\n  a: text\n"),
              "mesh.yaml:2:6: providers.a: must be a map of settings, not 'text'");
    EXPECT_EQ(refusal("providers:\n  openai.llm.v1:\n    base_url:\n"),
              "mesh.yaml:3:5: providers.openai.llm.v1.base_url: must be text, not nothing");
    EXPECT_EQ(refusal("providers:\n  openai.llm.v1:\n    auth: none\n"),
              "mesh.yaml:3:11: providers.openai.llm.v1.auth: must be a map of settings");
    EXPECT_EQ(refusal("providers:\n  openai.llm.v1:\n    models: [{id: a}]\n"),
              "mesh.yaml:3:14: providers.openai.llm.v1.models[0]: must be text, not a map");
    EXPECT_EQ(refusal("secrets: env\n"), "mesh.yaml:1:10: secrets: must be a map of settings");
}

TEST(ConfigLoad, NamesMustBeNamesOfSomething) {
    EXPECT_EQ(refusal("providers:\n  a:\n    connector: no.such.v1\n"),
              "mesh.yaml:3:16: providers.a.connector: no provider connector 'no.such.v1'; there are: "
              "ollama.local.v1 openai.llm.v1 vllm.local.v1");
    EXPECT_EQ(
        refusal("providers:\n  a:\n    models: [m]\n"),
        "mesh.yaml:2:3: providers.a: no provider connector 'a'; there are: ollama.local.v1 openai.llm.v1 "
        "vllm.local.v1");
    EXPECT_EQ(refusal("providers:\n  openai.llm.v1:\n    base_url: ftp://x\n")
                  .find("mesh.yaml:3:15: providers.openai.llm.v1.base_url: "),
              0u);
    EXPECT_EQ(
        refusal("pools:\n  a:\n    capability: Not A Name\n").find("mesh.yaml:3:17: pools.a.capability: "),
        0u);
    EXPECT_EQ(refusal("pools:\n  Not A Name:\n").find("mesh.yaml:2:3: pools.Not A Name: "), 0u);
}

TEST(ConfigLoad, APoolNamesProvidersByNameConnectorOrVendor) {
    const config made = read(R"(
providers:
  first: {connector: openai.llm.v1}
  second: {connector: provider.openai.llm.v1}
  local: {connector: vllm.local.v1}
pools:
  by-name: {capability: chat, providers: [second]}
  by-connector: {capability: chat, providers: [openai.llm.v1, first]}
  by-vendor: {capability: chat, allowed_providers: [vllm, openai]}
)");
    EXPECT_EQ(made.pools[0].second.providers, (std::vector<std::string>{"second"}));
    EXPECT_EQ(made.pools[1].second.providers, (std::vector<std::string>{"first", "second"}));
    EXPECT_EQ(made.pools[2].second.providers, (std::vector<std::string>{"local", "first", "second"}));
}

TEST(ConfigLoad, LaterFilesLieOverEarlierOnes) {
    const config made = read({{"base.yaml", R"(
providers:
  openai.llm.v1: {api_key: a, models: [m, n], tls: {ca_file: x, verify: false}}
  vllm.local.v1: {}
pools:
  chat: {recovery: {cooldown: 45s}, failure_threshold: 2}
  gone: {capability: chat}
)"},
                              {"site.yaml", R"(
providers:
  ollama.local.v1: {}
  openai.llm.v1: {models: [o], tls: {verify: true}}
  vllm.local.v1:
pools:
  chat: {cooldown_seconds: 5}
  gone: !reset
  never: !reset
)"}});
    ASSERT_EQ(made.providers.size(), 3u);
    const provider_config& first = made.providers[0].second;
    EXPECT_EQ(first.api_key, "a");
    EXPECT_EQ(first.models, (std::vector<std::string>{"o"}));
    EXPECT_EQ(first.tls.ca_file, "x");
    EXPECT_TRUE(first.tls.verify);
    EXPECT_EQ(made.providers[1].first, "vllm.local.v1");
    EXPECT_EQ(made.providers[2].first, "ollama.local.v1");
    ASSERT_EQ(made.pools.size(), 1u);
    EXPECT_EQ(made.pools[0].second.cooldown_seconds, 5u) << "whatever it is called there";
    EXPECT_EQ(made.pools[0].second.failure_threshold, 2u);
}

TEST(ConfigLoad, AProblemNamesTheFileThatHasIt) {
    try {
        (void)read({{"base.yaml", "pools: {chat: {failure_threshold: x}}\n"}, {"site.yaml", "a: [\n"}});
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(
            e.info().message,
            "site.yaml:2:1: not YAML: end of sequence flow not found\n"
            "base.yaml:1:35: pools.chat.failure_threshold: must be a whole number from 1 to 4095, not 'x'");
    }
}

TEST(ConfigLoad, AFileThatIsNotThere) {
    try {
        (void)load_config("/nonexistent/mesh.yaml");
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(e.info().message, "/nonexistent/mesh.yaml: cannot be read: No such file or directory");
    }
    try {
        (void)load_config("/");
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(e.info().message, "/: cannot be read: Is a directory");
    }
}

TEST(ConfigLoad, AHundredProblemsAreEnough) {
    std::string text;
    for (int i = 0; i < 300; ++i) text += "k" + std::to_string(i) + ": 1\n";
    const std::string said = refusal(text);
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 100);
    EXPECT_TRUE(said.ends_with("\nand more"));
}

TEST(ConfigLoad, ALaterFileMayChooseAnotherSecretStore) {
    const config made = read({{"base.yaml", "secrets: {store: modelmesh.dotenv.v1, path: /nowhere/.env}\n"},
                              {"site.yaml", "secrets: {store: modelmesh.memory-secrets.v1, secrets: {K: v}}\n"
                                            "providers: {openai.llm.v1: {api_key: '${secrets:K}'}}\n"}});
    EXPECT_EQ(made.providers[0].second.api_key, "v");
}

} // namespace
} // namespace modelmesh::settings
