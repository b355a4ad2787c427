// Every connector that ships keeps the promises of its interface, by the checks that authors of others have.
#include "secret_stores/dotenv.hpp"
#include "secret_stores/environment.hpp"
#include "secret_stores/memory.hpp"
#include "storage/memory.hpp"
#include "storage/sqlite.hpp"
#include "support/scratch_folder.hpp"

#include <modelmesh/connector/registry.hpp>
#include <modelmesh/connector/sinks.hpp>
#include <modelmesh/testing/conformance/rotation.hpp>
#include <modelmesh/testing/conformance/secret_store.hpp>
#include <modelmesh/testing/conformance/sink.hpp>
#include <modelmesh/testing/conformance/storage.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <tuple>

namespace modelmesh::testing {
namespace {

using namespace connector;

/// A kind of connector and a promise.
template <class Promise> using kept_by = std::tuple<std::string, Promise>;

struct name_of_both {
    template <class Parameter> std::string operator()(const Parameter& each) const {
        std::string name = std::get<0>(each.param) + "_" + std::string(std::get<1>(each.param).name);
        std::replace(name.begin(), name.end(), '-', '_');
        return name;
    }
};

class Storage : public ::testing::TestWithParam<kept_by<storage_promise>>, protected support::scratch_folder {
protected:
    storage_kit kit_of(const std::string& kind) {
        if (kind == "memory") return {[] { return memory_storage::make({}, nullptr).value(); }};
        const auto open = [this] {
            sqlite_options options;
            options.path = file(std::to_string(made_) + ".db");
            return sqlite_storage::make(options, nullptr).value();
        };
        return {[this, open] {
                    ++made_;
                    return open();
                },
                open};
    }

private:
    int made_ = 0;
};

TEST_P(Storage, Keeps) {
    const auto& [kind, promised] = GetParam();
    EXPECT_EQ(promised.broken_by(kit_of(kind)), "");
}
INSTANTIATE_TEST_SUITE_P(Kinds, Storage,
                         ::testing::Combine(::testing::Values("memory", "sqlite"),
                                            ::testing::ValuesIn(storage_promises)),
                         name_of_both());

class SecretStore : public ::testing::TestWithParam<kept_by<secret_store_promise>>,
                    protected support::scratch_folder {
protected:
    SecretStore() { ::setenv("UNIT_TEST_PLAIN", "sk-plain-text", 1); }
    ~SecretStore() override { ::unsetenv("UNIT_TEST_PLAIN"); }

    secret_store_kit kit_of(const std::string& kind) {
        if (kind == "environment")
            return {[] { return environment_secrets::make({}, nullptr).value(); },
                    {{"UNIT_TEST_PLAIN", "sk-plain-text"}}};
        const std::map<std::string, std::string> secrets{{"UNIT_TEST_PLAIN", "sk-plain-text"},
                                                         {"UNIT_TEST_ODD", "sk # $A \\n \"x\" = y"}};
        if (kind == "memory")
            return {[secrets] {
                        memory_options options;
                        options.secrets = secrets;
                        return memory_secrets::make(options, nullptr).value();
                    },
                    secrets};
        std::ofstream written(file(".env"));
        for (const auto& [name, secret] : secrets) written << name << "='" << secret << "'\n";
        return {[path = file(".env")] {
                    dotenv_options options;
                    options.path = path;
                    return dotenv_secrets::make(options, nullptr).value();
                },
                secrets};
    }
};

TEST_P(SecretStore, Keeps) {
    const auto& [kind, promised] = GetParam();
    EXPECT_EQ(promised.broken_by(kit_of(kind)), "");
}
INSTANTIATE_TEST_SUITE_P(Kinds, SecretStore,
                         ::testing::Combine(::testing::Values("environment", "dotenv", "memory"),
                                            ::testing::ValuesIn(secret_store_promises)),
                         name_of_both());

std::vector<std::string> every_policy() {
    registry all;
    register_builtin(all);
    std::vector<std::string> names;
    for (const std::string_view name : all.rotations()) names.emplace_back(name);
    return names;
}

class RotationPolicy : public ::testing::TestWithParam<kept_by<rotation_promise>> {};

TEST_P(RotationPolicy, Keeps) {
    const auto& [name, promised] = GetParam();
    registry all;
    register_builtin(all);
    for (const bool has_weights : {false, true}) {
        rotation_settings settings;
        settings.has_weights = has_weights;
        if (has_weights) {
            settings.balance = balance_mode::absolute;
            settings.affinity = affinity_mode::strict;
            settings.fallback = all.make_rotation("round-robin", {}).value();
        }
        EXPECT_EQ(promised.broken_by({[&] { return all.make_rotation(name, settings).value(); }}), "")
            << (has_weights ? "with other settings" : "as it is");
    }
}
INSTANTIATE_TEST_SUITE_P(Policies, RotationPolicy,
                         ::testing::Combine(::testing::ValuesIn(every_policy()),
                                            ::testing::ValuesIn(rotation_promises)),
                         name_of_both());

class Sink : public ::testing::TestWithParam<kept_by<sink_promise>>, protected support::scratch_folder {
protected:
    sink_kit kit_of(const std::string& kind) {
        if (kind == "null") return {[] { return make_null_sink().value(); }};
        if (kind == "console") return {[] { return make_console_sink().value(); }};
        return {[path = file("events.jsonl")] {
            json_log_sink_options options;
            options.path = path;
            options.max_size = 100'000;
            return make_json_log_sink(options).value();
        }};
    }
};

TEST_P(Sink, Keeps) {
    const auto& [kind, promised] = GetParam();
    ::testing::internal::CaptureStderr(); // of the console
    EXPECT_EQ(promised.broken_by(kit_of(kind)), "");
    (void)::testing::internal::GetCapturedStderr();
}
INSTANTIATE_TEST_SUITE_P(Kinds, Sink,
                         ::testing::Combine(::testing::Values("null", "console", "json_log"),
                                            ::testing::ValuesIn(sink_promises)),
                         name_of_both());

} // namespace
} // namespace modelmesh::testing
