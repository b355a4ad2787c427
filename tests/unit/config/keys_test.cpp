// The same setting in its several places.
#include "fixture.hpp"
#include "support/event_list.hpp"

namespace modelmesh::settings {
namespace {

std::string key_of(const std::string& lines, log_sink* log = nullptr) {
    return read("providers:\n  openai.llm.v1:\n" + lines, {}, log).providers[0].second.api_key;
}

TEST(ConfigKeys, AKeyStandsInEachDocumentedPlace) {
    EXPECT_EQ(key_of("    api_key: k\n"), "k");
    EXPECT_EQ(key_of("    auth: {api_key: k}\n"), "k");
    EXPECT_EQ(key_of("    config: {api_key: k}\n"), "k");
    EXPECT_EQ(key_of("    config: {auth: {api_key: k}}\n"), "k");
}

TEST(ConfigKeys, TheOwnNameWinsOverOtherPlaces) {
    support::event_list log{{.least = severity::warning}};
    EXPECT_EQ(key_of("    config: {api_key: c}\n    auth: {api_key: b}\n    api_key: a\n", &log), "a");
    ASSERT_EQ(log.lines().size(), 2u);
    EXPECT_EQ(log.lines()[0],
              "config.warning message=mesh.yaml:3:14: providers.openai.llm.v1.config.api_key: is the "
              "same as providers.openai.llm.v1.auth.api_key, which counts");
    EXPECT_EQ(log.lines()[1],
              "config.warning message=mesh.yaml:4:12: providers.openai.llm.v1.auth.api_key: is the "
              "same as providers.openai.llm.v1.api_key, which counts");
}

TEST(ConfigKeys, PoolsHaveOtherPlacesToo) {
    const config made = read(R"(
pools:
  a: {hierarchy_node: chat, deactivation: {retry_limit: 7}, recovery: {cooldown: 2m}}
  b: {capability: chat, rotation: {deactivation: {retry_limit: 8}, recovery: {cooldown: none}}}
)");
    EXPECT_EQ(made.pools[0].second.capability, "chat");
    EXPECT_EQ(made.pools[0].second.failure_threshold, 7u);
    EXPECT_EQ(made.pools[0].second.cooldown_seconds, 120u);
    EXPECT_EQ(made.pools[1].second.failure_threshold, 8u);
    EXPECT_EQ(made.pools[1].second.cooldown_seconds, 0u);
}

TEST(ConfigKeys, AProblemIsAtThePlaceThatWasWritten) {
    EXPECT_EQ(refusal("pools:\n  chat:\n    recovery: {cooldown: 500ms}\n"),
              "mesh.yaml:3:26: pools.chat.recovery.cooldown: must be a duration in whole seconds, like 30s, "
              "5m, 1h30m or "
              "none, not '500ms'");
    EXPECT_EQ(refusal("pools:\n  chat:\n    recovery: {cooldwn: 5s}\n"),
              "mesh.yaml:3:16: pools.chat.recovery.cooldwn: there is no such key; did you mean 'cooldown'?");
}

TEST(ConfigKeys, RetryIsReadUnderBothOfItsNamesAndProviderActionsAreLists) {
    const config made =
        read("pools:\n"
             "  a:\n"
             "    retry: {max_attempts: 5, backoff: fixed, initial_delay: 250ms, scope: same_model,\n"
             "            honor_retry_after: false, retryable_codes: [409], budget_ratio: 10%}\n"
             "    deactivation: {error_codes: [429, 503]}\n"
             "    provider_deactivation: [on_auth_failure, on_api_outage]\n"
             "    provider_recovery: [on_manual]\n"
             "  b:\n"
             "    rotation: {retry: {max_delay: 8s}, deactivation: {error_codes: [500]}}\n"
             "    rotate_on_content_filter: true\n");
    const pool_config& a = made.pools[0].second;
    EXPECT_EQ(a.retry.max_attempts, 5u);
    EXPECT_EQ(a.retry.backoff, backoff_kind::fixed);
    EXPECT_EQ(a.retry.initial_delay, std::chrono::milliseconds(250));
    EXPECT_EQ(a.retry.scope, retry_scope::same_model);
    EXPECT_FALSE(a.retry.honor_retry_after);
    EXPECT_EQ(a.retry.retryable_codes, std::vector<int>{409});
    EXPECT_EQ(a.retry.budget_ratio, 0.1);
    EXPECT_EQ(a.error_codes, (std::vector<int>{429, 503}));
    EXPECT_EQ(a.provider_deactivation, (std::vector<provider_trigger>{provider_trigger::on_auth_failure,
                                                                      provider_trigger::on_api_outage}));
    EXPECT_EQ(a.provider_recovery, std::vector<provider_return>{provider_return::on_manual});
    const pool_config& b = made.pools[1].second;
    EXPECT_EQ(b.retry.max_delay, std::chrono::seconds(8));
    EXPECT_EQ(b.error_codes, std::vector<int>{500});
    EXPECT_TRUE(b.rotate_on_content_filter);
}

TEST(ConfigKeys, WhatIsNotDoneYetIsRefusedByName) {
    EXPECT_EQ(
        refusal("discovery: {health: {interval: 60s}}\nproxy:\n"),
        "mesh.yaml:1:13: discovery.health: is not supported yet\nmesh.yaml:2:1: proxy: is not supported yet");
    EXPECT_EQ(refusal("observability: {statistics: {flush_interval: 60s}}\n"),
              "mesh.yaml:1:17: observability.statistics: is not supported yet");
    EXPECT_EQ(refusal("storage: {locking: {retry_interval: 1s}}\n"),
              "mesh.yaml:1:21: storage.locking.retry_interval: is not supported yet");
}

TEST(ConfigKeys, WhatIsAlwaysSoIsTakenAndAnythingElseRefusedWithTheReason) {
    EXPECT_EQ(refusal("secrets:\n"
                      "  cache_enabled: true\n"
                      "  cache_ttl: 5m\n"
                      "  resolution: {cache_enabled: true, cache_ttl: 300, reload_on_rotation: true}\n"
                      "storage:\n"
                      "  persistence: {format: json, compression: false, encryption:}\n"
                      "  locking: {enabled: true}\n"
                      "observability: {events: {include_metadata: true}}\n"
                      "providers: {openai.llm.v1: {api_key: k, auth: {key_rotation: true}}}\n"),
              "no error");
    EXPECT_EQ(
        refusal("secrets:\n"
                "  cache_enabled: false\n"
                "  cache_ttl: soon\n"
                "  resolution: {reload_on_rotation: false}\n"
                "storage:\n"
                "  persistence: {format: msgpack, compression: true, encryption: [true]}\n"
                "  locking: {enabled: false}\n"
                "observability: {events: {include_metadata: false}}\n"
                "providers: {openai.llm.v1: {api_key: k, auth: {key_rotation: false}}}\n"),
        "mesh.yaml:2:18: secrets.cache_enabled: must be true: a secret is looked up once while a "
        "configuration is read\n"
        "mesh.yaml:3:14: secrets.cache_ttl: must be a duration, like 5m: whatever it is, no reading goes by "
        "what an "
        "earlier one said\n"
        "mesh.yaml:4:36: secrets.resolution.reload_on_rotation: must be true: a key that refers to elsewhere "
        "is read again when its provider refuses it\n"
        "mesh.yaml:6:25: storage.persistence.format: must be json: entries are JSON in every storage\n"
        "mesh.yaml:6:47: storage.persistence.compression: must be false: entries are written as they are\n"
        "mesh.yaml:6:65: storage.persistence.encryption: must be false: entries are written as they are, "
        "and have no keys in them\n"
        "mesh.yaml:7:22: storage.locking.enabled: must be true: one client at a time has a storage\n"
        "mesh.yaml:8:44: observability.events.include_metadata: must be true: sinks get events with all of "
        "their fields\n"
        "mesh.yaml:9:62: providers.openai.llm.v1.auth.key_rotation: must be true: a key that refers to "
        "elsewhere is read again when its provider refuses it");
    // The value of a variable is in no message.
    const environment off{{"MODELMESH__STORAGE__LOCKING__ENABLED", "hidden"}};
    EXPECT_EQ(refusal("x-none:\n", off), "environment variable MODELMESH__STORAGE__LOCKING__ENABLED: "
                                         "storage.locking.enabled: must be true: one client at a time "
                                         "has a storage");
}

TEST(ConfigKeys, WhatIsAlwaysSoIsComparedWhenAllFilesAreLaidOverEachOtherAndReferencesLookedUp) {
    const auto said = [](const std::string& base, const std::string& site) -> std::string {
        const std::string provider = "providers: {openai.llm.v1: {api_key: k, models: [m]}}\n";
        try {
            (void)read({{"base.yaml", provider + base}, {"site.yaml", site}}, {{"FORMAT", "json"}});
        } catch (const error& e) {
            return e.info().message;
        }
        return "no error";
    };
    const std::string wrong = "storage: {persistence: {compression: true}}\n";
    EXPECT_EQ(said(wrong, "storage: {persistence: {compression: false}}\n"), "no error");
    EXPECT_EQ(said(wrong, "storage: {persistence: {compression: !reset}}\n"), "no error");
    EXPECT_EQ(said(wrong, "x-none:\n"), "base.yaml:2:38: storage.persistence.compression: must be false: "
                                        "entries are written as they are");
    EXPECT_EQ(said("storage: {persistence: {format: '${FORMAT}', compression: '${X:-false}'}}\n", ""),
              "no error");
    EXPECT_EQ(
        said("storage: {persistence: {compression: '${FORMAT}'}}\n", ""),
        "base.yaml:2:38: storage.persistence.compression: must be false: entries are written as they are");
    EXPECT_EQ(said("secrets: {cache_enabled: '${X:-true}', cache_ttl: '${X:-5m}'}\n", ""), "no error");
}

TEST(ConfigKeys, SecretsMayBeMissingWhereResolutionSaysSo) {
    const std::string base = "providers: {openai.llm.v1: {models: [m], api_key: '${secrets:NOT_THERE}'}}\n";
    EXPECT_NE(refusal(base), "no error");
    EXPECT_EQ(refusal(base + "secrets: {resolution: {fail_on_missing: false}}\n"), "no error");
}

TEST(ConfigKeys, DiscoveryNamesAConnectorWithItsOptions) {
    const discovery_config made = read("discovery: {connector: modelmesh.registry-sync.v1, sync: {interval: "
                                       "30m}, exclude: ['*-preview']}\n")
                                      .discovery;
    EXPECT_EQ(made.connector, "modelmesh.registry-sync.v1");
    EXPECT_EQ(made.sync_interval, std::chrono::minutes(30));
    EXPECT_EQ(made.options.text, R"({"exclude":["*-preview"]})");
    EXPECT_EQ(read("discovery: {connector: modelmesh.registry-sync.v1}\n").discovery.sync_interval,
              std::chrono::hours(1));
    EXPECT_EQ(
        refusal("discovery: {connector: acme.list.v1}\n"),
        "mesh.yaml:1:24: discovery.connector: there is no discovery connector 'acme.list.v1'; there are: "
        "modelmesh.registry-sync.v1");
}

TEST(ConfigKeys, LimitsAndWindowsHaveTheirDocumentedPlaces) {
    const std::string inner = R"({
    deactivation: {request_limit: 100, token_limit: 2000, budget_limit: 1.5, quota_window: daily,
                   maintenance_window: {cron: "0 3 * * 0", duration: 2h, tz: UTC}},
    recovery: {on_quota_reset: false, quota_reset_schedule: daily_utc},
    rate_limit: {threshold: 0.7, min_delta: 500ms, max_rpm: 400, action: delay_request}}
)";
    for (const std::string& text :
         {"pools:\n  chat: " + inner, "pools:\n  chat: {rotation: " + inner + "  }\n"}) {
        const pool_config pool = read(text).pools[0].second;
        EXPECT_EQ(pool.request_limit, 100);
        EXPECT_EQ(pool.token_limit, 2000);
        EXPECT_EQ(pool.budget_limit, 1.5);
        EXPECT_EQ(pool.quota_window, quota_window::daily);
        EXPECT_EQ(pool.maintenance_window.cron, "0 3 * * 0");
        EXPECT_EQ(pool.maintenance_window.duration, 7200u);
        EXPECT_FALSE(pool.on_quota_reset);
        EXPECT_EQ(pool.quota_reset_schedule, quota_schedule::daily_utc);
        EXPECT_EQ(pool.rate_limit_min_delta, std::chrono::milliseconds(500));
        EXPECT_EQ(pool.rate_limit_max_rpm, 400u);
        EXPECT_EQ(pool.rate_limit_action, rate_limit_action::delay_request);
    }
    EXPECT_EQ(
        read("pools: {chat: {maintenance_window: '@daily', rotation: {selection: {model_priority: [m]}}}}\n")
            .pools[0]
            .second.maintenance_window.cron,
        "@daily");
}

} // namespace
} // namespace modelmesh::settings
