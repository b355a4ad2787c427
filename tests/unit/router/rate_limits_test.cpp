#include "router/rate_limits.hpp"

#include "router/permit.hpp"

#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

class RateLimits : public ::testing::Test {
protected:
    state::model_slot slot{50};
    const time_point now{std::chrono::hours(1)};
    const std::chrono::system_clock::time_point wall =
        std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + std::chrono::hours(20);
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
    note_limits(headers, slot, now, wall);
    EXPECT_EQ(requests_left_after(std::chrono::milliseconds(61499)), 20);
    EXPECT_EQ(requests_left_after(std::chrono::milliseconds(61500)), 500);
    EXPECT_EQ(slot.tokens.load(since_epoch(now)).value().remaining, 29000);
    EXPECT_EQ(slot.tokens.load(since_epoch(now) + std::chrono::milliseconds(120)).value().remaining, 30000);
}

TEST_F(RateLimits, AnthropicsHeadersAreUnderstood) {
    headers.add("anthropic-ratelimit-requests-limit", "50");
    headers.add("anthropic-ratelimit-requests-remaining", "4");
    headers.add("anthropic-ratelimit-requests-reset", "2026-11-22T20:00:30.500Z");
    headers.add("anthropic-ratelimit-input-tokens-limit", "40000");
    headers.add("anthropic-ratelimit-input-tokens-remaining", "100");
    headers.add("anthropic-ratelimit-input-tokens-reset", "2026-11-22T22:01:00+02:00");
    note_limits(headers, slot, now, wall);
    EXPECT_EQ(requests_left_after(std::chrono::milliseconds(30499)), 4);
    EXPECT_EQ(requests_left_after(std::chrono::milliseconds(30500)), 50);
    EXPECT_EQ(slot.tokens.load(since_epoch(now) + std::chrono::milliseconds(59999)).value().remaining, 100);
    EXPECT_EQ(slot.tokens.load(since_epoch(now) + std::chrono::seconds(60)).value().remaining, 40000);
}

TEST_F(RateLimits, GatewaysAndTheDraftOfTheIetfAreUnderstood) {
    headers.add("X-RateLimit-Limit", "100");
    headers.add("X-RateLimit-Remaining", "7");
    headers.add("X-RateLimit-Reset", "1795377645"); // 20:00:45, in seconds since 1970
    note_limits(headers, slot, now, wall);
    EXPECT_EQ(requests_left_after(std::chrono::milliseconds(44999)), 7);
    EXPECT_EQ(requests_left_after(std::chrono::seconds(45)), 100);
    http::headers draft;
    draft.add("RateLimit-Limit", "60");
    draft.add("RateLimit-Remaining", "1");
    draft.add("RateLimit-Reset", "5");
    note_limits(draft, slot, now, wall);
    EXPECT_EQ(requests_left_after(std::chrono::milliseconds(4999)), 1);
    EXPECT_EQ(requests_left_after(std::chrono::seconds(5)), 60);
}

TEST_F(RateLimits, ALimitIsOfTheAccountWhenTheProviderSaysSo) {
    EXPECT_FALSE(is_limit_of_account(headers));
    for (const char* scope : {"account", "organization", "project", "user"}) {
        http::headers told;
        told.add("X-RateLimit-Scope", scope);
        EXPECT_TRUE(is_limit_of_account(told)) << scope;
    }
    http::headers model;
    model.add("x-ratelimit-scope", "model");
    EXPECT_FALSE(is_limit_of_account(model));
    model.add("x-ratelimit-global", "true");
    EXPECT_TRUE(is_limit_of_account(model));
}

TEST_F(RateLimits, WhatIsMalformedChangesNothing) {
    headers.add("x-ratelimit-limit-requests", "500");
    headers.add("x-ratelimit-remaining-requests", "20");
    note_limits(headers, slot, now, wall);
    for (const auto& [limit, remaining] :
         {std::pair("many", "1"), std::pair("10", "-1"), std::pair("0", "0"), std::pair("10", ""),
          std::pair("10 ", "3"), std::pair("99999999999999999999", "1")}) {
        http::headers bad;
        bad.add("x-ratelimit-limit-requests", limit);
        bad.add("x-ratelimit-remaining-requests", remaining);
        note_limits(bad, slot, now, wall);
        EXPECT_EQ(requests_left_after({}), 20) << limit << " " << remaining;
    }
}

TEST_F(RateLimits, AResetThatCannotBeReadIsAMinute) {
    for (const char* reset : {"soon", "1x", "-5s", "nan", "1m-2s", ""}) {
        http::headers odd;
        odd.add("x-ratelimit-limit-requests", "500");
        odd.add("x-ratelimit-remaining-requests", "20");
        odd.add("x-ratelimit-reset-requests", reset);
        note_limits(odd, slot, now, wall);
        EXPECT_EQ(requests_left_after(std::chrono::milliseconds(59999)), 20) << reset;
        EXPECT_EQ(requests_left_after(std::chrono::minutes(1)), 500) << reset;
    }
}

TEST_F(RateLimits, AnEndlessResetIsBounded) {
    headers.add("x-ratelimit-limit-requests", "500");
    headers.add("x-ratelimit-remaining-requests", "20");
    headers.add("x-ratelimit-reset-requests", "1e300s");
    note_limits(headers, slot, now, wall);
    EXPECT_EQ(requests_left_after(std::chrono::hours(24 * 399)), 20);
    EXPECT_EQ(requests_left_after(std::chrono::hours(24 * 400)), 500);
}

} // namespace
} // namespace modelmesh::router
