// Counters of what one model did for one pool.
#pragma once

#include "budget/money.hpp"
#include "budget/period.hpp"
#include "budget/prices.hpp"

#include <modelmesh/api/usage_report.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace modelmesh::budget {

/// How an attempt ended.
struct ending {
    consumption used{};
    micro_usd cost = 0;
    bool has_failed = false;
    bool is_priced = true;
    bool was_billed = true; ///< false: nothing came, so nothing was used
};

/// Threads: any may add and read. Relaxed: the counters are read one by one, and no other data hangs on them.
class tally {
public:
    void add(const ending& of, calendar when) noexcept;
    /// Adds what was counted.
    void add_to(usage_counts& sums, calendar now) const noexcept;
    [[nodiscard]] bool is_empty() const noexcept {
        return counters_[0].total.load(std::memory_order_relaxed) == 0;
    }

private:
    struct counter {
        std::atomic<std::int64_t> total{0};
        period_amount today;
        period_amount month;
    };
    static constexpr std::size_t kinds = 8;
    std::array<counter, kinds> counters_; ///< in the order of usage_totals
};

} // namespace modelmesh::budget
