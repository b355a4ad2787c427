// Points in time that recur, as cron writes them.
#pragma once

#include "budget/time_zone.hpp"

#include <modelmesh/core/result.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace modelmesh::router {

using minute_point = std::chrono::sys_time<std::chrono::minutes>;

/// Five fields, each of which the minute has to match, by the clocks of a time zone:
///
///     schedule = minute hour day-of-month month day-of-week
///              | "@hourly" | "@daily" | "@midnight" | "@weekly" | "@monthly" | "@yearly" | "@annually"
///     field    = item *("," item)
///     item     = ("*" | value | value "-" value) ["/" step]     a single value with a step: from it to the end
///     value    = number | name                                  JAN to DEC, SUN to SAT, in any case
///
/// Minutes are 0 to 59, hours 0 to 23, days 1 to 31, months 1 to 12, days of the week 0 to 7, where 0 and 7 are
/// Sunday. Where neither field of days begins with `*`, one of the two has to match, as in Vixie's cron.
///
/// A minute that the clocks skip in spring is the moment at which they do; of a minute that comes twice in autumn the
/// first counts, and the second does not, however often the schedule has it.
class cron {
public:
    /// Errors: config, what is wrong and what would be right.
    [[nodiscard]] static result<cron> parse(std::string_view text);

    /// The first moment after this one; nothing: there is none in the eight years after it (30 February).
    [[nodiscard]] std::optional<minute_point> next(std::chrono::system_clock::time_point after,
                                                   const budget::time_zone& zone = {}) const noexcept;
    /// The last moment that is not after this one.
    [[nodiscard]] std::optional<minute_point> previous(std::chrono::system_clock::time_point until,
                                                       const budget::time_zone& zone = {}) const noexcept;

private:
    using shown_minute = std::chrono::local_time<std::chrono::minutes>;

    cron() = default;
    [[nodiscard]] bool has_day(std::chrono::local_days day) const noexcept;
    // The first that matches from this one on, and the last until it.
    [[nodiscard]] std::optional<shown_minute> match_from(shown_minute from) const noexcept;
    [[nodiscard]] std::optional<shown_minute> match_until(shown_minute to) const noexcept;

    std::uint64_t minutes_ = 0; ///< a bit each, as all of these
    std::uint32_t hours_ = 0;
    std::uint32_t days_ = 0;
    std::uint32_t months_ = 0;
    std::uint32_t weekdays_ = 0; ///< 0 is Sunday
    bool is_any_day_ = false;    ///< the field begins with `*`
    bool is_any_weekday_ = false;
};

} // namespace modelmesh::router
