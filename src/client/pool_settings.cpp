#include "client/pool_settings.hpp"

#include <modelmesh/router/capability.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace modelmesh::detail {
namespace {

using problem_list = std::vector<std::string>;

std::shared_ptr<const connector::rotation_policy> policy_of(std::string_view name, std::string_view key,
                                                            const connector::rotation_settings& settings,
                                                            const connector::registry& connectors,
                                                            const std::string& where,
                                                            problem_list& problems) {
    result<std::unique_ptr<connector::rotation_policy>> made = connectors.make_rotation(name, settings);
    if (made) return std::move(*made);
    const fault unknown = made.error();
    // An application that registers nothing but its own providers still has our policies, the default among them.
    connector::registry shipped;
    connector::register_builtin(shipped);
    made = shipped.make_rotation(name, settings);
    if (made) return std::move(*made);
    std::string text = where + std::string(key) + ": " + unknown.message;
    const std::vector<std::string_view> known = connectors.rotations();
    const std::vector<std::string> near = capability::nearest(name, known, 1);
    if (!near.empty()) text += "; did you mean '" + near.front() + "'?";
    problems.push_back(std::move(text));
    return nullptr;
}

void check_weights(const named<double>& weights, const std::string& where, problem_list& problems) {
    for (const auto& [model, weight] : weights)
        if (!std::isfinite(weight) || weight < 0)
            problems.push_back(where + "model_weights: the weight of '" + model +
                               "' must be a number that is not negative");
    const bool is_all_zero =
        std::all_of(weights.begin(), weights.end(), [](const auto& each) { return each.second == 0; });
    if (!weights.empty() && is_all_zero)
        problems.push_back(where + "model_weights: one of them must be above 0");
}

} // namespace

state::trip_rule trips_of(const pool_config& settings, const std::string& where, problem_list& problems) {
    constexpr unsigned most = state::health_slot::max_failures;
    if (settings.failure_threshold == 0 || settings.failure_threshold > most)
        problems.push_back(where + "failure_threshold must be between 1 and " + std::to_string(most));
    if (!(settings.error_rate_threshold > 0)) // not a number is not above 0 either
        problems.push_back(where + "error_rate_threshold must be above 0");
    return {settings.failure_threshold, std::chrono::seconds(settings.cooldown_seconds),
            settings.error_rate_threshold};
}

router::streaming_plan streaming_of(const pool_config& settings, const std::string& where,
                                    problem_list& problems) {
    const streaming_config& from = settings.streaming;
    router::streaming_plan plan;
    plan.on_failure = from.on_failure;
    plan.hold_back = from.hold_back.value_or(std::chrono::milliseconds(0));
    plan.max_failovers = from.max_failovers;
    if (plan.hold_back < duration::zero() || plan.hold_back > std::chrono::minutes(1))
        problems.push_back(where + "streaming.hold_back must be between 0 and 60 s");
    if (from.max_failovers == 0 || from.max_failovers > 100)
        problems.push_back(where + "streaming.max_failovers must be between 1 and 100; for none set "
                                   "streaming.on_failure to error");
    return plan;
}

router::rotation_plan rotation_of(const pool_config& settings, const named<provider_config>& providers,
                                  const connector::registry& connectors, const std::string& where,
                                  problem_list& problems) {
    constexpr unsigned longest = state::latency_track::longest_window;
    if (settings.latency_window == 0 || settings.latency_window > longest)
        problems.push_back(where + "latency_window must be between 1 and " + std::to_string(longest));
    if (!(settings.rate_limit_threshold > 0 && settings.rate_limit_threshold <= 1))
        problems.push_back(where + "rate_limit_threshold must be above 0 and at most 1");
    for (const std::string& wanted : settings.provider_priority)
        if (std::none_of(providers.begin(), providers.end(),
                         [&wanted](const auto& entry) { return entry.first == wanted; }))
            problems.push_back(where + "provider_priority: there is no provider '" + wanted + "'");
    check_weights(settings.model_weights, where, problems);

    connector::rotation_settings rotation;
    rotation.has_weights = !settings.model_weights.empty();
    rotation.balance = settings.balance_mode;
    rotation.affinity = settings.affinity_mode;
    rotation.rate_limit_threshold = settings.rate_limit_threshold;
    if (settings.fallback_strategy != "error")
        rotation.fallback =
            policy_of(settings.fallback_strategy, "fallback_strategy", rotation, connectors, where, problems);
    router::rotation_plan plan;
    plan.strategy = settings.strategy;
    plan.policy = policy_of(settings.strategy, "strategy", rotation, connectors, where, problems);
    plan.model_priority = settings.model_priority;
    plan.provider_priority = settings.provider_priority;
    plan.weights = settings.model_weights;
    plan.latency_window = settings.latency_window;
    return plan;
}

} // namespace modelmesh::detail
