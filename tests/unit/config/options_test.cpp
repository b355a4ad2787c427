// Sections that name a connector and have its options: `storage`, and what `secrets` shares with it.
#include "config/options.hpp"

#include "fixture.hpp"
#include "support/event_list.hpp"

namespace modelmesh::settings {
namespace {

TEST(ConfigOptions, MayStandBesideTheSectionsKeysOrBelowConfig) {
    const config flat =
        read("storage: {connector: modelmesh.sqlite.v1, path: ./mesh.db, busy_timeout: 2s}\n");
    EXPECT_EQ(flat.storage.connector, "modelmesh.sqlite.v1");
    EXPECT_EQ(flat.storage.options.text, R"({"path":"./mesh.db","busy_timeout":"2s"})");
    for (const char* key : {"config", "options"}) {
        const config nested = read("storage: {connector: modelmesh.sqlite.v1, " + std::string(key) +
                                   ": {path: ./mesh.db, busy_timeout: 2s}}\n");
        EXPECT_EQ(nested.storage.options, flat.storage.options) << key;
    }
}

TEST(ConfigOptions, BelowConfigWinsAndSaysSo) {
    support::event_list log{{.least = severity::warning}};
    const config made =
        read("storage: {connector: modelmesh.sqlite.v1, path: a.db, config: {path: b.db}}\n", {}, &log);
    EXPECT_EQ(made.storage.options.text, R"({"path":"b.db"})");
    EXPECT_EQ(log.lines(),
              (std::vector<std::string>{"config.warning message=mesh.yaml:1:43: storage.path: is the "
                                        "same as storage.config.path, which counts"}));
}

struct keeping_options {
    std::string cache_ttl{};
};

// `cache_ttl` of the section means something else, and the store's own is not lost without a word.
TEST(ConfigOptions, AKeyOfTheSectionThatAConnectorHasAsWellIsToldOf) {
    class keeping final : public connector::secret_store {
    public:
        result<std::optional<std::string>> get(std::string_view) const override { return std::nullopt; }
    };
    std::vector<std::string> given;
    connector::registry connectors = builtin();
    ASSERT_TRUE(connectors.add_secret_store<keeping_options>(
        "acme.keeping.v1",
        [&given](const keeping_options& of, log_sink*) -> result<std::unique_ptr<connector::secret_store>> {
            given.push_back(of.cache_ttl);
            return std::make_unique<keeping>();
        }));
    support::event_list log{{.least = severity::warning}};
    const std::string rest = "providers: {openai.llm.v1: {api_key: k, models: [m]}}\n";
    for (const char* text : {"secrets: {store: acme.keeping.v1, cache_ttl: 5m}\n",
                             "secrets: {store: acme.keeping.v1, options: {cache_ttl: 7m}}\n"})
        (void)load({{"mesh.yaml", text + rest}}, {}, connectors, &log);
    EXPECT_EQ(given, (std::vector<std::string>{"", "7m"}));
    EXPECT_EQ(log.lines(),
              (std::vector<std::string>{"config.warning message=mesh.yaml:1:46: secrets.cache_ttl: is the "
                                        "section's own; that of the secret store is 'options.cache_ttl'"}));
}

TEST(ConfigOptions, AreCheckedAgainstTheConnectorsOwnType) {
    EXPECT_EQ(refusal("storage:\n  connector: modelmesh.sqlite.v1\n  pth: a.db\n  busy_timeout: soon\n"),
              "mesh.yaml:3:3: storage.pth: there is no such key; did you mean 'path'?\n"
              "mesh.yaml:4:17: storage.busy_timeout: must be a duration, like 30s, 500ms, 1h30m or none, not "
              "'soon'");
    EXPECT_EQ(refusal("storage:\n  connector: modelmesh.memory.v1\n  config: {path: a.db}\n"),
              "mesh.yaml:3:12: storage.config.path: there is no such key; there are: connector options "
              "sync_policy sync_interval config persistence locking");
}

TEST(ConfigOptions, AMisspelledKeyOfTheSectionIsRecognised) {
    EXPECT_EQ(refusal("storage: {connector: modelmesh.sqlite.v1, sync_polcy: immediate}\n"),
              "mesh.yaml:1:43: storage.sync_polcy: there is no such key; did you mean 'sync_policy'?");
}

TEST(ConfigOptions, TheirConnectorMustBeThere) {
    EXPECT_EQ(
        refusal("storage: {connector: modelmesh.redis.v1, url: x}\n"),
        "mesh.yaml:1:22: storage.connector: there is no storage connector 'modelmesh.redis.v1'; there are: "
        "modelmesh.memory.v1 modelmesh.sqlite.v1");
    EXPECT_EQ(refusal("storage: {path: a.db}\n"),
              "mesh.yaml:1:10: storage: needs 'connector', the id of a storage connector");
    EXPECT_EQ(refusal("storage: {connector: modelmesh.sqlite.v1, config: a.db}\n"),
              "mesh.yaml:1:51: storage.config: must be a map of settings");
}

TEST(ConfigOptions, WhenStateIsSavedHasTwoPlacesAndTwoSpellings) {
    const std::string rest = "connector: modelmesh.memory.v1, ";
    const auto policy = [&rest](const std::string& text) {
        return read("storage: {" + rest + text + "}\n").storage.sync_policy;
    };
    EXPECT_EQ(policy("sync_policy: sync-on-boundary"), sync_policy::sync_on_boundary);
    EXPECT_EQ(policy("sync_policy: sync_on_boundary"), sync_policy::sync_on_boundary);
    EXPECT_EQ(policy("persistence: {sync_policy: immediate}"), sync_policy::immediate);
    EXPECT_EQ(policy("sync_policy: in-memory"), sync_policy::in_memory);
    EXPECT_EQ(policy("sync_interval: 15s"), std::nullopt);
    EXPECT_EQ(read("storage: {" + rest + "sync_interval: 1m30s}\n").storage.sync_interval,
              std::chrono::seconds(90));
    EXPECT_EQ(refusal("storage: {" + rest + "sync_policy: never}\n"),
              "mesh.yaml:1:56: storage.sync_policy: must be one of in_memory, sync_on_boundary, periodic, "
              "immediate, not 'never'");
}

TEST(ConfigOptions, FilesLieOverEachOther) {
    const config made =
        read({{"base.yaml", "storage: {connector: modelmesh.sqlite.v1, path: a.db, max_size: 1MB}\n"},
              {"site.yaml", "storage: {config: {path: b.db}}\n"}});
    EXPECT_EQ(made.storage.options.text, R"({"path":"b.db","max_size":"1MB"})");
}

TEST(ConfigOptions, OfCodeAreReadAsThoseOfAFile) {
    const connector::registry all = builtin();
    const connector::options_type& sqlite = *all.storages().find("modelmesh.sqlite.v1");
    EXPECT_TRUE(read_options(json::raw(), sqlite, "storage"));
    EXPECT_TRUE(
        read_options(json::raw(R"({"path":"a.db","busy_timeout":"2s","max_size":4096})"), sqlite, "storage"));
    EXPECT_EQ(
        read_options(json::raw(R"({"file":"a.db"})"), sqlite, "storage").error().message,
        "storage.options:1:2: file: there is no such key; there are: path busy_timeout max_size db_path");
    EXPECT_EQ(
        make_connector(all.storages(), "modelmesh.redis.v1", {}, "storage connector", "storage", nullptr)
            .error()
            .message,
        "storage: there is no storage connector 'modelmesh.redis.v1'; there are: modelmesh.memory.v1 "
        "modelmesh.sqlite.v1");
}

TEST(ConfigOptions, AreDumpedAsTheyAreRead) {
    const config made =
        read("storage: {connector: modelmesh.sqlite.v1, path: 'a $${b}.db', sync_policy: periodic}\n");
    const std::string dump = to_yaml(made);
    EXPECT_EQ(dump, "version: 1\n"
                    "storage:\n"
                    "  connector: modelmesh.sqlite.v1\n"
                    "  options:\n"
                    "    path: \"a $${b}.db\"\n"
                    "  sync_policy: periodic\n");
    EXPECT_EQ(read(dump).storage.options, made.storage.options);
}

struct safe_options {
    std::string url{};
    std::string password{};
    static constexpr json::field_rule json_fields[] = {json::secret("password")};
};

TEST(ConfigOptions, SecretOnesAreNeverShown) {
    connector::registry all;
    connector::register_builtin(all);
    ASSERT_TRUE(all.add_storage<safe_options>("acme.safe.v1", [](const safe_options&, log_sink*) {
        return result<std::unique_ptr<connector::storage>>(fault(errc::config, "closed"));
    }));
    const config made =
        load({{"mesh.yaml", "storage: {connector: acme.safe.v1, url: 'https://x', password: open-sesame}\n"}},
             {}, all, nullptr);
    EXPECT_EQ(made.storage.options.text, R"({"url":"https://x","password":"open-sesame"})");
    EXPECT_EQ(to_yaml(made).find("sesame"), std::string::npos);
    EXPECT_NE(to_yaml(made).find("url: \"https://x\""), std::string::npos);
}

TEST(ConfigBudget, OneAlertThresholdNeedsNoList) {
    EXPECT_EQ(read("budget: {alert_threshold: 0.75}\n").budget.alert_thresholds, std::vector<double>{0.75});
    EXPECT_EQ(read("budget: {alert_threshold: [0.5, 1]}\n").budget.alert_thresholds,
              (std::vector<double>{0.5, 1}));
    EXPECT_EQ(refusal("budget: {alert_thresholds: 0.75}\n"),
              "mesh.yaml:1:28: budget.alert_thresholds: must be a list, like [a, b], not '0.75'");
}

TEST(ConfigBudget, NullIsNoLimit) {
    const config made = read({{"base.yaml", "budget: {daily_limit: 5, monthly_limit: null}\n"},
                              {"site.yaml", "budget: {daily_limit: null}\n"}});
    EXPECT_FALSE(made.budget.daily_limit);
    EXPECT_FALSE(made.budget.monthly_limit);
}

} // namespace
} // namespace modelmesh::settings
