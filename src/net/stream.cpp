#include "net/stream.hpp"

#include "core/cancellation.hpp"
#include "net/write_patience.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

namespace modelmesh::net {
namespace asio = boost::asio;

namespace {

/// A point in time for the whole.
class fixed_limit {
public:
    explicit fixed_limit(time_point deadline) noexcept : deadline_(deadline) {}
    [[nodiscard]] time_point until() const noexcept { return deadline_; }
    [[nodiscard]] bool is_over() const noexcept { return true; }

private:
    time_point deadline_;
};

template <class Limit> task<result<void>> send_all(stream* to, gather parts, Limit limit) {
    wait_outcome outcome = wait_outcome::ready;
    for (;;) {
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        if (outcome == wait_outcome::canceled || core::is_canceled(stop))
            co_return fault(errc::canceled, "send: canceled");
        if (outcome == wait_outcome::ready) {
            const result<bool> sent = to->try_send(parts);
            if (!sent) co_return sent.error();
            if (*sent) co_return result<void>();
        } else if (limit.is_over()) {
            co_return fault(errc::timed_out, "send: timed out");
        }
        outcome = co_await to->wait_writable(limit.until());
    }
}

} // namespace

task<result<void>> stream::send(gather parts, time_point deadline) {
    return send_all(this, parts, fixed_limit(deadline));
}

task<result<void>> stream::send(gather parts, const clock& time, duration patience) {
    return send_all(this, parts, write_patience(*this, time, patience));
}

} // namespace modelmesh::net
