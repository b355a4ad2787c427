#include "core/time_limit.hpp"

#include <gtest/gtest.h>

namespace modelmesh::core {
namespace {

using namespace std::chrono_literals;

TEST(TimeLimit, EndsAfterItsDurationOrNever) {
    const time_point now{1h};
    EXPECT_EQ(after(now, 5s), now + 5s);
    EXPECT_EQ(after(now, 0s), now);
    EXPECT_EQ(after(now, time_point::max() - now - 1ns), time_point::max() - 1ns);
    EXPECT_EQ(after(now, time_point::max() - now), time_point::max());
    EXPECT_EQ(after(now, duration::max()), time_point::max());
}

} // namespace
} // namespace modelmesh::core
