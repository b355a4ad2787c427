// HTTP/1.1 as a server speaks it, without I/O: a parser for requests fed any split of the bytes, and a writer
// for the head of a response and the framing of its body.
#pragma once

#include "proto/http1_message.hpp"

#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace modelmesh::proto {

/// What one request may cost. The body's limit is a promise to the reader: a request that announces more is
/// refused by its head, one that sends more chunks by the chunk that goes beyond.
class request_limits : public message_limits {
public:
    request_limits() { body = 64 * 1024 * 1024; }
};

/// See message_parser for how it is fed. A request is refused, beyond the rules of every message, when its
/// target does not fit its method, or when it does not name exactly one host.
class request_parser final : public message_parser {
public:
    explicit request_parser(request_limits limits = request_limits())
        : message_parser("request", limits, "\r\n") {}

    /// Prepares for the next request of the connection.
    void start();

    [[nodiscard]] std::string_view method() const noexcept { return method_; }
    /// The path with its query, beginning with '/', or "*" (OPTIONS). Of the absolute form only this part.
    [[nodiscard]] std::string_view target() const noexcept { return target_; }
    /// The host, with its port if it has one: of the target in absolute form, else of the Host field. Empty
    /// only in HTTP/1.0.
    [[nodiscard]] std::string_view host() const noexcept { return host_; }
    using message_parser::http_1_0;
    /// The client waits for `100 Continue` before it sends the body.
    [[nodiscard]] bool expects_continue() const noexcept { return expects_continue_; }

    /// Status that answers a request that failed: 400, 413 (body), 414 (target), 417, 431 (fields), 501
    /// (transfer-coding, tunnel) or 505 (version). 0 while nothing has failed.
    using message_parser::refusal;
    /// The request that failed is the line with which an HTTP/2 connection begins.
    [[nodiscard]] bool is_http2_preface() const noexcept { return is_http2_preface_; }

private:
    bool on_start_line(std::string_view line) override;
    bool on_head_end() override;
    bool take_target(std::string_view target);
    bool take_authority(std::string_view authority);

    std::string method_;
    std::string target_;
    std::string host_;
    bool is_absolute_ = false;
    bool expects_continue_ = false;
    bool is_http2_preface_ = false;
};

inline constexpr std::string_view http2_preface_line = "PRI * HTTP/2.0";

/// How the end of a response's body is told.
enum class body_framing : std::uint8_t {
    counted,     ///< Content-Length
    chunked,     ///< in chunks, each with its size before it
    until_close, ///< for HTTP/1.0: everything until the connection closes
    none,        ///< no body: 204, 304
};

/// What the server adds to the fields of the answer.
class response_frame {
public:
    explicit response_frame(body_framing how, std::uint64_t size = 0) : framing(how), length(size) {}

    body_framing framing;
    std::uint64_t length; ///< of a counted body
    /// Whether another request may follow. Not said by a field where the version has it as the default.
    bool keep_alive = true;
    bool http_1_0 = false; ///< the version of the request
    std::string_view date; ///< value of the Date field, unless the fields have one; empty: none
};

/// Whether a response may go on the wire. Errors: config, naming the field but never its value: a status
/// outside 200 to 599, a field that is not allowed there or that decides about framing or the connection.
[[nodiscard]] result<void> check_response(int status, const http::headers& headers);

/// Appends the head of a response; the body follows. Allocates only what `out` has no room for.
/// Errors: those of check_response(). Then nothing was appended.
[[nodiscard]] result<void> write_response_head(std::string& out, int status, const http::headers& headers,
                                               const response_frame& frame);

inline constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";
inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

/// The line before a chunk of this size, which is not zero.
class chunk_head {
public:
    explicit chunk_head(std::size_t size) noexcept;
    [[nodiscard]] std::string_view text() const noexcept {
        return std::string_view(text_.data(), text_.size()).substr(begin_);
    }

private:
    static constexpr std::size_t room = 2 * sizeof(std::size_t) + chunk_end.size();
    std::array<char, room> text_;
    std::size_t begin_ = room; ///< filled from the end
};

} // namespace modelmesh::proto
