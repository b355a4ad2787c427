#include <modelmesh/connector/call_metrics.hpp>

#include "support/manual_clock.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace modelmesh::connector {
namespace {

using std::chrono::microseconds;

class CallMetrics : public testing::Test {
protected:
    void call(call_metrics& metrics, int took, bool is_good = true) {
        auto one = metrics.begin();
        time.advance(microseconds(took));
        if (is_good) one.succeeded();
    }
    support::manual_clock time;
};

TEST_F(CallMetrics, NothingIsZero) {
    const call_metrics::summary none = call_metrics(8, time).read();
    EXPECT_EQ(none.calls, 0u);
    EXPECT_EQ(none.p99, microseconds(0));
    EXPECT_EQ(none.error_rate(), 0);
}

TEST_F(CallMetrics, PercentilesAreByNearestRank) {
    call_metrics metrics(100, time);
    for (int i = 100; i > 0; --i) call(metrics, i);
    const call_metrics::summary all = metrics.read();
    EXPECT_EQ(all.p50, microseconds(50));
    EXPECT_EQ(all.p95, microseconds(95));
    EXPECT_EQ(all.p99, microseconds(99));
    EXPECT_EQ(all.mean, microseconds(50)); // 50.5
}

TEST_F(CallMetrics, OfOneCallEveryPercentileIsItsTime) {
    call_metrics metrics(100, time);
    call(metrics, 7);
    EXPECT_EQ(metrics.read().p50, microseconds(7));
    EXPECT_EQ(metrics.read().p99, microseconds(7));
}

TEST_F(CallMetrics, TheWindowKeepsTheLastTimesAndTheCountsAll) {
    call_metrics metrics(4, time);
    for (int i = 1; i <= 10; ++i) call(metrics, i);
    const call_metrics::summary all = metrics.read();
    EXPECT_EQ(all.calls, 10u);
    EXPECT_EQ(all.p50, microseconds(8)); // of 7, 8, 9, 10
    EXPECT_EQ(all.p99, microseconds(10));
}

TEST_F(CallMetrics, ACallThatEndsWithoutAWordHasFailed) {
    call_metrics metrics(4, time);
    call(metrics, 1);
    call(metrics, 1, false);
    EXPECT_EQ(metrics.read().failures, 1u);
    EXPECT_EQ(metrics.read().error_rate(), 0.5);
}

TEST_F(CallMetrics, ResetBeginsAnew) {
    call_metrics metrics(4, time);
    call(metrics, 1, false);
    metrics.reset();
    call(metrics, 3);
    EXPECT_EQ(metrics.read().calls, 1u);
    EXPECT_EQ(metrics.read().mean, microseconds(3));
}

TEST_F(CallMetrics, AWindowOfZeroIsRefused) { EXPECT_THROW(call_metrics(0, time), std::invalid_argument); }

} // namespace
} // namespace modelmesh::connector
