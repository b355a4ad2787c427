// Further tries of a task that failed, for connectors that do I/O of their own. Calls of models need none: the router
// has its own.
#pragma once

#include <modelmesh/connector/backoff.hpp>
#include <modelmesh/connector/pause.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/compiler.hpp>
#include <modelmesh/core/function.hpp>
#include <modelmesh/core/random.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace modelmesh::connector {

/// Has a constructor, so that g++ 12 accepts it in a `co_await` expression.
class retry_rule {
public:
    explicit retry_rule(unsigned attempts = 3, backoff between = {},
                        std::function<bool(const fault&)> helps = {})
        : max_attempts(attempts), pauses(between), may_help(std::move(helps)) {}

    unsigned max_attempts; ///< the first one included; 0 counts as 1
    backoff pauses;
    std::function<bool(const fault&)> may_help; ///< whether another try may; empty: cond::retryable
};

/// Whether and when one operation is tried again. Does no waiting, and has its time passed in.
/// Threads: one at a time.
class retries {
public:
    /// @param random  outlives it.
    retries(retry_rule rule, time_point deadline, rng& random);

    /// After a failed try: the pause before the next one, as long as the failure's retry_after says or else drawn.
    /// Nothing: the failure stands, because another try would not help, all have been made, or the pause would not end
    /// before the deadline.
    [[nodiscard]] std::optional<duration> after(const fault& f, time_point now);

private:
    retry_rule rule_;
    time_point deadline_;
    rng* random_;
    unsigned tries_ = 0;
};

/// Awaits what `attempt` makes, and makes another where retries::after says so. Completes with the first success, or
/// the failure that stands. The tries themselves are not cut short: see with_timeout.
/// @param random, time  outlive the task. Errors: those of the tries; canceled, in a pause.
/// Cancellation: passed on to the try under way. Threads: the awaiting coroutine's executor.
/// g++ 12: name a lambda that captures something before awaiting a call with it; the deleted overload tells.
template <class T>
[[nodiscard]] task<result<T>> with_retry(function<task<result<T>>()> attempt, retry_rule rule,
                                         time_point deadline, rng& random,
                                         const clock& time = clock::system()) {
    retries plan(std::move(rule), deadline, random);
    for (;;) {
        result<T> outcome = co_await attempt();
        if (outcome) co_return outcome;
        const std::optional<duration> wait = plan.after(outcome.error(), time.now());
        if (!wait) co_return outcome;
        const result<void> waited = co_await pause(*wait);
        if (!waited) co_return waited.error();
    }
}

#if MODELMESH_GCC12_COROUTINES
template <class T, class Attempt>
    requires(!std::is_reference_v<Attempt> && !std::is_trivially_destructible_v<Attempt> &&
             !std::is_same_v<Attempt, function<task<result<T>>()>>)
task<result<T>> with_retry(Attempt&&, retry_rule, time_point, rng&, const clock& = clock::system()) = delete;
#endif

} // namespace modelmesh::connector
