// Suspending and waking.
#include "net/waiter.hpp"

#include "net/engine.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>

#include <cassert>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;

struct waiter::canceller {
    explicit canceller(waiter* who) : target(who) {}
    void operator()(asio::cancellation_type type) const noexcept {
        if (target != nullptr && type != asio::cancellation_type::none)
            target->give_up(wait_outcome::canceled);
    }
    waiter* target;
};

task<wait_outcome> waiter::wait(time_point deadline) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void(wait_outcome)>(
        [this, deadline](handler h) { start(std::move(h), deadline); }, asio::use_awaitable);
}

task<wait_outcome> waiter::pass() {
    return asio::async_initiate<const asio::use_awaitable_t<>, void(wait_outcome)>(
        [this](handler h) {
            start(std::move(h), time_point::max());
            complete(wait_outcome::ready);
        },
        asio::use_awaitable);
}

void waiter::start(handler h, time_point deadline) {
    assert(!handler_);
    handler_.emplace(std::move(h));
    if (engine_ == nullptr) return complete(wait_outcome::canceled);
    auto slot = asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) canceller_ = &slot.emplace<canceller>(this);
    if (deadline != time_point::max()) engine_->timers().arm(*this, deadline);
    engine_->waiter_added(*this);
}

waiter::handler waiter::take() noexcept {
    handler h = std::move(*handler_);
    handler_.reset();
    if (canceller_ != nullptr) std::exchange(canceller_, nullptr)->target = nullptr;
    if (list_hook::is_linked()) list_hook::unlink();
    if (engine_ != nullptr) {
        engine_->timers().disarm(*this);
        engine_->waiter_removed();
    }
    return h;
}

void waiter::complete(wait_outcome outcome) noexcept {
    if (!handler_) return;
    engine* const io = engine_;
    handler h = take();
    const auto executor = asio::get_associated_executor(h);
    const auto* const plain = executor.target<asio::io_context::executor_type>();
    if (io != nullptr && plain != nullptr && &plain->context() == &io->context())
        io->resume_later(std::move(h), outcome);
    else
        asio::post(executor, [h = std::move(h), outcome]() mutable { h(outcome); });
}

void waiter::give_up(wait_outcome why) noexcept {
    complete(why);
    owner_.gave_up(*this);
}

} // namespace modelmesh::net
