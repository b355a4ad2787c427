// Writing C++ types as JSON, without white space, members in the order of their declaration.
#pragma once

#include <modelmesh/json/detail/describe.hpp>

#include <string>
#include <string_view>

namespace modelmesh::json {

namespace detail {
void append_erased(std::string& out, const void* object, const descriptor& type);
std::string write_erased(const void* object, const descriptor& type);
} // namespace detail

/// Appends a value. Absent members are left out; json::extra comes last.
/// @throws std::invalid_argument  a string is not UTF-8, or a number is not finite; nothing was appended.
template <class T> void append(std::string& out, const T& value) {
    detail::append_erased(out, &value, detail::describe<T>());
}

/// The value as text. @throws std::invalid_argument  as append().
template <class T> [[nodiscard]] std::string write(const T& value) {
    return detail::write_erased(&value, detail::describe<T>());
}

/// Appends a JSON string with its quotes. Escapes only what JSON demands.
/// @throws std::invalid_argument  the text is not UTF-8; nothing was appended.
void append_string(std::string& out, std::string_view text);

} // namespace modelmesh::json
