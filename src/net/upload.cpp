#include "net/upload.hpp"

#include "core/cancellation.hpp"
#include "core/time_limit.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

using end = upload_outcome::end;

// What both coroutines of an upload know. Whoever ends it first says how.
class course {
public:
    course(carrier& c, std::shared_ptr<http::body_source> s, time_point until, duration p, const clock& t)
        : connection(c), source(std::move(s)), deadline(until), patience(p), time(t),
          length(source ? source->length() : std::nullopt) {}

    /// The end of a wait for the server to take something, which begins now.
    [[nodiscard]] time_point until() const noexcept {
        return std::min(core::after(time.now(), patience), deadline);
    }
    /// Of such a wait that timed out: whether the server has taken nothing since the last one that did.
    [[nodiscard]] bool is_stuck() noexcept {
        const std::uint64_t now_taken = connection.taken();
        const std::optional<std::uint64_t> before = std::exchange(taken, now_taken);
        return time.now() >= deadline || (before && now_taken <= *before);
    }

    void finish(end how) {
        if (std::exchange(is_over, true)) return;
        outcome.how = how;
    }
    void finish(end how, fault why) {
        if (is_over) return;
        finish(how);
        outcome.why = std::move(why);
    }
    void finish(wait_outcome why) {
        const bool is_late = why == wait_outcome::timed_out;
        finish(end::lost,
               fault(is_late ? errc::timed_out : errc::canceled, is_late ? "timed out" : "canceled"));
    }

    carrier& connection;
    std::shared_ptr<http::body_source> source;
    time_point deadline;
    duration patience;
    const clock& time;
    std::optional<std::uint64_t> taken; // when the last wait timed out
    std::optional<std::uint64_t> length;
    upload_outcome outcome;
    bool is_over = false;
};

// One coroutine of an upload ended: has the other one a reason to go on?
class until_over {
public:
    explicit until_over(const course& c) : course_(&c) {}
    asio::cancellation_type operator()(const std::exception_ptr& failure) const noexcept {
        return failure || course_->is_over ? asio::cancellation_type::all : asio::cancellation_type::none;
    }

private:
    const course* course_;
};

fault wrong_length(std::string_view how, std::uint64_t length) {
    std::string text("the body's source has ");
    text.append(how).append(" than the ").append(std::to_string(length)).append(" bytes that it announced");
    return fault(errc::bad_request, std::move(text));
}

// True: what was handed to the connection has been taken.
task<bool> sent(course* c, result<bool> progress) {
    while (progress && !*progress) {
        wait_outcome outcome = wait_outcome::timed_out;
        do { // a wait that timed out may be repeated
            const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
            outcome = wait_outcome::canceled;
            if (!core::is_canceled(stop)) outcome = co_await c->connection.wait_sent(c->until());
        } while (outcome == wait_outcome::timed_out && !c->is_over && !c->is_stuck());
        if (outcome != wait_outcome::ready) {
            c->finish(outcome);
            co_return false;
        }
        progress = c->connection.try_send_rest();
    }
    if (!progress) c->finish(end::not_sent, progress.error());
    co_return progress.has_value();
}

task<void> send_rest(course* c) {
    const bool is_taken = co_await sent(c, false);
    if (is_taken) c->finish(end::sent);
}

task<void> send_all(course* c) {
    std::uint64_t size = 0;
    for (;;) {
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        if (core::is_canceled(stop)) {
            c->finish(wait_outcome::canceled);
            co_return;
        }
        const result<std::optional<std::string_view>> piece = co_await c->source->read();
        if (c->is_over) co_return; // it was canceled, and the source did not notice
        if (!piece) {
            c->finish(end::unread, piece.error());
            co_return;
        }
        if (!*piece) break;
        if ((*piece)->empty()) {
            c->finish(end::unread, fault(errc::bad_request, "the body's source gave a piece without bytes"));
            co_return;
        }
        if (c->length && (*piece)->size() > *c->length - size) {
            c->finish(end::unread, wrong_length("more", *c->length));
            co_return;
        }
        size += (*piece)->size();
        const bool is_taken = co_await sent(c, c->connection.try_send_piece(**piece));
        if (!is_taken) co_return;
        // A server that reads as fast as we send would keep everybody else waiting, its answer included.
        co_await asio::post(asio::use_awaitable);
        if (c->is_over) co_return;
    }
    if (c->length && size != *c->length) {
        c->finish(end::unread, wrong_length("fewer", *c->length));
        co_return;
    }
    const bool is_taken = co_await sent(c, c->connection.try_send_end());
    if (is_taken) c->finish(end::sent);
}

// The source alone may wait for ever.
task<void> watch_time(course* c) {
    asio::steady_timer patience(co_await asio::this_coro::executor, c->deadline);
    boost::system::error_code failure;
    co_await patience.async_wait(asio::redirect_error(asio::use_awaitable, failure));
    if (!failure) c->finish(wait_outcome::timed_out);
}

task<void> watch_answer(course* c) {
    for (;;) {
        const result<bool> is_there = c->connection.try_read_head();
        if (!is_there) {
            c->finish(end::lost, is_there.error());
            co_return;
        }
        if (*is_there) {
            c->outcome.has_head = true;
            if (c->connection.status() < 300) co_return co_await watch_time(c);
            c->finish(end::answered);
            co_return;
        }
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        wait_outcome outcome = wait_outcome::canceled;
        if (!core::is_canceled(stop)) outcome = co_await c->connection.wait(c->deadline);
        if (c->is_over) co_return;
        if (outcome != wait_outcome::ready) {
            c->finish(outcome);
            co_return;
        }
    }
}

// Asio reports a cancellation between two awaits as an exception: that is none of ours.
void rethrow_failure(const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& e) {
        if (!core::is_cancellation(e)) throw;
    }
}

} // namespace

task<upload_outcome> upload(carrier* on, std::shared_ptr<http::body_source> from, time_point deadline,
                            duration patience, const clock& time) {
    course both(*on, std::move(from), deadline, patience, time);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto group = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, both.source ? send_all(&both) : send_rest(&both), asio::deferred),
        asio::co_spawn(executor, watch_answer(&both), asio::deferred));
    const until_over condition(both);
    auto ended = co_await group.async_wait(condition, asio::use_awaitable);
    auto& [order, sending, watching] = ended;
    // Also when the other one has said by then that it was canceled: it was because of this.
    rethrow_failure(sending);
    rethrow_failure(watching);
    both.finish(wait_outcome::canceled); // unless it is over
    co_return std::move(both.outcome);
}

} // namespace modelmesh::net
