#include "net/stream.hpp"

#include "core/cancellation.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstdint>

namespace modelmesh::net {
namespace asio = boost::asio;

namespace {

/// A point in time for the whole.
class fixed_limit {
public:
    explicit fixed_limit(time_point deadline) noexcept : deadline_(deadline) {}
    [[nodiscard]] time_point of(const gather&) const noexcept { return deadline_; }

private:
    time_point deadline_;
};

/// So much time for each part that the peer takes.
class renewed_limit {
public:
    renewed_limit(const clock& time, duration patience) noexcept : time_(time), patience_(patience) {}
    [[nodiscard]] time_point of(const gather& rest) noexcept {
        const std::size_t left = rest.size();
        if (left == left_) return until_;
        left_ = left;
        const time_point now = time_.now();
        until_ = patience_ < time_point::max() - now ? now + patience_ : time_point::max();
        return until_;
    }

private:
    const clock& time_;
    duration patience_;
    time_point until_{};
    std::size_t left_ = SIZE_MAX;
};

template <class Limit> task<result<void>> send_all(stream* to, gather parts, Limit limit) {
    for (;;) {
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        if (core::is_canceled(stop)) co_return fault(errc::canceled, "send: canceled");
        const result<bool> sent = to->try_send(parts);
        if (!sent) co_return sent.error();
        if (*sent) co_return result<void>();
        const wait_outcome outcome = co_await to->wait_writable(limit.of(parts));
        if (outcome == wait_outcome::timed_out) co_return fault(errc::timed_out, "send: timed out");
        if (outcome == wait_outcome::canceled) co_return fault(errc::canceled, "send: canceled");
    }
}

} // namespace

task<result<void>> stream::send(gather parts, time_point deadline) {
    return send_all(this, parts, fixed_limit(deadline));
}

task<result<void>> stream::send(gather parts, const clock& time, duration patience) {
    return send_all(this, parts, renewed_limit(time, patience));
}

} // namespace modelmesh::net
