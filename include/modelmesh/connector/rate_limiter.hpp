// How much may pass in a minute, at a steady rate.
#pragma once

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

namespace modelmesh::connector {

/// The generic cell rate algorithm: a leaky bucket that is one moment, the theoretical arrival time. Pure.
class gcra {
public:
    /// @param interval  of one unit. @param tolerance  how much earlier than steadily units may come; at least one
    ///                  interval.
    gcra(duration interval, duration tolerance) noexcept : interval_(interval), tolerance_(tolerance) {}
    /// So many units in a minute; 0: any number. @param burst  how long's worth may come at once; one at least.
    [[nodiscard]] static gcra per_minute(double units, duration burst) noexcept;

    /// How long to wait at this moment before `cost` units may pass, if they were taken now.
    [[nodiscard]] duration wait(time_point now, std::int64_t cost) const noexcept {
        return std::max(std::max(arrival_, now) + interval_ * cost - tolerance_ - now, duration::zero());
    }
    /// @return  up to when these units reach, for give_back().
    time_point take(time_point now, std::int64_t cost) noexcept {
        arrival_ = std::max(arrival_, now) + interval_ * cost;
        return arrival_;
    }
    /// Units that were taken and do not pass. Call it before their wait is over. Those that others have taken since
    /// keep their moments, so what is theirs by now is not given back: more than the limit would pass.
    void give_back(time_point reach, std::int64_t cost) noexcept {
        const duration behind = std::max(arrival_ - reach, duration::zero());
        arrival_ -= std::max(interval_ * cost - behind, duration::zero());
    }
    /// Units that turned out to be more, or fewer, than were taken.
    void correct(std::int64_t more) noexcept { arrival_ += interval_ * more; }
    /// Nothing is remembered: it is as good as new.
    [[nodiscard]] bool is_idle(time_point now) const noexcept { return arrival_ <= now; }
    /// From when on one unit may pass.
    [[nodiscard]] time_point free_at() const noexcept { return arrival_ + interval_ - tolerance_; }
    /// The one moment, for who keeps it elsewhere, and the same limit with another.
    [[nodiscard]] time_point arrival() const noexcept { return arrival_; }
    [[nodiscard]] gcra with(time_point arrival) const noexcept {
        gcra same = *this;
        same.arrival_ = arrival;
        return same;
    }

private:
    duration interval_;
    duration tolerance_;
    time_point arrival_{};
};

/// Turns of requests, each of so many tokens, in the order in which they were taken. Copies share one state.
/// Threads: any; a mutex that nobody holds while waiting.
class rate_limiter {
public:
    struct settings {
        double requests_per_minute = 0;           ///< 0: any number
        double tokens_per_minute = 0;             ///< 0: any number
        duration burst = std::chrono::seconds(6); ///< how long's worth may come at once; one request at least
    };
    struct turn {
        duration wait{}; ///< how long to wait for it
        std::int64_t tokens{};
        time_point requests_reach{}; ///< these two: of gcra::take()
        time_point tokens_reach{};
    };
    /// @throws std::invalid_argument  a limit is neither 0 nor from 1 to 1e9, or `burst` is not above 0.
    explicit rate_limiter(settings with);

    /// Takes a turn. Errors: rate_limit, when the wait for it is more than `longest`; retry_after says how long it is,
    /// and no turn is taken.
    /// @param tokens  at most 10 million.
    [[nodiscard]] result<turn> take_turn(time_point now, std::int64_t tokens, duration longest);
    /// Gives a turn back that was waited for in vain, but for what others have taken behind it. Once, and only before
    /// its wait is over: who was let through has used its turn, also when what it did then fails.
    void give_back(const turn& unused);
    /// Tokens that a turn turned out to have more, or fewer.
    void correct(std::int64_t more);
    /// Nothing is remembered: it is as good as new.
    [[nodiscard]] bool is_idle(time_point now) const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

/// A turn that is given back at the end of its scope, unless it was used.
class held_turn {
public:
    held_turn(rate_limiter of, const rate_limiter::turn& which) : of_(std::move(of)), turn_(which) {}
    ~held_turn() {
        if (!is_used_) of_.give_back(turn_);
    }
    held_turn(const held_turn&) = delete;
    held_turn& operator=(const held_turn&) = delete;
    void use() noexcept { is_used_ = true; }

private:
    rate_limiter of_;
    rate_limiter::turn turn_;
    bool is_used_ = false;
};

/// Takes a turn and waits for it. Errors: rate_limit, as above, when it would not come before the deadline; canceled:
/// the turn is given back. Cancellation: as pause(). @param time  outlives the call.
[[nodiscard]] task<result<void>> wait_for_turn(rate_limiter at, std::int64_t tokens, time_point deadline,
                                               const clock& time = clock::system());

} // namespace modelmesh::connector
