// HTTP/2 as a client speaks it, without I/O: bytes of one connection in, answers and frames to send out.
//
// Frames, HPACK and the rules of HTTP messages are nghttp2's. What is ours: which answer a frame belongs to,
// limits on what an answer may cost, flow control that follows the reader, and what a failure means for a
// request (RFC 9113).
#pragma once

#include "proto/http1.hpp"

#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// nghttp2's own name, so that its header stays out of ours.
struct nghttp2_session;

namespace modelmesh::proto {

class http2_client_session;

class http2_limits {
public:
    http2_limits() = default;
    response_limits response;          ///< of one head and its interim responses
    std::uint32_t window = 256 * 1024; ///< bytes of a body that a server may send before they are read
    std::uint32_t streams = 128;       ///< at a time on one connection, if the server allows as many
    std::size_t output = 64 * 1024;    ///< frames collected for one send
};

/// The answer to one request. Belongs to at most one session; destroying it while it does is a defect:
/// abandon() or leave() first.
class http2_answer {
public:
    enum class phase : std::uint8_t {
        head, ///< the head has not arrived
        body,
        ended,
        failed, ///< failure() says why
    };

    http2_answer() = default;
    http2_answer(const http2_answer&) = delete;
    http2_answer& operator=(const http2_answer&) = delete;

    [[nodiscard]] phase state() const noexcept { return phase_; }
    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] const http::headers& headers() const noexcept { return headers_; }
    void swap_headers(http::headers& into) noexcept { std::swap(headers_, into); }
    /// Fields after the body. Kept apart: a trailer must not change what the head said.
    [[nodiscard]] const http::headers& trailers() const noexcept { return trailers_; }
    void swap_trailers(http::headers& into) noexcept { std::swap(trailers_, into); }
    /// Length of the body when the head announced it.
    [[nodiscard]] std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
    /// Whether status() and headers() are final.
    [[nodiscard]] bool has_head() const noexcept { return has_head_; }
    /// Whether the server has said anything about this request.
    [[nodiscard]] bool started() const noexcept { return started_; }
    /// Whether the whole request has become frames.
    [[nodiscard]] bool is_sent() const noexcept { return is_sent_; }
    /// Bytes of the body that have become frames.
    [[nodiscard]] std::size_t body_sent() const noexcept { return sent_; }
    /// @pre state() is failed. Kinds: connect before the head, protocol from then on; config when the request
    /// cannot be sent in HTTP/2 at all; what lose() was told.
    [[nodiscard]] const fault& failure() const noexcept { return *failure_; }
    /// The server has said that it did not act on the request, so it may be sent again elsewhere.
    [[nodiscard]] bool is_unprocessed() const noexcept { return is_unprocessed_; }
    /// The server wants this request over HTTP/1.1.
    [[nodiscard]] bool needs_http1() const noexcept { return needs_http1_; }
    /// Of a request with a body source: whether what send_body() was given has become frames.
    [[nodiscard]] bool is_body_taken() const noexcept { return piece_.empty(); }

protected:
    virtual ~http2_answer() = default;

private:
    friend class http2_client_session;
    /// The next bytes of the body: part of what receive() was given, and valid as long as that.
    virtual void body_arrived(std::string_view slice) = 0;
    /// The head is there, the answer ended or failed, or the request is sent.
    virtual void changed() noexcept = 0;
    /// Of a request with a body source: what send_body() was given has become frames.
    virtual void body_taken() noexcept {}

    static constexpr std::size_t outside = static_cast<std::size_t>(-1);
    std::shared_ptr<const http::request> request_; // its body is read while it is sent
    std::size_t sent_ = 0;
    std::string_view piece_;       // of a body from a source: what has not become frames
    bool is_body_over_ = false;    // nothing comes behind piece_
    bool is_body_awaited_ = false; // the stream rests until there is more
    std::size_t place_ = outside;  // in the session's list
    std::int32_t id_ = 0;
    phase phase_ = phase::head;
    int status_ = 0;
    unsigned interim_ = 0;
    std::size_t section_bytes_ = 0;
    http::headers headers_;
    http::headers trailers_;
    std::optional<std::uint64_t> content_length_;
    std::optional<fault> failure_;
    std::string_view why_; // it broke a limit; a literal
    bool has_head_ = false;
    bool started_ = false;
    bool is_sent_ = false;
    bool is_unprocessed_ = false;
    bool needs_http1_ = false;
    bool is_reset_by_server_ = false;
};

