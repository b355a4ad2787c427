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
    if (at != end && *at > ' ') return at; // there mostly is none
    while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
    return at;
}

/// What ends a run of plain characters: a quote, a backslash or a control character, and for `ascii` also what is
/// beyond ASCII.
enum class plain : bool { any, ascii };

template <plain what> [[nodiscard]] inline bool is_plain(unsigned char c) noexcept {
    return c != '"' && c != '\\' && c >= 0x20 && (what == plain::any || c < 0x80);
}

// How many of the first bytes of a word in memory are plain. The lowest flagged byte is right, those above it need
// not be (Bit Twiddling Hacks, "hasless" and "haszero").
template <plain what> [[nodiscard]] inline int plain_of_8(std::uint64_t word) noexcept {
    constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
    constexpr std::uint64_t highs = ones * 0x80;
    const auto below = [](std::uint64_t bytes, std::uint64_t limit) {
        return (bytes - ones * limit) & ~bytes & highs;
    };
    std::uint64_t found = below(word ^ ones * '"', 1) | below(word ^ ones * '\\', 1) | below(word, 0x20);
    if constexpr (what == plain::ascii) found |= word & highs;
    return std::countr_zero(found) / 8;
}

#ifdef __SSE2__
// As a mask, which of the bytes are not plain. The quote's code with one bit changed is that of the space, and the
// control characters stay below it: one comparison finds both.
template <plain what> [[nodiscard]] inline unsigned special_of_16(__m128i bytes) noexcept {
    const __m128i changed = _mm_xor_si128(bytes, _mm_set1_epi8('"' ^ ' '));
    const __m128i found = what == plain::ascii // as signed numbers, bytes beyond ASCII are below it too
                              ? _mm_cmplt_epi8(changed, _mm_set1_epi8(' ' + 1))
                              : _mm_cmpeq_epi8(_mm_min_epu8(changed, _mm_set1_epi8(' ')), changed);
    const __m128i slashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(found, slashes)));
}
#endif

/// The first byte that is not plain; `end` when there is none.
template <plain what = plain::any>
[[nodiscard]] inline const char* plain_end(const char* at, const char* end) noexcept {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        const unsigned special = special_of_16<what>(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
        if (special != 0) return at + std::countr_zero(special);
    }
#endif
    if constexpr (std::endian::native == std::endian::little) {
        for (; end - at >= 8; at += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, at, 8);
            if (const int count = plain_of_8<what>(word); count != 8) return at + count;
        }
    }
    while (at != end && is_plain<what>(static_cast<unsigned char>(*at))) ++at;
    return at;
}

/// Copies plain bytes up to the first that is not, whose place it returns; `to` moves behind the copy. May write as
/// many bytes as there are, and not only those that are plain.
template <plain what>
[[nodiscard]] inline const char* copy_plain(const char* at, const char* end, char*& to) noexcept {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16, to += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
        if (const unsigned special = special_of_16<what>(bytes); special != 0) {
            to += std::countr_zero(special);
            return at + std::countr_zero(special);
        }
    }
#endif
    if constexpr (std::endian::native == std::endian::little) {
        for (; end - at >= 8; at += 8, to += 8) {
            std::uint64_t word = 0;
            std::memcpy(&word, at, 8);
            std::memcpy(to, &word, 8);
            if (const int count = plain_of_8<what>(word); count != 8) {
                to += count;
                return at + count;
            }
        }
    }
    while (at != end && is_plain<what>(static_cast<unsigned char>(*at))) *to++ = *at++;
    return at;
}

/// Finds the end of a string's content, and whether it has escapes, which are not looked at.
/// @param begin  behind the opening quote. @param at  from where to look. @returns `at` is the closing quote; with
/// `ascii` it may also be the first byte beyond ASCII, which is no problem.
template <plain what = plain::any>
[[nodiscard]] inline scanned string_content(const char* begin, const char* at, const char* end,
                                            bool& escaped) noexcept {
    constexpr const char* open_ended = "string does not end";
    for (;;) {
        at = plain_end<what>(at, end);
        if (at == end) return {begin - 1, open_ended};
        if (*at == '"') return {at};
        if (what == plain::ascii && static_cast<unsigned char>(*at) >= 0x80) return {at};
        if (*at != '\\') return {at, "control character in a string"};
        if (end - at < 2) return {begin - 1, open_ended};
        escaped = true;
        at += 2;
    }
}
[[nodiscard]] inline scanned string_content(const char* begin, const char* end, bool& escaped) noexcept {
    escaped = false;
    return string_content(begin, begin, end, escaped);
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
