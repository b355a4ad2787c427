// One HTTP/2 connection: many exchanges at a time over one stream.
//
// While it has exchanges, one coroutine of its own receives, whoever waits for what, and another sends while
// there are frames to send. Neither belongs to an exchange, so an exchange that is cancelled takes nothing
// with it. At rest nothing of it runs.
#pragma once

#include "net/carrier.hpp"
#include "net/received_body.hpp"
#include "net/stream.hpp"
#include "net/waiter.hpp"
#include "proto/http2_client.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::net {

class engine;
class http2_exchange;

class http2_settings {
public:
    http2_settings() = default;
    duration silence = std::chrono::seconds(30);  ///< after which a server is asked for a sign of life
    duration patience = std::chrono::seconds(10); ///< in which it must give it, or take what is sent
    proto::http2_limits limits;
};

/// Kept alive by its user, its exchanges and, while it has any, its own coroutines. One thread.
class http2_connection final : public std::enable_shared_from_this<http2_connection>, private waiter::owner {
public:
    /// Told when there may be room for another exchange, or the connection accepts none any more.
    class watcher {
    public:
        virtual void connection_changed(http2_connection& which) noexcept = 0;

    protected:
        ~watcher() = default;
    };

    /// @param peer  names it in messages. @param scheme  http or https; a literal.
    http2_connection(engine& io, std::unique_ptr<stream> transport, std::string peer, std::string_view scheme,
                     http2_settings settings = http2_settings());
    http2_connection(const http2_connection&) = delete;
    http2_connection& operator=(const http2_connection&) = delete;
    ~http2_connection();

    /// The watcher must call this with null before it dies.
    void set_watcher(watcher* told) noexcept { watcher_ = told; }

    /// Whether a new exchange may begin now. A full connection stops answers that nobody waits for.
    [[nodiscard]] bool has_room() noexcept;
    /// Whether new exchanges may begin, now or later. Not on a connection whose server leaves a ping
    /// unanswered.
    [[nodiscard]] bool accepts() const noexcept;
    /// Whether it is worth waiting for what the server allows.
    [[nodiscard]] bool may_grow() const noexcept;
    /// @pre has_room(), and wake() if it was idle.
    [[nodiscard]] std::unique_ptr<http2_exchange> begin();

    [[nodiscard]] bool is_idle() const noexcept { return exchanges_ == 0; }
    [[nodiscard]] bool is_dead() const noexcept { return is_dead_; }
    /// Whether an exchange has come to its end here.
    [[nodiscard]] bool was_used() const noexcept { return was_used_; }
    /// Whether it has rested, and has shown no life since then: the server may have given it up meanwhile.
    [[nodiscard]] bool may_be_stale() const noexcept { return may_be_stale_; }
    /// The server has ended it because it wants HTTP/1.1.
    [[nodiscard]] bool needs_http1() const noexcept { return session_.needs_http1(); }
    /// Looks at what has arrived while nobody read. Errors: why nothing may begin.
    [[nodiscard]] result<void> look() noexcept;
    /// As look(), for a connection at rest. False: the connection is of no use any more.
    [[nodiscard]] bool wake() noexcept;

private:
    friend class http2_exchange;
    enum class received : std::uint8_t { some, nothing, over };
    struct ending; // of a coroutine

    result<void> submit(http2_exchange& exchange, const outgoing& what);
    void leave(http2_exchange& exchange, bool at_its_end) noexcept;
    void taken(http2_exchange& exchange, std::size_t bytes);
    void doubt() noexcept;
    void ask_for_life() noexcept;

    void read_later();
    void flush_later();
    void rest_later();
    static task<void> read_all(std::shared_ptr<http2_connection> self);
    static task<void> write_all(std::shared_ptr<http2_connection> self);
    void read_ended() noexcept;
    void write_ended() noexcept;
    void rest() noexcept;
    received receive();
    void say_goodbye();
    void keep_unread();
    void silent() noexcept;
    void lost(const fault& why) noexcept;
    void close() noexcept;
    void notify() noexcept;
    void gave_up(waiter&, wait_outcome) noexcept override {}

