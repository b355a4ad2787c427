// A call that waits for another one, which may be on another event loop.
#pragma once

#include "core/cancellation.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>

namespace modelmesh::detail {

/// One that waits. Whoever shares it with others guards `is_called` with a mutex.
class waiter {
public:
    explicit waiter(const boost::asio::any_io_executor& on) : alarm_(on) {}

    /// Wakes it. Called once and under the mutex, while it is known to wait: so its coroutine and its loop
    /// exist.
    static void call(const std::shared_ptr<waiter>& who) {
        who->is_called = true;
        boost::asio::post(who->alarm_.get_executor(), [who] { who->alarm_.cancel(); });
    }

    /// Waits to be called, for `limit` at most. On the event loop that it was made with, right after it was
    /// shared.
    /// Errors: canceled. Whether it was called says `is_called`.
    static task<result<void>> wait(std::shared_ptr<waiter> self, duration limit) {
        self->alarm_.expires_after(limit);
        (void)co_await self->alarm_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        const boost::asio::cancellation_state state = co_await boost::asio::this_coro::cancellation_state;
        if (core::is_canceled(state)) co_return fault(errc::canceled, "canceled while waiting for its turn");
        co_return result<void>();
    }

    bool is_called = false;

private:
    boost::asio::steady_timer alarm_;
};

} // namespace modelmesh::detail
