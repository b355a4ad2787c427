// One HTTP/2 connection of a server: many requests at a time over one stream, each handled by a coroutine of
// its own.
//
// Who writes sends at once, for all; only when the kernel does not take it all does a coroutine of the
// connection's own send the rest, so that a handler that is cancelled leaves no half of a frame behind.
#pragma once

#include "net/exchange.hpp"
#include "net/received_body.hpp"
#include "net/server_context.hpp"
#include "net/stream.hpp"
#include "net/waiter.hpp"
#include "proto/http2_server.hpp"

#include <modelmesh/core/task.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::net {

class http2_server_exchange;

class http2_server_connection final : private proto::http2_server_session::user, private waiter::owner {
public:
    http2_server_connection(std::unique_ptr<stream> transport, server_context& shared,
                            connection_owner& told);
    http2_server_connection(const http2_server_connection&) = delete;
    http2_server_connection& operator=(const http2_server_connection&) = delete;
    ~http2_server_connection();

    /// Completes when the connection is over and every handler has ended. A cancellation only wakes it.
    /// @param keeper  keeps the connection, and what it refers to: everything that it starts holds it.
    /// @param has_begun  the first line of the client's preface was taken. @param first  what follows it.
    [[nodiscard]] task<void> serve(std::shared_ptr<void> keeper, bool has_begun, chunk first,
                                   bool is_draining);
    /// Takes no more requests than those that the client has sent by the time it hears of it.
    void drain() noexcept;
    /// Closes at once, and cancels the handlers; waking serve() is the owner's.
    void abort() noexcept;

private:
    friend class http2_server_exchange;
    enum class received : std::uint8_t { some, nothing, over };
    struct handled; // what follows a handler
    struct written; // what follows write_rest()

    proto::http2_request* begin() override;
    void head_arrived(proto::http2_request& which) override;
    void gave_up(waiter&, wait_outcome) noexcept override {}

    [[nodiscard]] task<void> read_all(bool has_begun, chunk first);
    static task<void> handle(server_context& shared, std::shared_ptr<http2_server_exchange> what);
    static task<void> write_rest(std::shared_ptr<void> keeper, http2_server_connection* self);
    received receive();
    received feed(std::string_view bytes);
    void begin_handlers();
    void start(http2_server_exchange& next);
    void handler_ended(http2_server_exchange& which) noexcept;
    void keep_unread();
    void rest();
    void flush() noexcept;
    void write() noexcept;
    void batch_sent() noexcept;
    void sweep() noexcept;
    [[nodiscard]] time_point look_again() const noexcept;
    void time_passed();
    /// @param counter  is increased for each request that is lost by it, or null.
    void lost(const fault& why, std::uint64_t* counter) noexcept;
    void too_slow() noexcept;

    std::unique_ptr<stream> stream_; // before whatever holds chunks
    server_context& shared_;
    connection_owner& owner_;
    proto::http2_server_session session_;
    std::weak_ptr<void> keeper_;
    waiter turn_;                  // lets the others go first
    waiter changed_;               // serve() waits for the end of what it started
    std::shared_ptr<chunk> input_; // shared with what was lent of it
    std::vector<std::shared_ptr<http2_server_exchange>> exchanges_; // until closed, and handled
    std::deque<http2_server_exchange*> begun_;                      // heads that nobody has looked at
    std::vector<http2_server_exchange*> unread_;  // that hold a part of input_ which nobody has taken
    std::vector<http2_server_exchange*> batched_; // whose slices are in sending_ to their end
    std::string sending_;
    gather unsent_;                        // of sending_
    std::size_t spent_ = 0;                // of turn_limit
    std::size_t running_ = 0;              // handlers
    std::optional<time_point> head_since_; // a head has begun to arrive
    time_point idle_since_;
    time_point drain_since_{};
    bool is_waiting_ = false;  // serve(), for the client
    bool is_batching_ = false; // what is written meanwhile is sent together
    bool is_writing_ = false;  // write_rest() runs
    bool is_draining_ = false;
    bool is_sweep_due_ = false;
    bool is_over_ = false; // closed
};

/// One request. Kept alive by its connection and its handler.
class http2_server_exchange final : public exchange,
                                    public std::enable_shared_from_this<http2_server_exchange>,
                                    private proto::http2_request,
                                    private waiter::owner {
public:
    explicit http2_server_exchange(http2_server_connection& home);
    ~http2_server_exchange() override = default;

    std::string_view method() const noexcept override { return http2_request::method(); }
    std::string_view target() const noexcept override { return http2_request::target(); }
    std::string_view host() const noexcept override { return http2_request::host(); }
    const http::headers& headers() const noexcept override { return http2_request::headers(); }
    http::headers take_headers() noexcept override { return http2_request::take_headers(); }
    std::optional<std::uint64_t> content_length() const noexcept override {
        return http2_request::content_length();
    }
    result<read_status> try_read(std::string_view& slice) override;
    task<result<void>> wait() override;
    result<void> start(int status, const http::headers& headers,
                       std::optional<std::uint64_t> length) override;
    task<result<void>> write(std::string_view slice) override;
    task<result<void>> finish(std::string_view last) override;
    bool has_started() const noexcept override { return answer_ != answer::none; }

private:
    friend class http2_server_connection;
    enum class answer : std::uint8_t {
        none,      ///< nothing was said
        begun,     ///< the head is known, but not queued
        under_way, ///< the head is queued
        done,
        lost, ///< the rest cannot be sent
    }; // in the order in which an answer goes through them
    struct offer;

    void body_arrived(std::string_view slice) override;
    void changed() noexcept override { event_.complete(wait_outcome::ready); }
    void taken() noexcept override;
    void closed() noexcept override;
    void gave_up(waiter&, wait_outcome) noexcept override {}

    void account(std::string_view slice);
    [[nodiscard]] task<result<void>> send(std::string_view slice, bool is_last);
    void queue(std::string_view slice, bool is_last);
    [[nodiscard]] bool is_sent() const noexcept { return is_taken() && !is_batched_; }
    void give_up() noexcept;
    void refuse(int status);
    void end();
    void lose(const fault& why, std::uint64_t* counter) noexcept;
    void cancel_later() noexcept;

    http2_server_connection& home_;
    waiter event_;
    boost::asio::cancellation_signal cancel_;
    received_body body_;
    duration body_patience_; // what is left of server_limits::body
    std::optional<fault> body_failure_;
    std::optional<fault> gone_; // why nobody is left to answer
    int body_refusal_ = 0;      // what answers a body that failed
    int status_ = 0;
    http::headers fields_; // of the answer, until they are queued
    std::optional<std::uint64_t> length_;
    std::uint64_t remaining_ = 0; // of a counted answer
    answer answer_ = answer::none;
    bool may_have_body_ = true; // the answer
    bool sends_body_ = true;    // and not to HEAD
    bool was_asked_ = false;    // for its body
    bool is_batched_ = false;   // what was taken is not sent yet
    bool is_running_ = false;   // its handler
    bool is_canceled_ = false;  // its handler, or will be
    bool is_handled_ = false;
};

} // namespace modelmesh::net
