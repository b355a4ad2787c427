// JSON Schema of a C++ type, from the same tables that read and write it.
#pragma once

#include <modelmesh/json/detail/describe.hpp>

#include <cstdint>
#include <string>

namespace modelmesh::json {

/// What a schema is for.
enum class schema_style : std::uint8_t {
    plain, ///< JSON Schema 2020-12: members that may be absent are not required
    strict, ///< the part of it that OpenAI's structured outputs take: every member is required, one that may be
            ///< absent may be null instead, and nothing else is allowed
};

namespace detail {
std::string schema_text(const descriptor& type, schema_style style);
}

/// The schema of T as JSON text, with what `json_fields` and `json_description` say. Made once for each type, and
/// lives as long as the program. Threads: any.
/// @throws std::invalid_argument  T has a view, which would not outlive what is read; strict, and T has what that
///         style cannot say: a map, a json::raw or a json::extra; names the member.
template <class T> [[nodiscard]] const std::string& schema(schema_style style = schema_style::plain) {
    static const std::string plain = detail::schema_text(detail::describe<T>(), schema_style::plain);
    if (style == schema_style::plain) return plain;
    static const std::string strict = detail::schema_text(detail::describe<T>(), schema_style::strict);
    return strict;
}

} // namespace modelmesh::json
