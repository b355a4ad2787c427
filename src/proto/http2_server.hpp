// HTTP/2 as a server speaks it, without I/O: bytes of one connection in, requests and frames to send out.
//
// Frames, HPACK and the rules of HTTP messages are nghttp2's. What is ours: which request a frame belongs to,
// limits on what a request and a connection may cost, flow control that follows the reader and the writer,
// and an end without lost requests (RFC 9113).
#pragma once

#include "proto/http1_server.hpp"

#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

// nghttp2's own name, so that its header stays out of ours.
struct nghttp2_session;

namespace modelmesh::proto {

class http2_server_session;

class http2_server_limits {
public:
    http2_server_limits() = default;
    request_limits request;
    std::uint32_t streams = 128;       ///< at a time
    std::uint32_t window = 256 * 1024; ///< bytes of a body that a client may send before they are read
    std::uint32_t connection_window = 1024 * 1024; ///< and of all bodies together
    std::size_t output = 64 * 1024;                ///< frames collected for one send
    unsigned spoiled = 200;  ///< streams reset or malformed, above those that ended well
    unsigned chatter = 1000; ///< frames in a row that move neither request nor answer
};

/// One request and its answer. Belongs to one session until closed().
class http2_request {
public:
    enum class phase : std::uint8_t {
        head, ///< the head has not arrived
        body,
        ended,
        failed, ///< the body is longer than allowed
    };

    http2_request() = default;
    http2_request(const http2_request&) = delete;
    http2_request& operator=(const http2_request&) = delete;

    [[nodiscard]] phase state() const noexcept { return phase_; }
    [[nodiscard]] std::string_view method() const noexcept { return method_; }
    /// The path with its query, or "*".
    [[nodiscard]] std::string_view target() const noexcept { return target_; }
    [[nodiscard]] std::string_view host() const noexcept { return host_; }
    /// Without the pseudo-fields; the host has its field as in HTTP/1.1, and cookies are in one.
    [[nodiscard]] const http::headers& headers() const noexcept { return headers_; }
    [[nodiscard]] http::headers take_headers() noexcept { return std::move(headers_); }
    [[nodiscard]] std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
    /// The client waits for `100 Continue` before it sends the body.
    [[nodiscard]] bool expects_continue() const noexcept { return expects_continue_; }
    /// Status that answers a request that is refused, as with request_parser; 0: it is not.
    [[nodiscard]] int refusal() const noexcept { return refusal_; }
    /// Whether all that was given to send() has become frames.
    [[nodiscard]] bool is_taken() const noexcept { return out_.empty() && (!is_last_ || is_answered_); }
    /// Bytes given to send() that have not.
    [[nodiscard]] std::size_t untaken() const noexcept { return out_.size(); }
    /// Whether the end of the answer has become a frame.
    [[nodiscard]] bool is_answered() const noexcept { return is_answered_; }
    /// The stream is over: nothing arrives or can be sent any more.
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

protected:
    virtual ~http2_request() = default;

private:
    friend class http2_server_session;
    /// The next bytes of the body: part of what receive() was given, and valid as long as that.
    virtual void body_arrived(std::string_view slice) = 0;
    /// The body ended or failed.
    virtual void changed() noexcept = 0;
    /// What was given to send() has become frames.
    virtual void taken() noexcept = 0;
    /// The stream is over, and the session knows the request no more.
    virtual void closed() noexcept = 0;

    std::int32_t id_ = 0;
    phase phase_ = phase::head;
    int refusal_ = 0;
    std::size_t head_bytes_ = 0;
    std::uint64_t body_bytes_ = 0;
    std::string method_;
    std::string target_;
    std::string host_;
    std::string cookie_; ///< the pieces of the field, joined
    http::headers headers_;
    std::optional<std::uint64_t> content_length_;
    std::string_view out_; // of the answer's body, in the writer's memory
    bool expects_continue_ = false;
    bool is_last_ = false;     // out_ is the end
    bool is_answered_ = false; // the end of the answer has become a frame
    bool is_stopped_ = false;  // nobody wants the rest of the body
    bool is_closed_ = false;
};

/// One connection. Never calls back into its user except through `user` and http2_request, whose functions
/// must not call the session.
class http2_server_session {
public:
    class user {
    public:
        /// A request begins. It must live until closed(), or until the session is destroyed. Null: it is
        /// refused, unseen, so that the client may send it again.
        virtual http2_request* begin() = 0;
        /// Its head is there, or it was refused: see refusal(). Then the body is not wanted.
        virtual void head_arrived(http2_request& which) = 0;

