// One HTTP/1.1 connection of a server: reads requests, has them handled one after the other, writes answers.
#pragma once

#include "net/exchange.hpp"
#include "net/server_context.hpp"
#include "net/stream.hpp"
#include "net/waiter.hpp"
#include "proto/http1_server.hpp"

#include <modelmesh/core/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace modelmesh::net {

class http1_server_connection final : private exchange, private end_watcher, private waiter::owner {
public:
    http1_server_connection(std::unique_ptr<stream> transport, server_context& shared, connection_owner& told,
                            bool may_be_http2)
        : stream_(std::move(transport)), shared_(shared), owner_(told), parser_(shared.limits.request),
          turn_(shared.io, *this), may_be_http2_(may_be_http2) {}
    ~http1_server_connection();

    /// Completes when the connection is over; it is closed then, unless asks_for_http2(). The connection must
    /// outlive the task.
    [[nodiscard]] task<void> serve();
    /// The client began with the first line of HTTP/2's preface, which was taken; what follows is in input().
    /// Only where server_limits::http2 is on, and not under TLS, which has another way to ask.
    [[nodiscard]] bool asks_for_http2() const noexcept { return asks_for_http2_; }
    [[nodiscard]] chunk take_input() noexcept { return std::move(input_); }
    [[nodiscard]] std::unique_ptr<stream> take_stream() noexcept { return std::move(stream_); }
    /// The request being read or handled is the last one. True: there is none, so nothing is to be waited
    /// for.
    bool drain() noexcept;
    /// Closes at once; cancelling serve() is the owner's.
    void abort() noexcept;

private:
    enum class answer : std::uint8_t {
        none,      ///< nothing was said
        begun,     ///< the head is written, but not sent
        under_way, ///< at least the head was handed to the stream
        done,
        lost, ///< the rest cannot be sent
    }; // in the order in which an answer goes through them

    std::string_view method() const noexcept override { return parser_.method(); }
    std::string_view target() const noexcept override { return parser_.target(); }
    std::string_view host() const noexcept override { return parser_.host(); }
    const http::headers& headers() const noexcept override { return parser_.headers(); }
    http::headers take_headers() noexcept override { return parser_.take_headers(); }
    std::optional<std::uint64_t> content_length() const noexcept override { return parser_.content_length(); }
    result<read_status> try_read(std::string_view& slice) override;
    task<result<void>> wait() override;
    result<void> start(int status, const http::headers& headers,
                       std::optional<std::uint64_t> length) override;
    task<result<void>> write(std::string_view slice) override;
    task<result<void>> finish(std::string_view last) override;
    bool has_started() const noexcept override { return answer_ != answer::none; }
    void peer_has_gone() noexcept override;
    void gave_up(waiter&, wait_outcome) noexcept override {}

    [[nodiscard]] task<bool> read_head();
    [[nodiscard]] task<void> handle();
    [[nodiscard]] task<void> refuse(int status);
    result<proto::request_parser::event> advance(std::string_view& slice);
    [[nodiscard]] task<bool> pass_over_body();
    [[nodiscard]] wait_operation more_input(time_point until);
    void end_turn() noexcept;
    [[nodiscard]] task<result<void>> send(gather bytes);
    [[nodiscard]] gather frame(std::string_view slice, bool is_last);
    void watch_client();
    void note_end(std::uint64_t& why) noexcept;
    [[nodiscard]] fault gone() const;
    [[nodiscard]] time_point in(duration limit) const noexcept { return shared_.in(limit); }

    std::unique_ptr<stream> stream_; // first: chunks are given back before it dies
    server_context& shared_;
    connection_owner& owner_;
    proto::request_parser parser_;
    chunk input_;
    waiter turn_;              ///< lets the others go first
    std::size_t spent_ = 0;    ///< of turn_limit
    duration body_patience_{}; ///< what is left of server_limits::body
    std::optional<fault> body_failure_;
    int body_refusal_ = 0; ///< what answers a body that failed
    std::string head_;     ///< of the answer
    proto::chunk_head chunk_head_{0};
    std::uint64_t remaining_ = 0; ///< of a counted answer
    proto::body_framing framing_ = proto::body_framing::none;
    answer answer_ = answer::none;
    bool sends_body_ = true;   ///< false for HEAD
    bool awaits_body_ = false; ///< the client waits for 100 Continue
    bool may_follow_ = false;  ///< another request, as far as the answer said
    bool is_first_ = true;
    bool may_be_http2_;
    bool asks_for_http2_ = false;
    bool is_last_ = false;    ///< draining
    bool is_reading_ = false; ///< a request has begun, or is being handled
    bool is_over_ = false;    ///< closed, or the client is gone
};

} // namespace modelmesh::net
