#include "config/quantity.hpp"

#include <gtest/gtest.h>

namespace modelmesh::settings {
namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t s = 1000 * ms;

TEST(ConfigQuantity, Durations) {
    const std::pair<const char*, std::int64_t> cases[] = {
        {"30s", 30 * s},
        {"5m", 300 * s},
        {"1.5h", 5400 * s},
        {"7d", 604'800 * s},
        {"2w", 1'209'600 * s},
        {"500ms", 500 * ms},
        {"250us", 250'000},
        {"1h30m", 5400 * s},
        {"1h 30m", 5400 * s},
        {" 90 s ", 90 * s},
        {"90", 90 * s},
        {"0.25", 250 * ms},
        {"none", 0},
        {"0", 0},
        {"1d2h3m4s5ms", 93'784'005 * ms},
        {"0.1s", 100 * ms},
    };
    for (const auto& [text, want] : cases) {
        const auto got = parse_duration(text);
        ASSERT_TRUE(got) << text;
        EXPECT_EQ(*got, want) << text;
    }
    for (const char* text : {"",
                             " ",
                             "s",
                             "-1s",
                             "+1s",
                             "1 2",
                             "1x",
                             "30m1h",
                             "1s1s",
                             "1.s",
                             ".5s",
                             "1.5.2s",
                             "1e3s",
                             "90 S",
                             "99999999999999999999s",
                             "300000000000s",
                             "10m 5",
                             "inf",
                             "nan",
                             "1,5s"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(ConfigQuantity, DurationsAreWrittenInTheLargestUnitThatDivides) {
    EXPECT_EQ(format_duration(0), "0s");
    EXPECT_EQ(format_duration(90 * s), "90s");
    EXPECT_EQ(format_duration(300 * s), "5m");
    EXPECT_EQ(format_duration(500 * ms), "500ms");
    EXPECT_EQ(format_duration(1500 * ms), "1500ms");
    EXPECT_EQ(format_duration(7 * 86'400 * s), "7d");
    for (const std::int64_t each : {1 * s, 61 * s, 3600 * s, 250 * ms, std::int64_t{7000}})
        EXPECT_EQ(parse_duration(format_duration(each)), each);
}

TEST(ConfigQuantity, Sizes) {
    EXPECT_EQ(parse_size("4096"), 4096);
    EXPECT_EQ(parse_size("512B"), 512);
    EXPECT_EQ(parse_size("512 MB"), 512'000'000);
    EXPECT_EQ(parse_size("1.5GiB"), 1'610'612'736);
    EXPECT_EQ(parse_size("2KiB"), 2048);
    for (const char* text : {"", "MB", "1mb", "1 TB", "1GB1MB", "-1", "99999999999GiB", "none"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(ConfigQuantity, Numbers) {
    EXPECT_EQ(parse_number("0.8"), 0.8);
    EXPECT_EQ(parse_number("80%"), 0.8);
    EXPECT_EQ(parse_number("-2"), -2.0);
    for (const char* text : {"", "%", "inf", "nan", "1x", "0x10", "1e999", "1 2"})
        EXPECT_FALSE(parse_number(text)) << text;
}

} // namespace
} // namespace modelmesh::settings
