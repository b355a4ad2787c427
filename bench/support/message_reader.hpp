// Where HTTP/1.1 messages begin and end: as much of the protocol as measuring needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace modelmesh::bench {

/// Reads one message after the other, requests or responses, of well-behaved peers: with Content-Length,
/// chunked, or without a body.
class message_reader {
public:
    enum class event : std::uint8_t {
        need_more, ///< all bytes are used up
        head,      ///< first_line() is known
        body,      ///< a slice of the body
        end,       ///< the message is over; the next step begins another one
        malformed,
    };

    /// Takes bytes off the front of `in`. @param slice  set for `body`: a part of `in`.
    event step(std::string_view& in, std::string_view& slice);

    /// "POST /path HTTP/1.1" or "HTTP/1.1 200 OK", until the next message.
    [[nodiscard]] const std::string& first_line() const { return first_line_; }
    [[nodiscard]] bool is_ok() const { return first_line_.starts_with("HTTP/1.1 200"); }

private:
    enum class state : std::uint8_t { head, length_body, chunk_size, chunk_body, chunk_end, trailer, over };

    event take_head(std::string_view& in);
    bool read_head(std::string_view head);
    event take_body(std::string_view& in, std::string_view& slice, state next);
    /// A line without its end; false when it is not complete yet.
    bool take_line(std::string_view& in, std::string_view& line);

    state state_ = state::head;
    std::uint64_t left_ = 0; ///< of the body or the chunk
    std::string partial_;    ///< of a head or a line that is split
    bool partial_is_used_ = false;
    std::string first_line_;
};

} // namespace modelmesh::bench
