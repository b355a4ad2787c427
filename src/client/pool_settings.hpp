// How the settings of a pool become what the router works with.
#pragma once

#include "router/snapshot.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/connector/registry.hpp>

#include <string>
#include <vector>

namespace modelmesh::detail {

/// @param where  what messages begin with: "pool 'chat': retry"
void check_retry_codes(const std::vector<int>& retryable, const std::vector<int>& non_retryable,
                       const std::string& where, std::vector<std::string>& problems);

/// Adds to `problems` what is wrong, with the nearest name; then it is UTC.
[[nodiscard]] budget::time_zone zone_of(const std::string& name, const std::string& where,
                                        std::vector<std::string>& problems);

/// When models of the pool go out of service. Adds what is wrong to `problems`, each with the key.
/// @param where  what a problem begins with: the pool's name.
[[nodiscard]] state::trip_rule trips_of(const pool_config& settings, const std::string& where,
                                        std::vector<std::string>& problems);
/// Whether the providers and models that the pool names are there. The same.
void check_members(const pool_config& pool, const config& in, const std::string& where,
                   std::vector<std::string>& problems);
/// Limits of use, and whatever other rules take models out of service. Null: there are none. The same.
[[nodiscard]] std::shared_ptr<const router::outcome_rules> rules_of(const pool_config& settings,
                                                                    const connector::registry& connectors,
                                                                    const std::string& where,
                                                                    std::vector<std::string>& problems);
/// When models are not asked by the calendar: one window, or none. The same.
/// @param model  id; empty: all of the pool.
[[nodiscard]] std::vector<router::maintenance_window> windows_of(const maintenance_config& settings,
                                                                 std::string model, const std::string& where,
                                                                 std::vector<std::string>& problems);
/// How often each model is asked. The same.
[[nodiscard]] router::pace_plan pace_of(const pool_config& settings, const std::string& where,
                                        std::vector<std::string>& problems);
/// Checks how the pool asks again, and which statuses count. The same.
void check_retry(const pool_config& settings, const std::string& where, std::vector<std::string>& problems);
/// What the pool does about providers as a whole. The same.
[[nodiscard]] router::provider_rule provider_rule_of(const pool_config& settings, const std::string& where,
                                                     std::vector<std::string>& problems);
/// How the pool chooses. The same.
/// @param providers  those that are configured.
[[nodiscard]] router::rotation_plan rotation_of(const pool_config& settings,
                                                const named<provider_config>& providers,
                                                const connector::registry& connectors,
                                                const std::string& where, std::vector<std::string>& problems);
/// What it does with streams that break off. The same.
[[nodiscard]] router::streaming_plan streaming_of(const pool_config& settings, const std::string& where,
                                                  std::vector<std::string>& problems);
/// When it makes a second attempt beside one that takes long. The same.
[[nodiscard]] router::hedging_plan hedging_of(const pool_config& settings, const std::string& where,
                                              std::vector<std::string>& problems);

} // namespace modelmesh::detail
