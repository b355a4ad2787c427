#include "budget/period.hpp"

#include <optional>

namespace modelmesh::budget {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::months;
using std::chrono::seconds;
using std::chrono::sys_seconds;
using std::chrono::system_clock;
using std::chrono::year_month;
using std::chrono::year_month_day;

calendar calendar_on(local_days day) noexcept {
    const year_month_day date(day);
    const int month =
        static_cast<int>(date.year()) * 12 + static_cast<int>(static_cast<unsigned>(date.month())) - 1;
    return {static_cast<period>(day.time_since_epoch().count()), static_cast<period>(month)};
}

// A day of a zone, with its bounds.
struct bounded_day {
    local_days date;
    sys_seconds begins;
    sys_seconds ends;
};

// The day by the calendar on the wall, but for a midnight that comes twice: the new day does not end for the hour that
// clocks are turned back into the old one.
bounded_day day_at(sys_seconds at, const time_zone& zone) noexcept {
    local_days date = std::chrono::floor<days>(zone.to_local(at));
    sys_seconds ends = zone.to_sys(date + days(1));
    while (ends <= at) {
        date += days(1);
        ends = zone.to_sys(date + days(1));
    }
    return {date, zone.to_sys(date), ends};
}

constexpr std::int64_t minutes_of_day = 24 * 60;
constexpr std::int64_t bias = 2048; // of the difference to UTC, which may be negative

std::uint64_t packed(const bounded_day& day) noexcept {
    const std::int64_t number = day.date.time_since_epoch().count();
    const std::int64_t begins = std::chrono::floor<minutes>(day.begins).time_since_epoch().count();
    const std::int64_t lasts = std::chrono::floor<minutes>(day.ends - day.begins).count();
    const std::int64_t difference = begins - number * minutes_of_day + bias;
    // Before 1970, or with seconds in a zone's time: there were such.
    const bool fits = number >= 0 && number < 1 << 20 && difference >= 0 && difference < 4096 && lasts > 0 &&
                      lasts < 4096 && day.begins.time_since_epoch() == minutes(begins) &&
                      day.ends - day.begins == minutes(lasts);
    if (!fits) return 0;
    return static_cast<std::uint64_t>(number) << 24 | static_cast<std::uint64_t>(difference) << 12 |
           static_cast<std::uint64_t>(lasts);
}

// The day of the word, when the moment is on it.
std::optional<local_days> unpacked(std::uint64_t word, sys_seconds at) noexcept {
    const auto number = static_cast<std::int64_t>(word >> 24);
    const auto difference = static_cast<std::int64_t>(word >> 12 & 4095) - bias;
    const sys_seconds begins(minutes(number * minutes_of_day + difference));
    if (at < begins || at >= begins + minutes(word & 4095)) return std::nullopt;
    return local_days(days(number));
}

} // namespace

calendar calendar_of(system_clock::time_point wall) noexcept {
    return calendar_on(local_days(std::chrono::floor<days>(wall).time_since_epoch()));
}

periods::periods(time_zone zone, const periods& before, system_clock::time_point wall)
    : zone_(std::move(zone)) {
    const calendar old = before.at(wall);
    const calendar own = by_clocks(wall);
    // Places are up to 26 hours apart: a day of one may be the last but one of another.
    system_clock::time_point reached = wall;
    while (is_later(old.day, by_clocks(reached).day)) reached = clocks_next_day(reached);
    day_ = {old.day, is_later(own.day, old.day) ? before.next_day(wall) : reached};
    month_ = {old.month, is_later(own.month, old.month)   ? before.next_month(wall)
                         : is_later(old.month, own.month) ? clocks_next_month(wall)
                                                          : wall};
}

calendar periods::by_zone(calendar counted, system_clock::time_point wall) const noexcept {
    const calendar now = at(wall);
    const calendar own = by_clocks(wall);
    return {counted.day == now.day ? own.day : counted.day,
            counted.month == now.month ? own.month : counted.month};
}

calendar periods::local(system_clock::time_point wall) const noexcept {
    const sys_seconds at = std::chrono::floor<seconds>(wall);
    if (const auto day = unpacked(today_.load(std::memory_order_relaxed), at)) return calendar_on(*day);
    const bounded_day day = day_at(at, zone_);
    today_.store(packed(day), std::memory_order_relaxed);
    return calendar_on(day.date);
}

system_clock::time_point periods::next_day(system_clock::time_point wall) const noexcept {
    if (wall >= day_.until) return clocks_next_day(wall);
    return by_clocks(day_.until).day == day_.number ? clocks_next_day(day_.until) : day_.until;
}

system_clock::time_point periods::next_month(system_clock::time_point wall) const noexcept {
    if (wall >= month_.until) return clocks_next_month(wall);
    return by_clocks(month_.until).month == month_.number ? clocks_next_month(month_.until) : month_.until;
}

system_clock::time_point periods::clocks_next_day(system_clock::time_point wall) const noexcept {
    return day_at(std::chrono::floor<seconds>(wall), zone_).ends;
}

system_clock::time_point periods::clocks_next_month(system_clock::time_point wall) const noexcept {
    const year_month_day date(day_at(std::chrono::floor<seconds>(wall), zone_).date);
    return zone_.to_sys(local_days((date.year() / date.month() + months(1)) / 1));
}

} // namespace modelmesh::budget
