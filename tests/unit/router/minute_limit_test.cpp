// Limits of the program's own: for one model, and for one key, through whatever pool.
#include "state/minute_limit.hpp"

#include "fixture.hpp"
#include "router/catalogue.hpp"
#include "router/introspection.hpp"
#include "router/router.hpp"
#include "scripted.hpp"
#include "virtual_time.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <deque>
#include <thread>

namespace modelmesh::router {
namespace {

using namespace testing;
using state::minute_limit;
using state::minute_rule;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr time_point start{std::chrono::hours(1)};

TEST(MinuteLimit, LetsThroughASteadyRateWithSixSecondsWorthAtOnce) {
    minute_limit::turn turn;
    minute_limit limit({60, 0});
    int passed = 0;
    for (time_point now = start; now < start + minutes(1); now += milliseconds(100))
        passed += limit.take(now, 0, false, turn) ? 1 : 0;
    EXPECT_EQ(passed, 60 + 5) << "the first six are there at once";
    minute_limit slow({2, 0});
    EXPECT_TRUE(slow.take(start, 0, false, turn));
    EXPECT_FALSE(slow.take(start + seconds(29), 0, false, turn)) << "one at least, and no more than that";
    EXPECT_TRUE(slow.take(start + seconds(30), 0, false, turn));
}

TEST(MinuteLimit, ARequestMayBeLargerThanTheBurstAndTheNextOnesWaitForIt) {
    minute_limit::turn turn;
    minute_limit limit({0, 6000}); // 100 in a second
    EXPECT_TRUE(limit.take(start, 3000, false, turn));
    EXPECT_FALSE(limit.take(start + seconds(24), 1, false, turn));
    EXPECT_TRUE(limit.take(start + milliseconds(24010), 1, false, turn));
    EXPECT_EQ(limit.free_at(), milliseconds(3600000 + 24020));
}

TEST(MinuteLimit, TokensThatWereNotUsedAreGivenBackAndOthersAreAdded) {
    minute_limit::turn turn;
    minute_limit limit({0, 6000});
    EXPECT_TRUE(limit.take(start, 3000, false, turn));
    limit.settle(turn.tokens, 1000, start);
    EXPECT_EQ(limit.free_at(), milliseconds(3600000 + 4010));
    EXPECT_TRUE(limit.take(start + seconds(4) + milliseconds(10), 100, false, turn));
    limit.settle(turn.tokens, 600, start + seconds(5));
    EXPECT_EQ(limit.free_at(), milliseconds(3600000 + 10010));
}

TEST(MinuteLimit, WhatIsForcedIsOwedForAMinuteAtMost) {
    minute_limit::turn turn;
    minute_limit limit({60, 60000});
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.take(start, 1 << 30, true, turn));
    EXPECT_FALSE(limit.take(start + minutes(1), 1, false, turn));
    EXPECT_TRUE(limit.take(start + seconds(61), 1, false, turn));
}

TEST(MinuteLimit, ARefusedTurnTakesNothing) {
    minute_limit::turn turn;
    minute_limit limit({600, 60});
    EXPECT_TRUE(limit.take(start, 60, false, turn));
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limit.take(start + seconds(1), 1, false, turn));
    EXPECT_TRUE(limit.take(start + seconds(55), 1, false, turn));
    EXPECT_TRUE(limit.take(start + seconds(58), 1, false, turn)) << "the requests are as they were";
}

// Each thread settles turns whose time has passed: nothing of them is still to come, whatever the other does meanwhile.
TEST(MinuteLimit, WhatHasPassedIsNotGivenBackWhileOthersTakeTheirTurns) {
    constexpr int rounds = 10;
    constexpr int looks = 100000;
    constexpr std::int64_t units = 10;
    for (int round = 0; round < rounds; ++round) {
        minute_limit limit({0, 60000}); // one in a millisecond, 6000 at once
        std::atomic<std::int64_t> passed{0};
        std::atomic<std::int64_t> sent{0};
        const auto look = [&] {
            std::deque<minute_limit::turn> under_way;
            minute_limit::turn turn;
            for (int i = 0; i < looks; ++i) {
                const time_point now = start + milliseconds(passed.fetch_add(i % 4 == 0 ? 9 : 0));
                if (limit.take(now, units, false, turn)) {
                    sent += units;
                    under_way.push_back(turn);
                }
                while (!under_way.empty() && under_way.front().tokens.end <= now) {
                    limit.settle(under_way.front().tokens, 0, now);
                    under_way.pop_front();
                }
            }
        };
        std::thread other(look);
        look();
        other.join();
        EXPECT_LE(sent.load(), passed.load() + 6000 + 2 * units) << "round " << round;
        EXPECT_GT(sent.load(), passed.load() / 2) << "the limit was used";
    }
}

