// When a model goes out of service and when it returns: the two parts of a pool's rotation beside the choice
// (rotation.hpp). Derive from them and register (registry::add_deactivation, add_recovery) to have rules of your own.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::connector {

/// Why a model is out of service.
enum class standby_reason : std::uint8_t {
    error_threshold,    ///< it failed too often, or was too slow
    rate_limited,       ///< its provider said when to come back
    model_not_found,    ///< its provider does not know it
    provider_quota,     ///< its provider says that its account has no quota left
    quota_exhausted,    ///< its own share of requests or tokens is used up
    budget_exceeded,    ///< what it may cost is spent
    token_limit,        ///< what models of its pool may use of tokens is used up
    request_limit,      ///< the same of requests
    maintenance_window, ///< by the calendar
    manual,             ///< a program said so
};

[[nodiscard]] constexpr std::string_view to_string(standby_reason why) noexcept {
    switch (why) {
    case standby_reason::error_threshold:
        return "error_threshold";
    case standby_reason::rate_limited:
        return "rate_limited";
    case standby_reason::model_not_found:
        return "model_not_found";
    case standby_reason::provider_quota:
        return "provider_quota";
    case standby_reason::quota_exhausted:
        return "quota_exhausted";
    case standby_reason::budget_exceeded:
        return "budget_exceeded";
    case standby_reason::token_limit:
        return "token_limit";
    case standby_reason::request_limit:
        return "request_limit";
    case standby_reason::maintenance_window:
        return "maintenance_window";
    case standby_reason::manual:
        return "manual";
    }
    return {};
}

/// Whether it is for use that begins anew with a period: of a limit of ours, or of the provider's.
[[nodiscard]] constexpr bool is_of_quota(standby_reason why) noexcept {
    return why == standby_reason::provider_quota || why == standby_reason::quota_exhausted ||
           why == standby_reason::budget_exceeded || why == standby_reason::token_limit ||
           why == standby_reason::request_limit;
}

/// What a model has done for a pool, when an attempt at it has ended. Views are valid during the call that gets them.
class model_record {
public:
    std::string_view pool{};
    std::string_view model{};                                ///< id
    std::string_view name{};                                 ///< the vendor's
    bool has_failed{false};                                  ///< the attempt
    std::chrono::microseconds latency{};                     ///< of the attempt
    unsigned failures{0};                                    ///< in a row
    double error_rate{0};                                    ///< share of failures among the last outcomes
    std::optional<std::chrono::microseconds> mean_latency{}; ///< of whole replies, in all pools
    /// Since the quota window began, attempts under way not counted.
    std::int64_t requests{0};
    std::int64_t tokens{0};
    std::int64_t cost_micro_usd{0};
    std::chrono::milliseconds until_reset{}; ///< of the quota window
};

/// What a pool's configuration says of when its models go out of service. Absent: never.
class deactivation_settings {
public:
    unsigned failure_threshold{3};
    double error_rate_threshold{0.5};
    std::optional<std::int64_t> request_limit{}; ///< of each model, in a quota window; the next two, too
    std::optional<std::int64_t> token_limit{};
    std::optional<std::int64_t> cost_limit_micro_usd{};
    std::vector<std::pair<std::string, std::int64_t>> model_request_limits{}; ///< by id or name
    std::vector<std::pair<std::string, std::int64_t>> model_token_limits{};
    std::optional<std::chrono::microseconds> max_latency{};
};

/// Decides whether a model goes out of service. One object for each pool that has it. No function does I/O or throws.
/// Threads: may be called from several threads at once, when an outcome is reported and never when a model is chosen.
class deactivation_policy {
public:
    virtual ~deactivation_policy() = default;
    /// Asked after each attempt of a model in service; nothing: it stays.
    [[nodiscard]] virtual std::optional<standby_reason> should_deactivate(
        const model_record& of) const noexcept = 0;
};

/// What a pool's configuration says of when its models return.
class recovery_settings {
public:
    std::chrono::milliseconds cooldown{60000};
    bool on_quota_reset{true}; ///< false: who has used up a limit stays out until a program puts it back
};

/// Decides how long a model stays out of service. The same, and asked when one goes out. When its time is over, one
/// request is its probe; when that fails, it stays out for twice the pool's cooldown, as after any failure.
class recovery_policy {
public:
    /// Until a program puts it back.
    static constexpr std::chrono::milliseconds never = std::chrono::milliseconds::max();

    virtual ~recovery_policy() = default;
    /// @param unit  random, in [0, 1).
    [[nodiscard]] virtual std::chrono::milliseconds standby_time(standby_reason why, const model_record& of,
                                                                 double unit) const noexcept = 0;
};

} // namespace modelmesh::connector
