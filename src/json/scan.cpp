#include "json/scan.hpp"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

namespace modelmesh::json::detail {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

int hex_digit(char c) noexcept {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Four hex digits as a number, or -1.
int hex_quad(const char* at, const char* end) noexcept {
    if (end - at < 4) return -1;
    int value = 0;
    for (int i = 0; i < 4; ++i) {
        const int digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

// One escape sequence at `at` (a backslash): its code point, and `at` moves behind it; -1 when it is
// malformed.
long escape(const char*& at, const char* end) noexcept {
    if (end - at < 2) return -1;
    const char c = at[1];
    long code = -1;
    switch (c) {
    case '"':
    case '\\':
    case '/':
        code = c;
        break;
    case 'b':
        code = '\b';
        break;
    case 'f':
        code = '\f';
        break;
    case 'n':
        code = '\n';
        break;
    case 'r':
        code = '\r';
        break;
    case 't':
        code = '\t';
        break;
    case 'u': {
        code = hex_quad(at + 2, end);
        if (code < 0 || (code >= 0xDC00 && code <= 0xDFFF)) return -1;
        if (code >= 0xD800 && code <= 0xDBFF) { // half a character: its other half must follow
            if (end - at < 12 || at[6] != '\\' || at[7] != 'u') return -1;
            const int low = hex_quad(at + 8, end);
            if (low < 0xDC00 || low > 0xDFFF) return -1;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            at += 6;
        }
        at += 4;
        break;
    }
    default:
        return -1;
    }
    at += 2;
    return code;
}

char* put_utf8(char* out, long code) noexcept {
    const auto put = [&out](long byte) { *out++ = static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | (code >> 6));
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | (code >> 12));
        put(0x80 | ((code >> 6) & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | (code >> 18));
        put(0x80 | ((code >> 12) & 0x3F));
        put(0x80 | ((code >> 6) & 0x3F));
        put(0x80 | (code & 0x3F));
    }
    return out;
}

scanned scan_string(const char* begin, const char* end, std::size_t longest) noexcept {
    bool escaped = false;
    const scanned content = string_content(begin + 1, end, escaped);
    if (content.problem != nullptr) return content;
    if (static_cast<std::size_t>(content.at - begin - 1) > longest) return {begin, "string is too long"};
    if (escaped) {
        for (const char* at = begin + 1; at != content.at;) {
            if (*at != '\\')
                ++at;
            else if (const char* const slash = at; escape(at, content.at) < 0)
                return {slash, "malformed escape in a string"};
        }
    }
    return {content.at + 1};
}

scanned scan_scalar(const char* at, const char* end, const limits& bounds) noexcept {
    if (*at == '"') return scan_string(at, end, bounds.string);
    if (*at == '-' || is_digit(*at)) return scan_number(at, end);
    for (const std::string_view word : {"true", "false", "null"})
        if (std::string_view(at, static_cast<std::size_t>(end - at)).starts_with(word))
            return {at + word.size()};
    return {at, "expected a value"};
}

} // namespace

scanned scan_number(const char* begin, const char* end) noexcept {
    constexpr const char* malformed = "malformed number";
    const char* at = begin;
    if (*at == '-') ++at;
    const auto digits = [&] {
        const char* first = at;
        while (at != end && is_digit(*at)) ++at;
        return at != first;
    };
    if (at != end && *at == '0')
        ++at;
    else if (!digits())
        return {begin, malformed};
    if (at != end && *at == '.') {
        ++at;
        if (!digits()) return {begin, malformed};
    }
    if (at != end && (*at == 'e' || *at == 'E')) {
        ++at;
        if (at != end && (*at == '+' || *at == '-')) ++at;
        if (!digits()) return {begin, malformed};
    }
    return {at};
}

// One loop and a stack of its own: the depth of a document must not become the depth of our call stack.
scanned scan_value(const char* begin, const char* end, const limits& bounds, std::size_t depth) noexcept {
    struct level {
        char closing;
        std::size_t elements;
    };
    level levels[deepest];
    const std::size_t most = std::min(bounds.depth, deepest);
    std::size_t open = 0;
    const char* at = begin;
    for (;;) {
        // At the start of a value.
        at = skip_space(at, end);
        if (at == end) return {at, "document ends too early"};
        bool value_done = true;
        if (*at == '{' || *at == '[') {
            if (depth + open >= most) return {at, "nested too deeply"};
            const char closing = *at == '{' ? '}' : ']';
            at = skip_space(at + 1, end);
            if (at != end && *at == closing) {
                ++at;
            } else {
                levels[open++] = {closing, 1};
                value_done = false;
            }
        } else {
            const scanned scalar = scan_scalar(at, end, bounds);
            if (scalar.problem != nullptr) return scalar;
            at = scalar.at;
        }
        // Behind a value: close what ends here, or go on to the next element.
        while (value_done) {
            if (open == 0) return {at};
            at = skip_space(at, end);
            if (at == end) return {at, "document ends too early"};
            level& inner = levels[open - 1];
            if (*at == inner.closing) {
                ++at;
                --open;
                continue;
            }
            if (*at != ',') return {at, inner.closing == '}' ? "expected ',' or '}'" : "expected ',' or ']'"};
            if (++inner.elements > bounds.elements) return {at, "too many elements"};
            ++at;
            break;
        }
        if (levels[open - 1].closing == '}') {
            at = skip_space(at, end);
            if (at == end) return {at, "document ends too early"};
            if (*at != '"') return {at, "expected a member's name"};
            const scanned name = scan_string(at, end, bounds.string);
            if (name.problem != nullptr) return name;
            at = skip_space(name.at, end);
            if (at == end || *at != ':') return {at, "expected ':'"};
            ++at;
        }
    }
}

scanned scan_document(std::string_view text, const limits& bounds) noexcept {
    const char* const end = text.data() + text.size();
    const scanned value = scan_value(skip_space(text.data(), end), end, bounds, 0);
    if (value.problem != nullptr) return value;
    const char* at = skip_space(value.at, end);
    if (at != end) return {at, "something follows the document"};
    return {at};
}

scanned unescape(const char* begin, const char* end, char* out) noexcept {
    for (const char* at = begin; at != end;) {
        const auto left = static_cast<std::size_t>(end - at);
        const auto* slash = static_cast<const char*>(std::memchr(at, '\\', left));
        const std::size_t plain = slash == nullptr ? left : static_cast<std::size_t>(slash - at);
        std::memmove(out, at, plain);
        out += plain;
        at += plain;
        if (slash == nullptr) break;
        const long code = escape(at, end);
        if (code < 0) return {slash, "malformed escape in a string"};
        out = put_utf8(out, code);
    }
    return {out};
}

bool valid_utf8(std::string_view text) noexcept { return simdjson::validate_utf8(text.data(), text.size()); }

std::size_t first_invalid_utf8(std::string_view text) noexcept {
    // The longest valid prefix, by bisection; a prefix may end inside a character, so up to 3 bytes of slack.
    std::size_t low = 0;
    std::size_t high = text.size();
    const auto valid_up_to = [&](std::size_t size) {
        for (std::size_t slack = 0; slack < 4 && slack <= size; ++slack)
            if (valid_utf8(text.substr(0, size - slack))) return true;
        return false;
    };
    if (valid_utf8(text)) return text.size();
    while (low < high) {
        const std::size_t middle = low + (high - low + 1) / 2;
        if (valid_up_to(middle))
            low = middle;
        else
            high = middle - 1;
    }
    while (low > 0 && !valid_utf8(text.substr(0, low))) --low;
    return low;
}

fault make_fault(errc kind, std::string_view problem, std::string_view pointer, std::size_t offset) {
    constexpr std::size_t longest_pointer = 256; // its names come from the peer
    std::string message = "JSON: ";
    message += problem;
    message += " at ";
    if (pointer.empty()) {
        message += "the top";
    } else {
        std::size_t shown = std::min(pointer.size(), longest_pointer);
        const auto inside_character = [&] {
            return (static_cast<unsigned char>(pointer[shown]) & 0xC0) == 0x80;
        };
        while (shown < pointer.size() && shown > 0 && inside_character()) --shown;
        message += pointer.substr(0, shown);
        if (shown < pointer.size()) message += "...";
    }
    message += ", offset ";
    message += std::to_string(offset);
    return fault(kind, std::move(message));
}

fault explain(std::string_view text, std::string_view pointer, const read_options& options) {
    if (text.size() > options.limits.total)
        return make_fault(options.kind, "document is too long", pointer, 0);
    if (const std::size_t bad = first_invalid_utf8(text); bad != text.size())
        return make_fault(options.kind, "invalid UTF-8", pointer, bad);
    const scanned whole = scan_document(text, options.limits);
    if (whole.problem == nullptr) return {};
    return make_fault(options.kind, whole.problem, pointer, static_cast<std::size_t>(whole.at - text.data()));
}

} // namespace modelmesh::json::detail

namespace modelmesh::json {

result<void> validate(std::string_view bytes, const read_options& options) {
    if (bytes.size() <= options.limits.total && detail::valid_utf8(bytes) &&
        detail::scan_document(bytes, options.limits).problem == nullptr)
        return {};
    return detail::explain(bytes, {}, options);
}

} // namespace modelmesh::json
