// Checks and cuts JSON text without a target type: for values kept as text, for errors' offsets, for strings.
#pragma once

#include <modelmesh/core/error.hpp>
#include <modelmesh/json/read.hpp>

#include <string>
#include <string_view>

namespace modelmesh::json::detail {

/// Where a scan ended and, when it failed, why.
struct scanned {
    const char* at = nullptr;
    const char* problem = nullptr; // null: fine, and `at` is behind the value
};

/// Scans one value that starts at `begin` (no white space before it). UTF-8 is not looked at.
/// @param depth  how many arrays and objects enclose it already.
[[nodiscard]] scanned scan_value(const char* begin, const char* end, const limits& bounds,
                                 std::size_t depth) noexcept;

/// Scans a whole document, with white space around it. UTF-8 is not looked at.
[[nodiscard]] scanned scan_document(std::string_view text, const limits& bounds) noexcept;

[[nodiscard]] const char* skip_space(const char* at, const char* end) noexcept;

/// The end of a string's content, and whether it has escapes.
/// @param begin  behind the opening quote. @returns the closing quote, or null when there is none.
[[nodiscard]] const char* string_end(const char* begin, const char* end, bool& escaped) noexcept;

/// Writes the characters of a string's content to `out`, which has room for as many bytes as the content.
/// @returns on success `at` is behind the last byte written; else `at` is the bad escape.
[[nodiscard]] scanned unescape(const char* begin, const char* end, char* out) noexcept;

[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;
/// Offset of the first byte that makes the text invalid; its size when it is valid.
[[nodiscard]] std::size_t first_invalid_utf8(std::string_view text) noexcept;

/// The fault for a document: "JSON: <problem> at <pointer>, offset <n>".
[[nodiscard]] fault make_fault(errc kind, std::string_view problem, std::string_view pointer,
                               std::size_t offset);
/// Explains why a document is not valid JSON; has an empty message when it is.
[[nodiscard]] fault explain(std::string_view text, std::string_view pointer, const read_options& options);

} // namespace modelmesh::json::detail
