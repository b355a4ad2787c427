// Suspending and waking.
#include "net/waiter.hpp"

#include "net/engine.hpp"

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

void wait_operation::begin(resumption resume, const asio::any_io_executor& executor,
                           asio::cancellation_slot slot) {
    const auto* const plain = executor.target<asio::io_context::executor_type>();
    engine* const io = on_ != nullptr ? on_->engine_ : nullptr;
    if (io == nullptr) {
        const wait_outcome outcome = on_ == nullptr ? outcome_ : wait_outcome::canceled; // the loop has ended
        asio::post(executor, [r = std::move(resume), outcome]() mutable { r(outcome); });
        return;
    }
    if (plain == nullptr || &plain->context() != &io->context())
        resume = resumption([r = std::move(resume), executor](wait_outcome outcome) mutable {
            asio::post(executor, [r = std::move(r), outcome]() mutable { r(outcome); });
        });
    on_->begin(std::move(resume), deadline_, slot);
    if (is_over_) on_->complete(outcome_);
}

void waiter::begin(function<void(wait_outcome)> resume, time_point deadline, asio::cancellation_slot slot) {
    assert(state_ == state::idle);
    resume_ = std::move(resume);
    state_ = state::waiting;
    if (slot.is_connected()) canceller_ = &slot.emplace<canceller>(this);
    if (deadline != time_point::max()) engine_->timers().arm(*this, deadline);
    engine_->waiter_added(*this);
}

waiter::~waiter() {
    complete(wait_outcome::canceled);
    if (state_ == state::completed) engine_->resume_without(*this);
}

void waiter::complete(wait_outcome outcome) noexcept {
    if (state_ != state::waiting) return;
    if (canceller_ != nullptr) std::exchange(canceller_, nullptr)->target = nullptr;
    engine_->timers().disarm(*this);
    state_ = state::completed;
    outcome_ = outcome;
    engine_->waiter_completed(*this);
}

function<void(wait_outcome)> waiter::leave_engine() noexcept {
    if (state_ == state::waiting) {
        if (canceller_ != nullptr) std::exchange(canceller_, nullptr)->target = nullptr;
        engine_->timers().disarm(*this);
    }
    list_hook::unlink();
    engine_ = nullptr;
    state_ = state::idle;
    return std::move(resume_);
}

void waiter::give_up(wait_outcome why) noexcept {
    complete(why);
    owner_.gave_up(*this, why);
}

} // namespace modelmesh::net
