#include <modelmesh/core/result.hpp>

#include <gtest/gtest.h>

namespace modelmesh {
namespace {

TEST(Error, OnlyTimeoutAndCancellationMapToTheStandardsOwnCodes) {
    for (int value = 1; value <= static_cast<int>(errc::internal); ++value) {
        const std::error_code code = make_error_code(static_cast<errc>(value));
        EXPECT_EQ(code == std::errc::timed_out, code == errc::timed_out) << code.message();
        EXPECT_EQ(code == std::errc::operation_canceled, code == errc::canceled) << code.message();
    }
}

TEST(Error, ConditionsGroupTheKinds) {
    EXPECT_EQ(make_error_code(errc::rate_limit), cond::retryable);
    EXPECT_EQ(make_error_code(errc::connect), cond::retryable);
    EXPECT_EQ(make_error_code(errc::session_unavailable), cond::retryable);
    EXPECT_NE(make_error_code(errc::quota), cond::retryable);
    EXPECT_NE(make_error_code(errc::auth), cond::retryable);
    EXPECT_EQ(make_error_code(errc::timed_out), cond::timeout);
    EXPECT_EQ(make_error_code(errc::canceled), cond::cancelled);
    EXPECT_NE(make_error_code(errc::canceled), cond::retryable);
    EXPECT_EQ(make_error_code(errc::bad_request), cond::caller_fault);
}

TEST(Error, EveryKindHasAStableName) {
    EXPECT_EQ(to_string(errc::config), "config");
    EXPECT_EQ(to_string(errc::timed_out), "timed_out");
    EXPECT_EQ(to_string(errc::exhausted), "exhausted");
    EXPECT_EQ(to_string(errc::internal), "internal");
}

TEST(Error, ValueOfAFailedResultThrowsTheFault) {
    fault f(errc::rate_limit, "slow down");
    f.retry_after = std::chrono::seconds(3);
    const result<int> r = f;
    try {
        (void)r.value();
        FAIL() << "value() returned";
    } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::rate_limit);
        EXPECT_EQ(e.info().retry_after, std::chrono::seconds(3));
        EXPECT_NE(std::string(e.what()).find("slow down"), std::string::npos);
    }
}

TEST(Error, TextListsEveryAttempt) {
    fault f(errc::exhausted, "all 2 candidates failed");
    f.attempts.push_back({"a", "p1", errc::connect, 0, {}, "connection refused"});
    f.attempts.push_back({"b", "p2", errc::overloaded, 503, {}, ""});
    const std::string text = error(f).what();
    EXPECT_NE(text.find("a: connect: connection refused"), std::string::npos) << text;
    EXPECT_NE(text.find("b: overloaded (HTTP 503)"), std::string::npos) << text;
}

TEST(Error, TextSaysNothingTwice) {
    fault f(errc::connect, "the only attempt failed in pool 'chat': refused");
    f.attempts.push_back({"a.m", "a", errc::connect, 0, {}, "refused"});
    EXPECT_STREQ(error(f).what(), "the only attempt failed in pool 'chat': refused\n  a.m: connect");
}

TEST(Error, AnAggregateIsRetryableWhenAnAttemptWas) {
    fault f(errc::exhausted, "");
    EXPECT_FALSE(retryable(f));
    f.retryable_hint = true;
    EXPECT_TRUE(retryable(f));
}

} // namespace
} // namespace modelmesh
