#include "config/bind.hpp"

#include "config/keys.hpp"
#include "config/quantity.hpp"
#include "core/whole_characters.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace modelmesh::settings {
namespace {

namespace reflected = json::detail;
using reflected::kind;

constexpr std::size_t most_shown = 60;

/// What a member's rules say about its value.
struct rules {
    const reflected::field* member = nullptr; ///< null: an element of a map or a list
    bool is_secret = false;                   ///< of the member, or of the one that it is an element of

    [[nodiscard]] json::measure measure() const {
        return member == nullptr ? json::measure::plain : member->measure;
    }
    [[nodiscard]] bool has_range() const { return member != nullptr && member->has_range(); }
    [[nodiscard]] bool is_share() const {
        return has_range() && member->minimum >= 0 && member->maximum <= 1;
    }
};

std::string number(double value) {
    char text[32];
    const auto [end, failure] = std::to_chars(std::begin(text), std::end(text), value);
    return failure == std::errc{} ? std::string(text, end) : std::string();
}

std::string range_text(const rules& of) {
    if (!of.has_range()) return {};
    if (!std::isfinite(of.member->maximum)) return " of at least " + number(of.member->minimum);
    if (!std::isfinite(of.member->minimum)) return " of at most " + number(of.member->maximum);
    return " from " + number(of.member->minimum) + " to " + number(of.member->maximum);
}

/// Nanoseconds that 1 stands for in a member that takes durations; 0: it takes none.
std::int64_t tick_of(const reflected::descriptor& type, const rules& of) {
    if (type.what != kind::integer) return 0;
    if (of.measure() == json::measure::seconds) return 1'000'000'000;
    return as<reflected::integer_type>(type).tick;
}

/// What would be right.
std::string expectation(const reflected::descriptor& type, const rules& of) {
    switch (type.what) {
    case kind::boolean:
        return "true or false";
    case kind::integer:
        if (tick_of(type, of) >= 1'000'000'000)
            return "a duration in whole seconds, like 30s, 5m, 1h30m or none";
        if (tick_of(type, of) != 0) return "a duration, like 30s, 500ms, 1h30m or none";
        if (of.measure() == json::measure::bytes) return "a size, like 4096, 512KB or 10MiB";
        return "a whole number" + range_text(of);
    case kind::floating:
        return (of.is_share() ? "a share, like 0.8 or 80%," : "a number") + range_text(of);
    case kind::enumeration: {
        const auto& values = as<reflected::enumeration_type>(type);
        std::string text = "one of";
        for (std::size_t i = 0; i < values.count; ++i)
            text.append(i == 0 ? " " : ", ").append(values.names[i]);
        return text;
    }
    case kind::sequence:
        return "a list, like [a, b]";
    case kind::map:
        return "a map of names";
    case kind::object:
        return "a map of settings";
    case kind::wrapper:
        return expectation(as<reflected::wrapper_type>(type).element(), of);
    default:
        return "text";
    }
}

std::string shown(const node& at, const rules& of) {
    switch (at.what) {
    case shape::nothing:
        return "nothing";
    case shape::list:
        return "a list";
    case shape::map:
        return "a map";
    case shape::text:
        break;
    }
    // As it was written, which is a reference and not what it stands for.
    if ((of.is_secret || at.is_variable) && !at.has_reference) return "this text";
    std::string text(core::whole_characters(at.text, most_shown));
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    return "'" + text + (text.size() < at.text.size() ? "...'" : "'");
}

class binder {
public:
    explicit binder(findings& found) : found_(found) {}

    void value(const node& from, const reflected::descriptor& type, void* to, const rules& of) {
        switch (type.what) {
        case kind::object:
            return object(from, as<reflected::object_type>(type), to);
        case kind::map:
            return map(from, as<reflected::map_type>(type), to, of);
        case kind::sequence:
            return sequence(from, as<reflected::sequence_type>(type), to, of);
        case kind::wrapper:
            if (from.what == shape::nothing) return; // `null` is as good as left out
            return value(from, as<reflected::wrapper_type>(type).element(),
                         as<reflected::wrapper_type>(type).value(to), of);
        case kind::raw:
            return; // options of a connector: only its own type can say what is right (options.hpp)
        default:
            if (from.what != shape::text || !scalar(from.value, type, to, of)) refuse(from, type, of);
        }
    }

private:
    void refuse(const node& from, const reflected::descriptor& type, const rules& of) {
        std::string what = "must be " + expectation(type, of) + ", not " + shown(from, of);
        if (from.has_reference) what += ", which stands for something else";
        if (type.what == kind::enumeration && from.what == shape::text && !from.has_reference &&
            !from.is_variable) {
            const auto& values = as<reflected::enumeration_type>(type);
            what += suggestion(from.text, {values.names, values.names + values.count});
        }
        found_.problem(from.at, from.path, what);
    }

    void object(const node& from, const reflected::object_type& type, void* to) {
        if (from.what == shape::nothing) return; // a name alone: all as it is by default
        if (from.what != shape::map) return refuse(from, type, {});
        std::vector<void*> members(type.count);
        type.locate(to, members.data());
        for (const entry& each : from.entries)
            for (std::size_t i = 0; i < type.count; ++i) {
                const reflected::field& member = type.fields[i];
                if (member.skipped || member.name != each.key) continue;
                value(each.value, member.type(), members[i], {&member, member.secret});
            }
        for (const settled_key& each : settled_of(type))
            if (const entry* said = find(from, each.path)) compare(said->value, each);
    }

    // A key with nothing behind it says nothing.
    void compare(const node& said, const settled_key& key) {
        if (said.what == shape::nothing) return;
        const bool is_right =
            said.what == shape::text &&
            (key.only == any_duration ? parse_duration(said.value).has_value() : said.value == key.only);
        if (!is_right)
            found_.problem(said.at, said.path,
                           "must be " + std::string(key.only) + ": " + std::string(key.why));
    }

    void map(const node& from, const reflected::map_type& type, void* to, const rules& of) {
        if (from.what == shape::nothing) return;
        if (from.what != shape::map) return refuse(from, type, of);
        type.clear(to);
        for (const entry& each : from.entries)
            value(each.value, type.element(), type.insert(to, each.key), {nullptr, of.is_secret});
    }

    void sequence(const node& from, const reflected::sequence_type& type, void* to, const rules& of) {
        if (from.what != shape::list) return refuse(from, type, of);
        type.truncate(to, 0);
        for (std::size_t i = 0; i < from.items.size(); ++i)
            value(from.items[i], type.element(), type.at(to, i), {nullptr, of.is_secret});
    }

    static bool scalar(const std::string& text, const reflected::descriptor& type, void* to,
                       const rules& of) {
        switch (type.what) {
        case kind::boolean:
            if (text != "true" && text != "false") return false;
            as<reflected::boolean_type>(type).store(to, text == "true");
            return true;
        case kind::integer:
            return integer(text, as<reflected::integer_type>(type), to, of);
        case kind::floating: {
            const std::optional<double> value = parse_number(text);
            if (!value || !in_range(*value, of) || (text.find('%') != text.npos && !of.is_share()))
                return false;
            return as<reflected::floating_type>(type).store(to, *value);
        }
        case kind::enumeration: {
            if (as<reflected::enumeration_type>(type).store(to, text)) return true;
            std::string name = text; // `in-memory` is as good as `in_memory`
            std::replace(name.begin(), name.end(), '-', '_');
            return as<reflected::enumeration_type>(type).store(to, name);
        }
        case kind::string:
            *static_cast<std::string*>(to) = text;
            return true;
        default:
            return false; // no member of a configuration is of another kind
        }
    }

    static bool in_range(double value, const rules& of) {
        return !of.has_range() || (value >= of.member->minimum && value <= of.member->maximum);
    }

    static bool integer(const std::string& text, const reflected::integer_type& type, void* to,
                        const rules& of) {
        std::int64_t value = 0;
        if (const std::int64_t tick = tick_of(type, of); tick != 0) {
            const std::optional<std::int64_t> parsed = parse_duration(text);
            if (!parsed || *parsed % tick != 0) return false;
            value = *parsed / tick;
        } else if (of.measure() == json::measure::bytes) {
            const std::optional<std::int64_t> parsed = parse_size(text);
            if (!parsed) return false;
            value = *parsed;
        } else {
            const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (failure != std::errc{} || end != text.data() + text.size()) return false;
        }
        if (type.is_unsigned && value < 0) return false;
        return in_range(static_cast<double>(value), of) && type.store(to, static_cast<std::uint64_t>(value));
    }

    findings& found_;
};

} // namespace

void bind(const node& from, const reflected::descriptor& type, void* to, findings& found) {
    binder(found).value(from, type, to, {});
}

} // namespace modelmesh::settings
