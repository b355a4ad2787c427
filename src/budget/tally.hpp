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
#include <limits>

namespace modelmesh::budget {

/// How an attempt ended.
struct ending {
    consumption used{};
    micro_usd cost = 0;
    bool has_failed = false;
    bool is_priced = true;
    bool was_billed = true; ///< false: nothing came, so nothing was used
};

/// What a tally was at one moment, for the storage.
struct tally_record {
    calendar when{};
    usage_totals total{};
    usage_totals today{};
    usage_totals month{};
    friend bool operator==(const tally_record&, const tally_record&) = default;
};

/// Threads: any may add and read. The counters are read one by one: relaxed, but for the totals of costs, which are
/// added to last (release) and read first (acquire) by record(), so that a period has at least what the total has.
///
/// Where totals outlive the program, costs have a mark, which the storage has: after a crash they begin there again. So
/// nobody is told of a cost before the mark is at the total with it (is_covered), and a new mark is asked for before
/// the old one is reached (is_low). mark_ and low_ are written by the one thread that saves, after the storage has the
/// mark (release); pairs with the acquire in is_covered. Without a storage both are never reached.
class tally {
public:
    /// The total of costs with this one.
    std::int64_t add(const ending& of, calendar when) noexcept;
    /// Adds what was counted.
    void add_to(usage_counts& sums, calendar now) const noexcept;
    [[nodiscard]] bool is_empty() const noexcept {
        return counters_[0].total.load(std::memory_order_relaxed) == 0;
    }

    [[nodiscard]] tally_record record(calendar now) const noexcept;
    /// Goes on from what was saved; periods that are over are not gone on with. Costs go on from the mark, because how
    /// many of those behind it came true is not known. @pre nothing was added.
    void restore(const tally_record& from, std::int64_t mark, calendar now) noexcept;

    [[nodiscard]] bool is_covered(std::int64_t total) const noexcept {
        return total <= mark_.load(std::memory_order_acquire);
    }
    [[nodiscard]] bool is_low(std::int64_t total) const noexcept {
        return total > low_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::int64_t mark() const noexcept { return mark_.load(std::memory_order_relaxed); }
    /// @param low  from where on the next mark is asked for.
    void cover(std::int64_t mark, std::int64_t low) noexcept {
        low_.store(low, std::memory_order_relaxed);
        mark_.store(mark, std::memory_order_release);
    }

private:
    struct counter {
        std::atomic<std::int64_t> total{0};
        period_amount today;
        period_amount month;
    };
    static constexpr std::size_t kinds = 8;
    std::array<counter, kinds> counters_; ///< in the order of usage_totals
    std::atomic<std::int64_t> mark_{std::numeric_limits<std::int64_t>::max()};
    std::atomic<std::int64_t> low_{std::numeric_limits<std::int64_t>::max()};
};

} // namespace modelmesh::budget
