#include "policies.hpp"

#include <algorithm>

namespace modelmesh::connector {
namespace {

using limits = std::vector<std::pair<std::string, std::int64_t>>;

// Failures first, then its own share, then those of all models of the pool; the first that is reached counts.
class thresholds final : public deactivation_policy {
public:
    explicit thresholds(deactivation_settings settings) : settings_(std::move(settings)) {}

    std::optional<standby_reason> should_deactivate(const model_record& of) const noexcept override {
        if (of.has_failed &&
            (of.failures >= settings_.failure_threshold || of.error_rate >= settings_.error_rate_threshold))
            return standby_reason::error_threshold;
        // Slow now, and not only now: a model that has become faster is not held back by its past.
        if (settings_.max_latency && !of.has_failed && of.latency > *settings_.max_latency &&
            of.mean_latency && *of.mean_latency > *settings_.max_latency)
            return standby_reason::error_threshold;
        if (is_reached(settings_.model_request_limits, of, of.requests) ||
            is_reached(settings_.model_token_limits, of, of.tokens))
            return standby_reason::quota_exhausted;
        if (settings_.request_limit && of.requests >= *settings_.request_limit)
            return standby_reason::request_limit;
        if (settings_.token_limit && of.tokens >= *settings_.token_limit) return standby_reason::token_limit;
        if (settings_.cost_limit_micro_usd && of.cost_micro_usd >= *settings_.cost_limit_micro_usd)
            return standby_reason::budget_exceeded;
        return std::nullopt;
    }

private:
    static bool is_reached(const limits& in, const model_record& of, std::int64_t used) noexcept {
        return std::any_of(in.begin(), in.end(), [&](const auto& limit) {
            return (limit.first == of.model || limit.first == of.name) && used >= limit.second;
        });
    }

    deactivation_settings settings_;
};

// The cooldown, up to a tenth longer or shorter, after failures; the next quota window after a limit.
class scheduled final : public recovery_policy {
public:
    explicit scheduled(const recovery_settings& settings) : settings_(settings) {}

    std::chrono::milliseconds standby_time(standby_reason why, const model_record& of,
                                           double unit) const noexcept override {
        switch (why) {
        case standby_reason::quota_exhausted:
        case standby_reason::budget_exceeded:
        case standby_reason::token_limit:
        case standby_reason::request_limit:
            return settings_.on_quota_reset ? of.until_reset : never;
        case standby_reason::error_threshold:
        case standby_reason::rate_limited:
        case standby_reason::model_not_found:
        case standby_reason::provider_quota:
        case standby_reason::maintenance_window:
        case standby_reason::manual:
            break;
        }
        const auto cooldown = static_cast<double>(settings_.cooldown.count());
        return std::chrono::milliseconds(static_cast<std::int64_t>(cooldown * (0.9 + 0.2 * unit)));
    }

private:
    recovery_settings settings_;
};

} // namespace

std::unique_ptr<deactivation_policy> make_thresholds(const deactivation_settings& settings) {
    return std::make_unique<thresholds>(settings);
}
std::unique_ptr<recovery_policy> make_scheduled(const recovery_settings& settings) {
    return std::make_unique<scheduled>(settings);
}

} // namespace modelmesh::connector
