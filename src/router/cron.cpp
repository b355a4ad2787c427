#include "router/cron.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <string>
#include <utility>

namespace modelmesh::router {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::minutes;

constexpr int longest_search = 8 * 366; // days: 29 February is missing in 2100

struct field_kind {
    std::string_view name;
    unsigned least;
    unsigned most;
    std::string_view names; ///< three letters each
};
constexpr std::array<field_kind, 5> kinds{{
    {"minute", 0, 59, {}},
    {"hour", 0, 23, {}},
    {"day of the month", 1, 31, {}},
    {"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    {"day of the week", 0, 7, "SUNMONTUEWEDTHUFRISAT"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> macros{{
    {"@hourly", "0 * * * *"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"},
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
}};

// Takes what is before the separator, or all; the rest stays.
std::string_view take(std::string_view& rest, char separator) {
    const std::size_t at = rest.find(separator);
    const std::string_view part = rest.substr(0, at);
    rest.remove_prefix(at == rest.npos ? rest.size() : at + 1);
    return part;
}

std::optional<unsigned> number(std::string_view text) {
    unsigned value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<unsigned> value_of(std::string_view text, const field_kind& kind) {
    if (text.size() == 3 && !kind.names.empty()) {
        std::string upper(text);
        for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        const std::size_t at = kind.names.find(upper);
        if (at != kind.names.npos && at % 3 == 0) return static_cast<unsigned>(at / 3) + kind.least;
    }
    const std::optional<unsigned> value = number(text);
    return value && *value >= kind.least && *value <= kind.most ? value : std::nullopt;
}

// The bits of one item; nothing: it is none.
std::optional<std::uint64_t> bits_of(std::string_view item, const field_kind& kind) {
    const bool has_step = item.find('/') != item.npos;
    std::string_view step_text = item;
    std::string_view range = take(step_text, '/');
    const std::optional<unsigned> step = has_step ? number(step_text) : std::optional(1u);
    if (!step || *step == 0) return std::nullopt;
    unsigned from = kind.least;
    unsigned to = kind.most;
    if (range != "*") {
        const bool is_range = range.find('-') != range.npos;
        std::string_view rest = range;
        const std::optional<unsigned> first = value_of(take(rest, '-'), kind);
        std::optional<unsigned> last = is_range ? value_of(rest, kind) : has_step ? kind.most : first;
        if (is_range && last == 0u && kind.most == 7) last = 7; // FRI-SUN: the week ends on Sunday as well
        if (!first || !last || *last < *first) return std::nullopt;
        from = *first;
        to = *last;
    }
    std::uint64_t bits = 0;
    for (std::uint64_t at = from; at <= to; at += *step) bits |= std::uint64_t{1} << at;
    return bits;
}

unsigned lowest_bit(std::uint64_t bits) noexcept { return static_cast<unsigned>(std::countr_zero(bits)); }
unsigned highest_bit(std::uint64_t bits) noexcept {
    return 63 - static_cast<unsigned>(std::countl_zero(bits));
}

// Those below and with this one.
std::uint64_t up_to(std::uint64_t bits, unsigned last) noexcept {
    return last >= 63 ? bits : bits & ((std::uint64_t{2} << last) - 1);
}
// Those from this one on.
std::uint64_t beginning_at(std::uint64_t bits, unsigned first) noexcept {
    return first > 63 ? 0 : bits >> first << first;
}

} // namespace

result<cron> cron::parse(std::string_view text) {
    for (const auto& [name, meaning] : macros)
        if (text == name) text = meaning;
    std::array<std::uint64_t, kinds.size()> fields{};
    std::array<bool, kinds.size()> are_any{};
    std::string_view rest = text;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        while (rest.starts_with(' ') || rest.starts_with('\t')) rest.remove_prefix(1);
        const std::size_t size = std::min(rest.find_first_of(" \t"), rest.size());
        std::string_view field = rest.substr(0, size);
        rest.remove_prefix(size);
        if (field.empty())
            return fault(errc::config,
                         "must be five fields, like '0 3 * * 0': minute hour day-of-month month day-of-week");
        are_any[i] = field.starts_with('*');
        const std::string whole(field);
        for (bool is_last = false; !is_last;) {
            is_last = field.find(',') == field.npos;
            const std::optional<std::uint64_t> bits = bits_of(take(field, ','), kinds[i]);
            if (!bits)
                return fault(errc::config, "'" + whole.substr(0, 40) + "' is no " +
                                               std::string(kinds[i].name) + ": values are " +
                                               std::to_string(kinds[i].least) + " to " +
                                               std::to_string(kinds[i].most) +
                                               ", with lists (1,15), ranges (1-5) and steps (*/10)");
            fields[i] |= *bits;
        }
    }
    if (rest.find_first_not_of(" \t") != rest.npos)
        return fault(errc::config, "has more than five fields: minute hour day-of-month month day-of-week");
    cron made;
    made.minutes_ = fields[0];
    made.hours_ = static_cast<std::uint32_t>(fields[1]);
    made.days_ = static_cast<std::uint32_t>(fields[2]);
    made.months_ = static_cast<std::uint32_t>(fields[3]);
    made.weekdays_ = static_cast<std::uint32_t>((fields[4] | fields[4] >> 7) & 0x7f);
    made.is_any_day_ = are_any[2];
    made.is_any_weekday_ = are_any[4];
    return made;
}

bool cron::has_day(local_days day) const noexcept {
    const std::chrono::year_month_day date(day);
    if ((months_ >> static_cast<unsigned>(date.month()) & 1) == 0) return false;
    const bool is_day = (days_ >> static_cast<unsigned>(date.day()) & 1) != 0;
    const bool is_weekday = (weekdays_ >> std::chrono::weekday(day).c_encoding() & 1) != 0;
    return is_any_day_ || is_any_weekday_ ? is_day && is_weekday : is_day || is_weekday;
}

std::optional<cron::shown_minute> cron::match_from(shown_minute from) const noexcept {
    const local_days first = std::chrono::floor<days>(from);
    const auto since = static_cast<unsigned>((from - first).count());
    for (int i = 0; i < longest_search; ++i) {
        const local_days day = first + days(i);
        if (!has_day(day)) continue;
        const unsigned begin = i == 0 ? since : 0;
        for (std::uint64_t left = beginning_at(hours_, begin / 60); left != 0; left &= left - 1) {
            const unsigned hour = lowest_bit(left);
            const std::uint64_t fitting = hour == begin / 60 ? beginning_at(minutes_, begin % 60) : minutes_;
            if (fitting != 0) return day + hours(hour) + minutes(lowest_bit(fitting));
        }
    }
    return std::nullopt;
}

std::optional<cron::shown_minute> cron::match_until(shown_minute to) const noexcept {
    const local_days last = std::chrono::floor<days>(to);
    const auto since = static_cast<unsigned>((to - last).count());
    for (int i = 0; i < longest_search; ++i) {
        const local_days day = last - days(i);
        if (!has_day(day)) continue;
        const unsigned end = i == 0 ? since : 24 * 60 - 1;
        for (std::uint64_t left = up_to(hours_, end / 60); left != 0;) {
            const unsigned hour = highest_bit(left);
            const std::uint64_t fitting = hour == end / 60 ? up_to(minutes_, end % 60) : minutes_;
            if (fitting != 0) return day + hours(hour) + minutes(highest_bit(fitting));
            left &= ~(std::uint64_t{1} << hour);
        }
    }
    return std::nullopt;
}

std::optional<minute_point> cron::next(std::chrono::system_clock::time_point after,
                                       const budget::time_zone& zone) const noexcept {
    const auto now = std::chrono::floor<std::chrono::seconds>(after);
    std::optional<shown_minute> shown = std::chrono::floor<minutes>(zone.to_local(now));
    // What clocks show for the second time was for the first.
    while ((shown = match_from(*shown + minutes(1)))) {
        const auto at = std::chrono::floor<minutes>(zone.to_sys(*shown));
        if (at > after) return at;
    }
    return std::nullopt;
}

std::optional<minute_point> cron::previous(std::chrono::system_clock::time_point until,
                                           const budget::time_zone& zone) const noexcept {
    // Before clocks were turned back they showed a later time than they do now.
    const auto now = std::chrono::floor<std::chrono::seconds>(until);
    const auto latest = std::max(zone.to_local(now), zone.to_local(now - days(1)) + days(1));
    for (std::optional<shown_minute> shown = match_until(std::chrono::floor<minutes>(latest)); shown;
         shown = match_until(*shown - minutes(1))) {
        const auto at = std::chrono::floor<minutes>(zone.to_sys(*shown));
        if (at <= until) return at;
    }
    return std::nullopt;
}

} // namespace modelmesh::router
