#include "persistence/saved.hpp"

#include <gtest/gtest.h>

namespace modelmesh::persistence {
namespace {

using state::health_slot;

TEST(Saved, ALineReadsAsItWasWritten) {
    budget::saved_line line;
    line.pool = "chat";
    line.provider = "alpha";
    line.model = "alpha.m";
    line.counted.when = {7, 3};
    line.counted.total.requests = 5;
    line.counted.total.cost_micro_usd = 100;
    line.counted.today.input_tokens = 4;
    line.counted.month.unpriced = 2;
    line.mark = 150;
    const auto read = line_from(to_text(line));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->pool, line.pool);
    EXPECT_EQ(read->provider, line.provider);
    EXPECT_EQ(read->model, line.model);
    EXPECT_EQ(read->counted, line.counted);
    EXPECT_EQ(read->mark, 150);
}

TEST(Saved, AmountsThatNoProgramWroteAreBounded) {
    const auto read =
        line_from(R"({"pool":"p","model":"m","total":{"requests":-5,"cost_micro_usd":100},"mark":1})");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->counted.total.requests, 0);
    EXPECT_EQ(read->mark, 100) << "what was spent is behind no mark";
    EXPECT_EQ(line_from("{").error().kind(), errc::storage);
}

TEST(Saved, AProbeThatWasUnderWayIsLostAndTheNextRequestIsOne) {
    const saved_health probing{"chat",
                               "m",
                               {health_slot::phase::probing, 3, 2, 0, std::chrono::milliseconds(5000)},
                               {errc::upstream, 503}};
    const auto read = health_from(to_text(probing));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->seen.phase, health_slot::phase::standby);
    EXPECT_EQ(read->seen.failures, 3u);
    EXPECT_EQ(read->seen.trips, 2u);
    EXPECT_EQ(read->seen.until, std::chrono::milliseconds(5000));
    EXPECT_EQ(read->why, (health_slot::reason{errc::upstream, 503}));
}

TEST(Saved, HealthBeyondItsRangesIsNoHealth) {
    EXPECT_FALSE(health_from(R"({"phase":"standby","failures":5000})"));
    EXPECT_FALSE(health_from(R"({"phase":"ramping","successes":5})"));
    EXPECT_FALSE(health_from(R"({"phase":"standby","trips":16})"));
    EXPECT_FALSE(health_from(R"({"phase":"standby","reason":99})"));
    EXPECT_FALSE(health_from(R"({"phase":"asleep"})"));
}

TEST(Saved, KeysOfTwoModelsDiffer) {
    EXPECT_EQ(usage_key("chat", "alpha.m"), "v1/usage/chat/alpha.m");
    EXPECT_NE(usage_key("a/b", "c"), usage_key("a", "b/c"));
    EXPECT_NE(usage_key("a%2Fb", "c"), usage_key("a/b", "c"));
}

} // namespace
} // namespace modelmesh::persistence
