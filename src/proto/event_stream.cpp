// total length u32 | headers length u32 | CRC-32 of these 8 bytes | headers | payload | CRC-32 of all before
// it. A header: name length u8 | name | type u8 | value. Numbers are big-endian.
#include "proto/event_stream.hpp"

#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace modelmesh::proto {
namespace {

constexpr std::size_t prelude_size = 12;
constexpr std::size_t frame_size = prelude_size + 4; // of a message with neither headers nor payload

enum class header_type : std::uint8_t { yes, no, byte, int16, int32, int64, bytes, string, timestamp, uuid };

std::uint32_t u32_at(std::string_view bytes, std::size_t at) noexcept {
    return boost::endian::load_big_u32(reinterpret_cast<const unsigned char*>(bytes.data()) + at);
}
std::size_t u16_at(std::string_view bytes, std::size_t at) noexcept {
    return boost::endian::load_big_u16(reinterpret_cast<const unsigned char*>(bytes.data()) + at);
}
std::uint32_t sum_of(std::string_view bytes) noexcept {
    boost::crc_32_type crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return crc.checksum();
}

struct header {
    std::string_view name;
    header_type type;
    std::string_view value;
};

// Takes one header off the front; nothing when it is malformed.
std::optional<header> take_header(std::string_view& bytes) noexcept {
    if (bytes.empty()) return std::nullopt;
    const std::size_t name_size = static_cast<unsigned char>(bytes[0]);
    if (name_size == 0 || bytes.size() < name_size + 2) return std::nullopt;
    header found{bytes.substr(1, name_size), static_cast<header_type>(bytes[name_size + 1]), {}};
    bytes.remove_prefix(name_size + 2);
    std::size_t size = 0;
    switch (found.type) {
    case header_type::yes:
    case header_type::no:
        break;
    case header_type::byte:
        size = 1;
        break;
    case header_type::int16:
        size = 2;
        break;
    case header_type::int32:
        size = 4;
        break;
    case header_type::int64:
    case header_type::timestamp:
        size = 8;
        break;
    case header_type::uuid:
        size = 16;
        break;
    case header_type::bytes:
    case header_type::string:
        if (bytes.size() < 2) return std::nullopt;
        size = u16_at(bytes, 0);
        bytes.remove_prefix(2);
        break;
    default:
        return std::nullopt;
    }
    if (bytes.size() < size) return std::nullopt;
    found.value = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return found;
}

} // namespace

std::string_view event_stream_message::text(std::string_view name) const noexcept {
    std::string_view rest = headers;
    while (const std::optional<header> next = take_header(rest))
        if (next->type == header_type::string && next->name == name) return next->value;
    return {};
}

fault event_stream_decoder::fail(std::string_view why) {
    why_ = why;
    return fault(errc::protocol, "malformed event stream: " + std::string(why));
}

// @param prelude  at least its twelve bytes.
result<std::size_t> event_stream_decoder::length_of(std::string_view prelude) {
    if (sum_of(prelude.substr(0, 8)) != u32_at(prelude, 8)) return fail("wrong checksum of a prelude");
    const std::size_t total = u32_at(prelude, 0);
    const std::size_t headers = u32_at(prelude, 4);
    if (total < frame_size || headers > total - frame_size) return fail("contradictory lengths");
    if (total > limit_) return fail("a message is longer than the limit");
    return total;
}

result<bool> event_stream_decoder::read(std::string_view whole, event_stream_message& out) {
    const std::size_t sum_at = whole.size() - 4;
    if (sum_of(whole.substr(0, sum_at)) != u32_at(whole, sum_at)) return fail("wrong checksum of a message");
    const std::size_t headers = u32_at(whole, 4);
    out.headers = whole.substr(prelude_size, headers);
    out.payload = whole.substr(prelude_size + headers, sum_at - prelude_size - headers);
    for (std::string_view rest = out.headers; !rest.empty();)
        if (!take_header(rest)) return fail("bad header");
    ++messages_;
    return true;
}

// Moves bytes of the slice behind those of earlier ones, until there are `wanted` or the slice is used up.
void event_stream_decoder::carry(std::size_t wanted) {
    const std::string_view taken = slice_.substr(0, wanted - std::min(wanted, carry_.size()));
    carry_.append(taken);
    bytes_copied_ += taken.size();
    slice_.remove_prefix(taken.size());
}

result<bool> event_stream_decoder::next(event_stream_message& out) {
    if (!why_.empty()) return fail(why_);
    if (std::exchange(carry_used_, false)) {
        carry_.clear();
        length_ = 0;
    }
    if (carry_.empty() && slice_.size() >= prelude_size) {
        const result<std::size_t> length = length_of(slice_);
        if (!length) return length.error();
        if (slice_.size() >= *length) {
            const std::string_view whole = slice_.substr(0, *length);
            slice_.remove_prefix(*length);
            return read(whole, out);
        }
    }
    if (length_ == 0) {
        carry(prelude_size);
        if (carry_.size() < prelude_size) return false;
        const result<std::size_t> length = length_of(carry_);
        if (!length) return length.error();
        length_ = *length;
        carry_.reserve(std::min<std::size_t>(length_, 64 * 1024) + padding);
    }
    carry(length_);
    if (carry_.size() < length_) return false;
    carry_used_ = true;
    carry_.append(padding, '\0');
    return read(std::string_view(carry_).substr(0, length_), out);
}

result<void> event_stream_decoder::finish() const {
    if (!why_.empty()) return fault(errc::protocol, "malformed event stream: " + std::string(why_));
    if (!carry_used_ && !carry_.empty())
        return fault(errc::protocol, "truncated: the stream ended inside a message");
    return {};
}

} // namespace modelmesh::proto
