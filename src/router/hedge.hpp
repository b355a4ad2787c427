// Hedged requests (Dean and Barroso, "The Tail at Scale"): a second attempt beside one that takes unusually long.
#pragma once

#include "core/cancellation.hpp"
#include "router/attempt_log.hpp"
#include "router/attempt_plan.hpp"
#include "router/transport.hpp"

#include <modelmesh/core/function.hpp>
#include <modelmesh/core/log.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace modelmesh::router {

/// Makes the current attempt of a plan. Of two that run beside each other only one may succeed.
template <class T> using attempt_of = function<task<result<T>>(attempt_plan&)>;

/// When a second attempt is due beside the current one; nothing: never. Pays the request's share into the pool's
/// hedging budget.
[[nodiscard]] std::optional<time_point> hedge_time(const attempt_plan& plan);
/// Starts that attempt, at another model; nothing when there is none, or the pool has made its share.
[[nodiscard]] std::optional<attempt_plan> start_hedge(attempt_plan& beside, log_sink* log);
/// Says that the attempt which was started second answered first.
void report_hedge_won(log_sink* log, const attempt_plan& by, const model_entry& over);

/// Writes what the failure of the current attempt was and tells the plan. A value: it ends the request.
[[nodiscard]] inline std::optional<fault> end_attempt(log_sink* log, attempt_plan& plan, fault f) {
    const model_entry& model = plan.current();
    report_failure(log, plan.made().id, model.provider->id, model.id, plan.attempt_number(), f);
    return plan.failed(std::move(f));
}

/// The current attempt, and a second one from `hedge_at` on. Both run on the awaiting coroutine's executor, and both
/// have ended when run() completes: the first to answer wins, and the other one is cancelled.
template <class T> class race {
public:
    /// All outlive the race. @param plan  is that of the winner afterwards.
    race(transport& via, log_sink* log, attempt_plan& plan, attempt_of<T>& attempt, time_point hedge_at)
        : via_(&via), log_(log), first_(&plan), attempt_(&attempt), hedge_at_(hedge_at) {}
    race(const race&) = delete;
    race& operator=(const race&) = delete;

    /// As attempt_or_next().
    [[nodiscard]] static task<result<std::optional<T>>> run(race* self) {
        namespace asio = boost::asio;
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        using lane = decltype(asio::co_spawn(executor, run_first(self), asio::deferred));
        std::vector<lane> lanes;
        lanes.push_back(asio::co_spawn(executor, run_first(self), asio::deferred));
        lanes.push_back(asio::co_spawn(executor, run_second(self), asio::deferred));
        auto group = asio::experimental::make_parallel_group(std::move(lanes));
        auto done = co_await group.async_wait(until_decided(self), asio::use_awaitable);
        auto& [order, thrown] = done;
        for (const std::exception_ptr& each : thrown)
            if (each) std::rethrow_exception(each); // out of memory
        co_return self->outcome();
    }

private:
    // One attempt: under way, over, or lost to the other.
    enum class state : unsigned char { idle, under_way, over };

    class until_decided {
    public:
        explicit until_decided(const race* of) noexcept : of_(of) {}
        template <class... Results>
        boost::asio::cancellation_type operator()(const Results&...) const noexcept {
            return of_->is_decided_ ? boost::asio::cancellation_type::all
                                    : boost::asio::cancellation_type::none;
        }

    private:
        const race* of_;
    };

    static task<void> run_first(race* self) {
        // In a coroutine of its own, which would let only the hardest type of cancellation through.
        co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::enable_total_cancellation());
        result<T> got = co_await core::canceled_as_fault((*self->attempt_)(*self->first_), "the attempt");
        self->first_state_ = state::over;
        self->ended(*self->first_, std::move(got), self->second_state_);
    }

    static task<void> run_second(race* self) {
        co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::enable_total_cancellation());
        const result<void> slept =
            co_await core::canceled_as_fault(self->via_->sleep_until(self->hedge_at_), "the second attempt");
        // A stream whose content is only held back is answering.
        if (!slept || self->is_decided_ || self->first_state_ == state::over || self->first_->has_content())
            co_return;
        self->second_ = start_hedge(*self->first_, self->log_);
        if (!self->second_) co_return;
        self->second_state_ = state::under_way;
        result<T> got = co_await core::canceled_as_fault((*self->attempt_)(*self->second_), "the attempt");
        self->second_state_ = state::over;
        self->ended(*self->second_, std::move(got), self->first_state_);
    }

    // What comes second decides; what failed first is settled at once, so that its model is left alone from now on.
    void ended(attempt_plan& plan, result<T> got, state other) {
        if (is_decided_) {
            // Of the second, which began later, that would say too little.
            if (winner_ != nullptr && &plan == first_) plan.outrun();
            return;
        }
        if (got) {
            winner_ = &plan;
            answer_ = std::move(*got);
            is_decided_ = true;
            return;
        }
        std::optional<fault> final = end_attempt(log_, plan, std::move(got).error());
        if (other != state::under_way || (final && &plan == first_)) {
            last_ = &plan;
            final_ = std::move(final);
            is_decided_ = true;
        } else if (&plan != first_) {
            // In a way of its own, perhaps, which does not speak for the first.
            first_->merge(std::move(*second_), false);
            second_.reset();
        }
    }

    result<std::optional<T>> outcome() {
        const attempt_plan* const current = winner_ != nullptr ? winner_ : last_;
        if (second_ && winner_ == &*second_) report_hedge_won(log_, *second_, first_->current());
        if (second_) first_->merge(std::move(*second_), current == &*second_);
        if (answer_) return std::move(answer_);
        if (final_) {
            final_->attempts = first_->attempts();
            return std::move(*final_);
        }
        return std::optional<T>();
    }

    transport* via_;
    log_sink* log_;
    attempt_plan* first_;
    std::optional<attempt_plan> second_;
    attempt_of<T>* attempt_;
    time_point hedge_at_;
    state first_state_ = state::under_way;
    state second_state_ = state::idle;
    bool is_decided_ = false; ///< nothing can change what run() completes with
    const attempt_plan* winner_ = nullptr;
    attempt_plan* last_ = nullptr; ///< to fail
    std::optional<T> answer_;
    std::optional<fault> final_;
};

/// Makes the plan's current attempt, hedged where the pool says so. Nothing: it failed, and another one may follow.
/// Errors: the failure ends the request.
template <class T>
task<result<std::optional<T>>> attempt_or_next(transport& via, log_sink* log, attempt_plan& plan,
                                               attempt_of<T>& attempt) {
    if (const std::optional<time_point> at = hedge_time(plan)) {
        race<T> both(via, log, plan, attempt, *at);
        co_return co_await race<T>::run(&both);
    }
    result<T> got = co_await attempt(plan);
    if (got) co_return std::optional<T>(std::move(*got));
    if (std::optional<fault> final = end_attempt(log, plan, std::move(got).error()))
        co_return std::move(*final);
    co_return std::optional<T>();
}

} // namespace modelmesh::router