/// One connection. Never calls back into its user except through http2_answer, whose functions must not call
/// the session.
class http2_client_session {
public:
    explicit http2_client_session(http2_limits limits = http2_limits());
    ~http2_client_session();
    http2_client_session(const http2_client_session&) = delete;
    http2_client_session& operator=(const http2_client_session&) = delete;

    /// Queues a request that check_request() has found fit for the wire. Errors: config, for a field
    /// that HTTP/2 forbids; connect when no request may follow on this connection.
    result<void> submit(http2_answer& answer, std::shared_ptr<const http::request> request,
                        const request_defaults& defaults, std::string_view scheme);
    /// Of a request with a body source: its next bytes, which stay valid until they were taken, or its end.
    void send_body(http2_answer& answer, std::string_view piece);
    void end_body(http2_answer& answer);
    /// No more of it comes; the stream stays open until the answer is left or abandoned.
    void stop_body(http2_answer& answer) noexcept { answer.piece_ = {}; }
    /// Takes bytes of the server, all of them. Errors: protocol, and internal when memory ran out; the
    /// connection is over, every answer has failed, and what output() still has tells the server why.
    result<void> receive(std::string_view bytes);
    /// The reader has taken this many bytes of the body: the server may send as many more.
    void consumed(http2_answer& answer, std::size_t bytes);
    /// Nobody wants the rest: the server is told to stop.
    void abandon(http2_answer& answer) noexcept;
    /// Nobody wants the rest, which is at most the end of the answer: the server is told to stop only if
    /// more comes.
    void leave(http2_answer& answer) noexcept;
    /// Stops the answers that were left and have not ended.
    void stop_left() noexcept;
    /// The connection is lost: every answer that has not ended fails.
    void lose(const fault& why) noexcept;
    void ping();

    /// Whether output() has something.
    [[nodiscard]] bool wants_output() const noexcept;
    /// Moves frames that wait to be sent into `out`, which is cleared first; about http2_limits::output.
    void take_output(std::string& out);

    /// How many answers may be open at a time. Until the server has sent its settings: one.
    [[nodiscard]] std::size_t capacity() const noexcept;
    [[nodiscard]] bool has_settings() const noexcept { return has_settings_; }
    /// Answers that are open, those that were left included.
    [[nodiscard]] std::size_t open_answers() const noexcept { return open_; }
    [[nodiscard]] std::size_t left_answers() const noexcept { return left_.size(); }
    /// Whether the connection has come to its end: what is left is to send what output() has.
    [[nodiscard]] bool is_over() const noexcept { return failure_.has_value(); }
    /// Whether another request may be made on this connection, now or once others have ended.
    [[nodiscard]] bool accepts() const noexcept;
    /// The server has ended the connection because it wants HTTP/1.1.
    [[nodiscard]] bool needs_http1() const noexcept { return needs_http1_; }
    /// Why it may not. @pre !accepts()
    [[nodiscard]] fault end() const;

private:
    struct callbacks; // what nghttp2 calls

    void collect();
    void resume_body(http2_answer& answer);
    void detach(http2_answer& answer) noexcept;
    void fail(http2_answer& answer, fault why) noexcept;
    void head_ended(http2_answer& answer);

    http2_limits limits_;
    nghttp2_session* native_ = nullptr;
    std::vector<http2_answer*> answers_; // that somebody waits for
    std::vector<std::int32_t> left_;
    std::size_t open_ = 0;
    std::string output_;
    std::string_view why_; // of the last violation; a literal
    std::optional<fault> failure_;
    std::exception_ptr thrown_; // by a callback, which must not let it out
    std::string goodbye_;       // what the server's GOAWAY said
    bool has_settings_ = false;
    bool is_going_away_ = false;
    bool needs_http1_ = false;
};

} // namespace modelmesh::proto
