// One pass over each slice. Two states of the current event: all of it is in the slice (carry_ is empty, its
// lines are taken as they end), or its beginning is in carry_ (lines are taken together once the blank line
// is found).
#include "proto/sse.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace modelmesh::proto {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// Position of a byte in [from, to), or `to`.
std::size_t find_byte(std::string_view text, char byte, std::size_t from, std::size_t to) noexcept {
    if (from == to) return to; // memchr must not be given the null pointer of an empty view
    const void* found = std::memchr(text.data() + from, byte, to - from);
    return found == nullptr ? to : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

} // namespace

void sse_decoder::feed(std::string_view slice) noexcept {
    slice_ = slice;
    start_ = 0;
    cursor_ = 0;
    next_lf_ = find_byte(slice_, '\n', 0, slice_.size());
}

fault sse_decoder::too_long() const {
    return fault(errc::protocol,
                 "an event of the stream is longer than " + std::to_string(limit_) + " bytes");
}

void sse_decoder::skip_byte_order_mark() {
    while (!past_mark_ && cursor_ < slice_.size()) {
        if (slice_[cursor_] == byte_order_mark[mark_]) {
            ++cursor_;
            past_mark_ = ++mark_ == byte_order_mark.size();
        } else { // no mark: what looked like its beginning, here and in earlier slices, is text
            past_mark_ = true;
            carry_.append(byte_order_mark, 0, mark_ - cursor_);
            cursor_ = 0;
        }
    }
    start_ = cursor_;
}

// Lines end at LF or CR. The next LF is remembered, so that a search for CR never runs past it and every byte
// of the slice is searched at most once for each, however short the lines are.
std::size_t sse_decoder::find_line_end() noexcept {
    if (next_lf_ < cursor_) next_lf_ = find_byte(slice_, '\n', cursor_, slice_.size());
    return find_byte(slice_, '\r', cursor_, next_lf_);
}

void sse_decoder::take_line(std::string_view line) {
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    std::string_view value;
    if (colon != std::string_view::npos) value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "event") {
        fields_.event = value;
    } else if (name == "data") {
        if (++fields_.data_lines == 1) {
            fields_.data = value;
            return;
        }
        if (fields_.data_lines == 2) {
            joined_.assign(fields_.data);
            bytes_copied_ += fields_.data.size();
        }
        joined_.append("\n").append(value);
        bytes_copied_ += value.size();
    }
}

void sse_decoder::take_lines(std::string_view block) {
    while (!block.empty()) {
        const std::size_t end = std::min(block.find_first_of("\r\n"), block.size());
        take_line(block.substr(0, end));
        const std::size_t ends_with_both = block.substr(end).starts_with("\r\n") ? 1 : 0;
        block.remove_prefix(std::min(end + 1 + ends_with_both, block.size()));
    }
}

// A line that is not blank has ended at `line_end` in the slice.
void sse_decoder::end_line(std::size_t line_end) {
    const std::size_t next_line = line_end + 1;
    const char first = line_begins_in_slice() ? slice_[cursor_] : carry_[carry_line_];
    const bool opens_event = carry_line_ == 0 && (!line_begins_in_slice() || cursor_ == start_);
    if (first == ':') ++comments_;
    if (first == ':' && opens_event) {
        // Dropped at once: heartbeats without blank lines between them would pile up to the limit.
        carry_.clear();
        start_ = next_line;
    } else if (carry_.empty()) {
        take_line(slice_.substr(cursor_, line_end - cursor_));
    } else {
        carry_.append(slice_, start_, next_line - start_);
        bytes_copied_ += next_line - start_;
        carry_line_ = carry_.size();
        start_ = next_line;
    }
}

// A blank line has ended the event. True: it is one that counts, and is now in `out`.
bool sse_decoder::end_event(sse_event& out) {
    if (!carry_.empty()) {
        const std::size_t size = carry_.size();
        carry_.append(padding, '\0');
        take_lines(std::string_view(carry_).substr(0, size));
        carry_used_ = true;
    }
    const fields taken = std::exchange(fields_, fields());
    if (taken.data_lines == 0) return false;
    out = sse_event{taken.event, taken.data};
    if (taken.data_lines > 1) {
        const std::size_t size = joined_.size();
        joined_.append(padding, '\0');
        out.data = std::string_view(joined_).substr(0, size);
    }
    ++events_;
    return true;
}

// The slice is used up: what the current event has of it is kept, and its lines are taken again when it is
// whole.
void sse_decoder::carry_over() {
    if (line_begins_in_slice()) carry_line_ = carry_.size() + (cursor_ - start_);
    carry_.append(slice_, start_);
    bytes_copied_ += slice_.size() - start_;
    start_ = cursor_ = slice_.size();
    fields_ = fields();
}

result<bool> sse_decoder::next(sse_event& out) {
    if (failed_) return too_long();
    if (!past_mark_) skip_byte_order_mark();
    for (;;) {
        if (std::exchange(carry_used_, false)) {
            carry_.clear();
            carry_line_ = 0;
        }
        if (after_cr_ && cursor_ < slice_.size()) {
            after_cr_ = false;
            if (slice_[cursor_] == '\n') {
                if (start_ == cursor_) ++start_;
                ++cursor_;
            }
        }
        const std::size_t line_end = find_line_end();
        if (carry_.size() + (line_end - start_) > limit_) {
            failed_ = true;
            return too_long();
        }
        if (line_end == slice_.size()) {
            carry_over();
            return false;
        }
        after_cr_ = slice_[line_end] == '\r';
        const bool is_blank = line_end == cursor_ && line_begins_in_slice();
        bool is_event = false;
        if (is_blank) {
            is_event = end_event(out);
            start_ = line_end + 1;
        } else {
            end_line(line_end);
        }
        cursor_ = line_end + 1;
        if (is_event) return true;
    }
}

result<void> sse_decoder::finish() const {
    if (failed_) return too_long();
    const bool in_mark = mark_ > 0 && !past_mark_;
    const bool in_comment = carry_line_ == 0 && carry_.starts_with(':');
    if (in_mark || (!carry_used_ && !carry_.empty() && !in_comment))
        return fault(errc::protocol, "truncated: the stream ended inside an event");
    return {};
}

} // namespace modelmesh::proto
