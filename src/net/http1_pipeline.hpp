// Several requests under way on one HTTP/1.1 connection, which are answered in the order in which they were
// sent.
//
// No coroutine of its own reads: whoever stands first among those that still want their answer does, and
// drops the answers of those before it that want theirs no more.
#pragma once

#include "net/carrier.hpp"
#include "net/http1_connection.hpp"
#include "net/waiter.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::net {

class engine;
class pipelined_exchange;

/// Lives as long as it has exchanges; then its connection serves others again. One thread.
class http1_pipeline final : public std::enable_shared_from_this<http1_pipeline> {
public:
    class watcher {
    public:
        /// There may be room for another exchange, or there is none left at all: take_connection().
        virtual void pipeline_changed(http1_pipeline& which) noexcept = 0;
        /// The connection came to its end with answers missing that the server owed.
        virtual void pipeline_broke() noexcept = 0;

    protected:
        ~watcher() = default;
    };

    /// @param connection  without an exchange. @param depth  of exchanges at a time.
    http1_pipeline(engine& io, std::unique_ptr<http1_connection> connection, std::size_t depth,
                   watcher& told);

    [[nodiscard]] bool has_room() const noexcept { return !is_closing_ && begun_ + line_.size() < depth_; }
    [[nodiscard]] std::unique_ptr<pipelined_exchange> begin();
    [[nodiscard]] bool is_idle() const noexcept { return begun_ + line_.size() == 0; }
    /// @pre is_idle()
    [[nodiscard]] std::unique_ptr<http1_connection> take_connection() noexcept {
        return std::move(connection_);
    }

private:
    friend class pipelined_exchange;
    // A request that was sent, or is to be. Whose owner is gone, its answer is dropped.
    struct place {
        pipelined_exchange* owner;
        bool is_to_head;
        bool has_head = false;
        std::size_t dropped = 0;
    };

    [[nodiscard]] pipelined_exchange* reader() const noexcept;
    [[nodiscard]] pipelined_exchange* sender() const noexcept;
    void enter(pipelined_exchange& exchange, bool is_to_head);
    result<bool> read_head(pipelined_exchange& exchange);
    result<bool> drop_left();
    void pass_on() noexcept;
    void send_no_more(const pipelined_exchange& behind) noexcept;
    void end(bool is_servers_fault, const pipelined_exchange* except) noexcept;
    void leave(pipelined_exchange& exchange, bool is_late) noexcept;

    engine& engine_;
    std::unique_ptr<http1_connection> connection_;
    std::size_t depth_;
    watcher& watcher_; // keeps this; or has been destroyed after all exchanges
    std::deque<place> line_;
    std::size_t begun_ = 0;   // exchanges that have not entered the line
    bool was_used_ = false;   // an answer has come to its end here
    bool is_closing_ = false; // no more requests
};

/// One exchange, of a request that may be sent twice. Destroying it leaves its answer to be dropped.
class pipelined_exchange final : public shared_exchange, private waiter::owner {
public:
    explicit pipelined_exchange(std::shared_ptr<http1_pipeline> on);
    ~pipelined_exchange() override { finish(false); }

    /// @pre the request has no body source: nobody knows when the answers behind it could begin.
    result<bool> try_send(const outgoing& what) override;
    result<bool> try_send_rest() override;
    [[nodiscard]] wait_operation wait_sent(time_point deadline) override;
    [[nodiscard]] std::uint64_t taken() const noexcept override { return home_->connection_->taken(); }
    result<bool> try_send_piece(std::string_view piece) override;
    result<bool> try_send_end() override { return try_send_piece({}); }
    result<bool> try_read_head() override;
    result<read_status> try_read(std::string_view& slice) override;
    [[nodiscard]] wait_operation wait(time_point deadline) override;

    [[nodiscard]] int status() const noexcept override { return home_->connection_->status(); }
    void swap_headers(http::headers& into) noexcept override { home_->connection_->swap_headers(into); }
    void swap_trailers(http::headers& into) noexcept override { home_->connection_->swap_trailers(into); }
    [[nodiscard]] std::optional<std::uint64_t> body_length() const noexcept override {
        return home_->connection_->body_length();
    }
    [[nodiscard]] bool has_answer() const noexcept override { return has_answer_; }
    [[nodiscard]] bool is_unprocessed() const noexcept override { return is_unprocessed_; }
    [[nodiscard]] bool has_begun() const noexcept override { return is_begun_; }
    [[nodiscard]] bool follows_others() const noexcept override { return home_->was_used_; }
    void end_after_this() noexcept override { home_->is_closing_ = true; }
    void close() noexcept override { finish(true); }
    void abandon() noexcept override { finish(false); }
    void leave() noexcept override { finish(false); }

private:
    friend class http1_pipeline;
    void gave_up(waiter&, wait_outcome) noexcept override {}
    void finish(bool is_late) noexcept;
    /// The connection is gone, and the answer never began.
    void lose() noexcept;
    void wake() noexcept { turn_.complete(wait_outcome::ready); }

    std::shared_ptr<http1_pipeline> home_;
    waiter turn_; // to send, and then to read
    std::string head_;
    gather unsent_;
    std::optional<fault> failure_;
    bool is_in_line_ = false;
    bool is_begun_ = false; // some of the request may be out
    bool is_sent_ = false;
    bool has_answer_ = false;
    bool is_unprocessed_ = false;
    bool is_over_ = false;
};

} // namespace modelmesh::net
