#include <modelmesh/connector/rate_limiter.hpp>

#include "support/manual_clock.hpp"

#include <modelmesh/core/random.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

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
    limit.take(now, 3);
    EXPECT_EQ(limit.wait(now, 2), 20ns);
    EXPECT_EQ(limit.wait(now + 20ns, 2), 0ns);
    EXPECT_EQ(limit.wait(now + 19ns, 2), 1ns);
    limit.correct(-3);
    EXPECT_EQ(limit.wait(now, 3), 0ns) << "what was not used is given back";
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
    EXPECT_EQ(limiter.take_turn(start, 0, 10s).value(), 0s);
    EXPECT_EQ(limiter.take_turn(start, 0, 10s).value(), 1s);
    EXPECT_EQ(limiter.take_turn(start, 0, 10s).value(), 2s);
    EXPECT_EQ(limiter.take_turn(start + 3s, 0, 10s).value(), 0s);
}

TEST(RateLimiter, WhoWouldWaitTooLongIsToldHowLongAndTakesNoTurn) {
    rate_limiter limiter(each_second());
    (void)limiter.take_turn(start, 0, 0s).value();
    for (int i = 0; i < 2; ++i) {
        const result<duration> refused = limiter.take_turn(start, 0, 999ms);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), errc::rate_limit);
        EXPECT_EQ(refused.error().retry_after, 1000ms);
        EXPECT_EQ(refused.error().message, "this program's own limit of requests per minute");
    }
    EXPECT_EQ(limiter.take_turn(start, 0, 1s).value(), 1s);
}

TEST(RateLimiter, TokensWaitUntilTheyTrulyFit) {
    rate_limiter::settings with;
    with.tokens_per_minute = 60000; // one in a millisecond
    with.burst = 1s;
    rate_limiter limiter(with);
    EXPECT_EQ(limiter.take_turn(start, 1000, 1h).value(), 0s);
    EXPECT_EQ(limiter.take_turn(start, 3000, 1h).value(), 3s);
    EXPECT_EQ(limiter.take_turn(start, 1, 0s).error().message,
              "this program's own limit of tokens per minute");
    limiter.correct(-3000);
    EXPECT_EQ(limiter.take_turn(start, 500, 1h).value(), 500ms);
}

TEST(RateLimiter, CopiesShareTheirTurns) {
    rate_limiter limiter(each_second());
    rate_limiter copy = limiter;
    EXPECT_TRUE(limiter.is_idle(start));
    (void)copy.take_turn(start, 0, 0s).value();
    EXPECT_FALSE(limiter.is_idle(start));
    EXPECT_EQ(limiter.take_turn(start, 0, 1s).value(), 1s);
    EXPECT_TRUE(limiter.is_idle(start + 2s));
}

TEST(RateLimiter, WithoutLimitsNobodyWaits) {
    rate_limiter limiter{rate_limiter::settings()};
    for (int i = 0; i < 100; ++i) EXPECT_EQ(limiter.take_turn(start, 10'000'000, 0s).value(), 0s);
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
