#include "client/pool_settings.hpp"

#include "budget/money.hpp"
#include "config/model_names.hpp"

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

// Whether failures are counted by the rules that ship with the library, in any spelling of their names.
bool has_own_rules(const pool_config& settings) {
    const auto is = [](std::string_view name, std::string_view kind, std::string_view shipped) {
        if (name.starts_with(kind)) name.remove_prefix(kind.size());
        return name == shipped || name == "modelmesh." + std::string(shipped) + ".v1";
    };
    return !is(settings.deactivation_policy, "deactivation.", "thresholds") ||
           !is(settings.recovery_policy, "recovery.", "scheduled");
}

// What a table of the application's registry has, or else of ours.
template <class Table, class Settings>
auto rule_of(const Table& (connector::registry::*table)() const noexcept, std::string_view name,
             std::string_view key, const Settings& settings, const connector::registry& connectors,
             const std::string& where, problem_list& problems) {
    auto made = (connectors.*table)().make(name, settings);
    if (!made) {
        connector::registry shipped;
        connector::register_builtin(shipped);
        auto ours = (shipped.*table)().make(name, settings);
        if (ours) return std::move(*ours);
        problems.push_back(where + std::string(key) + ": " + made.error().message);
        return decltype(std::move(*ours))(nullptr);
    }
    return std::move(*made);
}

void check_limit(const std::optional<std::int64_t>& limit, std::string_view key, const std::string& where,
                 problem_list& problems) {
    if (limit && *limit < 1) problems.push_back(where + std::string(key) + " must be at least 1");
}

void check_codes(const std::vector<int>& codes, const std::string& where, problem_list& problems) {
    for (const int code : codes)
        if (code < 400 || code > 599)
            problems.push_back(where + ": " + std::to_string(code) +
                               " is no HTTP status of a failure, which are 400 to 599");
}

} // namespace

void check_retry_codes(const std::vector<int>& retryable, const std::vector<int>& non_retryable,
                       const std::string& where, problem_list& problems) {
    check_codes(retryable, where + ".retryable_codes", problems);
    check_codes(non_retryable, where + ".non_retryable_codes", problems);
    for (const int code : retryable)
        if (std::find(non_retryable.begin(), non_retryable.end(), code) != non_retryable.end())
            problems.push_back(where + ": " + std::to_string(code) +
                               " is both in retryable_codes and in non_retryable_codes");
}

state::trip_rule trips_of(const pool_config& settings, const std::string& where, problem_list& problems) {
    constexpr unsigned most = state::health_slot::max_failures;
    if (settings.failure_threshold == 0 || settings.failure_threshold > most)
        problems.push_back(where + "failure_threshold must be between 1 and " + std::to_string(most));
    if (!(settings.error_rate_threshold > 0)) // not a number is not above 0 either
        problems.push_back(where + "error_rate_threshold must be above 0");
    const std::chrono::seconds cooldown(settings.cooldown_seconds);
    std::chrono::milliseconds again{0};
    if (settings.probe_interval && *settings.probe_interval <= std::chrono::seconds(0))
        problems.push_back(where + "probe_interval must be above 0");
    else if (settings.probe_interval)
        again = *settings.probe_interval;
    if (has_own_rules(settings)) return {most + 1, cooldown, 2, again}; // never by itself
    return {settings.failure_threshold, cooldown, settings.error_rate_threshold, again};
}

std::shared_ptr<const router::outcome_rules> rules_of(const pool_config& settings,
                                                      const connector::registry& connectors,
                                                      const std::string& where, problem_list& problems) {
    check_limit(settings.request_limit, "request_limit", where, problems);
    check_limit(settings.token_limit, "token_limit", where, problems);
    for (const auto& [model, limit] : settings.model_request_limits)
        check_limit(limit, "model_request_limits: '" + model + "'", where, problems);
    for (const auto& [model, limit] : settings.model_token_limits)
        check_limit(limit, "model_token_limits: '" + model + "'", where, problems);
    const std::optional<bool> counted =
        settings.quota_window ? std::optional(*settings.quota_window == quota_window::daily) : std::nullopt;
    const std::optional<bool> reset =
        settings.quota_reset_schedule
            ? std::optional(*settings.quota_reset_schedule == quota_schedule::daily_utc)
            : std::nullopt;
    if (counted && reset && *counted != *reset)
        problems.push_back(where + "quota_window and quota_reset_schedule are of different periods");

    connector::deactivation_settings when;
    when.failure_threshold = settings.failure_threshold;
    when.error_rate_threshold = settings.error_rate_threshold;
    when.request_limit = settings.request_limit;
    when.token_limit = settings.token_limit;
    when.model_request_limits = settings.model_request_limits;
    when.model_token_limits = settings.model_token_limits;
    if (settings.budget_limit) {
        const result<std::int64_t> limit = budget::scaled(*settings.budget_limit, budget::micro_digits);
        if (limit)
            when.cost_limit_micro_usd = *limit;
        else
            problems.push_back(where + "budget_limit must be an amount of US dollars");
    }
    if (settings.max_latency_ms) when.max_latency = std::chrono::milliseconds(*settings.max_latency_ms);
    const bool has_limits = when.request_limit || when.token_limit || settings.budget_limit ||
                            when.max_latency || !when.model_request_limits.empty() ||
                            !when.model_token_limits.empty();
    if (!has_limits && !has_own_rules(settings)) return nullptr;
    connector::recovery_settings then;
    then.cooldown = std::chrono::seconds(settings.cooldown_seconds);
    then.on_quota_reset = settings.on_quota_reset;
    auto made = std::make_shared<router::outcome_rules>();
    made->deactivation = rule_of(&connector::registry::deactivations, settings.deactivation_policy,
                                 "deactivation_policy", when, connectors, where, problems);
    made->recovery = rule_of(&connector::registry::recoveries, settings.recovery_policy, "recovery_policy",
                             then, connectors, where, problems);
    made->is_daily = counted ? *counted : reset.value_or(false);
    return made;
}

