#include <modelmesh/connector/rate_limiter.hpp>

#include "support/manual_clock.hpp"

#include <modelmesh/core/random.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <vector>

namespace modelmesh::connector {
namespace {

using namespace std::chrono_literals;

// The same limit as a bucket that is filled steadily, in integers: what it holds, times the interval of a unit.
class bucket {
public:
    bucket(duration interval, duration size) : interval_(interval), size_(size), full_(size) {}
    bool take(time_point now, std::int64_t cost) {
        full_ = std::min(size_, full_ + (now - last_));
        last_ = now;
        if (full_ < interval_ * cost) return false;
        full_ -= interval_ * cost;
        return true;
    }

private:
    duration interval_;
    duration size_;
    duration full_;
    time_point last_{};
};

TEST(Gcra, LetsThroughWhatASteadilyFilledBucketDoes) {
    for (const std::uint64_t seed : {1, 2, 3}) {
        xoshiro256 random(seed);
        const duration interval(7 + static_cast<int>(random.next() % 100));
        const duration tolerance = interval * (1 + static_cast<int>(random.next() % 10));
        gcra limit(interval, tolerance);
        bucket model(interval, tolerance);
        time_point now{std::chrono::hours(1)};
        int passed = 0;
        for (int i = 0; i < 20000; ++i) {
            now += duration(random.next() % static_cast<std::uint64_t>(3 * interval.count()));
            const auto cost = static_cast<std::int64_t>(random.next() % 4);
            const bool passes = limit.wait(now, cost) == duration::zero();
            if (passes) limit.take(now, cost);
            ASSERT_EQ(passes, model.take(now, cost)) << "seed " << seed << ", step " << i;
            passed += passes ? 1 : 0;
        }
        EXPECT_GT(passed, 0);
        EXPECT_LT(passed, 20000);
    }
}

TEST(Gcra, TheWaitIsTheShortestThatIsEnough) {
    gcra limit(10ns, 30ns);
    const time_point now{std::chrono::hours(1)};
    const gcra::piece three = limit.take(now, 3);
    EXPECT_EQ(limit.wait(now, 2), 20ns);
    EXPECT_EQ(limit.wait(now + 20ns, 2), 0ns);
    EXPECT_EQ(limit.wait(now + 19ns, 2), 1ns);
    limit.settle(three, 0, now);
    EXPECT_EQ(limit.wait(now, 3), 0ns) << "what was not used is given back";
}

TEST(Gcra, WhatHasPassedIsNotGivenBack) {
    const time_point now{std::chrono::hours(1)};
    gcra limit(10ns, 10ns);
    const gcra::piece early = limit.take(now, 5);
    const gcra::piece late = limit.take(now + 70ns, 5);
    limit.settle(early, 0, now + 71ns);
    EXPECT_EQ(limit.wait(now + 70ns, 1), 50ns) << "its time is over: the rest is another's";
    limit.settle(late, 4, now + 80ns);
    EXPECT_EQ(limit.wait(now + 80ns, 1), 30ns);
    const gcra::piece small = limit.take(now + 80ns, 1);
    limit.settle(small, 4, now + 80ns);
    EXPECT_EQ(limit.wait(now + 80ns, 1), 70ns) << "more than were taken";
    limit.settle(small, 9, now + 80ns, now + 100ns);
    EXPECT_EQ(limit.wait(now + 80ns, 1), 70ns) << "no further than the latest, and not back to it";
}

// Against what would have been, had everybody known from the beginning what they need.
TEST(Gcra, HoweverManyAreUnderWayNoMorePassesThanWasUsed) {
    struct request {
        time_point at;
        std::int64_t units;
        gcra::piece taken;
        bool is_under_way;
    };
    for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
        xoshiro256 random(seed);
        gcra limit(10ns, 60ns);
        std::vector<request> requests;
        time_point now{std::chrono::hours(1)};
        duration too_much{};
        for (int i = 0; i < 2000; ++i) {
            now += duration(random.next() % 120);
            if (limit.free_at() <= now) {
                const auto units = static_cast<std::int64_t>(random.next() % 20);
                requests.push_back({now, units, limit.take(now, units), true});
            }
            for (request& each : requests)
                if (each.is_under_way && random.next() % 5 == 0) {
                    each.is_under_way = false;
                    each.units = random.next() % 8 == 0
                                     ? each.units + 3
                                     : static_cast<std::int64_t>(random.next() %
                                                                 static_cast<std::uint64_t>(each.units + 1));
                    limit.settle(each.taken, each.units, now);
                }
            time_point exact{};
            for (const request& each : requests) exact = std::max(exact, each.at) + 10ns * each.units;
            if (exact > now) {
                ASSERT_GE(limit.arrival(), exact) << "seed " << seed << ", step " << i;
            }
            too_much = std::max(too_much, limit.arrival() - std::max(exact, now));
        }
        EXPECT_LE(too_much, 10ns * 40) << "and not much less than that";
        EXPECT_GT(requests.size(), 100u);
    }
}

rate_limiter::settings each_second() {
    rate_limiter::settings with;
    with.requests_per_minute = 60;
    with.burst = 1s;
    return with;
}

constexpr time_point start{std::chrono::hours(1)};

TEST(RateLimiter, TurnsAreOneBehindTheOther) {
    rate_limiter limiter(each_second());
    EXPECT_EQ(limiter.take_turn(start, 0, 10s).value().wait, 0s);
    EXPECT_EQ(limiter.take_turn(start, 0, 10s).value().wait, 1s);
    EXPECT_EQ(limiter.take_turn(start, 0, 10s).value().wait, 2s);
    EXPECT_EQ(limiter.take_turn(start + 3s, 0, 10s).value().wait, 0s);
}

TEST(RateLimiter, WhoWouldWaitTooLongIsToldHowLongAndTakesNoTurn) {
    rate_limiter limiter(each_second());
    (void)limiter.take_turn(start, 0, 0s).value();
    for (int i = 0; i < 2; ++i) {
        const result<rate_limiter::turn> refused = limiter.take_turn(start, 0, 999ms);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), errc::rate_limit);
        EXPECT_EQ(refused.error().retry_after, 1000ms);
        EXPECT_EQ(refused.error().message, "this program's own limit of requests per minute");
    }
    EXPECT_EQ(limiter.take_turn(start, 0, 1s).value().wait, 1s);
}

