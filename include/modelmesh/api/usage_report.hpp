// What a client's calls have used and cost, and what its budgets have left.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace modelmesh {

/// Sums over attempts: each request that was sent to a model is one.
struct usage_totals {
    std::int64_t requests{0};
    std::int64_t failures{0}; ///< part of requests
    std::int64_t input_tokens{0};
    std::int64_t cached_tokens{0}; ///< part of input_tokens
    std::int64_t output_tokens{0};
    std::int64_t reasoning_tokens{0}; ///< part of output_tokens
    std::int64_t cost_micro_usd{0};   ///< millionths of a US dollar
    /// Part of requests: answered by models of which no price is known, so that their cost is missing (or
    /// assumed).
    std::int64_t unpriced{0};

    [[nodiscard]] std::int64_t total_tokens() const noexcept { return input_tokens + output_tokens; }
    friend bool operator==(const usage_totals&, const usage_totals&) = default;
};

/// What kept models from being asked, since the client was made. Of models that the configuration has now, while their
/// provider is the same account: what was known of others is forgotten with them.
struct service_totals {
    /// Time in which no request was sent, each model's of each pool by itself; of one that is out, until now. A standby
    /// that is over ends it, whether or not a request has come since to find out.
    std::chrono::milliseconds downtime{0};
    std::int64_t standby_events{0};  ///< how often a model went out of service, whatever for
    std::int64_t quota_resets{0};    ///< how often one was asked again that a limit or a budget had kept out
    std::int64_t rotation_events{0}; ///< requests that went on to another model when this one had failed
    friend bool operator==(const service_totals&, const service_totals&) = default;
};

/// By period. Days and months are those of config::time_zone.
struct usage_counts {
    usage_totals total{}; ///< since the client was made, or since its storage was (config::storage)
    usage_totals today{};
    usage_totals month{}; ///< this one
    service_totals service{};
    friend bool operator==(const usage_counts&, const usage_counts&) = default;
};

/// One limit of one budget.
struct budget_state {
    std::string scope{};      ///< "global", "provider", "pool" or "model"
    std::string name{};       ///< of the provider, the pool or the model
    std::string limit_name{}; ///< "daily_limit" or "monthly_limit"
    std::int64_t limit_micro_usd{0};
    std::int64_t spent_micro_usd{0};
    std::int64_t reserved_micro_usd{0};  ///< by calls under way
    std::int64_t remaining_micro_usd{0}; ///< of the limit, after both; never negative
    bool is_enforced{true};
    std::chrono::system_clock::time_point resets_at{};
    friend bool operator==(const budget_state&, const budget_state&) = default;
};

/// A moment's picture. Each number is exact; calls that end while it is taken may be in one and not yet in
/// another.
struct usage_report {
    usage_counts all{};
    std::map<std::string, usage_counts> by_model{}; ///< by the id of the configuration; those that were asked
    std::map<std::string, usage_counts> by_provider{};
    std::map<std::string, usage_counts> by_pool{}; ///< a model that is named by itself is its own pool
    std::vector<budget_state> budgets{};
};

} // namespace modelmesh
