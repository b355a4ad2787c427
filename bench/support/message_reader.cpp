#include "support/message_reader.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace modelmesh::bench {
namespace {

bool begins_with(std::string_view line, std::string_view name) {
    return line.size() >= name.size() && strncasecmp(line.data(), name.data(), name.size()) == 0;
}

bool read_number(std::string_view text, int base, std::uint64_t& value) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    return std::from_chars(text.data(), text.data() + text.size(), value, base).ec == std::errc();
}

} // namespace

bool message_reader::read_head(std::string_view head) {
    std::size_t end = head.find("\r\n");
    first_line_.assign(head.substr(0, end));
    left_ = 0;
    state_ = state::length_body;
    for (std::size_t start = end + 2; start < head.size(); start = end + 2) {
        end = head.find("\r\n", start);
        const std::string_view line = head.substr(start, end - start);
        if (begins_with(line, "content-length:")) {
            if (!read_number(line.substr(15), 10, left_)) return false;
        } else if (begins_with(line, "transfer-encoding:")) {
            state_ = state::chunk_size;
        }
    }
    if (state_ == state::length_body && left_ == 0) state_ = state::over;
    return true;
}

message_reader::event message_reader::take_head(std::string_view& in) {
    constexpr std::string_view blank = "\r\n\r\n";
    std::string_view head;
    if (partial_.empty()) {
        const std::size_t end = in.find(blank);
        if (end == std::string_view::npos) {
            partial_.assign(in);
            in = {};
            return event::need_more;
        }
        head = in.substr(0, end + 2);
        in.remove_prefix(end + blank.size());
    } else {
        const std::size_t known = partial_.size();
        partial_.append(in);
        const std::size_t end = partial_.find(blank, known < 3 ? 0 : known - 3);
        if (end == std::string::npos) {
            in = {};
            return event::need_more;
        }
        in.remove_prefix(end + blank.size() - known);
        head = std::string_view(partial_).substr(0, end + 2);
    }
    const bool is_good = read_head(head);
    partial_.clear();
    return is_good ? event::head : event::malformed;
}

message_reader::event message_reader::take_body(std::string_view& in, std::string_view& slice, state next) {
    if (in.empty()) return event::need_more;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
    slice = in.substr(0, size);
    in.remove_prefix(size);
    left_ -= size;
    if (left_ == 0) state_ = next;
    return event::body;
}

bool message_reader::take_line(std::string_view& in, std::string_view& line) {
    if (std::exchange(partial_is_used_, false)) partial_.clear();
    const std::size_t end = in.find('\n');
    if (end == std::string_view::npos) {
        partial_.append(in);
        in = {};
        return false;
    }
    line = in.substr(0, end + 1);
    in.remove_prefix(end + 1);
    if (!partial_.empty()) {
        line = partial_.append(line);
        partial_is_used_ = true;
    }
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    return true;
}

message_reader::event message_reader::step(std::string_view& in, std::string_view& slice) {
    std::string_view line;
    for (;;) {
        switch (state_) {
        case state::head:
            return in.empty() ? event::need_more : take_head(in);
        case state::length_body:
            return take_body(in, slice, state::over);
        case state::chunk_size:
            if (!take_line(in, line)) return event::need_more;
            if (!read_number(line, 16, left_)) return event::malformed;
            state_ = left_ == 0 ? state::trailer : state::chunk_body;
            break;
        case state::chunk_body:
            return take_body(in, slice, state::chunk_end);
        case state::chunk_end:
            if (!take_line(in, line)) return event::need_more;
            if (!line.empty()) return event::malformed;
            state_ = state::chunk_size;
            break;
        case state::trailer:
            if (!take_line(in, line)) return event::need_more;
            if (line.empty()) state_ = state::over;
            break;
        case state::over:
            if (std::exchange(partial_is_used_, false)) partial_.clear();
            state_ = state::head;
            return event::end;
        }
    }
}

} // namespace modelmesh::bench
