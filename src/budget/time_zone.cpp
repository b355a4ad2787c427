#include "budget/time_zone.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace modelmesh::budget {
namespace detail {

/// A day of each year on which clocks change, and when on that day by the clocks as they were before.
struct yearly_change {
    enum class form : std::uint8_t { weekday_of_month, day_without_leap_day, day } how = form::day;
    unsigned month = 1;
    unsigned week = 1; ///< 5: the last
    unsigned number = 0;
    std::chrono::seconds time = std::chrono::hours(2);
};

/// What holds behind the last change that a file lists.
struct lasting_rule {
    std::chrono::seconds standard{};
    struct saving {
        std::chrono::seconds offset{};
        yearly_change begins;
        yearly_change ends;
    };
    std::optional<saving> summer;
};

struct zone_rules {
    struct change {
        std::chrono::sys_seconds at;
        std::chrono::seconds offset;
    };
    std::chrono::seconds first{}; ///< before all changes
    std::vector<change> changes;  ///< ascending
    std::optional<lasting_rule> then;
};

} // namespace detail

namespace {

using detail::lasting_rule;
using detail::yearly_change;
using detail::zone_rules;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_seconds;
using std::chrono::year;
using std::chrono::year_month_day;

// Takes what it can from the front of a text.
class text_reader {
public:
    explicit text_reader(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }
    bool take(char wanted) {
        if (!rest_.starts_with(wanted)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::optional<unsigned> number(unsigned most) {
        unsigned value = 0;
        std::size_t digits = 0;
        while (digits < rest_.size() && digits < 4 && rest_[digits] >= '0' && rest_[digits] <= '9')
            value = value * 10 + static_cast<unsigned>(rest_[digits++] - '0');
        if (digits == 0 || value > most) return std::nullopt;
        rest_.remove_prefix(digits);
        return value;
    }
    // [+-]h[:mm[:ss]]
    std::optional<seconds> time(unsigned most_hours) {
        const bool is_negative = take('-');
        if (!is_negative) take('+');
        const std::optional<unsigned> hour = number(most_hours);
        if (!hour) return std::nullopt;
        seconds sum = hours(*hour);
        for (int unit = 60; unit > 0 && take(':'); unit /= 60) {
            const std::optional<unsigned> part = number(59);
            if (!part) return std::nullopt;
            sum += seconds(static_cast<int>(*part) * unit);
        }
        return is_negative ? -sum : sum;
    }
    // The name of a time, "CET" or "<+03>", of which nothing is kept.
    bool pass_name() {
        const bool is_quoted = take('<');
        const std::size_t before = rest_.size();
        while (!rest_.empty() && (is_quoted ? rest_.front() != '>' : is_letter(rest_.front())))
            rest_.remove_prefix(1);
        return rest_.size() != before && (!is_quoted || take('>'));
    }

private:
    static bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
    std::string_view rest_;
};

// M3.5.0/2, J60 or 59: as in the environment variable TZ of POSIX.
std::optional<yearly_change> read_change(text_reader& from) {
    yearly_change made;
    if (from.take('M')) {
        made.how = yearly_change::form::weekday_of_month;
        const std::optional<unsigned> month = from.number(12);
        if (!month || *month == 0 || !from.take('.')) return std::nullopt;
        const std::optional<unsigned> week = from.number(5);
        if (!week || *week == 0 || !from.take('.')) return std::nullopt;
        const std::optional<unsigned> weekday = from.number(6);
        if (!weekday) return std::nullopt;
        made.month = *month;
        made.week = *week;
        made.number = *weekday;
    } else {
        if (from.take('J')) made.how = yearly_change::form::day_without_leap_day;
        const std::optional<unsigned> number = from.number(365);
        if (!number) return std::nullopt;
        made.number = *number;
    }
    if (from.take('/')) {
        const std::optional<seconds> time = from.time(167);
        if (!time) return std::nullopt;
        made.time = *time;
    }
    return made;
}

// "CET-1CEST,M3.5.0,M10.5.0/3": offsets count to the west.
std::optional<lasting_rule> read_rule(std::string_view text) {
    text_reader from(text);
    lasting_rule made;
    if (!from.pass_name()) return std::nullopt;
    const std::optional<seconds> standard = from.time(24);
    if (!standard) return std::nullopt;
    made.standard = -*standard;
    if (from.is_at_end()) return made;
    lasting_rule::saving summer{made.standard + hours(1), {}, {}};
    if (!from.pass_name()) return std::nullopt;
    if (!from.take(',')) {
        const std::optional<seconds> offset = from.time(24);
        if (!offset || !from.take(',')) return std::nullopt;
        summer.offset = -*offset;
    }
    const std::optional<yearly_change> begins = read_change(from);
    if (!begins || !from.take(',')) return std::nullopt;
    const std::optional<yearly_change> ends = read_change(from);
    if (!ends || !from.is_at_end()) return std::nullopt;
    summer.begins = *begins;
    summer.ends = *ends;
    made.summer = summer;
    return made;
}

// The numbers of a file, most significant byte first. Reading beyond the end gives 0, and is remembered.
class number_reader {
public:
    explicit number_reader(std::string_view bytes) : rest_(bytes) {}

    std::int64_t next(std::size_t size) {
        if (rest_.size() < size) {
            is_cut_ = true;
            return 0;
        }
        // The first byte has the sign.
        std::uint64_t value =
            (static_cast<unsigned char>(rest_.front()) & 0x80u) != 0 ? ~std::uint64_t{0} : 0;
        for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(rest_[i]);
        rest_.remove_prefix(size);
        return static_cast<std::int64_t>(value);
    }
    void pass(std::size_t size) {
        is_cut_ = is_cut_ || rest_.size() < size;
        rest_.remove_prefix(std::min(size, rest_.size()));
    }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
    [[nodiscard]] bool is_cut() const noexcept { return is_cut_; }

private:
    std::string_view rest_;
    bool is_cut_ = false;
};

// The head of each of the two parts of a file (RFC 8536).
struct part_head {
    std::size_t ut_marks, standard_marks, leap_seconds, changes, types, letters;

    explicit part_head(number_reader& from) {
        from.pass(20); // what it is, its version, and room
        for (std::size_t* each : {&ut_marks, &standard_marks, &leap_seconds, &changes, &types, &letters})
            *each = static_cast<std::size_t>(from.next(4) & 0xffffffff);
    }
    [[nodiscard]] std::size_t behind_types(std::size_t time_size) const noexcept {
        return letters + leap_seconds * (time_size + 4) + standard_marks + ut_marks;
    }
};

constexpr std::size_t longest_file = 1 << 20; // the largest of the database has 4 KB

std::optional<zone_rules> read_zone(std::string_view bytes) {
    if (!bytes.starts_with("TZif") || bytes.size() > longest_file) return std::nullopt;
    if (bytes.size() < 5 || bytes[4] < '2') return std::nullopt; // without 64 bits, of before 2005
    number_reader from(bytes);
    const part_head old(from);
    from.pass(old.changes * 5 + old.types * 6 + old.behind_types(4));
    const part_head head(from);
    if (from.is_cut() || head.types == 0 || head.leap_seconds != 0 || head.changes > bytes.size() ||
        head.types > 256)
        return std::nullopt;
    zone_rules made;
    made.changes.resize(head.changes);
    for (zone_rules::change& each : made.changes) each.at = sys_seconds(seconds(from.next(8)));
    std::vector<std::size_t> types(head.changes);
    for (std::size_t& each : types) each = static_cast<std::size_t>(from.next(1) & 0xff);
    std::vector<seconds> offsets(head.types);
    for (seconds& each : offsets) {
        each = seconds(from.next(4));
        from.pass(2); // whether it is summer time, and how it is called
        if (each < -days(1) || each > days(1)) return std::nullopt;
    }
    from.pass(head.behind_types(8));
    made.first = offsets.front();
    for (std::size_t i = 0; i < types.size(); ++i) {
        if (types[i] >= offsets.size() || (i > 0 && made.changes[i].at <= made.changes[i - 1].at))
            return std::nullopt;
        made.changes[i].offset = offsets[types[i]];
    }
    const std::string_view rest = from.rest();
    if (from.is_cut() || rest.size() < 2 || rest.front() != '\n' || rest.back() != '\n') return std::nullopt;
    const std::string_view rule = rest.substr(1, rest.size() - 2);
    if (rule.empty()) return made; // the last change is the last
    made.then = read_rule(rule);
    return made.then ? std::optional(std::move(made)) : std::nullopt;
}

local_seconds when(const yearly_change& what, year in) noexcept {
    const local_days first(in / 1 / 1);
    local_days day = first;
    switch (what.how) {
    case yearly_change::form::weekday_of_month: {
        const std::chrono::weekday weekday(what.number);
        const std::chrono::year_month month = in / static_cast<int>(what.month);
        day = what.week == 5 ? local_days(month / weekday[std::chrono::last])
                             : local_days(month / weekday[what.week]);
        break;
    }
    case yearly_change::form::day_without_leap_day:
        day = first + days(static_cast<int>(what.number) - 1);
        if (in.is_leap() && what.number >= 60) day += days(1);
        break;
    case yearly_change::form::day:
        day = first + days(static_cast<int>(what.number));
        break;
    }
    return day + what.time;
}

seconds offset_of(const lasting_rule& rule, sys_seconds at) noexcept {
    if (!rule.summer) return rule.standard;
    const auto day = std::chrono::floor<days>(at + rule.standard);
    const year in = year_month_day(day).year();
    // When clocks change is said by those of before.
    const sys_seconds begins((when(rule.summer->begins, in) - rule.standard).time_since_epoch());
    const sys_seconds ends((when(rule.summer->ends, in) - rule.summer->offset).time_since_epoch());
    const bool is_summer = begins < ends ? begins <= at && at < ends : !(ends <= at && at < begins);
    return is_summer ? rule.summer->offset : rule.standard;
}

// "+02:00"
std::optional<seconds> fixed_offset(std::string_view text) {
    const auto digit = [text](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    if (text.size() != 6 || text[3] != ':' || !digit(1) || !digit(2) || !digit(4) || !digit(5))
        return std::nullopt;
    return text_reader(text).time(14); // Kiritimati's, and no place is further from UTC
}

std::filesystem::path database() {
    const char* const chosen = std::getenv("TZDIR"); // as for the C library
    return chosen != nullptr && *chosen != '\0' ? chosen : "/usr/share/zoneinfo";
}

// Names lead to no file outside of the database. All begin with a capital letter; other files are not for us:
// "localtime" (which is another zone on another machine), "right" (which counts leap seconds).
bool is_name(std::string_view name) {
    if (name.empty() || name.size() > 100 || name.front() < 'A' || name.front() > 'Z') return false;
    return std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-' || c == '+' || c == '/';
    });
}

std::string content_of(const std::filesystem::path& file) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(file, failed)) return {};
    std::ifstream from(file, std::ios::binary);
    std::string bytes(longest_file + 1, '\0');
    from.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(from.gcount(), 0)));
    return bytes;
}

} // namespace

