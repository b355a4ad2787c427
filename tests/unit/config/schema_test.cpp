// The JSON Schema of a configuration file.
#include "fixture.hpp"

#include <modelmesh/json/members.hpp>

namespace modelmesh::settings {
namespace {

// The schema of a property at this path of properties, where `*` stands for the schema of any name.
std::string at(std::initializer_list<std::string_view> path) {
    std::string schema = config_schema();
    for (const std::string_view name : path) {
        const char* below = name == "*" ? "additionalProperties" : "properties";
        for (const std::string_view key : {std::string_view(below), name}) {
            if (key == "*") break;
            std::string next;
            for (const json::member& each : json::members(schema).value())
                if (each.name == key) next = each.value;
            if (next.empty()) return "";
            schema = next;
        }
    }
    return schema;
}

TEST(ConfigSchema, HasWhatIsRead) {
    EXPECT_EQ(
        at({"pools", "*", "failure_threshold"}),
        R"({"anyOf":[{"type":"integer","minimum":1,"maximum":4095},{"type":"string","pattern":"\\$\\{"}],)"
        R"("description":"failures in a row that take a model out of service"})");
    EXPECT_EQ(at({"pools", "*", "recovery", "cooldown"}), at({"pools", "*", "cooldown_seconds"}));
    EXPECT_EQ(at({"providers", "*", "http"}),
              R"({"anyOf":[{"enum":["automatic","http1","http2"]},{"type":"string","pattern":"\\$\\{"}],)"
              R"("description":"which HTTP it is spoken to in"})");
    EXPECT_NE(at({"providers", "*", "config", "auth", "api_key"}).find(R"("writeOnly":true)"),
              std::string::npos);
    EXPECT_NE(at({"providers", "*", "tls", "verify"}), "");
    EXPECT_EQ(at({"version"}), R"({"const":1})");
    EXPECT_NE(at({"secrets", "store"}), "");
    EXPECT_NE(at({"secrets", "path"}), "");
    EXPECT_NE(at({"secrets", "config", "path"}), "");
    EXPECT_NE(at({"storage", "path"}), "");
    EXPECT_NE(at({"storage", "config", "path"}), "");
    EXPECT_NE(at({"storage", "options", "busy_timeout"}), "");
    EXPECT_NE(at({"storage", "sync_policy"}).find(R"("sync_on_boundary","sync-on-boundary")"),
              std::string::npos);
    EXPECT_EQ(at({"storage", "persistence", "format"}),
              R"({"anyOf":[{"const":"json"},{"type":"null"},{"type":"string","pattern":"\\$\\{"}],)"
              R"("description":"entries are JSON in every storage"})");
    EXPECT_EQ(at({"storage", "locking", "enabled"}),
              R"({"anyOf":[{"const":true},{"type":"null"},{"type":"string","pattern":"\\$\\{"}],)"
              R"("description":"one client at a time has a storage"})");
    EXPECT_NE(at({"secrets", "cache_ttl"}).find(R"({"type":["number","string"],"examples":["30s",)"),
              std::string::npos);
    EXPECT_NE(at({"budget", "daily_limit"}).find(R"({"type":"null"})"), std::string::npos);
    EXPECT_NE(at({"budget", "alert_threshold"}).find(R"({"type":"number"})"), std::string::npos);
}

TEST(ConfigSchema, HasTheKeysOfPoolsAndModels) {
    for (const char* key :
         {"models", "excluded_providers", "model_request_limits", "session_header", "max_latency_ms"})
        EXPECT_NE(at({"pools", "*", key}), "") << key;
    EXPECT_NE(at({"pools", "*", "deactivation", "request_limit"}), "");
    EXPECT_EQ(at({"pools", "*", "rate_limit", "max_rpm"}),
              at({"pools", "*", "rotation", "rate_limit", "max_rpm"}));
    EXPECT_NE(at({"models", "*", "constraints", "context_window"}), "");
    EXPECT_NE(at({"models", "*", "delivery"}).find(R"("enum":["sync","streaming","batch"])"),
              std::string::npos);
    EXPECT_NE(at({"models", "*", "delivery"}).find(R"("synchronous")"), std::string::npos);
    EXPECT_NE(at({"pools", "*", "maintenance_window"}).find(R"({"anyOf":[{"type":["object","null"])"),
              std::string::npos);
}

TEST(ConfigSchema, HasNothingThatIsRefused) {
    EXPECT_EQ(at({"discovery", "health"}), "");
    EXPECT_EQ(at({"storage", "locking", "timeout"}), "");
    EXPECT_NE(at({"pools", "*"}).find(R"("additionalProperties":false)"), std::string::npos);
}

} // namespace
} // namespace modelmesh::settings