TEST(RateLimiter, TokensWaitUntilTheyTrulyFit) {
    rate_limiter::settings with;
    with.tokens_per_minute = 60000; // one in a millisecond
    with.burst = 1s;
    rate_limiter limiter(with);
    EXPECT_EQ(limiter.take_turn(start, 1000, 1h).value().wait, 0s);
    const rate_limiter::turn second = limiter.take_turn(start, 3000, 1h).value();
    EXPECT_EQ(second.wait, 3s);
    EXPECT_EQ(limiter.take_turn(start, 1, 0s).error().message,
              "this program's own limit of tokens per minute");
    limiter.settle(second, 0, start + 3s);
    EXPECT_EQ(limiter.take_turn(start + 3s, 1000, 1h).value().wait, 0s);
}

TEST(Gcra, WhatIsGivenBackIsFreeButForWhatOthersHaveTakenBehindIt) {
    const time_point now{std::chrono::hours(1)};
    gcra limit(10ns, 10ns);
    (void)limit.take(now, 1);
    const gcra::piece first = limit.take(now, 5);
    limit.give_back(first);
    EXPECT_EQ(limit.wait(now, 1), 10ns) << "as if it had not been";
    const gcra::piece second = limit.take(now, 5);
    (void)limit.take(now, 2);
    limit.give_back(second);
    EXPECT_EQ(limit.wait(now, 1), 50ns) << "5 + 2 were taken, 3 are given back";
    const gcra::piece third = limit.take(now, 1);
    (void)limit.take(now, 4);
    limit.give_back(third);
    EXPECT_EQ(limit.wait(now, 1), 100ns) << "more are behind it than it had";
}