    protected:
        ~user() = default;
    };

    explicit http2_server_session(user& told, http2_server_limits limits = http2_server_limits());
    ~http2_server_session();
    http2_server_session(const http2_server_session&) = delete;
    http2_server_session& operator=(const http2_server_session&) = delete;

    /// Takes bytes of the client, all of them. Errors: protocol, and internal when memory ran out; the
    /// connection is over. Other violations end it as well, but only after output() has told the client.
    result<void> receive(std::string_view bytes);
    /// The reader has taken this many bytes of the body: the client may send as many more.
    void consumed(http2_request& request, std::size_t bytes);

    /// Asks a client that waits for it to send the body.
    void go_on(http2_request& request);
    /// Whether an answer with these fields can be sent; a megabyte of them cannot.
    [[nodiscard]] static bool can_carry(const http::headers& fields) noexcept;
    /// Queues the head of the answer. @pre check_response() and can_carry() have found nothing wrong. @param length  of the
    /// body when it is known. @param date  value of the Date field, unless the fields have one. @param
    /// has_body  false: the answer ends here.
    void answer(http2_request& request, int status, const http::headers& fields,
                std::optional<std::uint64_t> length, std::string_view date, bool has_body);
    /// Offers bytes of the answer's body, which must stay until taken(), reset() or closed().
    void send(http2_request& request, std::string_view slice, bool is_last);
    /// Whether the client's windows are used up: no more of this answer's body may go out.
    [[nodiscard]] bool is_held_back(const http2_request& request) const noexcept;
    /// Ends the stream before its time: the client sees that the answer is not whole.
    void reset(http2_request& request);
    /// The answer is whole, or what was queued makes it so, and the rest of the request is not wanted.
    void stop_request(http2_request& request);

    /// Announces that no new requests will be taken: those that the client sent before it knew are. Once it
    /// has answered, as end().
    void announce_end();
    /// Takes no more requests; the connection is over when those that there are have ended.
    void end();

    /// Whether output() has something.
    [[nodiscard]] bool wants_output() const noexcept;
    /// Moves frames that wait to be sent into `out`, which is cleared first; about `output` of the limits.
    /// Bytes given to send() are copied here, once. Errors: as receive().
    result<void> take_output(std::string& out);

    /// Whether the connection has come to its end: nothing is to be received, nor sent.
    [[nodiscard]] bool is_over() const noexcept;
    /// Whether no more requests are taken.
    [[nodiscard]] bool is_ending() const noexcept { return is_ending_; }
    /// Whether it ends because the client broke the rules, or a limit.
    [[nodiscard]] bool is_violated() const noexcept { return is_violated_; }
    /// Whether a head has begun to arrive and is not there yet, the client's preface included.
    [[nodiscard]] bool is_in_head() const noexcept { return !has_settings_ || head_of_ != 0; }

private:
    struct callbacks; // what nghttp2 calls

    void on_field(http2_request& request, std::string_view name, std::string_view value);
    void on_head_end(http2_request& request);
    void spoil();
    void chatter();

    user& user_;
    http2_server_limits limits_;
    nghttp2_session* native_ = nullptr;
    std::string output_;
    std::optional<fault> failure_;
    std::exception_ptr thrown_; // by a callback, which must not let it out
    std::int32_t head_of_ = 0;  // the stream whose head is arriving
    unsigned spoiled_ = 0;
    unsigned chatter_ = 0;
    bool has_settings_ = false;
    bool is_violated_ = false;
    bool is_end_announced_ = false;
    bool is_ending_ = false;
};

} // namespace modelmesh::proto
