#include "proto/http1_message.hpp"

#include "proto/http1_syntax.hpp"

#include <algorithm>

namespace modelmesh::proto {
namespace {

// Digits of the largest chunk size. What a line has beyond them, extensions or zeros, is not bounded by the
// body.
constexpr std::size_t widest_size = 2 * sizeof(std::uint64_t);

} // namespace

void message_parser::reset() {
    state_ = state::start_line;
    started_ = false;
    section_bytes_ = 0;
    remaining_ = 0;
    body_bytes_ = 0;
    extension_bytes_ = 0;
    refusal_ = 0;
    line_.clear();
    line_done_ = false;
    trailers_.clear();
    restart_head();
}

void message_parser::restart_head() {
    state_ = state::start_line;
    keep_alive_ = false;
    http_1_0_ = false;
    chunked_ = false;
    content_length_.reset();
    headers_.clear();
}

bool message_parser::fail(std::string_view why, int status) {
    state_ = state::failed;
    keep_alive_ = false;
    why_ = why;
    refusal_ = status;
    return false;
}

fault message_parser::failure() const {
    std::string text("malformed HTTP ");
    text.append(noun_).append(": ").append(why_);
    return fault(errc::protocol, std::move(text));
}

int message_parser::too_large() const noexcept {
    if (state_ == state::start_line) return 414;
    return state_ == state::chunk_size ? 400 : 431;
}

// Yields the next line without its end. It points into `input`, or into line_ when it came in pieces; either
// way it is valid until the next call. No value: more bytes are needed, or the line broke a limit or the
// grammar (failed).
std::optional<std::string_view> message_parser::take_line(std::string_view& input) {
    if (line_done_) {
        line_done_ = false;
        line_.clear();
    }
    const std::size_t newline = input.find('\n');
    const bool whole = newline != std::string_view::npos;
    const std::size_t length = whole ? newline + 1 : input.size();
    if (line_.size() + length > limits_.line) {
        fail("a line is too long", too_large());
        return std::nullopt;
    }
    section_bytes_ += length;
    // Before what the line says is looked at: where it came in pieces, its end may be missing yet.
    if (section_bytes_ > limits_.head_bytes) {
        fail("the head is too long", too_large());
        return std::nullopt;
    }
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

bool message_parser::on_field(std::string_view line, http::headers& into) {
    if (is_blank(line.front())) return fail("a folded field");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return fail("bad field name");
    if (into.size() >= limits_.head_fields) return fail("too many fields", 431);
    into.add(line.substr(0, colon), trim_blanks(line.substr(colon + 1)));
    return true;
}

bool message_parser::read_framing() {
    bool close = false;
    bool persist = false;
    for (const http::header field : headers_) {
        if (http::iequals(field.name, "content-length")) {
            const auto length = parse_number(field.value, 10);
            if (!length) return fail("bad content-length");
            if (content_length_ && *content_length_ != *length) return fail("contradictory content-lengths");
            content_length_ = length;
        } else if (http::iequals(field.name, "transfer-encoding")) {
            // 501: a coding that the sender may hope for. Chunked with another one behind it has no end.
            if (chunked_ || !http::iequals(field.value, "chunked"))
                return fail("transfer-encoding other than chunked", chunked_ ? 400 : 501);
            chunked_ = true;
        } else if (http::iequals(field.name, "connection")) {
            close = close || has_list_item(field.value, "close");
            persist = persist || has_list_item(field.value, "keep-alive");
        }
    }
    if (chunked_ && content_length_) return fail("both content-length and transfer-encoding");
    if (chunked_ && http_1_0_) return fail("transfer-encoding in HTTP/1.0");
    if (content_length_ && *content_length_ > limits_.body) return fail("the body is too long", 413);
    keep_alive_ = !close && (!http_1_0_ || persist);
    return true;
}

void message_parser::begin_body(unframed otherwise) {
    if (chunked_) {
        state_ = state::chunk_size;
    } else if (content_length_) {
        remaining_ = *content_length_;
        state_ = remaining_ == 0 ? state::ended : state::counted_body;
    } else if (otherwise == unframed::has_no_body) {
        state_ = state::ended;
    } else {
        keep_alive_ = false;
        state_ = state::endless_body;
    }
}

bool message_parser::on_chunk_size(std::string_view line) {
    if (line.empty() || is_blank(line.front())) return fail("bad chunk size");
    const std::string_view digits = line.substr(0, std::min(line.find(';'), line.size()));
    // Blanks are allowed only before an extension.
    const auto size = parse_number(digits.size() < line.size() ? trim_blanks(digits) : digits, 16);
    if (!size) return fail("bad chunk size");
    extension_bytes_ += line.size() - std::min(line.size(), widest_size);
    if (extension_bytes_ > limits_.head_bytes) return fail("too much around the sizes of chunks");
    if (*size > limits_.body - body_bytes_) return fail("the body is too long", 413);
    section_bytes_ = 0;
    body_bytes_ += *size;
    remaining_ = *size;
    state_ = remaining_ == 0 ? state::trailers : state::chunk_data;
    return true;
}

void message_parser::on_line(std::string_view line, bool& is_head) {
    switch (state_) {
    case state::start_line:
        if (on_start_line(line))
            state_ = state::fields;
        else if (state_ != state::failed && section_bytes_ > limits_.line)
            fail("too many empty lines");
        break;
    case state::fields:
        if (!line.empty()) {
            on_field(line, headers_);
        } else {
            section_bytes_ = 0;
            is_head = on_head_end();
        }
        break;
    case state::chunk_size:
        on_chunk_size(line);
        break;
    default:
        if (!line.empty())
            on_field(line, trailers_);
        else
            state_ = state::ended;
        break;
    }
}

result<message_parser::event> message_parser::step(std::string_view& input, std::string_view& slice) {
    if (!started_ && state_ != state::ended)
        started_ = input.find_first_not_of(may_precede_) != std::string_view::npos;
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

        case state::start_line:
        case state::fields:
        case state::chunk_size:
        case state::trailers: {
            if (input.empty()) return event::need_more;
            const auto line = take_line(input);
            if (!line) break;
            bool is_head = false;
            on_line(*line, is_head);
            if (is_head) return event::head;
            break;
        }
        }
    }
}

result<void> message_parser::finish() {
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
    const bool in_head = state_ == state::start_line || state_ == state::fields;
    fail(in_head ? "truncated, the connection closed inside the head"
                 : "truncated, the connection closed inside the body");
    return failure();
}

} // namespace modelmesh::proto
