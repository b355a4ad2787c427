#include <modelmesh/connector/openai_compatible.hpp>

#include <gtest/gtest.h>

namespace modelmesh::connector {
namespace {

using std::chrono::milliseconds;

// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 section 5.6.7.
const auto wall = std::chrono::system_clock::from_time_t(784111777);

std::optional<milliseconds> parse(std::string_view name, std::string_view value) {
    http::headers fields;
    fields.add(name, value);
    return retry_after(fields, wall);
}

TEST(RetryAfter, AllForms) {
    EXPECT_EQ(parse("retry-after-ms", "1500"), milliseconds(1500));
    EXPECT_EQ(parse("retry-after-ms", "0.2"), milliseconds(1));
    EXPECT_EQ(parse("Retry-After", "7"), milliseconds(7000));
    EXPECT_EQ(parse("Retry-After", "0.5"), milliseconds(500));
    EXPECT_EQ(parse("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT"), milliseconds(30000));
    EXPECT_EQ(parse("Retry-After", "Sun, 06 Nov 1994 08:49:00 GMT"), milliseconds(0)) << "a date in the past";
}

TEST(RetryAfter, MillisecondsWinOverSeconds) {
    http::headers fields;
    fields.add("Retry-After", "9");
    fields.add("retry-after-ms", "250");
    EXPECT_EQ(retry_after(fields, wall), milliseconds(250));
}

TEST(RetryAfter, NonsenseIsNoWait) {
    for (const char* value : {"", "soon", "-1", "7 seconds", "nan", "Sun, 06 Nov 1994", "1e400"})
        EXPECT_EQ(parse("Retry-After", value), std::nullopt) << value;
    EXPECT_LE(parse("Retry-After", "1e30"), std::chrono::hours(24 * 366))
        << "capped, so that sums do not overflow";
}

} // namespace
} // namespace modelmesh::connector