// Providers "a" (models m, n) and "b" (model m), in two pools, each of which begins with "a.m".
class Limited : public ::testing::Test {
protected:
    virtual_clock time;
    minute_rule of_a{};     ///< the provider
    minute_rule of_b{};     ///< the same
    minute_rule of_model{}; ///< a.m
    std::string key_of_b = "b";
    bool delays = false;
    std::shared_ptr<const snapshot> picture;
    std::shared_ptr<budget::book> ledger;

    mesh_plan plan() const {
        mesh_plan made;
        made.providers = {make_provider("a", "a", {"m", "n"}), make_provider("b", key_of_b)};
        made.providers[0].entry.lets_through = of_a;
        made.providers[1].entry.lets_through = of_b;
        for (const char* name : {"chat", "talk"}) {
            pool_plan pool = chat_plan(3, rotates_by("priority-selection"));
            pool.name = name;
            pool.rotation.model_priority = {"a.m", "b.m", "a.n"};
            pool.pace.delays = delays;
            made.pools.push_back(pool);
        }
        if (of_model.any()) {
            model_plan& model = made.models.models.emplace_back(model_plan{"a.m", "a", "m"});
            model.lets_through = of_model;
        }
        return made;
    }
    void open() {
        const catalogue made(plan(), nullptr, ledger);
        picture = made.current();
    }
    call make(const std::string& name) {
        call made = make_call(picture, time);
        made.pool = picture->resolve(name).value();
        return made;
    }
    // Who is asked through this pool.
    std::string next(const std::string& pool) {
        attempt_plan p(make(pool), time, even);
        const auto model = p.next();
        if (!model) return "(" + std::string(to_string(model.error().kind())) + ")";
        return *model == nullptr
                   ? "waits " + std::to_string((p.resumes_at() - time.now()) / milliseconds(1)) + " ms"
                   : (*model)->id;
    }
};

TEST_F(Limited, AModelHasOneLimitInAllPools) {
    of_model = {2, 0};
    open();
    EXPECT_EQ(next("chat"), "a.m");
    EXPECT_EQ(next("talk"), "b.m") << "the other pool has had its turn";
    EXPECT_EQ(next("chat"), "b.m");
    time.advance(seconds(30));
    EXPECT_EQ(next("talk"), "a.m");
    EXPECT_EQ(next("chat"), "b.m");
}

TEST_F(Limited, AModelThatIsNamedHasTheSameLimit) {
    of_model = {2, 0};
    delays = true;
    open();
    EXPECT_EQ(next("a.m"), "a.m");
    EXPECT_EQ(next("chat"), "b.m");
    EXPECT_EQ(next("a.m"), "waits 30000 ms") << "as the first pool does";
}

TEST_F(Limited, AProvidersLimitIsThatOfAllItsModels) {
    of_a = {2, 0};
    open();
    EXPECT_EQ(next("chat"), "a.m");
    EXPECT_EQ(next("a.n"), "a.n") << "nobody else is there, and it need not wait";
    EXPECT_EQ(next("chat"), "b.m");
    time.advance(seconds(30));
    EXPECT_EQ(next("chat"), "b.m") << "what went all the same was counted";
    time.advance(seconds(30));
    EXPECT_EQ(next("chat"), "a.m");
}

TEST_F(Limited, TwoProvidersWithOneKeyHaveOneLimit) {
    of_a = {2, 0};
    key_of_b = "a";
    delays = true;
    open();
    EXPECT_EQ(next("chat"), "a.m");
    EXPECT_EQ(next("talk"), "waits 30000 ms") << "for the key, which the other provider has as well";
    of_b = of_a;
    catalogue mesh(plan());
    picture = mesh.current();
    EXPECT_EQ(picture->providers[0]->limit, picture->providers[1]->limit);
    EXPECT_EQ(next("chat"), "a.m");
    key_of_b = "b";
    picture = mesh.replace(plan(), {}, {}).after;
    EXPECT_EQ(next("chat"), "b.m") << "another key, another limit";
    EXPECT_EQ(next("talk"), "waits 30000 ms");
}

TEST_F(Limited, NobodyIsOutOfServiceForIt) {
    of_model = {1, 0};
    open();
    EXPECT_EQ(next("chat"), "a.m");
    const pool_status status = status_of(*picture->resolve("chat").value(), time.now());
    EXPECT_EQ(status.active, 3u);
}

TEST_F(Limited, WhenAllHaveHadTheirsTheFirstIsAskedAllTheSame) {
    of_a = {1, 0};
    of_b = {1, 0};
    open();
    EXPECT_EQ(next("chat"), "a.m");
    EXPECT_EQ(next("chat"), "b.m");
    EXPECT_EQ(next("chat"), "a.m");
}