    engine& engine_;
    std::unique_ptr<stream> stream_; // before whatever holds chunks
    std::string peer_;
    std::string_view scheme_;
    http2_settings settings_;
    proto::http2_client_session session_;
    watcher* watcher_ = nullptr;
    boost::asio::cancellation_signal stop_reading_;
    waiter turn_;                         // of the reading coroutine
    std::shared_ptr<chunk> input_;        // shared with what was lent of it
    std::vector<http2_exchange*> unread_; // that hold a part of input_ which nobody has taken
    std::string sending_;
    std::uint64_t heard_ = 0; // bytes
    std::size_t exchanges_ = 0;
    std::size_t unsubmitted_ = 0;
    unsigned refusals_ = 0;   // in a row
    time_point answer_due_{}; // to the ping
    bool was_used_ = false;
    bool may_be_stale_ = false;
    bool is_reading_ = false;
    bool is_stopping_ = false; // the reading coroutine was told to end
    bool is_writing_ = false;
    bool is_rest_posted_ = false;
    bool is_parked_ = false;
    bool is_pinged_ = false;
    bool is_distrusted_ = false; // no new exchanges
    bool is_mute_ = false;       // nothing can be sent any more
    bool is_dead_ = false;
};

/// One exchange. Destroying it tells the server to stop, unless the answer has ended.
class http2_exchange final : public shared_exchange, private proto::http2_answer, private waiter::owner {
public:
    explicit http2_exchange(std::shared_ptr<http2_connection> on);
    ~http2_exchange() override;

    result<bool> try_send(const outgoing& what) override;
    result<bool> try_send_rest() override;
    result<bool> try_send_piece(std::string_view piece) override;
    result<bool> try_send_end() override;
    [[nodiscard]] wait_operation wait_sent(time_point deadline) override;
    [[nodiscard]] std::uint64_t taken() const noexcept override { return body_sent(); }
    result<bool> try_read_head() override;
    result<read_status> try_read(std::string_view& slice) override;
    [[nodiscard]] wait_operation wait(time_point deadline) override;

    [[nodiscard]] int status() const noexcept override { return http2_answer::status(); }
    void swap_headers(http::headers& into) noexcept override { http2_answer::swap_headers(into); }
    void swap_trailers(http::headers& into) noexcept override { http2_answer::swap_trailers(into); }
    [[nodiscard]] std::optional<std::uint64_t> body_length() const noexcept override;
    [[nodiscard]] bool has_answer() const noexcept override;
    [[nodiscard]] bool is_unprocessed() const noexcept override { return http2_answer::is_unprocessed(); }
    [[nodiscard]] bool needs_http1() const noexcept override {
        return http2_answer::needs_http1() || connection_->needs_http1();
    }
    void end_after_this() noexcept override { connection_->session_.stop_body(*this); }
    void close() noexcept override;
    void leave() noexcept override;

private:
    friend class http2_connection;
    void body_arrived(std::string_view slice) override;
    void changed() noexcept override;
    void body_taken() noexcept override { departure_.complete(wait_outcome::ready); }
    void gave_up(waiter& which, wait_outcome why) noexcept override;
    void end(bool at_its_end) noexcept;
    [[nodiscard]] bool has_news() const noexcept;
    [[nodiscard]] fault wants_no_more() const;

    std::shared_ptr<http2_connection> connection_;
    waiter arrival_;
    waiter departure_; // of the body, when it is streamed: the answer is awaited meanwhile
    received_body body_;
    std::uint64_t heard_before_ = 0;
    bool is_submitted_ = false;
    bool is_streamed_ = false; // the request's body is
    bool is_over_ = false;     // the connection knows this exchange no more
    bool is_head_taken_ = false;
};

} // namespace modelmesh::net
