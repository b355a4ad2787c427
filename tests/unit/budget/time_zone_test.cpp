// Against the C library, which reads the same database with code of its own.
#include "budget/time_zone.hpp"
#include "support/scratch_folder.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace modelmesh::budget {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

// An environment variable for the time of a test.
class variable {
public:
    variable(const char* name, const std::string& value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        setenv(name, value.c_str(), 1);
    }
    ~variable() {
        if (before_)
            setenv(name_, before_->c_str(), 1);
        else
            unsetenv(name_);
    }
    variable(const variable&) = delete;
    variable& operator=(const variable&) = delete;

private:
    const char* name_;
    std::optional<std::string> before_;
};

time_zone zone(std::string_view name) { return time_zone::find(name).value(); }
local_seconds shown(year_month_day day, seconds time = 0s) { return local_days(day) + time; }

TEST(TimeZone, ShowsWhatTheCLibraryShowsEverywhereUntil2120) {
    const variable restored("TZ", "UTC");
    std::size_t zones = 0;
    for (const std::string& name : time_zone_names()) {
        const time_zone here = zone(name);
        setenv("TZ", name.c_str(), 1);
        tzset();
        ++zones;
        for (sys_seconds at = sys_days(1970y / January / 1); at < sys_days(2120y / January / 1);
             at += hours(24 * 9 + 7) + 61s) {
            const std::time_t time = at.time_since_epoch().count();
            std::tm parts{};
            localtime_r(&time, &parts);
            const local_seconds expected = at.time_since_epoch() + seconds(parts.tm_gmtoff) + local_seconds();
            ASSERT_EQ(here.to_local(at), expected) << name << " at " << time;
        }
    }
    EXPECT_GT(zones, 300u) << "tzdata is installed";
    setenv("TZ", "UTC", 1);
    tzset();
}

// A zone of which its file says this rule alone, as the database does of all years to come (RFC 8536, 3.3): what it says
// there of real places changes with their laws.
time_zone zone_of(const std::string& rule) {
    const support::scratch_folder folder;
    const variable elsewhere("TZDIR", folder.path());
    // The head: no changes, one type, one letter. Behind it that type, of UTC, and the letter.
    const std::string part = "TZif2" + std::string(15 + 4 * 4, '\0') + std::string("\0\0\0\1\0\0\0\1", 8) +
                             std::string(6 + 1, '\0');
    folder.write("Zone", part + part + '\n' + rule + '\n');
    return zone("Zone");
}

TEST(TimeZone, BehindTheLastChangeThatIsListedTheRuleHolds) {
    const time_zone berlin = zone_of("CET-1CEST,M3.5.0,M10.5.0/3");
    const time_zone york = zone_of("EST5EDT,M3.2.0,M11.1.0");
    for (const int y : {1971, 2024, 2037, 2038, 2050, 2399}) {
        const sys_seconds spring = sys_days(year(y) / March / Sunday[last]) + 1h;
        EXPECT_EQ(berlin.to_local(spring - 1s).time_since_epoch(), (spring - 1s + 1h).time_since_epoch())
            << y;
        EXPECT_EQ(berlin.to_local(spring).time_since_epoch(), (spring + 2h).time_since_epoch()) << y;
        const sys_seconds autumn = sys_days(year(y) / November / Sunday[1]) + 6h;
        EXPECT_EQ(york.to_local(autumn - 1s).time_since_epoch(), (autumn - 1s - 4h).time_since_epoch()) << y;
        EXPECT_EQ(york.to_local(autumn).time_since_epoch(), (autumn - 5h).time_since_epoch()) << y;
    }
}

TEST(TimeZone, DaysOfARuleCountWithLeapDaysOrWithoutThem) {
    const sys_days first = 2028y / January / 1; // of a leap year
    const time_zone without = zone_of("A0B,J60/0,J300/0");
    EXPECT_EQ(without.to_local(sys_days(2028y / March / 1) - 1s), shown(2028y / March / 1, -1s));
    EXPECT_EQ(without.to_local(sys_days(2028y / March / 1)), shown(2028y / March / 1, 1h));
    const time_zone with = zone_of("A0B,59/0,300/0");
    EXPECT_EQ(with.to_local(first + days(59) - 1s), shown(2028y / February / 29, -1s));
    EXPECT_EQ(with.to_local(first + days(59)), shown(2028y / February / 29, 1h));
    const time_zone south = zone_of("<+03>-3<+0430>-4:30,M10.1.0/-1,M3.3.0/26");
    EXPECT_EQ(south.to_local(sys_days(2030y / January / 1)), shown(2030y / January / 1, 4h + 30min));
    EXPECT_EQ(south.to_local(sys_days(2030y / July / 1)), shown(2030y / July / 1, 3h));
    const sys_seconds october = sys_days(2030y / October / Sunday[1]) - 1h - 3h;
    EXPECT_EQ(south.to_local(october - 1s).time_since_epoch(), (october - 1s + 3h).time_since_epoch());
    EXPECT_EQ(south.to_local(october).time_since_epoch(), (october + 4h + 30min).time_since_epoch());
}

