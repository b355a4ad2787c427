// Periods of the calendar, and amounts that belong to one.
#pragma once

#include "budget/time_zone.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

namespace modelmesh::budget {

/// Number of a day since 1970, or of a month since year 0, modulo 2^16: more than a century tells them apart.
using period = std::uint16_t;
[[nodiscard]] constexpr bool is_later(period a, period than) noexcept {
    return static_cast<std::int16_t>(a - than) > 0;
}

/// The day and the month of one moment.
struct calendar {
    period day = 0;
    period month = 0;
    friend bool operator==(const calendar&, const calendar&) = default;
};
[[nodiscard]] calendar calendar_of(std::chrono::system_clock::time_point wall) noexcept; ///< of UTC

/// Days and months as a time zone has them: from midnight to midnight by its clocks, so that some days have 23 or 25
/// hours. A midnight that clocks skip is the moment at which they do; of two the first counts.
/// Cost of at(): in UTC a division; elsewhere the bounds of a day are looked up once in it, by whoever comes first.
/// Threads: any. today_ is one word: [43:24] day since 1970, [23:12] minutes from its beginning in UTC to its beginning
/// here and 2048, [11:0] minutes that it takes; relaxed, because nothing else hangs on it and whoever finds it outdated
/// makes it anew. 0: no day is known.
class periods {
public:
    periods() = default; ///< of UTC
    explicit periods(time_zone zone) : zone_(std::move(zone)) {}
    /// Takes the place of others at this moment. The day and the month under way then go on: where it is a later one in
    /// this zone already, to the end that they had; where it is an earlier one yet, to the end of the same one here, a
    /// few hours later. No period begins twice, none is joined to the next.
    periods(time_zone zone, const periods& before, std::chrono::system_clock::time_point wall);

    [[nodiscard]] const time_zone& zone() const noexcept { return zone_; }
    [[nodiscard]] calendar at(std::chrono::system_clock::time_point wall) const noexcept {
        calendar now = by_clocks(wall);
        if (wall < day_.until) now.day = day_.number;
        if (wall < month_.until) now.month = month_.number;
        return now;
    }
    /// When the day or the month after this moment begins.
    [[nodiscard]] std::chrono::system_clock::time_point next_day(
        std::chrono::system_clock::time_point wall) const noexcept;
    [[nodiscard]] std::chrono::system_clock::time_point next_month(
        std::chrono::system_clock::time_point wall) const noexcept;
    /// As the zone alone numbers what at() says at this moment: for those who come after this program.
    /// @param counted  is changed where it is the day or the month under way.
    [[nodiscard]] calendar by_zone(calendar counted,
                                   std::chrono::system_clock::time_point wall) const noexcept;

private:
    /// A period that was under way when the zone changed, for as long as the clocks say another.
    struct held {
        period number = 0;
        std::chrono::system_clock::time_point until = std::chrono::system_clock::time_point::min();
    };
    [[nodiscard]] calendar by_clocks(std::chrono::system_clock::time_point wall) const noexcept {
        return zone_.is_utc() ? calendar_of(wall) : local(wall);
    }
    [[nodiscard]] calendar local(std::chrono::system_clock::time_point wall) const noexcept;
    [[nodiscard]] std::chrono::system_clock::time_point clocks_next_day(
        std::chrono::system_clock::time_point wall) const noexcept;
    [[nodiscard]] std::chrono::system_clock::time_point clocks_next_month(
        std::chrono::system_clock::time_point wall) const noexcept;

    time_zone zone_{};
    held day_{};
    held month_{};
    mutable std::atomic<std::uint64_t> today_{0};
};

/// An amount of the latest period in which there was one.
/// word_: [63:48] period, [47:0] amount, 2.8e14 at most: 281 million dollars in micro-dollars. One word, so
/// that a reader never sees one period's amount with another's number, and a new period begins with the first
/// change in it. Any thread may write or read. Relaxed: no other data hangs on it, and each change is one
/// compare-and-swap.
class period_amount {
public:
    static constexpr std::int64_t most = (std::int64_t{1} << 48) - 1;

    /// The amount of `now`; nothing was there yet: 0.
    [[nodiscard]] std::int64_t of(period now) const noexcept {
        const parts p = unpack(word_.load(std::memory_order_relaxed));
        return p.when == now ? p.amount : 0;
    }

    /// Adds to the amount of `when`, unless a later period has begun: what is over is over. False: it has.
    /// @param change  may be negative; the amount ends at 0 and at `most`.
    bool add(period when, std::int64_t change) noexcept {
        for (std::uint64_t old = word_.load(std::memory_order_relaxed);;) {
            const parts p = unpack(old);
            if (is_later(p, when)) return false;
            const std::int64_t before = p.when == when ? p.amount : 0;
            const std::uint64_t made =
                pack({when, std::clamp<std::int64_t>(before + std::clamp(change, -most, most), 0, most)});
            if (word_.compare_exchange_weak(old, made, std::memory_order_relaxed)) return true;
        }
    }

    enum class outcome : std::uint8_t { added, above_limit, later_period };

    /// Adds unless the amount would be above the limit, or a later period has begun (threads that read the
    /// clock just before midnight come late): then nothing changes.
    /// @param when  becomes the later period. @param found  what was there.
    outcome add_within(period& when, std::int64_t change, std::int64_t limit, std::int64_t& found) noexcept {
        for (std::uint64_t old = word_.load(std::memory_order_relaxed);;) {
            const parts p = unpack(old);
            if (is_later(p, when)) {
                when = p.when;
                return outcome::later_period;
            }
            found = p.when == when ? p.amount : 0;
            if (change > 0 && change > limit - found) return outcome::above_limit;
            const std::uint64_t made = pack({when, std::min(found + change, most)});
            if (word_.compare_exchange_weak(old, made, std::memory_order_relaxed)) return outcome::added;
        }
    }

    /// Takes the amount for a set, and puts a bit into it. True for the one call that did.
    bool set_bit(period when, unsigned bit) noexcept {
        const std::int64_t mask = std::int64_t{1} << bit;
        for (std::uint64_t old = word_.load(std::memory_order_relaxed);;) {
            const parts p = unpack(old);
            const std::int64_t set = p.when == when ? p.amount : 0;
            if (is_later(p, when) || (set & mask) != 0) return false;
            if (word_.compare_exchange_weak(old, pack({when, set | mask}), std::memory_order_relaxed))
                return true;
        }
    }

private:
    struct parts {
        period when;
        std::int64_t amount;
    };
    static parts unpack(std::uint64_t word) noexcept {
        return {static_cast<period>(word >> 48),
                static_cast<std::int64_t>(word & static_cast<std::uint64_t>(most))};
    }
    static std::uint64_t pack(const parts& p) noexcept {
        return (std::uint64_t{p.when} << 48) | static_cast<std::uint64_t>(p.amount);
    }
    // An amount of 0 is of no period: so is a new counter.
    static bool is_later(const parts& p, period than) noexcept {
        return p.amount != 0 && budget::is_later(p.when, than);
    }

    std::atomic<std::uint64_t> word_{0};
};

} // namespace modelmesh::budget
