// How a wire struct departs from "every member, named as in C++": a table named `json_fields` inside it.
//
//     struct forecast {
//         std::string class_{};
//         int days = 3;
//         int cache{};
//         static constexpr std::string_view json_description = "A weather forecast";
//         static constexpr json::field_rule json_fields[] = {json::rename("class_", "class"),
//                                                            json::about("days", "how many days ahead"),
//                                                            json::range("days", 1, 14), json::skip("cache")};
//     };
//
// A member may have several rules.
#pragma once

#include <limits>
#include <string_view>

namespace modelmesh::json {

/// What a number stands for where people write it with a unit, which JSON does not have.
enum class measure : unsigned char {
    plain,
    seconds, ///< whole seconds; a std::chrono::duration needs no rule
    bytes,
};

/// One line of a `json_fields` table; made by the functions below.
struct field_rule {
    std::string_view member{};
    std::string_view name{}; ///< name on the wire; empty: as the member
    bool skipped = false;    ///< neither read nor written
    bool omit_empty = false; ///< a container that is not written when it has no element
    std::string_view description{};
    double minimum = -std::numeric_limits<double>::infinity();
    double maximum = std::numeric_limits<double>::infinity();
    bool secret = false;      ///< never shown
    std::string_view place{}; ///< another place where a configuration file may have it
    json::measure measure = json::measure::plain;

    [[nodiscard]] constexpr bool has_range() const noexcept {
        return minimum > -std::numeric_limits<double>::infinity() ||
               maximum < std::numeric_limits<double>::infinity();
    }
};

/// Which of a variant's objects a document is: a member of the type, by the name `json_tag`.
///
///     struct refusal {
///         std::string type = "refusal";
///         std::string text{};
///         static constexpr json::tag json_tag{"type", "refusal"};
///     };
struct tag {
    std::string_view member{}; ///< its name on the wire
    std::string_view value{};  ///< the text that it has in this type
};

[[nodiscard]] constexpr field_rule rename(std::string_view member, std::string_view name) {
    field_rule rule{.member = member};
    rule.name = name;
    return rule;
}
[[nodiscard]] constexpr field_rule skip(std::string_view member) {
    field_rule rule{.member = member};
    rule.skipped = true;
    return rule;
}
[[nodiscard]] constexpr field_rule omit_empty(std::string_view member) {
    field_rule rule{.member = member};
    rule.omit_empty = true;
    return rule;
}
/// What the member means: its description in a JSON Schema, which is what a model reads.
[[nodiscard]] constexpr field_rule about(std::string_view member, std::string_view description) {
    field_rule rule{.member = member};
    rule.description = description;
    return rule;
}
/// Of a number: a value beyond is an error when it is read. Both ends are allowed.
[[nodiscard]] constexpr field_rule range(std::string_view member, double minimum, double maximum) {
    field_rule rule{.member = member};
    rule.minimum = minimum;
    rule.maximum = maximum;
    return rule;
}

// For types that are read from configuration files as well; JSON knows nothing of these.

/// A text that is never shown: neither in a message nor in a dump.
[[nodiscard]] constexpr field_rule secret(std::string_view member) {
    field_rule rule{.member = member};
    rule.secret = true;
    return rule;
}
/// Another place of the member in a file, below the object: `auth.api_key`. Where a file has several, the
/// member's own name wins over these, and an earlier rule over a later one.
[[nodiscard]] constexpr field_rule also(std::string_view member, std::string_view place) {
    field_rule rule{.member = member};
    rule.place = place;
    return rule;
}
/// A place for also(): the object itself, written as a single value instead of a map: `delivery: sync`.
inline constexpr std::string_view itself = ".";
/// An integer that files may give with a unit: `90s`, `512MiB`.
[[nodiscard]] constexpr field_rule measured(std::string_view member, measure in) {
    field_rule rule{.member = member};
    rule.measure = in;
    return rule;
}

} // namespace modelmesh::json
