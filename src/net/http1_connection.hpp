// One HTTP/1.1 connection: drives the response parser with what a stream receives.
#pragma once

#include "net/carrier.hpp"
#include "net/stream.hpp"
#include "proto/http1.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace modelmesh::net {

/// What has become of a message whose reader wants no more of it.
enum class leftover : std::uint8_t {
    none,    ///< it has ended, and another request may follow
    pending, ///< its end has not arrived
    useless, ///< no other request may follow, whatever arrives
};

/// Carries one exchange at a time. After a failure the connection is closed and every call fails.
/// Used by one thread.
class http1_connection final : public carrier {
public:
    explicit http1_connection(std::unique_ptr<stream> transport) : stream_(std::move(transport)) {}

    result<bool> try_send(const outgoing& what) override;
    result<bool> try_send_rest() override;
    result<bool> try_send_piece(std::string_view piece) override;
    result<bool> try_send_end() override;
    [[nodiscard]] wait_operation wait_sent(time_point deadline) override {
        return stream_->wait_writable(deadline);
    }

    [[nodiscard]] std::uint64_t taken() const noexcept override { return stream_->progress().acknowledged; }

    result<bool> try_read_head() override;
    result<read_status> try_read(std::string_view& slice) override;
    [[nodiscard]] wait_operation wait(time_point deadline) override {
        return stream_->wait_readable(deadline);
    }

    [[nodiscard]] proto::response_parser& response() noexcept { return parser_; }
    /// For who sends requests here by other means: the stream, and that the next answer is that to the
    /// oldest of them.
    [[nodiscard]] stream& transport() noexcept { return *stream_; }
    void expect_answer(bool is_to_head) {
        is_fresh_ = false;
        parser_.start(is_to_head);
    }
    [[nodiscard]] int status() const noexcept override { return parser_.status(); }
    void swap_headers(http::headers& into) noexcept override { parser_.swap_headers(into); }
    void swap_trailers(http::headers& into) noexcept override { parser_.swap_trailers(into); }
    [[nodiscard]] std::optional<std::uint64_t> body_length() const noexcept override {
        return parser_.ended() ? std::nullopt : parser_.content_length();
    }
    [[nodiscard]] bool has_answer() const noexcept override { return parser_.started() || is_garbled_; }
    [[nodiscard]] bool is_unprocessed() const noexcept override { return false; }
    /// Whether no request was sent yet, or the last one went out whole, its answer ended exactly at its boundary,
    /// and another request may follow.
    [[nodiscard]] bool is_reusable() const noexcept;

    void end_after_this() noexcept override { is_last_ = true; }

    /// Takes what has arrived of a message whose reader wants no more of it. Gives up on a body that goes on:
    /// reading it would cost more than a new connection.
    [[nodiscard]] leftover try_finish() noexcept;

    void close() noexcept override;
    void park() noexcept;
    /// False: the peer closed the connection, or sent bytes that nobody asked for.
    [[nodiscard]] bool unpark() noexcept { return stream_->unpark(); }

private:
    result<proto::response_parser::event> advance(std::string_view& slice);
    fault fail(fault why);
    fault lost(const fault& why);

    std::unique_ptr<stream> stream_; // first: chunks are given back before it dies, and may also outlive it
    proto::response_parser parser_;
    std::string head_; // of the request; or what goes out before the next piece of its body
    gather unsent_;    // of the request
    chunk chunk_;
    std::unique_ptr<fault> failure_; // large, and rare
    bool is_fresh_ = true;
    bool is_chunked_ = false;  // the request's body is
    bool is_head_out_ = false; // of a request whose body is streamed
    bool is_end_ = true;       // of the request: what is unsent
    bool is_out_ = true;       // the request, whole
    bool is_garbled_ = false;  // what the server said last
    bool is_dead_ = false;
    bool is_last_ = false;
};

} // namespace modelmesh::net
