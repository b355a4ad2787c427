#include "state/health.hpp"

#include <gtest/gtest.h>

namespace modelmesh::state {
namespace {

using std::chrono::milliseconds;

constexpr health_slot::reason why{errc::overloaded, 503};

TEST(Health, TripsAtTheThresholdAndReturnsWhenItsTimeIsOver) {
    health_slot slot;
    EXPECT_FALSE(slot.note_failure(3, milliseconds(10), milliseconds(100), why));
    EXPECT_FALSE(slot.note_failure(3, milliseconds(11), milliseconds(100), why));
    EXPECT_TRUE(slot.available(milliseconds(11)));
    EXPECT_TRUE(slot.note_failure(3, milliseconds(12), milliseconds(100), why));
    EXPECT_FALSE(slot.available(milliseconds(12)));
    EXPECT_FALSE(slot.available(milliseconds(111)));
    EXPECT_TRUE(slot.available(milliseconds(112)));
}

TEST(Health, AFailureAfterItsReturnSendsItBackAtOnce) {
    health_slot slot;
    EXPECT_TRUE(slot.note_failure(1, milliseconds(0), milliseconds(100), why));
    EXPECT_TRUE(slot.available(milliseconds(100)));
    EXPECT_TRUE(slot.note_failure(3, milliseconds(100), milliseconds(100), why));
    EXPECT_FALSE(slot.available(milliseconds(199)));
}

TEST(Health, FailuresDuringStandbyDoNotProlongIt) {
    health_slot slot;
    EXPECT_TRUE(slot.note_failure(1, milliseconds(0), milliseconds(100), why));
    EXPECT_FALSE(slot.note_failure(1, milliseconds(50), milliseconds(100), why));
    EXPECT_TRUE(slot.available(milliseconds(100)));
}

TEST(Health, SuccessForgetsFailures) {
    health_slot slot;
    slot.note_failure(3, milliseconds(0), milliseconds(100), why);
    slot.note_failure(3, milliseconds(0), milliseconds(100), why);
    slot.note_success(milliseconds(1));
    EXPECT_EQ(slot.load().failures, 0u);
    EXPECT_FALSE(slot.note_failure(3, milliseconds(0), milliseconds(100), why));
}

TEST(Health, ASuccessThatBeganBeforeTheStandbyDoesNotEndIt) {
    health_slot slot;
    EXPECT_TRUE(slot.note_failure(1, milliseconds(0), milliseconds(100), why));
    slot.note_success(milliseconds(99));
    EXPECT_FALSE(slot.available(milliseconds(99)));
    slot.note_success(milliseconds(100));
    EXPECT_FALSE(slot.load().standby);
}

TEST(Health, TheLastFailureIsKnownUntilTheNext) {
    health_slot slot;
    slot.note_failure(3, milliseconds(0), milliseconds(100), why);
    EXPECT_EQ(slot.last_failure(), why);
    const health_slot::reason other{errc::connect, 0};
    slot.note_failure(3, milliseconds(0), milliseconds(100), other);
    EXPECT_EQ(slot.last_failure(), other);
}

TEST(Health, TheFailureCountSaturates) {
    health_slot slot;
    for (int i = 0; i < 40000; ++i) slot.note_failure(100000, milliseconds(0), milliseconds(1), why);
    EXPECT_EQ(slot.load().failures, 0x7fffu);
    EXPECT_FALSE(slot.load().standby);
}

} // namespace
} // namespace modelmesh::state
