#include "router/cron.hpp"

#include <modelmesh/core/random.hpp>

#include <gtest/gtest.h>

#include <string>

namespace modelmesh::router {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::system_clock;
using std::chrono::year;
using namespace std::chrono_literals;

minute_point at(int y, unsigned m, unsigned d, int hour = 0, int minute = 0) {
    return std::chrono::sys_days(year(y) / std::chrono::month(m) / std::chrono::day(d)) + hours(hour) +
           minutes(minute);
}
cron made(std::string_view text) { return cron::parse(text).value(); }

TEST(Cron, TheNextMomentIsAfterThisOne) {
    const cron weekly = made("0 3 * * 0");
    EXPECT_EQ(weekly.next(at(2026, 11, 22, 2, 59)), at(2026, 11, 22, 3)); // a Sunday
    EXPECT_EQ(weekly.next(at(2026, 11, 22, 3)), at(2026, 11, 29, 3));
    EXPECT_EQ(weekly.next(at(2026, 11, 22, 2, 59) + 59s), at(2026, 11, 22, 3));
    EXPECT_EQ(made("*/15 * * * *").next(at(2026, 12, 31, 23, 50)), at(2027, 1, 1));
    EXPECT_EQ(made("30 22-23 * * *").next(at(2026, 1, 1, 22, 30)), at(2026, 1, 1, 23, 30));
}

TEST(Cron, ThePreviousMomentMayBeThisOne) {
    const cron weekly = made("0 3 * * 7");
    EXPECT_EQ(weekly.previous(at(2026, 11, 22, 3)), at(2026, 11, 22, 3));
    EXPECT_EQ(weekly.previous(at(2026, 11, 22, 2, 59)), at(2026, 11, 15, 3));
    EXPECT_EQ(made("59 23 * * *").previous(at(2026, 1, 1)), at(2025, 12, 31, 23, 59));
    EXPECT_EQ(made("5,40 1 * * *").previous(at(2026, 1, 1, 1, 39)), at(2026, 1, 1, 1, 5));
}

TEST(Cron, NamesListsRangesAndStepsAreTaken) {
    EXPECT_EQ(made("0 0 * feb,Dec *").next(at(2026, 3, 1)), at(2026, 12, 1));
    EXPECT_EQ(made("0 0 * * MON-fri").next(at(2026, 11, 20, 1)), at(2026, 11, 23)); // a Friday
    EXPECT_EQ(made("0 0 * * FRI-SUN").next(at(2026, 11, 21)), at(2026, 11, 22));
    EXPECT_EQ(made("50/5 * * * *").next(at(2026, 1, 1, 0, 50)), at(2026, 1, 1, 0, 55));
    EXPECT_EQ(made("10-30/10 8 1 1 *").next(at(2026, 1, 1, 8, 21)), at(2026, 1, 1, 8, 30));
    EXPECT_EQ(made("@monthly").next(at(2026, 11, 22)), at(2026, 12, 1));
    EXPECT_EQ(made("@weekly").next(at(2026, 11, 22)), at(2026, 11, 29));
    EXPECT_EQ(made(" 0\t0  1 1 * ").next(at(2026, 1, 1)), at(2027, 1, 1));
}

TEST(Cron, OfTwoFieldsOfDaysOneHasToMatchUnlessOneBeginsWithAStar) {
    EXPECT_EQ(made("0 0 13 * FRI").next(at(2026, 11, 22)), at(2026, 11, 27)); // a Friday
    EXPECT_EQ(made("0 0 23 * FRI").next(at(2026, 11, 22)), at(2026, 11, 23));
    EXPECT_EQ(made("0 0 * * FRI").next(at(2026, 11, 22)), at(2026, 11, 27));
    EXPECT_EQ(made("0 0 */2 * FRI").next(at(2026, 11, 22)), at(2026, 11, 27)) << "both";
}

TEST(Cron, LeapDaysAreFoundAndDaysThatNeverComeAreNot) {
    EXPECT_EQ(made("0 0 29 2 *").next(at(2096, 3, 1)), at(2104, 2, 29));
    EXPECT_EQ(made("0 0 29 2 *").previous(at(2104, 2, 28)), at(2096, 2, 29));
    EXPECT_EQ(made("0 0 30 2 *").next(at(2026, 1, 1)), std::nullopt);
    EXPECT_EQ(made("0 0 30 2 *").previous(at(2026, 1, 1)), std::nullopt);
    EXPECT_EQ(made("0 0 31 * *").next(at(2026, 1, 31)), at(2026, 3, 31));
}

TEST(Cron, IsByTheClocksOfAZone) {
    const auto berlin = budget::time_zone::find("Europe/Berlin").value();
    EXPECT_EQ(made("0 3 * * *").next(at(2026, 1, 10, 12), berlin), at(2026, 1, 11, 2));
    EXPECT_EQ(made("0 3 * * *").next(at(2026, 7, 10, 12), berlin), at(2026, 7, 11, 1));
    EXPECT_EQ(made("0 0 1 * *").previous(at(2026, 7, 31, 21, 59), berlin), at(2026, 6, 30, 22));
    EXPECT_EQ(made("0 1 * * MON").next(at(2026, 11, 20), berlin), at(2026, 11, 23, 0));
    const auto fixed = budget::time_zone::find("-05:30").value();
    EXPECT_EQ(made("15 20 * * *").next(at(2026, 7, 10), fixed), at(2026, 7, 10, 1, 45));
}

TEST(Cron, AMinuteThatIsSkippedIsTheMomentOfTheChange) {
    const auto berlin = budget::time_zone::find("Europe/Berlin").value();
    const cron daily = made("30 2 * * *");
    EXPECT_EQ(daily.next(at(2026, 3, 28, 1, 30), berlin), at(2026, 3, 29, 1)) << "03:00 by the clocks";
    EXPECT_EQ(daily.next(at(2026, 3, 29, 1), berlin), at(2026, 3, 30, 0, 30));
    EXPECT_EQ(daily.previous(at(2026, 3, 29, 0, 59), berlin), at(2026, 3, 28, 1, 30));
    EXPECT_EQ(daily.previous(at(2026, 3, 29, 1), berlin), at(2026, 3, 29, 1));
    EXPECT_EQ(daily.previous(at(2026, 3, 29, 23), berlin), at(2026, 3, 29, 1));
    EXPECT_EQ(made("*/20 * * * *").next(at(2026, 3, 29, 1), berlin), at(2026, 3, 29, 1, 20))
        << "and only once";
}

TEST(Cron, AMinuteThatComesTwiceCountsOnceAtFirst) {
    const auto berlin = budget::time_zone::find("Europe/Berlin").value();
    const cron daily = made("30 2 * * *");
    EXPECT_EQ(daily.next(at(2026, 10, 25, 0), berlin), at(2026, 10, 25, 0, 30));
    EXPECT_EQ(daily.next(at(2026, 10, 25, 0, 30), berlin), at(2026, 10, 26, 1, 30));
    EXPECT_EQ(daily.previous(at(2026, 10, 25, 1, 45), berlin), at(2026, 10, 25, 0, 30));
    EXPECT_EQ(daily.previous(at(2026, 10, 25, 1, 10), berlin), at(2026, 10, 25, 0, 30)) << "02:10 again";
    EXPECT_EQ(made("*/20 * * * *").next(at(2026, 10, 25, 0, 40), berlin), at(2026, 10, 25, 2));
}

TEST(Cron, WhatIsWrongIsSaid) {
    EXPECT_EQ(cron::parse("0 3 * *").error().message,
              "must be five fields, like '0 3 * * 0': minute hour day-of-month month day-of-week");
    EXPECT_EQ(cron::parse("0 3 * * 0 0").error().message,
              "has more than five fields: minute hour day-of-month month day-of-week");
    EXPECT_EQ(cron::parse("0 24 * * *").error().message,
              "'24' is no hour: values are 0 to 23, with lists (1,15), ranges (1-5) and steps (*/10)");
    for (const char* text : {"",
                             "@never",
                             "60 * * * *",
                             "* * 0 * *",
                             "* * * 13 *",
                             "* * * * 8",
                             "5-1 * * * *",
                             "*/0 * * * *",
                             ", * * * *",
                             "1,, * * * *",
                             "1- * * * *",
                             "-1 * * * *",
                             "1/ * * * *",
                             "1/x * * * *",
                             "* * * JA *",
                             "* * * ANF *",
                             "1.5 * * * *",
                             "99999999999 * * * *",
                             "+1 * * * *",
                             "** * * * *"})
        EXPECT_FALSE(cron::parse(text)) << text;
}

// Any text is parsed or refused, and what is parsed keeps its promises at any time.
TEST(Cron, NoTextHarms) {
    constexpr std::string_view letters = "0123456789*,-/ @JANmonSUN\t\xff";
    xoshiro256 random(5);
    const auto johns = budget::time_zone::find("America/St_Johns").value();
    int taken = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string text;
        const bool is_wild = round % 2 == 0;
        if (is_wild) {
            for (std::uint64_t i = random.next() % 24; i > 0; --i)
                text += letters[random.next() % letters.size()];
        } else {
            const unsigned most[] = {59, 23, 31, 12, 7};
            for (const unsigned last : most) {
                const std::uint64_t first = 1 + random.next() % last;
                const std::string value = std::to_string(first);
                const std::string forms[] = {"*", value, value + "-" + std::to_string(last), "*/" + value,
                                             value + "/2," + value};
                text += forms[random.next() % 5] + " ";
            }
        }
        const result<cron> parsed = cron::parse(text);
        if (!parsed) continue;
        ++taken;
        const system_clock::time_point now =
            system_clock::time_point(std::chrono::seconds(random.next() % 4000000000));
        const std::optional<minute_point> next = parsed->next(now);
        if (!next) continue;
        EXPECT_GT(*next, now) << text;
        EXPECT_EQ(parsed->previous(*next), next) << text;
        const std::optional<minute_point> before = parsed->previous(*next - minutes(1));
        EXPECT_TRUE(!before || *before <= now) << text << ": nothing lies between";
        const auto there = parsed->next(now, johns);
        if (!there) continue;
        EXPECT_GT(*there, now) << text;
        EXPECT_EQ(parsed->previous(*there, johns), there) << text;
    }
    EXPECT_GT(taken, 5000);
}

} // namespace
} // namespace modelmesh::router