budget::time_zone zone_of(const std::string& name, const std::string& where, problem_list& problems) {
    const result<budget::time_zone> found = budget::time_zone::find(name);
    if (found) return *found;
    const std::vector<std::string> names = budget::time_zone_names();
    const std::vector<std::string_view> known(names.begin(), names.end());
    const std::vector<std::string> near = capability::nearest(name, known, 1);
    problems.push_back(where + ": " + found.error().message +
                       (near.empty() ? "" : "; did you mean '" + near.front() + "'?"));
    return {};
}

std::vector<router::maintenance_window> windows_of(const maintenance_config& settings, std::string model,
                                                   const std::string& where, problem_list& problems) {
    std::vector<router::maintenance_window> windows;
    if (settings.cron.empty()) return windows;
    const budget::time_zone zone = zone_of(settings.tz, where + "maintenance_window.tz", problems);
    if (settings.duration == 0) problems.push_back(where + "maintenance_window.duration must be above 0");
    const result<router::cron> begins = router::cron::parse(settings.cron);
    if (!begins)
        problems.push_back(where + "maintenance_window.cron: " + begins.error().message);
    else
        windows.push_back({std::move(model), *begins, std::chrono::seconds(settings.duration), zone});
    return windows;
}

router::pace_plan pace_of(const pool_config& settings, const std::string& where, problem_list& problems) {
    constexpr unsigned most = 100000; // each has a place in a ring
    if (settings.rate_limit_min_delta.count() < 0)
        problems.push_back(where + "rate_limit.min_delta must not be negative");
    if (settings.rate_limit_max_rpm > most)
        problems.push_back(where + "rate_limit.max_rpm must be at most " + std::to_string(most));
    return {{settings.rate_limit_min_delta, std::min(settings.rate_limit_max_rpm, most)},
            settings.rate_limit_action == rate_limit_action::delay_request};
}

void check_members(const pool_config& pool, const config& in, const std::string& where,
                   problem_list& problems) {
    const auto check_providers = [&](const std::vector<std::string>& named) {
        for (const std::string& wanted : named)
            if (std::none_of(in.providers.begin(), in.providers.end(),
                             [&wanted](const auto& entry) { return entry.first == wanted; }))
                problems.push_back(where + "there is no provider '" + wanted + "'");
    };
    check_providers(pool.providers);
    check_providers(pool.excluded_providers);
    if (pool.models.empty()) return;
    const settings::model_names known(in);
    for (const std::string& wanted : pool.models)
        if (const std::string problem = known.problem(wanted); !problem.empty())
            problems.push_back(where + "models: " + problem);
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

void check_retry(const pool_config& settings, const std::string& where, problem_list& problems) {
    const retry_config& retry = settings.retry;
    if (retry.max_attempts == 0) problems.push_back(where + "retry.max_attempts must be at least 1");
    if (retry.initial_delay.count() < 0 || retry.max_delay < retry.initial_delay)
        problems.push_back(where + "retry.max_delay must not be shorter than retry.initial_delay");
    if (!(retry.budget_ratio >= 0 && retry.budget_ratio <= 1))
        problems.push_back(where + "retry.budget_ratio must be from 0 to 1");
    check_retry_codes(retry.retryable_codes, retry.non_retryable_codes, where + "retry", problems);
    check_codes(settings.error_codes, where + "error_codes", problems);
}

router::provider_rule provider_rule_of(const pool_config& settings, const std::string& where,
                                       problem_list& problems) {
    const auto has = [](const auto& list, auto value) {
        return std::find(list.begin(), list.end(), value) != list.end();
    };
    router::provider_rule rule;
    rule.on_auth_failure = has(settings.provider_deactivation, provider_trigger::on_auth_failure);
    rule.on_api_outage = has(settings.provider_deactivation, provider_trigger::on_api_outage);
    rule.returns_by_probe = has(settings.provider_recovery, provider_return::on_probe_success);
    const outage_config& outage = settings.provider_outage;
    if (outage.models == 0 || outage.models > 64)
        problems.push_back(where + "provider_outage.models must be between 1 and 64");
    if (outage.failures == 0 || outage.window.count() <= 0)
        problems.push_back(where + "provider_outage: failures and window must be above 0");
    rule.outage = {outage.models, outage.failures, outage.window};
    return rule;
}

router::hedging_plan hedging_of(const pool_config& settings, const std::string& where,
                                problem_list& problems) {
    const hedging_config& from = settings.hedging;
    router::hedging_plan plan;
    plan.is_enabled = from.enabled;
    plan.percentile = from.percentile;
    plan.min_delay = from.min_delay;
    plan.max_extra_load = from.max_extra_load;
    if (!(from.percentile >= 50 && from.percentile <= 99.9)) // not a number is neither
        problems.push_back(where + "hedging.percentile must be between 50 and 99.9");
    if (plan.min_delay < duration::zero() || plan.min_delay > std::chrono::hours(1))
        problems.push_back(where + "hedging.min_delay must be between 0 and 1 h");
    if (!(from.max_extra_load >= 0 && from.max_extra_load <= 1))
        problems.push_back(where + "hedging.max_extra_load must be between 0 and 1");
    if (from.enabled && settings.latency_window < router::least_hedging_samples)
        problems.push_back(where + "hedging needs a latency_window of at least " +
                           std::to_string(router::least_hedging_samples));
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