result<time_zone> time_zone::find(std::string_view name) {
    time_zone made;
    if (name == "UTC" || name == "Etc/UTC") return made;
    made.name_ = name.substr(0, 100);
    zone_rules rules;
    if (name.starts_with('+') || name.starts_with('-')) {
        const std::optional<seconds> offset = fixed_offset(name);
        if (!offset)
            return fault(errc::config, "'" + made.name_ + "' is no offset from UTC, like +02:00 or -05:30");
        rules.first = *offset;
    } else {
        std::error_code failed;
        const std::filesystem::path from = database();
        if (!std::filesystem::is_directory(from, failed))
            return fault(errc::config,
                         "'" + made.name_ + "' cannot be looked up: there is no database of time zones at " +
                             from.string() +
                             "; install tzdata, set TZDIR, or use UTC or an offset like +02:00");
        std::optional<zone_rules> read = is_name(name) ? read_zone(content_of(from / name)) : std::nullopt;
        if (!read) return fault(errc::config, "there is no time zone '" + made.name_ + "'");
        rules = std::move(*read);
    }
    made.rules_ = std::make_shared<const zone_rules>(std::move(rules));
    return made;
}

seconds time_zone::offset(sys_seconds at) const noexcept {
    if (!rules_) return seconds(0);
    const auto& changes = rules_->changes;
    const auto behind = std::upper_bound(changes.begin(), changes.end(), at,
                                         [](sys_seconds t, const zone_rules::change& c) { return t < c.at; });
    if (behind == changes.end() && rules_->then) return offset_of(*rules_->then, at);
    return behind == changes.begin() ? rules_->first : std::prev(behind)->offset;
}

