// HTTP/1.1 as a client speaks it, without I/O: a parser for responses fed any split of the bytes, and a
// writer for the head of a request.
//
// The parser is strict where leniency lets two readers of the same bytes disagree about where a message ends:
// line ends are CRLF, folded fields, contradictory or odd lengths, both framings at once and codings other
// than `chunked` are errors.
#pragma once

#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::proto {

/// What one response may cost before its body.
class response_limits {
public:
    response_limits() = default;
    std::size_t line = 16 * 1024;       ///< one line of a head, of chunk framing or of trailers
    std::size_t head_bytes = 64 * 1024; ///< all lines of a head together; again for all trailers
    std::size_t head_fields = 128;      ///< fields of a head; again for trailers
    unsigned interim = 16;              ///< 1xx responses before the final one
};

/// Parses one response after another on one connection. Bytes are given as a view that the parser shortens
/// from the front; slices of the body point into those bytes and are never copied.
class response_parser {
public:
    enum class event : std::uint8_t {
        need_more, ///< every byte given was used; nothing else is known yet
        head,      ///< status() and headers() are final; reported once
        body,      ///< `slice` has the next bytes of the body, at least one
        end,       ///< the message is over; what is left of `input` does not belong to it
    };

    explicit response_parser(response_limits limits = response_limits()) : limits_(limits) {}

    /// Prepares for the response to the next request. @param to_head  that request's method is HEAD.
    void start(bool to_head);

    /// Takes bytes off the front of `input` until there is something to report. After `end` it stays at
    /// `end`. Errors: protocol; every later call fails the same way.
    result<event> step(std::string_view& input, std::string_view& slice);

    /// The peer closed the connection. Success: that is how this message ends. Errors: protocol, it was cut
    /// short.
    result<void> finish();

    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] const http::headers& headers() const noexcept { return headers_; }
    [[nodiscard]] http::headers take_headers() noexcept { return std::move(headers_); }
    /// Fields after a chunked body. Kept apart: a trailer must not change what the head said.
    [[nodiscard]] const http::headers& trailers() const noexcept { return trailers_; }
    /// Length of the body when the head announced it.
    [[nodiscard]] std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
    /// Whether any byte of this response was seen.
    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] bool ended() const noexcept { return state_ == state::ended; }
    /// Whether the connection may carry another request once this message has ended.
    [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }

private:
    enum class state : std::uint8_t {
        status_line,
        fields,
        counted_body, ///< content-length: remaining_ bytes
        endless_body, ///< until the connection closes
        chunk_size,
        chunk_data, ///< remaining_ bytes of the current chunk
        chunk_end,  ///< the line end after a chunk's data
        trailers,
        ended,
        failed,
    };

    std::optional<std::string_view> take_line(std::string_view& input);
    bool on_status_line(std::string_view line);
    bool on_field(std::string_view line, http::headers& into);
    bool on_head_end();
    bool on_chunk_size(std::string_view line);
    bool choose_framing();
    bool fail(std::string_view why);
    fault failure() const;

    response_limits limits_;
    state state_ = state::ended;
    bool to_head_ = false;
    bool started_ = false;
    bool keep_alive_ = false;
    bool http_1_0_ = false;
    int status_ = 0;
    unsigned interim_ = 0;
    std::size_t section_bytes_ = 0; ///< bytes of lines in the current head or trailer section
    std::uint64_t remaining_ = 0;
    std::optional<std::uint64_t> content_length_;
    std::string line_; ///< a line whose beginning came with earlier bytes
    bool line_done_ = false;
    std::string_view why_; ///< of the failure; a literal
    http::headers headers_;
    http::headers trailers_;
};

/// Fields that every request to one origin carries.
class request_defaults {
public:
    request_defaults() = default;
    std::string host;       ///< host, or host:port when the port is not the scheme's own
    std::string user_agent; ///< used unless the request has one
};

/// Writes the head of a request, ready for the wire. Adds Host, User-Agent, `Accept-Encoding: identity`
/// unless the request has them, and Content-Length; the body follows as it is. Errors: config, naming the
/// field but never its value: a method, target or field that is not allowed on the wire, or a field that
/// decides about framing or the connection, which belong to the transport.
[[nodiscard]] result<std::string> write_request_head(const http::request& request,
                                                     const request_defaults& defaults);

} // namespace modelmesh::proto