TEST(Gcra, WhatIsBehindAPieceIsKnownAlsoWhenBothHaveMovedUp) {
    const time_point now{std::chrono::hours(1)};
    gcra limit(1s, 10s);
    const gcra::piece first = limit.take(now, 10);
    const gcra::piece second = limit.take(now, 10);
    (void)limit.take(now, 10);
    limit.settle(first, 5, now + 1s);
    limit.give_back(second);
    EXPECT_EQ(limit.wait(now + 1s, 10), 24s)
        << "5 of 30, and none of those that another has taken behind them";
}

// Whatever is given back, no more pass in a time than the limit allows.
TEST(Gcra, GivingBackLetsNoMoreThroughThanTheLimit) {
    xoshiro256 random(7);
    constexpr duration interval = 10ns;
    constexpr duration tolerance = 40ns;
    struct waiting {
        time_point at;
        gcra::piece taken;
        std::int64_t cost;
    };
    const time_point begin{std::chrono::hours(1)};
    gcra limit(interval, tolerance);
    std::vector<waiting> queue;
    std::map<time_point, std::int64_t> passed;
    int given_back = 0;
    for (time_point now = begin; now < begin + 100us; now += 5ns) {
        for (auto each = queue.begin(); each != queue.end();) {
            if (each->at <= now) {
                passed[each->at] += each->cost;
                each = queue.erase(each);
            } else if (random.next() % 256 == 0) {
                limit.give_back(each->taken);
                ++given_back;
                each = queue.erase(each);
            } else {
                ++each;
            }
        }
        const auto cost = static_cast<std::int64_t>(1 + random.next() % 4);
        const duration wait = limit.wait(now, cost);
        if (wait < 500ns) queue.push_back({now + wait, limit.take(now, cost), cost});
    }
    ASSERT_GT(given_back, 100);
    ASSERT_GT(passed.size(), 100U);
    duration owed{}; // a bucket from which what passed leaks steadily
    time_point last = begin;
    for (const auto& [at, cost] : passed) {
        owed = std::max(owed - (at - last), duration::zero()) + interval * cost;
        last = at;
        ASSERT_LE(owed, tolerance) << "after " << (at - begin).count() << " ns";
    }
}

rate_limiter::settings a_token_each_second(duration burst) {
    rate_limiter::settings with;
    with.tokens_per_minute = 60;
    with.burst = burst;
    return with;
}

TEST(RateLimiter, WhatIsSettledIsNotTakenFromThoseWhoWait) {
    rate_limiter limiter(a_token_each_second(10s));
    const rate_limiter::turn first = limiter.take_turn(start, 10, 1h).value();
    EXPECT_EQ(limiter.take_turn(start, 10, 1h).value().wait, 10s);
    EXPECT_EQ(limiter.take_turn(start, 10, 1h).value().wait, 20s);
    limiter.settle(first, 5, start + 1s);
    EXPECT_EQ(limiter.take_turn(start + 1s, 10, 1h).value().wait, 29s)
        << "the turn at 20 s needs all there is by then";
    const rate_limiter::turn last = limiter.take_turn(start + 1min, 10, 1h).value();
    limiter.settle(last, 5, start + 1min);
    EXPECT_EQ(limiter.take_turn(start + 1min, 5, 1h).value().wait, 0s) << "nobody waits any more";
}

