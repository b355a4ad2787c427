// A configuration as YAML.
#include "fixture.hpp"

namespace modelmesh::settings {
namespace {

config sample() {
    config made;
    provider_config lab;
    lab.connector = "vllm.local.v1";
    lab.enabled = false;
    lab.base_url = "http://127.0.0.1:8000/v1";
    lab.models = {"a b", "true", "${x}", "caf\xc3\xa9"};
    lab.tls.verify = false;
    lab.tls.ca_pem = "line one\nline two";
    lab.http = http_version::http2;
    lab.pipeline_depth = 2;
    made.providers.emplace_back("the lab", lab);
    pool_config pool;
    pool.capability = "chat";
    pool.providers = {"the lab"};
    pool.failure_threshold = 9;
    pool.cooldown_seconds = 0;
    made.pools.emplace_back("chat", pool);
    made.pools.emplace_back("plain", pool_config{});
    return made;
}

TEST(ConfigDump, WhatDiffersFromTheDefaults) {
    EXPECT_EQ(to_yaml(config()), "version: 1\n");
    EXPECT_EQ(to_yaml(sample()), R"(version: 1
providers:
  "the lab":
    connector: vllm.local.v1
    enabled: false
    base_url: http://127.0.0.1:8000/v1
    models: ["a b", "true", "$${x}", ")"
                                 "caf\xc3\xa9"
                                 R"("]
    tls:
      verify: false
      ca_pem: "line one\nline two"
    http: http2
    pipeline_depth: 2
pools:
  chat:
    capability: chat
    providers: ["the lab"]
    failure_threshold: 9
    cooldown_seconds: 0
  plain: {}
)");
}

TEST(ConfigDump, IsReadAsTheSameConfiguration) {
    config made = sample();
    made.pools.pop_back(); // a pool's capability is its name when the file has none
    EXPECT_EQ(to_yaml(read(to_yaml(made))), to_yaml(made));
    EXPECT_EQ(read(to_yaml(made)).providers[0].second.models, made.providers[0].second.models);
    EXPECT_EQ(read(to_yaml(made)).providers[0].second.tls.ca_pem, made.providers[0].second.tls.ca_pem);
}

TEST(ConfigDump, SecretsAreNotShown) {
    config made = sample();
    provider_config& lab = made.providers[0].second;
    lab.api_key = "sk-secret-1";
    lab.proxy = "http://user:sk-secret-2@proxy:3128";
    lab.tls.key_pem = "sk-secret-3";
    lab.models = {"plain", "with-sk-secret-4-inside"};
    made.never_shown = {"sk-secret-4", ""};
    const std::string shown = to_yaml(made);
    EXPECT_EQ(shown.find("sk-secret"), shown.npos) << shown;
    EXPECT_NE(shown.find("api_key: '***'"), shown.npos) << shown;
    EXPECT_NE(shown.find("models: [plain, '***']"), shown.npos) << shown;
}

} // namespace
} // namespace modelmesh::settings
