#include <modelmesh/connector/circuit_breaker.hpp>

#include "support/manual_clock.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

namespace modelmesh::connector {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using state = circuit_breaker::state;

class CircuitBreaker : public testing::Test {
protected:
    circuit_breaker make(unsigned failures = 3, unsigned half_open_calls = 1, unsigned successes = 1) {
        circuit_breaker::settings with;
        with.failure_threshold = failures;
        with.reset_timeout = seconds(10);
        with.half_open_calls = half_open_calls;
        with.success_threshold = successes;
        return {"the vault", with, time};
    }
    static void fail(circuit_breaker& breaker, unsigned times) {
        for (unsigned i = 0; i < times; ++i) breaker.enter().value().failed();
    }
    support::manual_clock time;
};

TEST_F(CircuitBreaker, OpensAfterFailuresInARow) {
    circuit_breaker breaker = make();
    fail(breaker, 2);
    breaker.enter().value().succeeded(); // a row ends here
    fail(breaker, 2);
    EXPECT_EQ(breaker.stats().state, state::closed);
    fail(breaker, 1);
    EXPECT_EQ(breaker.stats().state, state::open);
}

TEST_F(CircuitBreaker, RefusesWhileOpenAndSaysForHowLong) {
    circuit_breaker breaker = make();
    fail(breaker, 3);
    time.advance(seconds(4));
    const auto refused = breaker.enter();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), errc::overloaded);
    EXPECT_EQ(refused.error().retry_after, milliseconds(6000));
    EXPECT_EQ(refused.error().message, "the circuit breaker of the vault is open for another 6000 ms");
    EXPECT_TRUE(retryable(refused.error()));
    EXPECT_EQ(breaker.stats().refused, 1u);
}

TEST_F(CircuitBreaker, HalfOpenLetsOneThroughAndItsSuccessCloses) {
    circuit_breaker breaker = make();
    fail(breaker, 3);
    time.advance(seconds(10));
    auto probe = breaker.enter();
    ASSERT_TRUE(probe);
    EXPECT_EQ(breaker.stats().state, state::half_open);
    EXPECT_FALSE(breaker.enter());
    probe->succeeded();
    EXPECT_EQ(breaker.stats().state, state::closed);
    EXPECT_TRUE(breaker.enter());
}

TEST_F(CircuitBreaker, AFailureWhileHalfOpenOpensForTheWholeTimeAgain) {
    circuit_breaker breaker = make();
    fail(breaker, 3);
    time.advance(seconds(10));
    breaker.enter().value().failed();
    time.advance(seconds(9));
    EXPECT_FALSE(breaker.enter());
    time.advance(seconds(1));
    EXPECT_TRUE(breaker.enter());
}

TEST_F(CircuitBreaker, ALostCallerGivesItsPlaceBack) {
    circuit_breaker breaker = make();
    fail(breaker, 3);
    time.advance(seconds(10));
    {
        const auto lost = breaker.enter();
    }
    EXPECT_EQ(breaker.stats().under_way, 0u);
    EXPECT_TRUE(breaker.enter());
}

TEST_F(CircuitBreaker, MoreSuccessesThanCallsAtATimeDoNotWedgeIt) {
    circuit_breaker breaker = make(3, 1, 3);
    fail(breaker, 3);
    time.advance(seconds(10));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(breaker.stats().state, state::half_open);
        breaker.enter().value().succeeded();
    }
    EXPECT_EQ(breaker.stats().state, state::closed);
}

TEST_F(CircuitBreaker, WhatEndsLateSaysNothingAboutALaterState) {
    circuit_breaker breaker = make();
    auto late = breaker.enter();
    fail(breaker, 3);
    time.advance(seconds(10));
    auto probe = breaker.enter();
    late->failed(); // of the time before it opened
    EXPECT_EQ(breaker.stats().state, state::half_open);
    EXPECT_EQ(breaker.stats().under_way, 1u);
    probe->succeeded();
    EXPECT_EQ(breaker.stats().state, state::closed);
}

TEST_F(CircuitBreaker, ResetClosesIt) {
    circuit_breaker breaker = make();
    fail(breaker, 3);
    breaker.reset();
    EXPECT_TRUE(breaker.enter());
    EXPECT_EQ(breaker.stats().failures, 0u);
}

TEST_F(CircuitBreaker, SettingsOfZeroAreRefused) {
    EXPECT_THROW(make(0), std::invalid_argument);
    EXPECT_THROW(make(1, 0), std::invalid_argument);
    EXPECT_THROW(make(1, 1, 0), std::invalid_argument);
}

} // namespace
} // namespace modelmesh::connector
