#include "budget/period.hpp"

#include <gtest/gtest.h>

namespace modelmesh::budget {
namespace {

using namespace std::chrono;
using outcome = period_amount::outcome;

TEST(Period, IsOfTheUtcCalendar) {
    const auto last_second = sys_days(2024y / February / 29) + 23h + 59min + 59s;
    const calendar before = calendar_of(last_second);
    const calendar after = calendar_of(last_second + 1s);
    EXPECT_EQ(after.day, before.day + 1);
    EXPECT_EQ(after.month, before.month + 1);
    EXPECT_EQ(next_day(last_second), sys_days(2024y / March / 1));
    EXPECT_EQ(next_month(last_second), sys_days(2024y / March / 1));
    EXPECT_EQ(next_month(sys_days(2026y / December / 31)), sys_days(2027y / January / 1));
    EXPECT_EQ(calendar_of(sys_days(2026y / December / 31)).month + 1,
              calendar_of(sys_days(2027y / January / 1)).month);
}

TEST(PeriodAmount, BeginsAnewAndNeverGoesBack) {
    period_amount amount;
    EXPECT_EQ(amount.of(7), 0);
    EXPECT_TRUE(amount.add(7, 10));
    EXPECT_TRUE(amount.add(7, -3));
    EXPECT_EQ(amount.of(7), 7);
    EXPECT_EQ(amount.of(8), 0);
    EXPECT_TRUE(amount.add(8, 5));
    EXPECT_FALSE(amount.add(7, 100)) << "over is over";
    EXPECT_EQ(amount.of(8), 5);
    EXPECT_EQ(amount.of(7), 0);
}

TEST(PeriodAmount, StaysWithinItsBounds) {
    period_amount amount;
    amount.add(1, -5);
    EXPECT_EQ(amount.of(1), 0);
    amount.add(1, period_amount::most);
    amount.add(1, INT64_MAX);
    EXPECT_EQ(amount.of(1), period_amount::most);
}

TEST(PeriodAmount, NumbersWrapAround) {
    period_amount amount;
    amount.add(65535, 1);
    EXPECT_TRUE(amount.add(0, 2));
    EXPECT_EQ(amount.of(0), 2);
    EXPECT_FALSE(amount.add(65535, 1));
    period_amount fresh; // of a century in which new counters would look later
    EXPECT_TRUE(fresh.add(40000, 1));
}

TEST(PeriodAmount, ALimitIsTakenToTheLastUnitAndNoFurther) {
    period_amount amount;
    period when = 3;
    std::int64_t found = -1;
    EXPECT_EQ(amount.add_within(when, 6, 10, found), outcome::added);
    EXPECT_EQ(found, 0);
    EXPECT_EQ(amount.add_within(when, 5, 10, found), outcome::above_limit);
    EXPECT_EQ(found, 6);
    EXPECT_EQ(amount.add_within(when, 4, 10, found), outcome::added);
    EXPECT_EQ(amount.add_within(when, 0, 10, found), outcome::added) << "what costs nothing needs nothing";
    EXPECT_EQ(amount.of(3), 10);
    when = 2;
    EXPECT_EQ(amount.add_within(when, 0, 10, found), outcome::later_period);
    EXPECT_EQ(when, 3);
    when = 4;
    EXPECT_EQ(amount.add_within(when, 10, 10, found), outcome::added) << "a new period has all of it";
}

TEST(PeriodAmount, WhatCostsNothingIsNeverAboveALimit) {
    period_amount amount;
    period when = 3;
    std::int64_t found = 0;
    amount.add(3, 15); // a call cost more than it had reserved
    EXPECT_EQ(amount.add_within(when, 0, 10, found), outcome::added);
    EXPECT_EQ(amount.add_within(when, 1, 10, found), outcome::above_limit);
}

TEST(PeriodAmount, ABitIsSetOnceInAPeriod) {
    period_amount bits;
    EXPECT_TRUE(bits.set_bit(3, 0));
    EXPECT_FALSE(bits.set_bit(3, 0));
    EXPECT_TRUE(bits.set_bit(3, 5));
    EXPECT_FALSE(bits.set_bit(2, 1));
    EXPECT_TRUE(bits.set_bit(4, 0));
}

} // namespace
} // namespace modelmesh::budget