// By what was used in truth, known when it is settled.
TEST(RateLimiter, SettlingLetsNoMoreThroughThanTheLimit) {
    struct request {
        time_point passes;
        rate_limiter::turn turn;
        std::int64_t tokens;
        bool is_settled;
    };
    for (const std::uint64_t seed : {1, 2, 3}) {
        xoshiro256 random(seed);
        rate_limiter limiter(a_token_each_second(20s));
        std::vector<request> requests;
        std::int64_t unused = 0;
        for (time_point now = start; now < start + 2h; now += 1s) {
            for (request& each : requests) {
                if (each.is_settled || each.passes > now || random.next() % 4 != 0) continue;
                const std::int64_t used =
                    random.next() % 2 == 0 ? each.tokens : static_cast<std::int64_t>(random.next() % 4);
                unused += std::max(each.tokens - used, std::int64_t{0});
                each.tokens = std::min(each.tokens, used);
                each.is_settled = true;
                limiter.settle(each.turn, each.tokens, now);
            }
            const auto tokens = static_cast<std::int64_t>(1 + random.next() % 20);
            const result<rate_limiter::turn> turn = limiter.take_turn(now, tokens, 1min);
            if (turn) requests.push_back({now + turn->wait, *turn, tokens, false});
        }
        ASSERT_GT(unused, 100);
        duration owed{};
        time_point last = start;
        std::int64_t passed = 0;
        for (const request& each : requests) {
            owed = std::max(owed - (each.passes - last), duration::zero()) + each.tokens * 1s;
            last = each.passes;
            passed += each.tokens;
            ASSERT_LE(owed, 20s) << "seed " << seed << ", " << (each.passes - start) / 1s << " s";
        }
        EXPECT_GT(passed, 7200 * 6 / 10) << "and what was not used is of use to others";
    }
}

TEST(RateLimiter, NoNumberOfTokensIsOwedForMoreThanAMinute) {
    rate_limiter limiter(a_token_each_second(1s));
    const rate_limiter::turn odd = limiter.take_turn(start, 1, 0s).value();
    limiter.settle(odd, std::numeric_limits<std::int64_t>::max(), start);
    EXPECT_EQ(limiter.take_turn(start, 1, 1h).value().wait, 61s);
    rate_limiter other(a_token_each_second(1s));
    const rate_limiter::turn less = other.take_turn(start, 1, 0s).value();
    other.settle(less, -7, start);
    EXPECT_EQ(other.take_turn(start, 1, 1h).value().wait, 0s) << "as none";
    EXPECT_EQ(other.take_turn(start, 1, 1h).value().wait, 1s);
}

TEST(RateLimiter, ATurnThatIsHeldIsGivenBackUnlessItIsUsed) {
    rate_limiter limiter(each_second());
    (void)limiter.take_turn(start, 0, 0s).value();
    {
        const held_turn unused(limiter, limiter.take_turn(start, 0, 10s).value());
    }
    const rate_limiter::turn next = limiter.take_turn(start, 0, 10s).value();
    EXPECT_EQ(next.wait, 1s);
    {
        held_turn used(limiter, next);
        used.use();
    }
    EXPECT_EQ(limiter.take_turn(start, 0, 10s).value().wait, 2s);
}

TEST(RateLimiter, CopiesShareTheirTurns) {
    rate_limiter limiter(each_second());
    rate_limiter copy = limiter;
    EXPECT_TRUE(limiter.is_idle(start));
    (void)copy.take_turn(start, 0, 0s).value();
    EXPECT_FALSE(limiter.is_idle(start));
    EXPECT_EQ(limiter.take_turn(start, 0, 1s).value().wait, 1s);
    EXPECT_TRUE(limiter.is_idle(start + 2s));
}

TEST(RateLimiter, WithoutLimitsNobodyWaits) {
    rate_limiter limiter{rate_limiter::settings()};
    for (int i = 0; i < 100; ++i) EXPECT_EQ(limiter.take_turn(start, 10'000'000, 0s).value().wait, 0s);
}

TEST(RateLimiter, RefusesLimitsThatMeanNothing) {
    for (const double each : {-1.0, 0.5, std::numeric_limits<double>::infinity(), std::nan("")}) {
        rate_limiter::settings with;
        with.tokens_per_minute = each;
        EXPECT_THROW(rate_limiter{with}, std::invalid_argument) << each;
    }
    rate_limiter::settings none;
    none.burst = 0s;
    EXPECT_THROW(rate_limiter{none}, std::invalid_argument);
}

TEST(RateLimiter, NobodyWaitsForATurnBehindItsDeadline) {
    const support::manual_clock time;
    const rate_limiter limiter(each_second());
    EXPECT_TRUE(run(wait_for_turn(limiter, 0, time.now() + 1s, time)));
    const result<void> late = run(wait_for_turn(limiter, 0, time.now() + 1s, time));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind(), errc::rate_limit);
}

} // namespace
} // namespace modelmesh::connector
