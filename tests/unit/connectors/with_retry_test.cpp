#include <modelmesh/connector/with_retry.hpp>

#include "support/manual_clock.hpp"
#include "support/run.hpp"

#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

namespace modelmesh::connector {
namespace {

using namespace std::chrono_literals;

/// Draws the same share of a whole each time.
class share final : public rng {
public:
    explicit share(double of) : bits_(static_cast<std::uint64_t>(of * 0x1.0p53) << 11) {}
    std::uint64_t next() noexcept override { return bits_; }

private:
    std::uint64_t bits_;
};

TEST(Backoff, DrawsFromTwiceAsMuchEachTimeUpToTheLongest) {
    share half(0.5);
    const backoff pauses{100ms, 1000ms};
    EXPECT_EQ(pauses.pause_before(1, half), 50ms);
    EXPECT_EQ(pauses.pause_before(2, half), 100ms);
    EXPECT_EQ(pauses.pause_before(4, half), 400ms);
    EXPECT_EQ(pauses.pause_before(5, half), 500ms);
    EXPECT_EQ(pauses.pause_before(4'000'000'000, half), 500ms);
    share nothing(0);
    EXPECT_EQ(pauses.pause_before(5, nothing), 0ms) << "full jitter begins at zero";
}

TEST(Backoff, IsNeverLongerThanTheLongest) {
    xoshiro256 random(1);
    const backoff pauses{100ms, 1000ms};
    for (unsigned retry = 1; retry < 2000; ++retry) {
        const duration drawn = pauses.pause_before(retry % 20, random);
        EXPECT_GE(drawn, 0ms);
        EXPECT_LE(drawn, 1000ms);
    }
    EXPECT_EQ((backoff{20s, 10s, false}.pause_before(1, random)), 10s);
}

TEST(Backoff, WithoutJitterItIsTheFirstDelayEachTime) {
    share half(0.5);
    const backoff pauses{100ms, 1000ms, false};
    EXPECT_EQ(pauses.pause_before(1, half), 100ms);
    EXPECT_EQ(pauses.pause_before(9, half), 100ms);
}

class Retries : public ::testing::Test {
protected:
    support::manual_clock time;
    share half{0.5};
    retry_rule rule{4, {100ms, 10s}, {}};
    const fault passing{errc::connect, "away"};
};

TEST_F(Retries, EndAfterSoManyTries) {
    retries plan(rule, time.now() + 60s, half);
    EXPECT_EQ(plan.after(passing, time.now()), 50ms);
    EXPECT_EQ(plan.after(passing, time.now()), 100ms);
    EXPECT_EQ(plan.after(passing, time.now()), 200ms);
    EXPECT_EQ(plan.after(passing, time.now()), std::nullopt) << "that was the fourth";
}

TEST_F(Retries, AreForFailuresThatMayPass) {
    retries plan(rule, time.now() + 60s, half);
    EXPECT_EQ(plan.after(fault(errc::auth, "no"), time.now()), std::nullopt);
    rule.may_help = [](const fault& f) { return f.kind() == errc::auth; };
    retries own(rule, time.now() + 60s, half);
    EXPECT_EQ(own.after(fault(errc::auth, "no"), time.now()), 50ms);
    EXPECT_EQ(own.after(passing, time.now()), std::nullopt);
}

TEST_F(Retries, NoPauseReachesTheDeadline) {
    retries plan(rule, time.now() + 50ms, half);
    EXPECT_EQ(plan.after(passing, time.now()), std::nullopt);
    retries other(rule, time.now() + 51ms, half);
    EXPECT_EQ(other.after(passing, time.now()), 50ms);
    time.advance(60ms);
    EXPECT_EQ(other.after(passing, time.now()), std::nullopt) << "which has passed";
}

TEST_F(Retries, WaitAsLongAsTheServiceSays) {
    fault busy(errc::rate_limit, "slow down");
    busy.retry_after = 7s;
    retries plan(rule, time.now() + 8s, half);
    EXPECT_EQ(plan.after(busy, time.now()), 7s);
    time.advance(1s);
    EXPECT_EQ(plan.after(busy, time.now()), std::nullopt);
}

task<result<int>> nth(int* calls, int good) {
    ++*calls;
    if (*calls < good) co_return fault(errc::connect, "try " + std::to_string(*calls));
    co_return *calls;
}

class WithRetry : public Retries {
protected:
    result<int> tried(int good, int* calls) {
        rule.pauses = {0ms, 0ms};
        function<task<result<int>>()> attempt = [calls, good] { return nth(calls, good); };
        return run(with_retry<int>(std::move(attempt), rule, time.now() + 1s, half, time));
    }
};

TEST_F(WithRetry, GivesTheFirstSuccess) {
    int calls = 0;
    EXPECT_EQ(tried(3, &calls).value(), 3);
    EXPECT_EQ(calls, 3);
    calls = 0;
    EXPECT_EQ(tried(1, &calls).value(), 1);
}

TEST_F(WithRetry, GivesTheLastFailure) {
    int calls = 0;
    EXPECT_EQ(tried(100, &calls).error().message, "try 4");
    EXPECT_EQ(calls, 4);
}

TEST_F(WithRetry, ACancelledPauseEndsIt) {
    int calls = 0;
    function<task<result<int>>()> attempt = [&calls] { return nth(&calls, 100); };
    rule.pauses = {10000s, 10000s};
    boost::asio::io_context loop{1};
    boost::asio::cancellation_signal cancel;
    std::optional<errc> ended;
    boost::asio::co_spawn(
        loop, with_retry<int>(std::move(attempt), rule, time.now() + 1000000s, half, time),
        boost::asio::bind_cancellation_slot(cancel.slot(), [&ended](std::exception_ptr, result<int> how) {
            ended = how ? errc() : how.error().kind();
        }));
    loop.poll();
    EXPECT_EQ(calls, 1);
    EXPECT_FALSE(ended);
    cancel.emit(boost::asio::cancellation_type::terminal);
    loop.poll();
    EXPECT_EQ(ended, errc::canceled);
    EXPECT_EQ(calls, 1);
}

} // namespace
} // namespace modelmesh::connector
