#include "proto/ndjson.hpp"

#include <utility>

namespace modelmesh::proto {

fault ndjson_decoder::too_long() const {
    return fault(errc::protocol, "a line of the stream is longer than " + std::to_string(limit_) + " bytes");
}

// False: a line of blanks.
bool ndjson_decoder::give(std::string_view text, std::string_view& line) noexcept {
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.find_first_not_of(" \t") == std::string_view::npos) return false;
    line = text;
    ++lines_;
    return true;
}

std::string_view ndjson_decoder::padded_carry() {
    const std::size_t size = carry_.size();
    carry_.append(padding, '\0');
    carry_used_ = true;
    return std::string_view(carry_).substr(0, size);
}

result<bool> ndjson_decoder::next(std::string_view& line) {
    if (failed_) return too_long();
    for (;;) {
        if (std::exchange(carry_used_, false)) carry_.clear();
        const std::size_t end = slice_.find('\n');
        const std::string_view text = slice_.substr(0, end);
        if (carry_.size() + text.size() > limit_) {
            failed_ = true;
            return too_long();
        }
        slice_.remove_prefix(end == std::string_view::npos ? slice_.size() : end + 1);
        bool is_line = false;
        if (end == std::string_view::npos || !carry_.empty()) {
            carry_.append(text);
            bytes_copied_ += text.size();
            if (end == std::string_view::npos) return false;
            is_line = give(padded_carry(), line);
        } else {
            is_line = give(text, line);
        }
        if (is_line) return true;
    }
}

result<bool> ndjson_decoder::finish(std::string_view& line) {
    if (failed_) return too_long();
    if (carry_used_ || carry_.empty()) return false;
    return give(padded_carry(), line);
}

} // namespace modelmesh::proto
