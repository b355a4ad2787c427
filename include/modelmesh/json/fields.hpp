// How a wire struct departs from "every member, named as in C++": a table named `json_fields` inside it.
//
//     struct example {
//         std::string class_{};
//         int cache{};
//         static constexpr json::field_rule json_fields[] = {json::rename("class_", "class"),
//                                                            json::skip("cache")};
//     };
#pragma once

#include <string_view>

namespace modelmesh::json {

/// One line of a `json_fields` table; made by the functions below.
struct field_rule {
    std::string_view member{};
    std::string_view name{}; ///< name on the wire; empty: as the member
    bool skipped = false;    ///< neither read nor written
    bool omit_empty = false; ///< a container that is not written when it has no element
};

[[nodiscard]] constexpr field_rule rename(std::string_view member, std::string_view name) {
    return {member, name};
}
[[nodiscard]] constexpr field_rule skip(std::string_view member) { return {member, {}, true}; }
[[nodiscard]] constexpr field_rule omit_empty(std::string_view member) { return {member, {}, false, true}; }

} // namespace modelmesh::json
