#include <modelmesh/connector/rate_limiter.hpp>

#include <modelmesh/connector/pause.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>

namespace modelmesh::connector {

gcra gcra::per_minute(double units, duration burst) noexcept {
    if (units <= 0) return {duration::zero(), duration::zero()};
    constexpr duration minute = std::chrono::minutes(1);
    const duration each(static_cast<duration::rep>(static_cast<double>(minute.count()) / units));
    return {each, std::max(each, burst)};
}

namespace {

// Beyond it the time of one is less than 60 ns, and would have to be cut too coarsely.
constexpr double most = 1e9;
constexpr std::int64_t most_tokens = 10'000'000; ///< of one turn

} // namespace

struct rate_limiter::state {
    explicit state(const settings& with)
        : burst(with.burst), requests(gcra::per_minute(with.requests_per_minute, with.burst)),
          tokens(gcra::per_minute(with.tokens_per_minute, with.burst)) {}

    /// The latest moment of what is owed: behind it, providers have forgotten it, too.
    [[nodiscard]] time_point latest(time_point now) const { return now + std::chrono::minutes(1) + burst; }
    void forget_passed(time_point now) {
        while (!waiting.empty() && waiting.front().passes <= now) waiting.pop_front();
    }
    /// How far what is taken may move up without going ahead of a turn that waits.
    [[nodiscard]] duration room() const {
        duration least = duration::max();
        for (const waiting_turn& each : waiting)
            least = std::min(least, tokens.room_before(each.tokens, each.passes));
        return least;
    }

    struct waiting_turn {
        time_point passes;
        gcra::piece tokens;
    };

    const duration burst;
    std::mutex mutex; ///< guards what follows
    gcra requests;
    gcra tokens;
    std::deque<waiting_turn> waiting; ///< in order; those that were given back stay for as long
};

rate_limiter::rate_limiter(settings with) {
    for (const double each : {with.requests_per_minute, with.tokens_per_minute})
        if (!std::isfinite(each) || (each != 0 && (each < 1 || each > most)))
            throw std::invalid_argument("rate_limiter: a limit is neither 0 nor from 1 to 1e9");
    if (with.burst <= duration::zero()) throw std::invalid_argument("rate_limiter: burst is not above 0");
    state_ = std::make_shared<state>(with);
}

result<rate_limiter::turn> rate_limiter::take_turn(time_point now, std::int64_t tokens, duration longest) {
    const std::lock_guard lock(state_->mutex);
    const duration for_requests = state_->requests.wait(now, 1);
    const duration for_tokens = state_->tokens.wait(now, tokens);
    const duration wait = std::max(for_requests, for_tokens);
    if (wait > longest) {
        fault f(errc::rate_limit, std::string("this program's own limit of ") +
                                      (for_requests >= for_tokens ? "requests" : "tokens") + " per minute");
        f.retry_after = std::chrono::ceil<std::chrono::milliseconds>(wait);
        return f;
    }
    turn taken;
    taken.wait = wait;
    taken.request = state_->requests.take(now, 1);
    taken.tokens = state_->tokens.take(now, tokens);
    state_->forget_passed(now);
    if (wait > duration::zero() && taken.tokens.length > duration::zero())
        state_->waiting.push_back({now + wait, taken.tokens});
    return taken;
}

void rate_limiter::give_back(const turn& unused) {
    const std::lock_guard lock(state_->mutex);
    state_->requests.give_back(unused.request);
    state_->tokens.give_back(unused.tokens);
}

void rate_limiter::settle(const turn& used, std::int64_t tokens, time_point now) {
    const std::lock_guard lock(state_->mutex);
    state_->forget_passed(now);
    state_->tokens.settle(used.tokens, std::clamp<std::int64_t>(tokens, 0, most_tokens), now,
                          state_->latest(now), state_->room());
}

bool rate_limiter::is_idle(time_point now) const {
    const std::lock_guard lock(state_->mutex);
    return state_->requests.is_idle(now) && state_->tokens.is_idle(now);
}

task<result<void>> wait_for_turn(rate_limiter at, std::int64_t tokens, time_point deadline,
                                 const clock& time) {
    const time_point now = time.now();
    const result<rate_limiter::turn> turn = at.take_turn(now, tokens, deadline - now - duration(1));
    if (!turn) co_return turn.error();
    held_turn held(at, *turn);
    const result<void> waited = co_await pause(turn->wait);
    if (waited) held.use();
    co_return waited;
}

} // namespace modelmesh::connector
