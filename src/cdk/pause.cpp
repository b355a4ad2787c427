#include <modelmesh/connector/pause.hpp>

#include "core/cancellation.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace modelmesh::connector {

namespace asio = boost::asio;

task<result<void>> pause(duration time) {
    if (time <= duration::zero()) co_return result<void>();
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    (void)co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(state)) co_return fault(errc::canceled, "canceled while waiting");
    co_return result<void>();
}

} // namespace modelmesh::connector
