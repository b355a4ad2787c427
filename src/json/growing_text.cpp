#include "json/growing_text.hpp"

#include "json/scan.hpp"

#include <algorithm>

namespace modelmesh::json::detail {
namespace {

bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool is_in_number(char c) noexcept {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Bytes that the last character of a text still lacks.
int lacking(const char* begin, const char* end) noexcept {
    for (int behind = 0; behind < 3 && end - behind != begin; ++behind) {
        const auto c = static_cast<unsigned char>(end[-1 - behind]);
        if (c < 0x80) return 0;
        if (is_continuation(end[-1 - behind])) continue;
        const int all = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
        return std::max(all - behind, 0);
    }
    return 0;
}

} // namespace

bool growing_text::add(std::string_view piece) {
    text_.resize(arrived_);
    shown_ = nullptr;
    const char* const begin = piece.data();
    const char* const end = begin + piece.size();
    for (const char* at = begin; at != end && expecting_ != expecting::nothing;) at = step(at, end);
    if (expecting_ == expecting::nothing) show(end);
    if (shown_ == nullptr) {
        held_ += piece;
        return false;
    }
    text_ += held_;
    text_.append(begin, shown_);
    held_.assign(shown_, end);
    arrived_ = text_.size();
    return true;
}

std::string_view growing_text::completed() {
    text_.resize(arrived_);
    if (expecting_ != expecting::nothing) {
        if (expecting_ == expecting::string) text_ += '"';
        text_.append(closing_.rbegin(), closing_.rend());
    }
    return text_;
}

const char* growing_text::step(const char* at, const char* end) {
    if (expecting_ == expecting::string || expecting_ == expecting::key_text) return text(at, end);
    if (expecting_ == expecting::literal) return literal(at, end);
    if (expecting_ == expecting::number) {
        at = std::find_if_not(at, end, is_in_number);
        if (at == end) return at;
        show(at);
        expecting_ = expecting::comma_or_end;
    }
    const char c = *at;
    if (is_space(c)) return at + 1;
    switch (expecting_) {
    case expecting::value_or_end:
        if (c == ']') return close(at);
        return begin_value(at);
    case expecting::value:
        return begin_value(at);
    case expecting::key_or_end:
        if (c == '}') return close(at);
        [[fallthrough]];
    case expecting::key:
        if (c != '"') break;
        expecting_ = expecting::key_text;
        return at + 1;
    case expecting::colon:
        if (c != ':') break;
        expecting_ = expecting::value;
        return at + 1;
    case expecting::comma_or_end:
        if (closing_.empty()) break;
        if (c == closing_.back()) return close(at);
        if (c != ',') break;
        expecting_ = closing_.back() == '}' ? expecting::key : expecting::value;
        return at + 1;
    default:
        break;
    }
    return fail(at);
}

const char* growing_text::begin_value(const char* at) {
    const char c = *at;
    if (c == '{') return open(at, '}', expecting::key_or_end);
    if (c == '[') return open(at, ']', expecting::value_or_end);
    if (c == '"') {
        expecting_ = expecting::string;
        show(at + 1);
        return at + 1;
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        expecting_ = expecting::number;
        return at + 1;
    }
    for (const std::string_view word : {"true", "false", "null"}) {
        if (word.front() != c) continue;
        literal_ = word;
        expecting_ = expecting::literal;
        return at;
    }
    return fail(at);
}

const char* growing_text::open(const char* at, char closing, expecting next) {
    if (closing_.size() == deepest) return fail(at);
    closing_ += closing;
    expecting_ = next;
    show(at + 1);
    return at + 1;
}

const char* growing_text::close(const char* at) {
    closing_.pop_back();
    expecting_ = expecting::comma_or_end;
    show(at + 1);
    return at + 1;
}

const char* growing_text::literal(const char* at, const char* end) {
    while (at != end && !literal_.empty()) {
        if (*at != literal_.front()) return fail(at);
        literal_.remove_prefix(1);
        ++at;
    }
    if (literal_.empty()) {
        expecting_ = expecting::comma_or_end;
        show(at);
    }
    return at;
}

// Up to the next quote or escape of a string, or the end of the piece.
const char* growing_text::text(const char* at, const char* end) {
    if (escape_ != 0) return escape(at, end);
    const bool is_value = expecting_ == expecting::string;
    const char* const begin = at;
    for (; continuation_ != 0 && at != end; --continuation_, ++at)
        if (!is_continuation(*at)) return fail(at);
    if (continuation_ != 0) return at;
    if (at != begin && is_value) show(at);
    const char* const plain = at;
    at = plain_end(at, end);
    if (at == end) {
        continuation_ = lacking(plain, end);
        const char* whole = end;
        if (continuation_ != 0) // the beginning of a character is held back
            while (is_continuation(*--whole)) {
            }
        if (is_value && whole != begin) show(whole);
        return end;
    }
    if (is_value && at != begin) show(at);
    if (*at == '\\') {
        escape_ = 1;
        return at + 1;
    }
    if (*at != '"') return fail(at);
    if (is_value) {
        show(at + 1);
        expecting_ = expecting::comma_or_end;
    } else {
        expecting_ = expecting::colon;
    }
    return at + 1;
}

// Behind a backslash. Half of a character waits for the escape of its other half.
const char* growing_text::escape(const char* at, const char* end) {
    constexpr int one = 6; // bytes of an escape with digits
    constexpr int two = 12;
    const auto digit = [](char c) -> std::uint32_t {
        if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0');
        const char lower = static_cast<char>(c | 0x20);
        return lower >= 'a' && lower <= 'f' ? static_cast<std::uint32_t>(lower - 'a' + 10) : 16;
    };
    bool is_whole = false;
    for (; at != end && !is_whole; ++at) {
        switch (escape_) {
        case 1:
            code_ = 0;
            is_whole = *at != 'u';
            break;
        case one:
            if (*at != '\\') return fail(at);
            break;
        case one + 1:
            if (*at != 'u') return fail(at);
            break;
        default:
            if (digit(*at) == 16) return fail(at);
            code_ = code_ << 4 | digit(*at);
        }
        ++escape_;
        const bool is_half = (code_ & 0xFC00) == 0xD800;
        is_whole = is_whole || (escape_ == one && !is_half) || escape_ == two;
    }
    if (is_whole) {
        escape_ = 0;
        if (expecting_ == expecting::string) show(at);
    }
    return at;
}

} // namespace modelmesh::json::detail
