// Checks and cuts JSON text without a target type: for values kept as text, for errors' offsets, for strings.
#pragma once

#include <modelmesh/core/error.hpp>
#include <modelmesh/json/read.hpp>

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace modelmesh::json::detail {

/// Where a scan ended and, when it failed, why.
struct scanned {
    const char* at = nullptr;
    const char* problem = nullptr; // null: fine, and `at` is behind the value
};

/// Levels that any document may have, whatever limits::depth says: the scan's own stack, and the reader's share of
/// the call stack.
inline constexpr std::size_t deepest = 1024;

/// Scans one value that starts at `begin` (no white space before it). UTF-8 is not looked at.
/// @param depth  how many arrays and objects enclose it already.
[[nodiscard]] scanned scan_value(const char* begin, const char* end, const limits& bounds,
                                 std::size_t depth) noexcept;

/// Scans a whole document, with white space around it. UTF-8 is not looked at.
[[nodiscard]] scanned scan_document(std::string_view text, const limits& bounds) noexcept;

[[nodiscard]] inline const char* skip_space(const char* at, const char* end) noexcept {
    while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
    return at;
}

/// What ends a run of plain characters: a quote, a backslash or a control character, and for `ascii` also what is
/// beyond ASCII.
enum class plain : bool { any, ascii };

/// The first byte that is not plain; `end` when there is none. Sixteen bytes at a time where SSE2 is there, else
/// eight; of a word's flagged bytes the lowest is right (Bit Twiddling Hacks, "hasless" and "haszero").
template <plain what = plain::any>
[[nodiscard]] inline const char* plain_end(const char* at, const char* end) noexcept {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        __m128i found = what == plain::ascii // as signed numbers, bytes beyond ASCII are below it too
                            ? _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20))
                            : _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        found = _mm_or_si128(found, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
        found = _mm_or_si128(found, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(found));
        if (mask != 0) return at + std::countr_zero(mask);
    }
#endif
    constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
    constexpr std::uint64_t highs = ones * 0x80;
    const auto below = [](std::uint64_t word, std::uint64_t limit) {
        return (word - ones * limit) & ~word & highs;
    };
    if constexpr (std::endian::native == std::endian::little) {
        for (; end - at >= 8; at += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, at, 8);
            std::uint64_t found =
                below(word ^ ones * '"', 1) | below(word ^ ones * '\\', 1) | below(word, 0x20);
            if constexpr (what == plain::ascii) found |= word & highs;
            if (found != 0) return at + std::countr_zero(found) / 8;
        }
    }
    const auto is_plain = [](unsigned char c) {
        return c != '"' && c != '\\' && c >= 0x20 && (what == plain::any || c < 0x80);
    };
    while (at != end && is_plain(static_cast<unsigned char>(*at))) ++at;
    return at;
}

/// Finds the end of a string's content, and whether it has escapes, which are not looked at.
/// @param begin  behind the opening quote. @returns `at` is the closing quote.
[[nodiscard]] inline scanned string_content(const char* begin, const char* end, bool& escaped) noexcept {
    constexpr const char* open_ended = "string does not end";
    escaped = false;
    for (const char* at = begin;;) {
        at = plain_end(at, end);
        if (at == end) return {begin - 1, open_ended};
        if (*at == '"') return {at};
        if (*at != '\\') return {at, "control character in a string"};
        if (end - at < 2) return {begin - 1, open_ended};
        escaped = true;
        at += 2;
    }
}

/// Scans a number that starts at `begin`. @returns `at` is behind it.
[[nodiscard]] scanned scan_number(const char* begin, const char* end) noexcept;

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