local_seconds time_zone::to_local(sys_seconds at) const noexcept {
    return local_seconds((at + offset(at)).time_since_epoch());
}

sys_seconds time_zone::to_sys(local_seconds shown) const noexcept {
    const sys_seconds near(shown.time_since_epoch());
    // No place is a day from UTC, and none changes its clocks twice in two days.
    const seconds before = offset(near - days(1));
    const seconds after = offset(near + days(1));
    if (before == after) return near - before;
    if (offset(near - before) == before) return near - before;
    if (offset(near - after) == after) return near - after;
    sys_seconds low = near - after; // still before the change
    for (sys_seconds high = near - before; high - low > seconds(1);) {
        const sys_seconds middle = low + (high - low) / 2;
        if (offset(middle) == before)
            low = middle;
        else
            high = middle;
    }
    return low + seconds(1);
}

std::vector<std::string> time_zone_names() {
    namespace files = std::filesystem;
    std::vector<std::string> names{"UTC"};
    std::error_code failed;
    const files::path from = database();
    for (files::recursive_directory_iterator at(from, failed), end; !failed && at != end;
         at.increment(failed)) {
        const std::string name = at->path().lexically_relative(from).string();
        if (!is_name(name))
            at.disable_recursion_pending();
        else if (name.find('/') != name.npos && at->is_regular_file(failed))
            names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

} // namespace modelmesh::budget
