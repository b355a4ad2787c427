// Each policy in a pool, by the models that a row of requests gets.
#include "router/attempt_plan.hpp"
#include "router/selection.hpp"

#include "fixture.hpp"
#include "support/event_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace modelmesh::router {
namespace {

using connector::model_set;
using connector::rotation_model;
using connector::rotation_request;
using connector::rotation_settings;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::rotates_by;

class Rotation : public ::testing::Test {
protected:
    testing::virtual_clock time;
    xoshiro256 random{7};
    rotation_request request;
    std::shared_ptr<const snapshot> picture;

    const pool& chat() const { return *picture->pools.front(); }
    state::model_slot& slot(std::size_t index) const { return *chat().models[index]->slot; }

    void make(const std::vector<std::string>& names, rotation_plan plan) {
        picture = testing::make_snapshot(names, 1, std::move(plan), picture.get());
    }
    /// The model that the next request gets, by the name of its provider; empty: none.
    std::string next(const std::vector<std::size_t>& tried = {}) {
        model_set excluded(chat().models.size());
        for (const std::size_t index : tried) excluded.insert(index);
        model_set scratch(excluded);
        const std::optional<chosen_model> chosen =
            select(chat(), excluded, {}, request, time.now(), random, scratch);
        return chosen ? chat().models[chosen->index]->provider->id : "";
    }
    std::string row(int requests) {
        std::string names;
        for (int i = 0; i < requests; ++i) names += next();
        return names;
    }
    std::map<std::string, int> counts(int requests) {
        std::map<std::string, int> got;
        for (int i = 0; i < requests; ++i) ++got[next()];
        return got;
    }
    void fail(std::size_t index) {
        note_failure(chat(), index, {errc::connect, 0}, time.now(), testing::even);
    }
    /// Takes it out of service, and back with its full share.
    void drop(std::size_t index) {
        chat().state->health[index]->note_failure({1, milliseconds(1000000)}, since_epoch(time.now()),
                                                  {errc::connect, 0}, 0.5);
    }
    void restore(std::size_t index) {
        time.advance(milliseconds(1000000));
        for (unsigned i = 0; i < state::health_slot::full_ramp; ++i) note_success(chat(), index, time.now());
    }
    void answers_in(std::size_t index, microseconds time_taken) { slot(index).total.add(time_taken); }
    void leaves(std::size_t index, std::int64_t remaining, std::int64_t limit) {
        slot(index).requests.note({limit, remaining}, since_epoch(time.now() + std::chrono::hours(1)));
    }
    static rotation_plan weighing(const std::string& strategy,
                                  std::vector<std::pair<std::string, double>> weights) {
        rotation_settings settings;
        settings.has_weights = true;
        rotation_plan plan = rotates_by(strategy, settings);
        plan.weights = std::move(weights);
        return plan;
    }
    static rotation_plan preferring(const std::string& strategy, const rotation_settings& settings,
                                    std::vector<std::string> models,
                                    std::vector<std::string> providers = {}) {
        rotation_plan plan = rotates_by(strategy, settings);
        plan.model_priority = std::move(models);
        plan.provider_priority = std::move(providers);
        return plan;
    }
};

TEST_F(Rotation, StickUntilFailureDoesNotGoBack) {
    make({"a", "b", "c"}, rotates_by("stick-until-failure"));
    EXPECT_EQ(row(3), "aaa");
    fail(0);
    EXPECT_EQ(row(2), "bb");
    restore(0);
    EXPECT_EQ(row(2), "bb");
}

TEST_F(Rotation, PrioritiesDecideModelsBeforeProviders) {
    make({"a", "b", "c", "d"}, preferring("priority-selection", {}, {"c.m"}, {"b"}));
    EXPECT_EQ(row(2), "cc");
    EXPECT_EQ(next({2}), "b");
    EXPECT_EQ(next({2, 1}), "") << "nobody else was named, and there is no fallback";
    drop(2);
    EXPECT_EQ(next(), "b");
    restore(2);
    EXPECT_EQ(next(), "c") << "takes the requests back at once";
}

TEST_F(Rotation, WhatNoPriorityNamesIsForTheFallback) {
    rotation_settings settings;
    settings.fallback = rotates_by("round-robin").policy;
    make({"a", "b", "c"}, preferring("priority-selection", settings, {"b.m"}));
    EXPECT_EQ(row(2), "bb");
    drop(1);
    EXPECT_EQ(row(4), "acac");
}

TEST_F(Rotation, RoundRobinSkipsWhoIsOutAndKeepsItsPlace) {
    make({"A", "B", "C"}, rotates_by("round-robin"));
    EXPECT_EQ(row(4), "ABCA");
    drop(1);
    EXPECT_EQ(row(3), "CAC");
    restore(1);
    EXPECT_EQ(row(3), "ABC");
}

TEST_F(Rotation, RoundRobinGoesOnWhereItWasWhenModelsComeAndGo) {
    make({"A", "B", "C"}, rotates_by("round-robin"));
    EXPECT_EQ(row(2), "AB");
    make({"N", "A", "B", "C"}, rotates_by("round-robin"));
    EXPECT_EQ(row(4), "CNAB");
    make({"N", "A", "B"}, rotates_by("round-robin")); // C, whose turn it is, has gone
    EXPECT_EQ(row(2), "NA");
}

TEST_F(Rotation, ChoosingAloneMovesNothing) {
    for (const char* strategy : {"round-robin", "weighted", "load-balanced", "stick-until-failure"}) {
        picture = nullptr;
        make({"a", "b"}, rotates_by(strategy));
        (void)next();
        const std::optional<std::size_t> first = peek(chat(), time.now(), random);
        EXPECT_EQ(peek(chat(), time.now(), random), first) << strategy;
        EXPECT_EQ(next(), chat().models[first.value()]->provider->id) << strategy;
    }
}

class CostFirst : public Rotation {
protected:
    // A snapshot whose providers have these prices for their model.
    void price(const std::vector<std::pair<std::string, std::optional<token_price>>>& prices,
               const char* strategy = "cost-first") {
        std::vector<std::unique_ptr<provider_entry>> providers;
        std::vector<std::vector<connector::model_info>> models;
        budget::plan plan;
        for (const auto& [name, price] : prices) {
            providers.push_back(std::make_unique<provider_entry>());
            providers.back()->id = name;
            budget::price_list& list = plan.providers[name].pricing;
            if (price) list.input = price->input, list.output = price->output;
            models.push_back({{"m", {"chat"}}});
        }
        budget::book ledger(std::move(plan));
        picture = build_snapshot(
            std::move(providers), models,
            {pool_plan{"chat", "chat", {}, {1, std::chrono::seconds(60)}, false, rotates_by(strategy)}},
            nullptr, &ledger);
    }
};

TEST_F(CostFirst, TheCheapestForThisRequestIsFirst) {
    price({{"reads", token_price{1, 20}}, {"writes", token_price{10, 2}}});
    request.prompt_tokens = 1000;
    request.output_tokens = 10;
    EXPECT_EQ(next(), "reads");
    request.output_tokens = 1000;
    EXPECT_EQ(next(), "writes");
}

TEST_F(CostFirst, AnUnknownPriceIsLastAndATieGoesByTheOrder) {
    price({{"unknown", {}}, {"b", token_price{5, 5}}, {"c", token_price{5, 5}}});
    request.prompt_tokens = 1;
    EXPECT_EQ(next(), "b");
    EXPECT_EQ(next({1, 2}), "unknown");
}

TEST_F(Rotation, LatencyFirstTakesTheFastest) {
    make({"a", "b", "c"}, rotates_by("latency-first"));
    answers_in(0, microseconds(300));
    answers_in(1, microseconds(100));
    answers_in(2, microseconds(200));
    slot(2).first_token.add(microseconds(1));
    EXPECT_EQ(next(), "b");
    EXPECT_EQ(next({1}), "c");
    request.is_stream = true;
    EXPECT_EQ(next({0, 1}), "c");
    slot(1).first_token.add(microseconds(2));
    EXPECT_EQ(next(), "c") << "of streams, the first content counts";
}

TEST_F(Rotation, ToLatencyFirstTheUnknownAreTheMedian) {
    make({"new", "slow", "fast"}, rotates_by("latency-first"));
    EXPECT_EQ(next(), "new") << "nobody is known";
    answers_in(1, microseconds(900));
    answers_in(2, microseconds(100));
    EXPECT_EQ(next(), "fast") << "the median is between the two";
    EXPECT_EQ(next({2}), "new") << "a tie with the only known one goes by the order";
    drop(2);
    answers_in(0, microseconds(1000));
    EXPECT_EQ(next(), "slow");
}

TEST_F(Rotation, LatencyFirstLooksElsewhereNowAndThen) {
    make({"a", "b"}, rotates_by("latency-first"));
    answers_in(0, microseconds(100));
    answers_in(1, microseconds(900));
    const int elsewhere = counts(20000)["b"];
    EXPECT_GT(elsewhere, 140); // 2 %, half of which is for the other
    EXPECT_LT(elsewhere, 260);
}

class Sessions : public Rotation {
protected:
    std::vector<std::string> homes(int sessions) {
        std::vector<std::string> got;
        for (int i = 0; i < sessions; ++i) {
            const std::string name = "session-" + std::to_string(i);
            request.session = name;
            got.push_back(next());
        }
        return got;
    }
};

TEST_F(Sessions, StayWithTheirModelAndAreSpreadEvenly) {
    make({"a", "b", "c", "d"}, rotates_by("session-stickiness"));
    const std::vector<std::string> first = homes(1000);
    EXPECT_EQ(homes(1000), first);
    for (const char* name : {"a", "b", "c", "d"}) {
        const auto share = std::count(first.begin(), first.end(), name);
        EXPECT_GT(share, 200) << name;
        EXPECT_LT(share, 300) << name;
    }
}

TEST_F(Sessions, OnlyThoseOfAModelThatIsOutMoveAndTheyComeBack) {
    make({"a", "b", "c", "d"}, rotates_by("session-stickiness"));
    const std::vector<std::string> first = homes(500);
    drop(1);
    const std::vector<std::string> meanwhile = homes(500);
    for (std::size_t i = 0; i < first.size(); ++i)
        EXPECT_TRUE(first[i] == "b" ? meanwhile[i] != "b" : meanwhile[i] == first[i]) << i;
    restore(1);
    EXPECT_EQ(homes(500), first);
}

TEST_F(Sessions, InStrictModeWaitForTheirModel) {
    rotation_settings settings;
    settings.affinity = connector::affinity_mode::strict;
    make({"a", "b"}, rotates_by("session-stickiness", settings));
    const std::vector<std::string> first = homes(20);
    drop(0);
    const std::vector<std::string> meanwhile = homes(20);
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(meanwhile[i], first[i] == "a" ? "" : "b");
    request.session = {};
    EXPECT_EQ(next(), "b") << "without a session there is nothing to wait for";
}

// Errors 2: SessionModelUnavailableError.
TEST_F(Sessions, InStrictModeFailAsUnavailableWhileTheirModelIsOut) {
    rotation_settings settings;
    settings.affinity = connector::affinity_mode::strict;
    make({"a", "b"}, rotates_by("session-stickiness", settings));
    drop(0);
    int refused = 0;
    for (int i = 0; i < 20; ++i) {
        call made = testing::make_call(picture, time);
        made.session = std::make_shared<const std::string>("session-" + std::to_string(i));
        attempt_plan plan(std::move(made), time, testing::even);
        const auto model = plan.next();
        if (model) continue;
        ++refused;
        EXPECT_EQ(model.error().kind(), errc::session_unavailable);
        EXPECT_EQ(model.error().message,
                  "the session's model is out of service: the policy 'session-stickiness' of pool 'chat' "
                  "allows none of the models that are in service");
    }
    EXPECT_GT(refused, 0);
    EXPECT_LT(refused, 20);
}

TEST_F(Sessions, InStrictModeWaitForNobodyWhoCouldNotServeThem) {
    rotation_settings settings;
    settings.affinity = connector::affinity_mode::strict;
    make({"a", "b"}, rotates_by("session-stickiness", settings));
    const scope only{picture->providers[1].get()};
    model_set scratch(2);
    for (int i = 0; i < 20; ++i) {
        const std::string name = "session-" + std::to_string(i);
        request.session = name;
        const auto chosen = select(chat(), model_set(2), only, request, time.now(), random, scratch);
        ASSERT_TRUE(chosen) << i;
        EXPECT_EQ(chosen->index, 1u);
    }
}

TEST_F(Sessions, WhoHasNoneGoesByPriority) {
    make({"a", "b", "c"}, preferring("session-stickiness", {}, {"b.m"}));
    EXPECT_EQ(row(3), "bbb");
    EXPECT_EQ(next({1}), "a");
}

TEST_F(Rotation, RateLimitAwareSwitchesAtTheThreshold) {
    make({"a", "b", "c"}, rotates_by("rate-limit-aware"));
    EXPECT_EQ(next(), "a") << "no limits are known";
    leaves(0, 21, 100);
    EXPECT_EQ(next(), "a");
    leaves(0, 20, 100); // 0.8 is used up
    leaves(1, 300, 1000);
    leaves(2, 400, 1000);
    EXPECT_EQ(next(), "c") << "most is left there";
    leaves(1, 90, 1000);
    leaves(2, 50, 1000);
    EXPECT_EQ(next(), "b") << "when all are near their limits, too";
    time.advance(std::chrono::hours(1));
    EXPECT_EQ(next(), "a") << "the limits were granted again";
}

// Runtime 12: rate_limit_switch.
TEST_F(Rotation, ASwitchForALimitThatIsNearIsAnEvent) {
    make({"a", "b"}, rotates_by("rate-limit-aware"));
    support::event_list log;
    const auto ask = [&] {
        attempt_plan plan(testing::make_call(picture, time), time, testing::even, &log);
        return plan.next().value()->id;
    };
    EXPECT_EQ(ask(), "a.m");
    leaves(0, 10, 100);
    EXPECT_EQ(ask(), "b.m");
    EXPECT_THAT(log.lines(),
                ElementsAre("rate_limit.switch request_id pool=chat model=b.m provider=b previous=a.m "
                            "reason=threshold"));
}

TEST_F(Rotation, RateLimitAwareCountsTokensInRequests) {
    make({"a", "b"}, rotates_by("rate-limit-aware"));
    request.prompt_tokens = 900;
    request.output_tokens = 100;
    leaves(0, 10, 100);
    leaves(1, 100, 200);
    EXPECT_EQ(next(), "b");
    slot(1).tokens.note({100000, 9000}, since_epoch(time.now() + std::chrono::hours(1)));
    EXPECT_EQ(next(), "a") << "ten requests are more than the nine that the tokens are enough for";
}

TEST_F(Rotation, LoadBalancedKeepsSharesByTheLargestDeficit) {
    make({"1", "2"}, weighing("load-balanced", {{"1.m", 3}, {"2.m", 1}}));
    EXPECT_EQ(row(12), "121112111211");
    picture = nullptr;
    make({"a", "b", "c"}, weighing("load-balanced", {{"a.m", 2}, {"b.m", 2}, {"c.m", 1}}));
    EXPECT_EQ(row(10), "abcababcab");
}

TEST_F(Rotation, LoadBalancedBeginsWithTheHeaviest) {
    make({"a", "b"}, weighing("load-balanced", {{"a.m", 1}, {"b.m", 3}}));
    EXPECT_EQ(next(), "b");
}

TEST_F(Rotation, LoadBalancedWithoutWeightsGoesByWhatTheLimitsLeave) {
    for (const auto mode : {connector::balance_mode::relative, connector::balance_mode::absolute}) {
        rotation_settings settings;
        settings.balance = mode;
        picture = nullptr;
        make({"a", "b", "c"}, rotates_by("load-balanced", settings));
        leaves(0, 700, 875); // 0.8
        leaves(1, 400, 571); // 0.7
        leaves(2, 120, 300); // 0.4
        std::map<std::string, int> got = counts(1000);
        const bool is_relative = mode == connector::balance_mode::relative;
        EXPECT_NEAR(got["a"], is_relative ? 421 : 574, 5);
        EXPECT_NEAR(got["b"], is_relative ? 369 : 328, 5);
        EXPECT_NEAR(got["c"], is_relative ? 210 : 98, 5);
    }
}

TEST_F(Rotation, LoadBalancedTakesAnUnknownLimitForTheMedian) {
    make({"a", "b", "c", "d"}, rotates_by("load-balanced"));
    leaves(0, 10, 100);
    leaves(1, 50, 100);
    leaves(2, 90, 100);
    std::map<std::string, int> got = counts(2000);
    EXPECT_NEAR(got["d"], 500, 5);
}

TEST_F(Rotation, WhoComesBackToLoadBalancedIsOwedNothing) {
    make({"a", "b"}, rotates_by("load-balanced"));
    drop(1);
    EXPECT_EQ(counts(100)["a"], 100);
    restore(1);
    EXPECT_NEAR(counts(20)["b"], 10, 1);
}

TEST_F(Rotation, AModelOfWeightZeroGetsNoRequestWhileThereAreOthers) {
    for (const char* strategy : {"weighted", "load-balanced"}) {
        make({"a", "b", "c"}, weighing(strategy, {{"a.m", 1}, {"b.m", 0}, {"c.m", 2}}));
        EXPECT_EQ(counts(30), (std::map<std::string, int>{{"a", 10}, {"c", 20}})) << strategy;
        EXPECT_EQ(next({2}), "a") << strategy;
        EXPECT_EQ(next({0, 2}), "b") << strategy;
    }
}

TEST_F(Rotation, WeightedIsSmooth) {
    make({"a", "b", "c"}, weighing("weighted", {{"a.m", 5}, {"b.m", 1}, {"c.m", 1}}));
    EXPECT_EQ(row(14), "aabacaaaabacaa"); // the sequence in nginx's own description
}

TEST_F(Rotation, WhatWeighsNothingIsForWhenNobodyElseIsLeft) {
    make({"a", "b"}, weighing("weighted", {{"a.m", 0}}));
    EXPECT_EQ(row(4), "bbbb");
    EXPECT_EQ(next({1}), "a");
}

TEST_F(Rotation, LeastLoadedPrefersTheIdlerOfTwo) {
    make({"a", "b", "c"}, rotates_by("least-loaded"));
    slot(0).in_flight = 5;
    slot(1).in_flight = 5;
    std::map<std::string, int> got = counts(3000);
    EXPECT_NEAR(got["c"], 2000, 100) << "whenever it is one of the two";
    EXPECT_EQ(next({1, 2}), "a");
}

TEST_F(Rotation, ScoreWeighsEverything) {
    make({"a", "b"}, rotates_by("score"));
    EXPECT_EQ(next(), "a");
    slot(0).in_flight = 1;
    EXPECT_EQ(next(), "b") << "load";
    slot(1).in_flight = 1;
    leaves(0, 50, 100);
    EXPECT_EQ(next(), "b") << "limits";
    answers_in(0, microseconds(1000));
    answers_in(1, microseconds(2000));
    EXPECT_EQ(next(), "a") << "latency";
    for (int i = 0; i < 32; ++i)
        chat().state->health[0]->note_failure({100, milliseconds(1)}, milliseconds(1), {errc::connect, 0},
                                              0.5);
    EXPECT_EQ(next(), "b") << "failures";
}

TEST_F(CostFirst, ToScoreWhatCostsNothingIsNotWorthEverything) {
    price({{"free", token_price{0, 0}}, {"paid", token_price{2, 8}}}, "score");
    request.prompt_tokens = 100;
    EXPECT_EQ(next(), "free");
    answers_in(0, microseconds(5000));
    answers_in(1, microseconds(1000));
    EXPECT_EQ(next(), "paid") << "five times as fast";
}

TEST_F(Rotation, NoPolicyTakesAModelThatIsOutOfService) {
    for (const char* strategy :
         {"stick-until-failure", "priority-selection", "round-robin", "cost-first", "latency-first",
          "session-stickiness", "rate-limit-aware", "load-balanced", "least-loaded", "weighted", "score"}) {
        rotation_settings settings;
        settings.fallback = rotates_by("round-robin").policy;
        picture = nullptr;
        make({"a", "b", "c"}, rotates_by(strategy, settings));
        drop(0);
        drop(2);
        for (int i = 0; i < 20; ++i) EXPECT_EQ(next(), "b") << strategy;
        drop(1);
        EXPECT_EQ(next(), "") << strategy;
    }
}

TEST_F(Rotation, EveryPolicyServesPoolsOfAnySize) {
    for (const char* strategy :
         {"stick-until-failure", "priority-selection", "round-robin", "cost-first", "latency-first",
          "session-stickiness", "rate-limit-aware", "load-balanced", "least-loaded", "weighted", "score"}) {
        for (const std::size_t size : {1u, 2u, 64u, 65u, 300u}) {
            std::vector<std::string> names;
            for (std::size_t i = 0; i < size; ++i) names.push_back("p" + std::to_string(i));
            rotation_settings settings;
            settings.fallback = rotates_by("round-robin").policy;
            picture = nullptr;
            make(names, rotates_by(strategy, settings));
            // Each of them once, however they are ordered.
            std::vector<std::size_t> tried;
            for (std::size_t i = 0; i < size; ++i) {
                const std::string got = next(tried);
                ASSERT_NE(got, "") << strategy;
                tried.push_back(std::stoul(got.substr(1)));
            }
            EXPECT_EQ(next(tried), "") << strategy;
        }
    }
}

// The last model in the morning, the first in the afternoon, and nobody at midnight.
class by_the_hour final : public connector::rotation_policy {
public:
    std::optional<std::size_t> choose(const connector::rotation_view& from, rng&) const noexcept override {
        const auto hour =
            std::chrono::duration_cast<std::chrono::hours>(from.now().time_since_epoch()).count();
        if (hour == 0) return std::nullopt;
        if (hour == 23) return from.size(); // no model of the pool
        return hour < 12 ? from.candidates().nth(from.candidates().count() - 1) : from.candidates().next(0);
    }
};

TEST_F(Rotation, AnApplicationHasPoliciesOfItsOwn) {
    connector::registry connectors;
    ASSERT_TRUE(connectors.add_rotation(
        "mine.by-the-hour", [](const rotation_settings&) { return std::make_unique<by_the_hour>(); }));
    rotation_plan plan;
    plan.strategy = "mine.by-the-hour";
    plan.policy = connectors.make_rotation("mine.by-the-hour", {}).value();
    make({"a", "b"}, plan);
    EXPECT_EQ(next(), "b");
    time.advance(std::chrono::hours(12));
    EXPECT_EQ(next(), "a");
    time.advance(std::chrono::hours(10));
    attempt_plan attempt(testing::make_call(picture, time), time, testing::even);
    const auto refused = attempt.next();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::no_active_model);
    EXPECT_EQ(refused.error().message,
              "the policy 'mine.by-the-hour' of pool 'chat' allows none of the models "
              "that are in service");
}

} // namespace
} // namespace modelmesh::router