TEST(TimeZone, ATimeThatIsSkippedIsTheMomentOfTheChange) {
    const sys_seconds change = sys_days(2026y / March / 29) + 1h;
    const time_zone berlin = zone("Europe/Berlin");
    for (const seconds time : {seconds(2h), seconds(2h + 30min), seconds(3h)})
        EXPECT_EQ(berlin.to_sys(shown(2026y / March / 29, time)), change) << time.count();
    EXPECT_EQ(berlin.to_sys(shown(2026y / March / 29, 2h - 1s)), change - 1s);
    EXPECT_EQ(berlin.to_sys(shown(2026y / March / 29, 3h + 1s)), change + 1s);
    // Samoa had no 30 December in 2011.
    EXPECT_EQ(zone("Pacific/Apia").to_sys(shown(2011y / December / 30, 12h)),
              sys_days(2011y / December / 30) + 10h);
}

TEST(TimeZone, OfATimeThatComesTwiceTheFirstCounts) {
    const time_zone berlin = zone("Europe/Berlin");
    const sys_seconds change = sys_days(2026y / October / 25) + 1h;
    EXPECT_EQ(berlin.to_sys(shown(2026y / October / 25, 2h + 30min)), change - 30min);
    EXPECT_EQ(berlin.to_sys(shown(2026y / October / 25, 2h)), change - 1h);
    EXPECT_EQ(berlin.to_sys(shown(2026y / October / 25, 3h)), change + 1h);
}

TEST(TimeZone, EveryMomentButTheSecondOfTwoIsFoundAgain) {
    for (const char* name : {"Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca",
                             "Europe/Dublin", "America/Santiago", "Asia/Kathmandu", "Pacific/Apia"}) {
        const time_zone here = zone(name);
        for (sys_seconds at = sys_days(2009y / January / 1); at < sys_days(2045y / January / 1);
             at += 3h + 1789s) {
            const sys_seconds found = here.to_sys(here.to_local(at));
            ASSERT_LE(found, at) << name;
            ASSERT_EQ(here.to_local(found), here.to_local(at)) << name;
        }
    }
}

TEST(TimeZone, OffsetsAreFixed) {
    const sys_seconds at = sys_days(2026y / July / 1);
    EXPECT_EQ(zone("+02:00").to_local(at), shown(2026y / July / 1, 2h));
    EXPECT_EQ(zone("-05:30").to_sys(shown(2026y / July / 1)), at + 5h + 30min);
    EXPECT_TRUE(zone("UTC").is_utc());
    EXPECT_EQ(zone("Europe/Berlin").name(), "Europe/Berlin");
}

TEST(TimeZone, WhatIsNoZoneIsSaid) {
    EXPECT_EQ(time_zone::find("Europe/Bärlin").error().message, "there is no time zone 'Europe/Bärlin'");
    EXPECT_EQ(time_zone::find("+2").error().message, "'+2' is no offset from UTC, like +02:00 or -05:30");
    for (const char* name : {"", "Europe", "Europe/", "europe/berlin", "localtime", "zone.tab", "posixrules",
                             "right/Europe/Berlin", "../zoneinfo/Europe/Berlin", "/etc/localtime",
                             "Europe/../Europe/Berlin", "+24:00", "+02:60", "+-2:00", "02:00", "CET-1"})
        EXPECT_EQ(time_zone::find(name).error().code(), errc::config) << name;
}

TEST(TimeZone, AMissingDatabaseIsSaid) {
    const variable elsewhere("TZDIR", "/nonexistent");
    EXPECT_EQ(
        time_zone::find("Europe/Berlin").error().message,
        "'Europe/Berlin' cannot be looked up: there is no database of time zones at /nonexistent; install "
        "tzdata, set TZDIR, or use UTC or an offset like +02:00");
    EXPECT_TRUE(time_zone::find("UTC").has_value());
    EXPECT_TRUE(time_zone::find("+01:00").has_value());
}

// A file that is cut off or changed is no zone or another one, and harms nobody.
TEST(TimeZone, NoFileHarms) {
    const support::scratch_folder folder;
    std::ifstream from("/usr/share/zoneinfo/Europe/Berlin", std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(from)), {});
    ASSERT_GT(whole.size(), 100u);
    const variable elsewhere("TZDIR", folder.path());
    const auto written = [&](const std::string& bytes) {
        folder.write("Zone", bytes);
        return time_zone::find("Zone");
    };
    EXPECT_TRUE(written(whole).has_value());
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(written(whole.substr(0, size)).has_value()) << size;
    for (std::size_t i = 0; i < whole.size(); i += 3) {
        std::string changed = whole;
        changed[i] = static_cast<char>(changed[i] ^ 0x81);
        const result<time_zone> read = written(changed);
        if (!read) continue;
        for (const sys_seconds at : {sys_seconds(), sys_seconds(sys_days(2026y / March / 29)),
                                     sys_seconds(sys_days(2100y / March / 29))})
            EXPECT_LE(abs(read->to_sys(read->to_local(at)) - at), days(4)) << i;
    }
}

} // namespace
} // namespace modelmesh::budget
