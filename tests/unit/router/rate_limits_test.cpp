#include "router/rate_limits.hpp"

#include "router/permit.hpp"

#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

class RateLimits : public ::testing::Test {
protected:
    state::model_slot slot{50};
    const time_point now{std::chrono::hours(1)};
    http::headers headers;

    std::int64_t requests_left_after(duration wait) {
        return slot.requests.load(since_epoch(now + wait)).value().remaining;
    }
};

TEST_F(RateLimits, OpenAIsHeadersAreUnderstood) {
    headers.add("X-RateLimit-Limit-Requests", "500");
    headers.add("x-ratelimit-remaining-requests", "20");
    headers.add("x-ratelimit-reset-requests", "1m1.5s");
    headers.add("x-ratelimit-limit-tokens", "30000");
    headers.add("x-ratelimit-remaining-tokens", "29000");
    headers.add("x-ratelimit-reset-tokens", "120ms");
    note_limits(headers, slot, now);
    EXPECT_EQ(requests_left_after(std::chrono::milliseconds(61499)), 20);
    EXPECT_EQ(requests_left_after(std::chrono::milliseconds(61500)), 500);
    EXPECT_EQ(slot.tokens.load(since_epoch(now)).value().remaining, 29000);
    EXPECT_EQ(slot.tokens.load(since_epoch(now) + std::chrono::milliseconds(120)).value().remaining, 30000);
}

TEST_F(RateLimits, AnthropicsHeadersAreUnderstood) {
    headers.add("anthropic-ratelimit-requests-limit", "50");
    headers.add("anthropic-ratelimit-requests-remaining", "4");
    headers.add("anthropic-ratelimit-requests-reset", "2025-03-10T01:31:23Z");
    note_limits(headers, slot, now);
    EXPECT_EQ(requests_left_after(std::chrono::seconds(59)), 4);
    EXPECT_EQ(requests_left_after(std::chrono::seconds(60)), 50);
}

TEST_F(RateLimits, WhatIsMalformedChangesNothing) {
    headers.add("x-ratelimit-limit-requests", "500");
    headers.add("x-ratelimit-remaining-requests", "20");
    note_limits(headers, slot, now);
    for (const auto& [limit, remaining] :
         {std::pair("many", "1"), std::pair("10", "-1"), std::pair("0", "0"), std::pair("10", ""),
          std::pair("10 ", "3"), std::pair("99999999999999999999", "1")}) {
        http::headers bad;
        bad.add("x-ratelimit-limit-requests", limit);
        bad.add("x-ratelimit-remaining-requests", remaining);
        note_limits(bad, slot, now);
        EXPECT_EQ(requests_left_after({}), 20) << limit << " " << remaining;
    }
}

TEST_F(RateLimits, AResetThatCannotBeReadIsAMinute) {
    for (const char* reset : {"soon", "1x", "-5s", "nan", "1m-2s", ""}) {
        http::headers odd;
        odd.add("x-ratelimit-limit-requests", "500");
        odd.add("x-ratelimit-remaining-requests", "20");
        odd.add("x-ratelimit-reset-requests", reset);
        note_limits(odd, slot, now);
        EXPECT_EQ(requests_left_after(std::chrono::milliseconds(59999)), 20) << reset;
        EXPECT_EQ(requests_left_after(std::chrono::minutes(1)), 500) << reset;
    }
}

TEST_F(RateLimits, AnEndlessResetIsBounded) {
    headers.add("x-ratelimit-limit-requests", "500");
    headers.add("x-ratelimit-remaining-requests", "20");
    headers.add("x-ratelimit-reset-requests", "1e300s");
    note_limits(headers, slot, now);
    EXPECT_EQ(requests_left_after(std::chrono::hours(24 * 399)), 20);
    EXPECT_EQ(requests_left_after(std::chrono::hours(24 * 400)), 500);
}

} // namespace
} // namespace modelmesh::router