TEST_F(Limited, ARequestThatMayWaitWaitsForTheFirstTurn) {
    of_a = {2, 0};
    of_b = {1, 0};
    delays = true;
    open();
    EXPECT_EQ(next("chat"), "a.m");
    EXPECT_EQ(next("talk"), "b.m");
    time.advance(seconds(10));
    EXPECT_EQ(next("chat"), "waits 20000 ms");
    time.advance(seconds(20));
    EXPECT_EQ(next("chat"), "a.m");
    call hurried = make("chat");
    hurried.deadline = time.now() + seconds(5);
    attempt_plan refused(std::move(hurried), time, even);
    const auto none = refused.next();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind(), errc::rate_limit);
    EXPECT_EQ(none.error().retry_after, seconds(30));
}

TEST_F(Limited, ExplainSaysWhoseLimitItIsAndUntilWhen) {
    of_model = {2, 0};
    of_b = {1, 0};
    open();
    (void)next("chat");
    (void)next("chat");
    const explanation told = explain(make("chat"), time.now(), {});
    ASSERT_EQ(told.candidates.size(), 3u);
    EXPECT_EQ(told.candidates[0].why, exclusion::paced);
    EXPECT_EQ(told.candidates[0].reason, "paced: rate_limit (its own) has a turn for it in 30000 ms");
    EXPECT_EQ(told.candidates[2].reason,
              "paced: rate_limit (that of provider 'b') has a turn for it in 60000 ms");
    EXPECT_EQ(told.selected_model, "a.n");
}

TEST_F(Limited, AReloadKeepsWhatWasTakenWhileTheLimitIsTheSame) {
    of_model = {1, 0};
    of_a = {100, 0};
    catalogue mesh(plan());
    picture = mesh.current();
    EXPECT_EQ(next("chat"), "a.m");
    picture = mesh.replace(plan(), {}, {}).after;
    EXPECT_EQ(next("chat"), "b.m");
    EXPECT_EQ(picture->providers[0]->limit->free_at(), mesh.current()->providers[0]->limit->free_at());
    of_model = {2, 0};
    picture = mesh.replace(plan(), {}, {}).after;
    EXPECT_EQ(next("chat"), "a.m") << "another limit begins anew";
    of_model = {};
    of_a = {};
    picture = mesh.replace(plan(), {}, {}).after;
    EXPECT_FALSE(picture->pools.front()->is_limited);
}

// The transport answers with what a reply used.
TEST_F(Limited, TokensAreGuessedAtFirstAndThenWhatTheReplyUsed) {
    of_model = {0, 3000}; // one in 20 ms, 300 at once
    ledger = std::make_shared<budget::book>(budget::plan());
    open();
    timed_transport via;
    via.script["a"] = {{duration(0),
                        {},
                        200,
                        R"({"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"4"},)"
                        R"("finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":500,)"
                        R"("total_tokens":1500}})"}};
    via.script["b"] = {{duration(0), {}, 200, good}};
    const minute_limit& limit = *picture->models.front()->limit;
    const auto owed = [&] { return limit.free_at() - since_epoch(via.time().now()); };
    const auto ask = [](timed_transport* over, call made) -> task<result<route>> {
        reply_reader read = [](std::string&&) { return result<void>(); };
        co_return co_await complete(*over, nullptr, std::move(made), std::move(read));
    };
    const connector::rotation_request facts = facts_for(make("chat"));
    {
        attempt_plan p(make("chat"), via.time(), even);
        ASSERT_TRUE(p.next());
        const auto guess = milliseconds(20 * tokens_of(facts));
        EXPECT_GT(tokens_of(facts), 300);
        EXPECT_EQ(owed(), guess + milliseconds(20) - seconds(6)) << "of request and reply";
    }
    EXPECT_LE(owed(), milliseconds(0)) << "what was not sent is not counted";
    EXPECT_EQ(via.time_.run(ask(&via, make("chat"))).value().model, "a.m");
    EXPECT_EQ(owed(), milliseconds(24020));
    EXPECT_EQ(via.time_.run(ask(&via, make("talk"))).value().model, "b.m");
    via.time_.now.advance(seconds(25));
    via.script["a"] = {{duration(0), fault(errc::connect, "scripted"), 0, {}}};
    EXPECT_EQ(via.time_.run(ask(&via, make("chat"))).value().model, "b.m");
    EXPECT_LE(owed(), milliseconds(0)) << "nothing came of it";
}

TEST_F(Limited, WithoutALimitNothingIsLookedAt) {
    open();
    EXPECT_FALSE(has_turns(*picture->pools.front()));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(next("chat"), "a.m");
}

} // namespace
} // namespace modelmesh::router
