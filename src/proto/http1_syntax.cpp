#include "proto/http1_syntax.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <utility>

namespace modelmesh::proto {
namespace {

constexpr std::array<bool, 256> token_characters = [] {
    std::array<bool, 256> table{};
    for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
    for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = true;
    for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = true;
    for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
    return table;
}();

bool is_target_character(char c) noexcept { return c > ' ' && c < 0x7f && c != '#'; }

} // namespace

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return token_characters[static_cast<unsigned char>(c)];
    });
}

// Without a branch for each byte, so that it is done sixteen at a time.
bool is_field_content(std::string_view text) noexcept {
    unsigned char has_control = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        has_control |= static_cast<unsigned char>((byte < 0x20 && byte != '\t') || byte == 0x7f);
    }
    return has_control == 0;
}

bool is_target_text(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_target_character);
}

bool is_authority(std::string_view text) noexcept {
    std::string_view port;
    std::string_view name = text;
    if (text.starts_with('[')) {
        const std::size_t bracket = text.find(']');
        if (bracket == std::string_view::npos || bracket == 1) return false;
        name = text.substr(1, bracket - 1);
        port = text.substr(bracket + 1);
        if (!port.empty() && port.front() != ':') return false;
        if (name.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
    } else {
        const std::size_t colon = std::min(text.find(':'), text.size());
        name = text.substr(0, colon);
        port = text.substr(colon);
        const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
            return is_target_character(c) &&
                   std::string_view("/?@,:[]\\\"<>^`{|}").find(c) == std::string_view::npos;
        });
        if (!is_name) return false;
    }
    if (port.empty()) return true;
    port.remove_prefix(1);
    return port.size() <= 5 &&
           std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view trim_blanks(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

bool has_list_item(std::string_view list, std::string_view item) noexcept {
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        if (http::iequals(trim_blanks(list.substr(0, comma)), item)) return true;
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
}

std::optional<std::uint64_t> parse_number(std::string_view digits, int base) noexcept {
    std::uint64_t value = 0;
    // from_chars accepts no sign for unsigned types.
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (digits.empty() || code != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

bool is_framing_field(std::string_view name) noexcept {
    for (const std::string_view reserved : {"content-length", "transfer-encoding", "connection", "upgrade"})
        if (http::iequals(name, reserved)) return true;
    return false;
}

result<void> check_fields(const http::headers& fields, std::string_view noun) {
    const auto refuse = [noun](std::string_view before, std::string_view name, std::string_view after) {
        std::string text(before);
        text.append(noun).append(" header").append(name.empty() ? "" : " ").append(name).append(after);
        return fault(errc::config, std::move(text));
    };
    for (const http::header field : fields) {
        if (!is_token(field.name)) return refuse("the name of a ", "", " is not a token");
        if (is_framing_field(field.name)) return refuse("the ", field.name, " is set by the transport");
        if (!is_field_content(field.value))
            return refuse("the value of ", field.name, " has a control character");
    }
    return {};
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append(line_end);
}

void append_number(std::string& out, std::uint64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

} // namespace modelmesh::proto
