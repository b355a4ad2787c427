// One HTTP/1.1 connection of a server: reads requests, has them handled one after the other, writes answers.
#pragma once

#include "net/engine.hpp"
#include "net/exchange.hpp"
#include "net/http_date.hpp"
#include "net/stream.hpp"
#include "net/waiter.hpp"
#include "proto/http1_server.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/function.hpp>
#include <modelmesh/core/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace modelmesh::net {

/// How long a client may take, and how much it may send.
class server_limits {
public:
    server_limits() = default;
    proto::request_limits request;
    std::size_t connections = 10'000;                  ///< at a time; more wait in the kernel's backlog
    duration handshake = std::chrono::seconds(10);     ///< TLS
    duration head = std::chrono::seconds(10);          ///< from a request's first byte to the end of its head
    duration idle = std::chrono::seconds(75);          ///< between requests; above what clients' pools keep
    duration body_gap = std::chrono::seconds(30);      ///< silence inside a request's body
    duration body = std::chrono::minutes(10);          ///< waiting for a request's body, in sum
    duration write = std::chrono::seconds(30);         ///< until the client has taken one slice
    duration linger = std::chrono::milliseconds(1000); ///< for the client to read the last answer
};

struct server_counters {
    std::uint64_t accepted = 0; ///< connections
    std::uint64_t handshakes_failed = 0;
    std::uint64_t requests = 0; ///< given to the handler
    std::uint64_t refused = 0;  ///< requests that are not HTTP or beyond a limit
    std::uint64_t slow = 0;     ///< connections given up because the client took too long
    std::uint64_t gone = 0;     ///< clients that left before they had their answer
    std::uint64_t failed = 0;   ///< handlers that threw, or left no whole answer
    std::size_t open = 0;       ///< connections now
    std::size_t handling = 0;   ///< requests now
};

using request_handler = function<task<void>(exchange&)>;

/// What the connections of one server share; outlives them.
class server_context {
public:
    server_context(engine& e, server_limits given, request_handler h, const clock& c)
        : io(e), limits(given), handler(std::move(h)), time(c) {}

    /// The end of a limit that begins now; never, for one beyond the clock's range.
    [[nodiscard]] time_point in(duration limit) const noexcept {
        const time_point now = time.now();
        return limit < time_point::max() - now ? now + limit : time_point::max();
    }

    engine& io;
    server_limits limits;
    request_handler handler;
    const clock& time;
    http_date date;
    server_counters counters;
};

class http1_server_connection final : private exchange, private end_watcher, private waiter::owner {
public:
    /// Runs the connection, and is told that nobody is left to answer.
    class owner {
    public:
        /// From the event loop: the coroutine of serve() is to be cancelled, later.
        virtual void client_has_gone() noexcept = 0;

    protected:
        ~owner() = default;
    };

    http1_server_connection(std::unique_ptr<stream> transport, server_context& shared, owner& told)
        : stream_(std::move(transport)), shared_(shared), owner_(told), parser_(shared.limits.request),
          turn_(shared.io, *this) {}
    ~http1_server_connection();

    /// Completes when the connection is over; it is closed then. The connection must outlive the task.
    [[nodiscard]] task<void> serve();
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
    [[nodiscard]] task<void> linger();
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
    owner& owner_;
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
    bool is_last_ = false;    ///< draining
    bool is_reading_ = false; ///< a request has begun, or is being handled
    bool is_over_ = false;    ///< closed, or the client is gone
};

} // namespace modelmesh::net
