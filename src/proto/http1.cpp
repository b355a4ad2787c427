// The grammar is RFC 9112 (messages) with the field rules of RFC 9110 section 5.
#include "proto/http1.hpp"

#include <algorithm>
#include <array>
#include <charconv>

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

bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return token_characters[static_cast<unsigned char>(c)];
    });
}

// Visible characters, blanks and bytes above ASCII: no control character, so no line can be smuggled in.
bool is_field_content(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    });
}

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

bool has_list_item(std::string_view list, std::string_view item) noexcept {
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        if (http::iequals(trim(list.substr(0, comma)), item)) return true;
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
}

std::optional<std::uint64_t> parse_number(std::string_view digits, int base) noexcept {
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (digits.empty() || code != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

constexpr std::string_view line_end = "\r\n";

} // namespace

void response_parser::start(bool to_head) {
    state_ = state::status_line;
    to_head_ = to_head;
    started_ = false;
    keep_alive_ = false;
    http_1_0_ = false;
    status_ = 0;
    interim_ = 0;
    section_bytes_ = 0;
    remaining_ = 0;
    content_length_.reset();
    line_.clear();
    line_done_ = false;
    headers_.clear();
    trailers_.clear();
}

bool response_parser::fail(std::string_view why) {
    state_ = state::failed;
    keep_alive_ = false;
    why_ = why;
    return false;
}

fault response_parser::failure() const {
    return fault(errc::protocol, "malformed HTTP response: " + std::string(why_));
}

// Yields the next line without its end. It points into `input`, or into line_ when it came in pieces; either
// way it is valid until the next call. No value: more bytes are needed, or the line broke a limit or the
// grammar (failed).
std::optional<std::string_view> response_parser::take_line(std::string_view& input) {
    if (line_done_) {
        line_done_ = false;
        line_.clear();
    }
    const std::size_t newline = input.find('\n');
    const bool whole = newline != std::string_view::npos;
    const std::size_t length = whole ? newline + 1 : input.size();
    if (line_.size() + length > limits_.line) {
        fail("a line is too long");
        return std::nullopt;
    }
    section_bytes_ += length;
    std::string_view line = input.substr(0, length);
    input.remove_prefix(length);
    if (!whole || !line_.empty()) {
        line_.append(line);
        if (!whole) return std::nullopt;
        line = line_;
        line_done_ = true;
    }
    line.remove_suffix(1);
    if (!line.ends_with('\r')) {
        fail("a line does not end with CR LF");
        return std::nullopt;
    }
    line.remove_suffix(1);
    if (!is_field_content(line)) {
        fail("a control character in a line");
        return std::nullopt;
    }
    return line;
}

bool response_parser::on_status_line(std::string_view line) {
    constexpr std::string_view version = "HTTP/1.";
    const std::size_t fixed = version.size() + 2; // the minor version and the blank after it
    if (!line.starts_with(version) || line.size() < fixed + 3 || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ')
        return fail("not an HTTP/1 status line");
    const std::string_view rest = line.substr(fixed);
    const auto code = parse_number(rest.substr(0, 3), 10);
    if (!code || *code < 100 || (rest.size() > 3 && rest[3] != ' ')) return fail("bad status code");
    status_ = static_cast<int>(*code);
    http_1_0_ = line[7] == '0';
    state_ = state::fields;
    return true;
}

bool response_parser::on_field(std::string_view line, http::headers& into) {
    if (is_blank(line.front())) return fail("a folded field");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return fail("bad field name");
    if (into.size() >= limits_.head_fields) return fail("too many fields");
    into.add(line.substr(0, colon), trim(line.substr(colon + 1)));
    return true;
}

bool response_parser::choose_framing() {
    bool chunked = false;
    bool close = false;
    bool persist = false;
    for (const http::header& field : headers_) {
        if (http::iequals(field.name, "content-length")) {
            // from_chars accepts no sign for unsigned types, so this is digits only.
            const auto length = parse_number(field.value, 10);
            if (!length) return fail("bad content-length");
            if (content_length_ && *content_length_ != *length) return fail("contradictory content-lengths");
            content_length_ = length;
        } else if (http::iequals(field.name, "transfer-encoding")) {
            if (chunked || !http::iequals(field.value, "chunked"))
                return fail("transfer-encoding other than chunked");
            chunked = true;
        } else if (http::iequals(field.name, "connection")) {
            close = close || has_list_item(field.value, "close");
            persist = persist || has_list_item(field.value, "keep-alive");
        }
    }
    if (chunked && content_length_) return fail("both content-length and transfer-encoding");
    if (chunked && http_1_0_) return fail("transfer-encoding in HTTP/1.0");
    keep_alive_ = !close && (!http_1_0_ || persist);

    if (to_head_ || status_ == 204 || status_ == 304) {
        state_ = state::ended;
    } else if (chunked) {
        state_ = state::chunk_size;
    } else if (content_length_) {
        remaining_ = *content_length_;
        state_ = remaining_ == 0 ? state::ended : state::counted_body;
    } else {
        keep_alive_ = false;
        state_ = state::endless_body;
    }
    return true;
}

// True: this head is the final one.
bool response_parser::on_head_end() {
    section_bytes_ = 0;
    if (status_ >= 200) return choose_framing();
    if (status_ == 101) return fail("switched to a protocol that was not asked for");
    if (++interim_ > limits_.interim) return fail("too many interim responses");
    headers_.clear();
    state_ = state::status_line;
    return false;
}

bool response_parser::on_chunk_size(std::string_view line) {
    const std::string_view digits = line.substr(0, std::min(line.find(';'), line.size()));
    // Blanks are allowed only before an extension.
    const auto size = parse_number(digits.size() < line.size() ? trim(digits) : digits, 16);
    if (!size || is_blank(line.front())) return fail("bad chunk size");
    section_bytes_ = 0;
    remaining_ = *size;
    state_ = remaining_ == 0 ? state::trailers : state::chunk_data;
    return true;
}

result<response_parser::event> response_parser::step(std::string_view& input, std::string_view& slice) {
    if (!input.empty() && state_ != state::ended) started_ = true;
    for (;;) {
        switch (state_) {
        case state::failed:
            return failure();
        case state::ended:
            return event::end;

        case state::counted_body:
        case state::chunk_data:
        case state::endless_body: {
            if (input.empty()) return event::need_more;
            std::size_t length = input.size();
            if (state_ != state::endless_body) {
                length = static_cast<std::size_t>(std::min<std::uint64_t>(length, remaining_));
                remaining_ -= length;
                if (remaining_ == 0) state_ = state_ == state::counted_body ? state::ended : state::chunk_end;
            }
            slice = input.substr(0, length);
            input.remove_prefix(length);
            return event::body;
        }

        case state::chunk_end:
            // remaining_ counts the bytes of the line end that were seen.
            if (input.empty()) return event::need_more;
            if (input.front() != line_end[static_cast<std::size_t>(remaining_)]) {
                fail("a chunk is longer than its size");
                break;
            }
            input.remove_prefix(1);
            if (++remaining_ == line_end.size()) {
                remaining_ = 0;
                state_ = state::chunk_size;
            }
            break;

        case state::status_line:
        case state::fields:
        case state::chunk_size:
        case state::trailers: {
            if (input.empty()) return event::need_more;
            const auto line = take_line(input);
            if (section_bytes_ > limits_.head_bytes) fail("the head is too long");
            if (!line || state_ == state::failed) break;
            if (state_ == state::status_line) {
                on_status_line(*line);
            } else if (state_ == state::chunk_size) {
                if (line->empty())
                    fail("bad chunk size");
                else
                    on_chunk_size(*line);
            } else if (state_ == state::fields) {
                if (!line->empty())
                    on_field(*line, headers_);
                else if (on_head_end())
                    return event::head;
            } else {
                if (!line->empty())
                    on_field(*line, trailers_);
                else
                    state_ = state::ended;
            }
            break;
        }
        }
    }
}

result<void> response_parser::finish() {
    switch (state_) {
    case state::ended:
        return {};
    case state::failed:
        return failure();
    case state::endless_body:
        state_ = state::ended;
        return {};
    default:
        break;
    }
    keep_alive_ = false;
    const bool in_head = state_ == state::status_line || state_ == state::fields;
    state_ = state::failed;
    why_ = in_head ? "truncated, the connection closed inside the head"
                   : "truncated, the connection closed inside the body";
    return failure();
}

result<std::string> write_request_head(const http::request& request, const request_defaults& defaults) {
    if (!is_token(request.method)) return fault(errc::config, "the HTTP method is not a token");
    const bool target_fits =
        request.target.starts_with('/') &&
        std::all_of(request.target.begin(), request.target.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!target_fits)
        return fault(errc::config,
                     "the request target must start with '/' and be printable ASCII without blanks");

    std::size_t size = request.method.size() + request.target.size() + defaults.host.size() +
                       defaults.user_agent.size() + 128; // 128: the fixed text below
    for (const http::header& field : request.headers) size += field.name.size() + field.value.size() + 4;
    std::string head;
    head.reserve(size);
    const auto add = [&head](std::string_view name, std::string_view value) {
        head.append(name).append(": ").append(value).append(line_end);
    };

    head.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
    if (!request.headers.contains("host")) add("Host", defaults.host);
    if (!request.headers.contains("user-agent")) add("User-Agent", defaults.user_agent);
    if (!request.headers.contains("accept-encoding")) add("Accept-Encoding", "identity");
    for (const http::header& field : request.headers) {
        if (!is_token(field.name)) return fault(errc::config, "the name of a request header is not a token");
        for (const std::string_view reserved :
             {"content-length", "transfer-encoding", "connection", "upgrade"})
            if (http::iequals(field.name, reserved))
                return fault(errc::config, "the request header " + field.name + " is set by the transport");
        if (!is_field_content(field.value))
            return fault(errc::config,
                         "the value of request header " + field.name + " has a control character");
        add(field.name, field.value);
    }
    const bool expects_body =
        request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    if (expects_body || !request.body.empty()) add("Content-Length", std::to_string(request.body.size()));
    head.append(line_end);
    return head;
}

} // namespace modelmesh::proto
