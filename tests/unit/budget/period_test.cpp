#include "budget/period.hpp"

#include <gtest/gtest.h>

namespace modelmesh::budget {
namespace {

using namespace std::chrono;
using outcome = period_amount::outcome;

periods in(std::string_view zone) { return periods(time_zone::find(zone).value()); }

TEST(Period, IsOfTheUtcCalendar) {
    const periods utc;
    const auto last_second = sys_days(2024y / February / 29) + 23h + 59min + 59s;
    const calendar before = calendar_of(last_second);
    const calendar after = calendar_of(last_second + 1s);
    EXPECT_EQ(after.day, before.day + 1);
    EXPECT_EQ(after.month, before.month + 1);
    EXPECT_EQ(utc.next_day(last_second), sys_days(2024y / March / 1));
    EXPECT_EQ(utc.next_month(last_second), sys_days(2024y / March / 1));
    EXPECT_EQ(utc.next_month(sys_days(2026y / December / 31)), sys_days(2027y / January / 1));
    EXPECT_EQ(calendar_of(sys_days(2026y / December / 31)).month + 1,
              calendar_of(sys_days(2027y / January / 1)).month);
}

TEST(Period, ADayOfAZoneHas23Or25HoursWhenItsClocksChange) {
    const auto berlin = in("Europe/Berlin");
    const auto length = [&](sys_seconds noon) {
        sys_seconds begins = noon;
        while (berlin.at(begins - 1s) == berlin.at(noon)) begins -= 1s;
        sys_seconds ends = noon;
        while (berlin.at(ends) == berlin.at(noon)) ends += 1s;
        EXPECT_EQ(berlin.next_day(noon), ends);
        EXPECT_EQ(berlin.next_day(begins), ends);
        EXPECT_EQ(berlin.next_day(begins - 1s), begins);
        return ends - begins;
    };
    EXPECT_EQ(length(sys_days(2026y / March / 28) + 12h), 24h);
    EXPECT_EQ(length(sys_days(2026y / March / 29) + 12h), 23h);
    EXPECT_EQ(length(sys_days(2026y / October / 25) + 12h), 25h);
}

TEST(Period, AMonthOfAZoneEndsAtItsMidnight) {
    const auto berlin = in("Europe/Berlin");
    const sys_seconds ends = sys_days(2026y / October / 31) + 23h; // winter time
    EXPECT_EQ(berlin.next_month(sys_days(2026y / October / 10)), ends);
    EXPECT_EQ(berlin.next_month(ends), sys_days(2026y / November / 30) + 23h);
    EXPECT_EQ(berlin.at(ends).month, berlin.at(ends - 1s).month + 1);
    EXPECT_EQ(berlin.at(ends).day, berlin.at(ends - 1s).day + 1);
    const auto york = in("America/New_York");
    EXPECT_EQ(york.next_month(sys_days(2026y / January / 1)), sys_days(2026y / January / 1) + 5h);
    EXPECT_EQ(in("+05:30").next_day(sys_days(2026y / July / 1)), sys_days(2026y / July / 1) + 18h + 30min);
}

TEST(Period, AMidnightThatIsSkippedIsTheMomentOfTheChange) {
    const auto santiago = in("America/Santiago"); // 5 September 2026: from 24:00 to 01:00
    const sys_seconds change = sys_days(2026y / September / 6) + 4h;
    EXPECT_EQ(santiago.next_day(change - 1s), change);
    EXPECT_EQ(santiago.at(change).day, santiago.at(change - 1s).day + 1);
}

TEST(Period, OfTwoMidnightsTheFirstCounts) {
    const auto johns = in("America/St_Johns"); // 7 November 2010: at 00:01 clocks showed 23:01 of the 6th
    const sys_seconds midnight = sys_days(2010y / November / 7) + 2h + 30min;
    const calendar before = johns.at(midnight - 1s);
    EXPECT_EQ(johns.next_day(midnight - 1s), midnight);
    for (sys_seconds at = midnight; at < midnight + 25h; at += 30s)
        ASSERT_EQ(johns.at(at).day, before.day + 1) << (at - midnight).count();
    EXPECT_EQ(johns.at(midnight + 25h).day, before.day + 2);
}

TEST(Period, WhatIsKnownOfADayIsWhatIsFoundAnew) {
    EXPECT_EQ(in("Europe/Berlin").at(sys_days(1969y / December / 31)).day, 65535)
        << "days before 1970 have numbers";
    for (const char* name :
         {"Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "-11:45"}) {
        const time_zone zone = time_zone::find(name).value();
        const periods kept(zone);
        for (sys_seconds at = sys_days(2010y / October / 25); at < sys_days(2013y / January / 1);
             at += 7h + 11min) {
            ASSERT_EQ(kept.at(at), periods(zone).at(at)) << name << " " << at.time_since_epoch().count();
            ASSERT_EQ(kept.at(at), kept.at(at)) << name;
        }
    }
}

TEST(Period, WhereItIsALaterOneAlreadyThePeriodsUnderWayEndWhenTheyWouldHave) {
    const periods utc;
    const sys_seconds change = sys_days(2026y / December / 31) + 23h + 30min; // 1 January an hour to the east
    const periods east(time_zone::find("+01:00").value(), utc, change);
    EXPECT_EQ(east.at(change), utc.at(change));
    EXPECT_EQ(east.next_day(change), sys_days(2027y / January / 1));
    EXPECT_EQ(east.next_month(change), sys_days(2027y / January / 1));
    EXPECT_EQ(east.by_zone(east.at(change), change), in("+01:00").at(change)) << "for those who come after";
    for (sys_seconds at = sys_days(2027y / January / 1); at < sys_days(2027y / March / 1); at += 30min) {
        ASSERT_EQ(east.at(at), in("+01:00").at(at));
        ASSERT_EQ(east.by_zone(utc.at(change), at), utc.at(change)) << "what is over stays what it was";
    }
    EXPECT_EQ(east.next_month(sys_days(2027y / January / 1)), sys_days(2027y / January / 31) + 23h);
}

TEST(Period, WhereItIsAnEarlierOneYetThePeriodsUnderWayEndWithTheSameOneThere) {
    const periods utc;
    const sys_seconds change = sys_days(2027y / January / 1) + 30min; // 31 December to the west
    const periods west(time_zone::find("-05:00").value(), utc, change);
    EXPECT_EQ(west.next_day(change), sys_days(2027y / January / 2) + 5h);
    EXPECT_EQ(west.next_month(change), sys_days(2027y / February / 1) + 5h);
    for (sys_seconds at = change; at < sys_days(2027y / January / 2) + 5h; at += 30min)
        ASSERT_EQ(west.at(at), utc.at(change));
    EXPECT_EQ(west.at(sys_days(2027y / January / 2) + 5h).day, utc.at(change).day + 1);
    EXPECT_EQ(west.by_zone(west.at(change), change), in("-05:00").at(change)) << "for those who come after";
}

TEST(Period, NoPeriodBeginsTwiceHoweverOftenTheZoneChanges) {
    std::shared_ptr<const periods> now = std::make_shared<periods>();
    sys_seconds at = sys_days(2026y / November / 28);
    calendar last = now->at(at);
    const char* zones[] = {"+14:00", "-12:00", "UTC", "+05:45", "-11:00"};
    for (int i = 0; i < 200; ++i, at += 47min) {
        now = std::make_shared<periods>(time_zone::find(zones[i % 5]).value(), *now, at);
        ASSERT_EQ(now->at(at), last) << "by itself a change ends nothing";
        const auto next = now->next_day(at);
        ASSERT_EQ(now->at(next - 1s).day, last.day);
        ASSERT_TRUE(is_later(now->at(next).day, last.day));
        const auto month = now->next_month(at);
        ASSERT_EQ(now->at(month - 1s).month, last.month);
        ASSERT_TRUE(is_later(now->at(month).month, last.month));
        const calendar then = now->at(at + 47min);
        ASSERT_FALSE(is_later(last.day, then.day));
        ASSERT_FALSE(is_later(last.month, then.month));
        last = then;
    }
    EXPECT_TRUE(is_later(last.month, calendar_of(sys_days(2026y / November / 28)).month));
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
