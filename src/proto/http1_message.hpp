// What parsing a request and parsing a response have in common: lines, fields, framing, bodies. Fed any split
// of the bytes, without I/O.
//
// Strict where leniency lets two readers of the same bytes disagree about where a message ends: line ends are
// CRLF, folded fields, contradictory or odd lengths, both framings at once and codings other than `chunked`
// are errors.
#pragma once

#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::proto {

/// What one message may cost.
class message_limits {
public:
    message_limits() = default;
    std::size_t line = 16 * 1024;       ///< one line of a head, of chunk framing or of trailers
    std::size_t head_bytes = 64 * 1024; ///< all lines of a head together; again for all trailers, and for
                                        ///< what the sizes of all chunks have around them
    std::size_t head_fields = 128;      ///< fields of a head; again for trailers
    std::uint64_t body = std::numeric_limits<std::uint64_t>::max(); ///< bytes, framing not counted
};

/// Parses one message after another on one connection. Bytes are given as a view that the parser shortens
/// from the front; slices of the body point into those bytes and are never copied.
class message_parser {
public:
    enum class event : std::uint8_t {
        need_more, ///< every byte given was used; nothing else is known yet
        head,      ///< what the head says is final; reported once
        body,      ///< `slice` has the next bytes of the body, at least one
        end,       ///< the message is over; what is left of `input` does not belong to it
    };

    /// Takes bytes off the front of `input` until there is something to report. After `end` it stays at
    /// `end`. Errors: protocol; every later call fails the same way.
    result<event> step(std::string_view& input, std::string_view& slice);

    /// The peer closed the connection. Success: that is how this message ends. Errors: protocol, it was cut
    /// short.
    result<void> finish();

    [[nodiscard]] const http::headers& headers() const noexcept { return headers_; }
    [[nodiscard]] http::headers take_headers() noexcept { return std::move(headers_); }
    void swap_headers(http::headers& into) noexcept { std::swap(headers_, into); }
    /// Fields after a chunked body. Kept apart: a trailer must not change what the head said.
    [[nodiscard]] const http::headers& trailers() const noexcept { return trailers_; }
    void swap_trailers(http::headers& into) noexcept { std::swap(trailers_, into); }
    /// Length of the body when the head announced it.
    [[nodiscard]] std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
    /// Whether any byte of this message was seen. Empty lines before a request are none.
    [[nodiscard]] bool started() const noexcept { return started_; }
    [[nodiscard]] bool ended() const noexcept { return state_ == state::ended; }
    /// Whether the connection may carry another exchange once this message has ended.
    [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }

protected:
    enum class state : std::uint8_t {
        start_line,
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
    /// How a message without content-length and without chunks ends.
    enum class unframed : std::uint8_t { has_no_body, ends_with_connection };

    /// @param may_precede  characters that may come before a message and are no part of it.
    message_parser(std::string_view noun, message_limits limits, std::string_view may_precede = {})
        : noun_(noun), may_precede_(may_precede), limits_(limits) {}
    ~message_parser() = default;
    message_parser(message_parser&&) = default;
    message_parser& operator=(message_parser&&) = default;

    void reset();
    /// Forgets what this head said so far: another one follows in its place.
    void restart_head();
    /// @param why  a literal. @param status  what a server answers to it.
    bool fail(std::string_view why, int status = 400);
    /// Reads what the fields say about the body and the connection. False: it failed.
    bool read_framing();
    /// Moves on behind the head, as read_framing() found it.
    void begin_body(unframed otherwise);
    void skip_body() noexcept { state_ = state::ended; }
    void set_http_1_0(bool is_old) noexcept { http_1_0_ = is_old; }
    [[nodiscard]] bool http_1_0() const noexcept { return http_1_0_; }
    [[nodiscard]] int refusal() const noexcept { return refusal_; }

private:
    /// The line without its end; it moves on by itself when it succeeds. False: it failed, or is passed over.
    virtual bool on_start_line(std::string_view line) = 0;
    /// All fields are there. True: this head is the final one, and the state is that of its body. False: it
    /// failed, or another head follows.
    virtual bool on_head_end() = 0;

    std::optional<std::string_view> take_line(std::string_view& input);
    bool on_field(std::string_view line, http::headers& into);
    bool on_chunk_size(std::string_view line);
    void on_line(std::string_view line, bool& is_head);
    [[nodiscard]] fault failure() const;
    /// What a server answers when the line or section being read is too large.
    [[nodiscard]] int too_large() const noexcept;

    std::string_view noun_;
    std::string_view may_precede_;
    message_limits limits_;
    state state_ = state::ended;
    bool started_ = false;
    bool keep_alive_ = false;
    bool http_1_0_ = false;
    bool chunked_ = false;
    int refusal_ = 0;
    std::size_t section_bytes_ = 0; ///< bytes of lines in the current head or trailer section
    std::uint64_t remaining_ = 0;
    std::uint64_t body_bytes_ = 0;    ///< of all chunks begun
    std::size_t extension_bytes_ = 0; ///< of all chunks: what no size needs
    std::optional<std::uint64_t> content_length_;
    std::string line_; ///< a line whose beginning came with earlier bytes
    bool line_done_ = false;
    std::string_view why_; ///< of the failure; a literal
    http::headers headers_;
    http::headers trailers_;
};

} // namespace modelmesh::proto
