#include "net/stream.hpp"

#include "core/cancellation.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

namespace modelmesh::net {
namespace asio = boost::asio;

task<result<void>> stream::send(gather parts, time_point deadline) {
    for (;;) {
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        if (core::is_canceled(stop)) co_return fault(errc::canceled, "send: canceled");
        const result<bool> sent = try_send(parts);
        if (!sent) co_return sent.error();
        if (*sent) co_return result<void>();
        const wait_outcome outcome = co_await wait_writable(deadline);
        if (outcome == wait_outcome::timed_out) co_return fault(errc::timed_out, "send: timed out");
        if (outcome == wait_outcome::canceled) co_return fault(errc::canceled, "send: canceled");
    }
}

} // namespace modelmesh::net
