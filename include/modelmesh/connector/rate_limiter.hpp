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
///
/// What was taken is a piece of the time in front of that moment, and passes with time. Who turns out to need less gives
/// back what is still to come of its own piece and no more, or more than the limit would pass. Pieces move up when
/// others are given back; how far is not known of each, so that every one is taken to have moved by all of it: that
/// errs on the side of the limit.
class gcra {
public:
    /// What was taken, for who gives all or a part of it back.
    struct piece {
        duration length{};
        time_point end{};
        duration moved{}; ///< of all that was given back before it was taken
    };

    /// @param interval  of one unit. @param tolerance  how much earlier than steadily units may come; at least one
    ///                  interval.
    gcra(duration interval, duration tolerance) noexcept : interval_(interval), tolerance_(tolerance) {}
    /// So many units in a minute; 0: any number. @param burst  how long's worth may come at once; one at least.
    [[nodiscard]] static gcra per_minute(double units, duration burst) noexcept;

    /// How long to wait at this moment before `cost` units may pass, if they were taken now.
    [[nodiscard]] duration wait(time_point now, std::int64_t cost) const noexcept {
        return std::max(std::max(arrival_, now) + interval_ * cost - tolerance_ - now, duration::zero());
    }
    /// @param latest  the moment goes no further than this.
    piece take(time_point now, std::int64_t cost, time_point latest = time_point::max()) noexcept {
        const time_point begin = std::max(arrival_, now);
        arrival_ = std::max(begin, std::min(begin + interval_ * cost, latest));
        return {arrival_ - begin, arrival_, moved_};
    }
    /// Units that were taken and do not pass. Call it before their wait is over. Those that others have taken since
    /// keep their moments, so what is theirs by now is not given back.
    void give_back(const piece& taken) noexcept {
        const time_point end = taken.end - (moved_ - taken.moved);
        const duration behind = std::max(arrival_ - end, duration::zero());
        move_up(std::max(taken.length - behind, duration::zero()));
    }
    /// Units that were let through were so many in truth. Once.
    /// @param latest  as of take(). @param most  no more than this is given back: see room_before().
    void settle(const piece& taken, std::int64_t cost, time_point now, time_point latest = time_point::max(),
                duration most = duration::max()) noexcept {
        const duration excess = excess_of(taken, cost);
        if (excess > duration::zero())
            move_up(std::min(still_to_come(taken, moved_, excess, now), std::max(most, duration::zero())));
        else
            arrival_ = std::max(arrival_, std::min(std::max(arrival_, now) - excess, latest));
    }
    /// What was taken beyond so many units; negative: they are more.
    [[nodiscard]] duration excess_of(const piece& taken, std::int64_t cost) const noexcept {
        return taken.length - interval_ * cost;
    }
    /// How far a piece may still move up when it passes at a moment that is fixed: one that began before it passes would
    /// leave room for others which is its own.
    [[nodiscard]] duration room_before(const piece& taken, time_point passes) const noexcept {
        return taken.end - taken.length - (moved_ - taken.moved) - passes;
    }
    /// How much of this excess can be given back. @param moved  of all that was given back by now.
    [[nodiscard]] static duration still_to_come(const piece& taken, duration moved, duration excess,
                                                time_point now) noexcept {
        return std::clamp(taken.end - (moved - taken.moved) - now, duration::zero(), excess);
    }
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
    void move_up(duration by) noexcept {
        arrival_ -= by;
        moved_ += by;
    }

    duration interval_;
    duration tolerance_;
    time_point arrival_{};
    duration moved_{};
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
        gcra::piece request{};
        gcra::piece tokens{};
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
    /// A turn that was let through had so many tokens in truth. Once. Turns that wait keep their moments, so that what
    /// they need in front of them is not given back. Cost: looks at each turn that waits.
    /// @param tokens  below 0: none. Whatever more there are, what is owed is never more than a minute.
    void settle(const turn& used, std::int64_t tokens, time_point now);
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
