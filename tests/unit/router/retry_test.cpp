// Whom a request asks again after a failure, when, and how often; by the table of runtime failures.
#include "router/attempt_plan.hpp"

#include "fixture.hpp"
#include "router/introspection.hpp"
#include "support/event_list.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace modelmesh::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::event_list;
using testing::make_call;
using testing::make_snapshot;
using testing::make_snapshot_of;
using testing::virtual_clock;

fault failure(errc kind, int status = 0) {
    fault f(kind, std::string(to_string(kind)));
    f.http_status = status;
    return f;
}
fault limited(std::optional<milliseconds> wait = std::nullopt) {
    fault f = failure(errc::rate_limit, 429);
    f.retry_after = wait;
    return f;
}

class Retry : public ::testing::Test {
protected:
    virtual_clock time;
    retry_config retry;
    unsigned threshold = 10;
    std::shared_ptr<const snapshot> picture;

    void open(const std::vector<std::string>& names) {
        picture = make_snapshot(names, threshold, testing::rotates_by("stick-until-failure"), nullptr, retry);
    }
    attempt_plan plan(seconds limit = seconds(300)) {
        call made = make_call(picture, time);
        made.deadline = time.now() + limit;
        return attempt_plan(made, time, testing::even);
    }
    state::health_slot& health(std::size_t index) const {
        return *picture->pools.front()->state->health[index];
    }

    // The next model, and after which pause: "a.m", "a.m after 250 ms"; or how the request ends.
    std::string next(attempt_plan& of) {
        const time_point began = time.now();
        for (;;) {
            const auto model = of.next();
            if (!model) return "(" + std::string(to_string(model.error().kind())) + ")";
            if (*model == nullptr) {
                EXPECT_GT(of.resumes_at(), time.now());
                time.advance(of.resumes_at() - time.now());
                continue;
            }
            const auto waited = std::chrono::duration_cast<milliseconds>(time.now() - began).count();
            return (*model)->id + (waited == 0 ? "" : " after " + std::to_string(waited) + " ms");
        }
    }
};

TEST_F(Retry, AFailureRotatesAtOnceWhileAnotherModelWasNotAsked) {
    open({"a", "b", "c"});
    attempt_plan p = plan();
    for (const char* id : {"a.m", "b.m", "c.m"}) {
        EXPECT_EQ(next(p), id) << "without a pause";
        EXPECT_EQ(p.failed(failure(errc::connect)), std::nullopt);
    }
}

TEST_F(Retry, WhenNobodyElseIsLeftTheOnesThatMayBeRetriedAreAskedAgain) {
    open({"a", "b"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::auth, 401));
    EXPECT_EQ(next(p), "b.m");
    (void)p.failed(failure(errc::connect));
    EXPECT_EQ(next(p), "b.m after 250 ms") << "a key that is refused is no better the second time";
    (void)p.failed(failure(errc::connect));
    EXPECT_EQ(next(p), "(exhausted)");
}

TEST_F(Retry, FullJitterIsUpToTwiceAsLongEachTimeAndUpToTheLongest) {
    retry.max_attempts = 9;
    retry.retryable_codes = {500};
    retry.max_delay = seconds(3);
    open({"a"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    for (const char* then : {"a.m after 250 ms", "a.m after 500 ms", "a.m after 1000 ms", "a.m after 1500 ms",
                             "a.m after 1500 ms"}) {
        (void)p.failed(failure(errc::upstream, 500));
        EXPECT_EQ(next(p), then) << "half of the longest, by chance";
    }
}

TEST_F(Retry, AFixedPauseIsTheInitialOne) {
    retry.backoff = backoff_kind::fixed;
    open({"a"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    for (int i = 0; i < 2; ++i) {
        (void)p.failed(failure(errc::upstream, 500));
        EXPECT_EQ(next(p), "a.m after 500 ms");
    }
}

TEST_F(Retry, APauseThatWouldCrossTheDeadlineIsNotBegun) {
    open({"a"});
    attempt_plan p = plan(seconds(1));
    EXPECT_EQ(next(p), "a.m");
    time.advance(milliseconds(750));
    (void)p.failed(failure(errc::connect));
    const time_point before = time.now();
    EXPECT_EQ(next(p), "(connect)");
    EXPECT_EQ(time.now(), before);
}

TEST_F(Retry, DelayRequestSleepsUntilAModelMayHaveAnotherAndNoLongerThanTheDeadline) {
    pool_plan chat = testing::chat_plan(1);
    chat.pace = {{seconds(5), 0}, true};
    picture = testing::make_snapshot_by({{"a", {"m"}}}, chat);
    attempt_plan first = plan();
    EXPECT_EQ(next(first), "a.m");
    attempt_plan second = plan();
    EXPECT_EQ(next(second), "a.m after 5000 ms");
    attempt_plan hurried = plan(seconds(1));
    EXPECT_EQ(next(hurried), "(rate_limit)") << "nothing sleeps beyond its deadline";
}

TEST_F(Retry, MaxAttemptsIsTriesOfOneModelAndOneMeansNone) {
    for (const unsigned most : {1u, 2u, 3u}) {
        retry.max_attempts = most;
        open({"a"});
        attempt_plan p = plan();
        unsigned tries = 0;
        for (; next(p).starts_with("a.m"); ++tries) (void)p.failed(failure(errc::upstream, 500));
        EXPECT_EQ(tries, most);
    }
}

TEST_F(Retry, TheCapIsOnAllAttemptsOfACall) {
    retry.max_total_attempts = 2;
    open({"a", "b", "c"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::connect));
    EXPECT_EQ(next(p), "b.m");
    (void)p.failed(failure(errc::connect));
    EXPECT_EQ(next(p), "(connect)");
}

TEST_F(Retry, TheScopeSameModelRetriesBeforeItRotates) {
    retry.scope = retry_scope::same_model;
    open({"a", "b"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::upstream, 500));
    EXPECT_EQ(next(p), "a.m after 250 ms");
    (void)p.failed(failure(errc::upstream, 500));
    EXPECT_EQ(next(p), "a.m after 500 ms");
    (void)p.failed(failure(errc::upstream, 500));
    EXPECT_EQ(next(p), "b.m");
    (void)p.failed(failure(errc::auth, 401));
    EXPECT_EQ(next(p), "(exhausted)");
}

TEST_F(Retry, TheScopeSameModelRotatesWhenTheModelIsOutOfService) {
    retry.scope = retry_scope::same_model;
    threshold = 1;
    open({"a", "b"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::upstream, 500));
    EXPECT_EQ(next(p), "b.m");
}

TEST_F(Retry, RetriesCountTowardTheThreshold) {
    threshold = 3;
    open({"a"});
    attempt_plan p = plan();
    for (const bool is_out : {false, false, true}) {
        EXPECT_TRUE(next(p).starts_with("a.m"));
        (void)p.failed(failure(errc::upstream, 500));
        EXPECT_EQ(health(0).load().is_out(), is_out);
    }
}

TEST_F(Retry, TheScopeSameProviderAsksItsOtherModelsFirst) {
    for (const retry_scope scope : {retry_scope::any, retry_scope::same_provider}) {
        retry.scope = scope;
        picture = make_snapshot_of({{"a", {"m", "n"}}, {"b", {"m"}}}, threshold,
                                   testing::rotates_by("round-robin"), nullptr, retry);
        attempt_plan p = plan();
        EXPECT_EQ(next(p), "a.m");
        picture->pools.front()->state->positions.set(0, 2); // it is b's turn
        (void)p.failed(failure(errc::connect));
        EXPECT_EQ(next(p), scope == retry_scope::any ? "b.m" : "a.n");
    }
}

TEST_F(Retry, RetryAfterCoolsTheModelAtOnceAndUntilThen) {
    open({"a", "b"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(limited(seconds(20)));
    EXPECT_EQ(next(p), "b.m");
    EXPECT_TRUE(health(0).load().is_out()) << "one failure of the ten that others may have";
    EXPECT_EQ(health(0).standby_reason(), connector::standby_reason::rate_limited);
    EXPECT_FALSE(health(0).available(since_epoch(time.now() + milliseconds(19999))));
    EXPECT_TRUE(health(0).available(since_epoch(time.now() + seconds(20))));
}

TEST_F(Retry, WithoutRetryAfterALimitCountsLikeAnyFailure) {
    open({"a", "b"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(limited());
    EXPECT_FALSE(health(0).load().is_out());
    EXPECT_EQ(health(0).load().failures, 1u);
}

TEST_F(Retry, ASoleCandidateWaitsExactlyAsLongAsRetryAfterSays) {
    open({"a"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(limited(seconds(42)));
    EXPECT_EQ(next(p), "a.m after 42000 ms");
    p.succeeded();
    EXPECT_FALSE(health(0).load().is_out());
}

TEST_F(Retry, ARetryAfterThatDoesNotFitFailsAtOnceAndIsTold) {
    open({"a"});
    attempt_plan p = plan(seconds(30));
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(limited(seconds(42)));
    const time_point before = time.now();
    const auto last = p.next();
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().kind(), errc::rate_limit);
    EXPECT_EQ(last.error().retry_after, seconds(42));
    EXPECT_EQ(time.now(), before);
}

TEST_F(Retry, ALaterRequestWaitsForAModelThatCoolsWhenItIsTheOnlyOne) {
    open({"a"});
    attempt_plan first = plan();
    EXPECT_EQ(next(first), "a.m");
    (void)first.failed(limited(seconds(42)));
    time.advance(seconds(2));
    attempt_plan second = plan();
    EXPECT_EQ(next(second), "a.m after 40000 ms");
}

TEST_F(Retry, WhoDoesNotHonorRetryAfterBacksOffByItself) {
    retry.honor_retry_after = false;
    open({"a"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(limited(seconds(42)));
    EXPECT_EQ(next(p), "a.m after 250 ms");
}

TEST_F(Retry, AServersRetryAfterKeepsATrippedModelOutForLongerThanTheCooldown) {
    threshold = 1;
    open({"a", "b"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    fault f = failure(errc::overloaded, 503);
    f.retry_after = seconds(90);
    (void)p.failed(f);
    EXPECT_FALSE(health(0).available(since_epoch(time.now() + seconds(89))));
    EXPECT_TRUE(health(0).available(since_epoch(time.now() + seconds(90))));
}

TEST_F(Retry, ARequestWaitsForTheOutcomeOfAnothersProbe) {
    threshold = 1;
    open({"a"});
    attempt_plan first = plan();
    EXPECT_EQ(next(first), "a.m");
    (void)first.failed(failure(errc::connect));
    time.advance(seconds(60));
    attempt_plan probe = plan();
    EXPECT_EQ(next(probe), "a.m");
    attempt_plan other = plan();
    const auto nobody = other.next();
    ASSERT_TRUE(nobody);
    EXPECT_EQ(*nobody, nullptr);
    probe.succeeded();
    EXPECT_EQ(next(other), "a.m") << "and asks when it has ended well";
}

TEST_F(Retry, NobodyWaitsForACooldownThatIsLongerThanAPauseMayBe) {
    threshold = 1;
    open({"a"});
    attempt_plan first = plan();
    EXPECT_EQ(next(first), "a.m");
    (void)first.failed(failure(errc::connect));
    attempt_plan second = plan();
    EXPECT_EQ(next(second), "(no_active_model)") << "50 seconds more than the longest pause";
    time.advance(seconds(51));
    attempt_plan third = plan();
    EXPECT_EQ(next(third), "a.m after 9000 ms");
}

TEST_F(Retry, HalfOfTheTimeIsLeftForAModelThatIsBackByThen) {
    threshold = 1;
    open({"a", "b"});
    attempt_plan first = plan();
    EXPECT_EQ(next(first), "a.m");
    (void)first.failed(failure(errc::connect));
    time.advance(seconds(50)); // a returns in ten seconds
    attempt_plan hurried = plan(seconds(18));
    EXPECT_EQ(next(hurried), "b.m");
    EXPECT_EQ(hurried.limits().first_byte, patience::usual_wait) << "nobody will be there in nine seconds";
    attempt_plan patient = plan(seconds(20));
    EXPECT_EQ(next(patient), "b.m");
    EXPECT_EQ(patient.limits().first_byte, seconds(10));
}

TEST_F(Retry, RetriesAreAtMostTheBudgetsShareOfRequests) {
    retry.retryable_codes = {500};
    retry.max_attempts = 100;
    retry.backoff = backoff_kind::fixed;
    retry.initial_delay = milliseconds(0);
    threshold = 4095;
    open({"a"});
    int retries = 0;
    constexpr int requests = 1000;
    for (int i = 0; i < requests; ++i) {
        attempt_plan p = plan();
        for (int tries = 0; next(p) == "a.m"; ++tries) {
            retries += tries != 0 ? 1 : 0;
            (void)p.failed(failure(errc::upstream, 500));
        }
    }
    EXPECT_EQ(retries, 10 + requests / 5) << "no time has passed";
    time.advance(seconds(60));
    attempt_plan p = plan();
    int tries = 0;
    for (; next(p) == "a.m"; ++tries) (void)p.failed(failure(errc::upstream, 500));
    EXPECT_EQ(tries, 1 + 10) << "what is always allowed comes back with time";
}

TEST_F(Retry, FirstTriesOfOtherModelsAreNotLimitedByTheBudget) {
    retry.budget_ratio = 0;
    threshold = 4095;
    open({"a", "b"});
    for (int i = 0; i < 100; ++i) {
        attempt_plan p = plan();
        EXPECT_TRUE(next(p).ends_with(".m"));
        (void)p.failed(failure(errc::connect));
        EXPECT_TRUE(next(p).ends_with(".m"));
        (void)p.failed(failure(errc::permission, 403));
    }
}

TEST_F(Retry, ListedCodesOverrideTheTable) {
    retry.retryable_codes = {409};
    retry.non_retryable_codes = {503};
    open({"a"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    EXPECT_EQ(p.failed(failure(errc::bad_request, 409)), std::nullopt);
    EXPECT_EQ(next(p), "a.m after 250 ms");
    EXPECT_EQ(p.failed(failure(errc::overloaded, 503)), std::nullopt);
    EXPECT_EQ(next(p), "(exhausted)");
}

TEST_F(Retry, CodesOfAProviderComeBeforeThoseOfThePool) {
    retry.retryable_codes = {409};
    retry.non_retryable_codes = {503};
    open({"a"});
    picture->providers[0]->retryable_codes = {503};
    picture->providers[0]->non_retryable_codes = {500};
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    EXPECT_EQ(p.failed(failure(errc::overloaded, 503)), std::nullopt);
    EXPECT_EQ(next(p), "a.m after 250 ms");
    EXPECT_EQ(p.failed(failure(errc::bad_request, 409)), std::nullopt)
        << "what it does not list is the pool's";
    EXPECT_EQ(next(p), "a.m after 500 ms");
    EXPECT_EQ(p.failed(failure(errc::upstream, 500)), std::nullopt);
    EXPECT_EQ(next(p), "(exhausted)");
}

TEST_F(Retry, AProvidersMaxRetriesLowersWhatThePoolAllows) {
    retry.retryable_codes = {500};
    for (const unsigned most : {0u, 1u}) {
        open({"a"});
        picture->providers[0]->max_retries = most;
        attempt_plan p = plan();
        EXPECT_EQ(next(p), "a.m");
        EXPECT_EQ(p.failed(failure(errc::upstream, 500)), std::nullopt);
        EXPECT_EQ(next(p), most == 0 ? "(upstream)" : "a.m after 250 ms");
        if (most == 0) continue;
        EXPECT_EQ(p.failed(failure(errc::upstream, 500)), std::nullopt);
        EXPECT_EQ(next(p), "(upstream)") << "though the pool allows three tries";
    }
}

TEST_F(Retry, OnlyListedErrorCodesCountAgainstHealth) {
    threshold = 1;
    pool_plan chat = testing::chat_plan(1);
    chat.error_codes = {503};
    picture = testing::make_snapshot_by({{"a", {"m"}}, {"b", {"m"}}}, chat);
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::upstream, 500));
    EXPECT_FALSE(health(0).load().is_out());
    EXPECT_EQ(next(p), "b.m") << "it rotates all the same";
    (void)p.failed(failure(errc::overloaded, 503));
    EXPECT_TRUE(health(1).load().is_out());
}

TEST_F(Retry, AContentFilterRotatesOnlyWhenThePoolSaysSo) {
    for (const bool rotates : {false, true}) {
        pool_plan chat = testing::chat_plan(1);
        chat.rotates_on_content_filter = rotates;
        picture = testing::make_snapshot_by({{"a", {"m"}}, {"b", {"m"}}}, chat);
        attempt_plan p = plan();
        EXPECT_EQ(next(p), "a.m");
        EXPECT_EQ(p.failed(failure(errc::content_filter, 400)).has_value(), !rotates);
        EXPECT_FALSE(health(0).load().is_out());
    }
}

TEST_F(Retry, ARequestThatIsTooLongGoesToALargerModelOnly) {
    budget::plan prices;
    prices.providers["a"].vendor = "openai";
    budget::book ledger(std::move(prices));
    picture = testing::make_snapshot_by({{"a", {"gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-unheard-of"}}},
                                        testing::chat_plan(1), nullptr, &ledger);
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.gpt-4o");
    EXPECT_EQ(p.failed(failure(errc::context_length, 400)), std::nullopt);
    EXPECT_EQ(next(p), "a.gpt-4.1") << "the other two are as small, or may be";
    const std::optional<fault> final = p.failed(failure(errc::context_length, 400));
    ASSERT_TRUE(final) << "nobody is larger";
    EXPECT_EQ(final->attempts.size(), 2u);
    EXPECT_FALSE(health(0).load().is_out());
}

TEST_F(Retry, AStrictSessionIsAdmittedToItsModelWhileThatRampsUp) {
    connector::rotation_settings settings;
    settings.affinity = connector::affinity_mode::strict;
    picture = make_snapshot({"a", "b"}, 1, testing::rotates_by("session-stickiness", settings));
    const auto session_call = [&] {
        call made = make_call(picture, time);
        made.request =
            prepared_request::parse(
                operation::chat_completion,
                R"({"model":"chat","user":"one","messages":[{"role":"user","content":"hi"}]})", false)
                .value();
        return made;
    };
    attempt_plan first(session_call(), time, testing::even);
    const std::string own = next(first);
    const std::size_t index = first.current_index();
    (void)first.failed(failure(errc::connect));
    time.advance(seconds(60));
    attempt_plan probe(session_call(), time, testing::even);
    EXPECT_EQ(next(probe), own);
    health(index).note_content(health(index).load().until); // ramps up: one at a time
    ASSERT_EQ(health(index).load().phase, state::health_slot::phase::ramping);
    attempt_plan second(session_call(), time, testing::even);
    EXPECT_EQ(next(second), own);
}

// Runtime 5: Retry-After of a model holds wherever the model is asked.
TEST_F(Retry, AModelThatCoolsIsNotAskedThroughOtherPoolsEither) {
    event_list log;
    pool_plan other = testing::chat_plan(10);
    other.name = "talk";
    pool_plan stubborn = testing::chat_plan(10);
    stubborn.name = "stubborn";
    stubborn.retry.honor_retry_after = false;
    picture =
        testing::make_snapshot_in({{"a", {"m"}}, {"b", {"m"}}}, {testing::chat_plan(10), other, stubborn});
    attempt_plan p(make_call(picture, time), time, testing::even, &log);
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(limited(seconds(7)));
    const auto why = [this](const char* pool) {
        return why_not(**picture->resolve(pool), 0, {}, since_epoch(time.now()));
    };
    EXPECT_EQ(why("talk"), exclusion::standby);
    EXPECT_EQ(why("a.m"), exclusion::standby) << "also by its name";
    EXPECT_EQ(why("stubborn"), exclusion::none) << "a pool that heeds no Retry-After";
    EXPECT_EQ((*picture->resolve("talk"))->state->cursor.load(), 1u);
    EXPECT_EQ(log.lines(),
              (std::vector<std::string>{
                  "model.deactivated request_id pool=chat model=a.m provider=a reason=rate_limited "
                  "kind=rate_limit status=429 seconds=7",
                  "model.deactivated request_id pool=talk model=a.m provider=a reason=rate_limited "
                  "kind=rate_limit status=429 seconds=7"}));
    time.advance(seconds(7));
    EXPECT_EQ(why("talk"), exclusion::none);
}

TEST_F(Retry, AModelThatItsProviderDoesNotKnowIsOutInEveryPool) {
    pool_plan other = testing::chat_plan(10);
    other.name = "talk";
    picture = testing::make_snapshot_in({{"a", {"m"}}, {"b", {"m"}}}, {testing::chat_plan(10), other});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::not_found, 404));
    EXPECT_EQ(why_not(**picture->resolve("talk"), 0, {}, since_epoch(time.now())), exclusion::standby);
    EXPECT_EQ(why_not(**picture->resolve("talk"), 1, {}, since_epoch(time.now())), exclusion::none);
}

// Runtime 5: budget, standby until the period ends.
class SpentBudget : public Retry {
protected:
    fault refusal(const char* scope, std::int64_t spent) {
        fault f(errc::budget, "spent");
        f.budget = std::make_shared<const exceeded_budget>(exceeded_budget{
            scope, "a.m", "daily_limit", 100, spent, 0, 50, std::chrono::system_clock::now()});
        f.retry_after = std::chrono::hours(3);
        return f;
    }
    void open_two(bool rotates) {
        pool_plan chat = testing::chat_plan(10);
        chat.rotates_on_budget = rotates;
        picture = testing::make_snapshot_by({{"a", {"m"}}, {"b", {"m"}}}, chat);
    }
};

TEST_F(SpentBudget, AModelWhoseBudgetIsSpentStandsByUntilThePeriodEnds) {
    event_list log;
    open_two(true);
    attempt_plan p(make_call(picture, time), time, testing::even, &log);
    EXPECT_EQ(next(p), "a.m");
    EXPECT_EQ(p.failed(refusal("model", 99)), std::nullopt);
    EXPECT_EQ(next(p), "b.m");
    EXPECT_EQ(health(0).standby_reason(), connector::standby_reason::budget_exceeded);
    EXPECT_EQ(log.lines().front(), "model.deactivated request_id pool=chat model=a.m provider=a "
                                   "reason=budget_exceeded kind=budget status=0 seconds=10800");
    EXPECT_FALSE(health(0).available(since_epoch(time.now() + std::chrono::hours(3)) - milliseconds(1)));
    EXPECT_TRUE(health(0).available(since_epoch(time.now() + std::chrono::hours(3))));
    EXPECT_EQ(health(0).load().trips, 0u) << "no failure of the model";
}

TEST_F(SpentBudget, ACallThatIsTooDearForTheRestOnlyMovesThePoolOn) {
    open_two(true);
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(refusal("model", 98));
    EXPECT_FALSE(health(0).load().is_out()) << "a cheaper one may fit";
    EXPECT_EQ(picture->pools.front()->state->cursor.load(), 1u);
}

TEST_F(SpentBudget, WhatThePoolOrAllMaySpendTakesNobodyOut) {
    for (const char* scope : {"pool", "global"}) {
        open_two(true);
        attempt_plan p = plan();
        EXPECT_EQ(next(p), "a.m");
        (void)p.failed(refusal(scope, 100));
        EXPECT_FALSE(health(0).load().is_out()) << scope;
    }
}

TEST_F(SpentBudget, WithTheActionErrorNobodyStandsBy) {
    open_two(false);
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    EXPECT_EQ(p.failed(refusal("model", 100)).value().kind(), errc::budget);
    EXPECT_FALSE(health(0).load().is_out());
}

TEST_F(SpentBudget, WhenNobodyHasAnyLeftTheFailureIsTheBudgets) {
    open_two(true);
    attempt_plan p = plan();
    for (const char* id : {"a.m", "b.m"}) {
        EXPECT_EQ(next(p), id);
        (void)p.failed(refusal("provider", 100));
    }
    EXPECT_EQ(next(p), "(budget)");
    attempt_plan later = plan();
    const auto refused = later.next();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::budget);
    EXPECT_EQ(refused.error().retry_after, std::chrono::hours(3));
}

// What each kind of failure means: rotates, is retried by a sole model, and counts.
struct kind_rule {
    errc kind;
    int status;
    bool rotates;
    unsigned tries; ///< of a sole model
    enum { nothing, cursor, counts, leaves, takes_key } effect;
};

class EveryKind : public Retry, public ::testing::WithParamInterface<kind_rule> {};

TEST_P(EveryKind, RotatesOrEndsTheRequest) {
    open({"a", "b"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    const std::optional<fault> final = p.failed(failure(GetParam().kind, GetParam().status));
    EXPECT_EQ(!final, GetParam().rotates);
    if (final) {
        EXPECT_EQ(final->kind(), GetParam().kind);
    } else {
        EXPECT_EQ(next(p), "b.m");
    }
}

TEST_P(EveryKind, IsRetriedByASoleModelAsOftenAsTheTableSays) {
    open({"a"});
    attempt_plan p = plan();
    unsigned tries = 0;
    for (bool goes_on = true; goes_on && next(p).starts_with("a.m"); ++tries)
        goes_on = !p.failed(failure(GetParam().kind, GetParam().status));
    EXPECT_EQ(tries, GetParam().tries);
}

TEST_P(EveryKind, PenalisesAsTheTableSays) {
    open({"a", "b"});
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(GetParam().kind, GetParam().status));
    const state::health_slot::view v = health(0).load();
    EXPECT_EQ(v.failures, GetParam().effect == kind_rule::counts ? 1u : 0u);
    EXPECT_EQ(v.is_out(), GetParam().effect == kind_rule::leaves);
    const state::health_slot::view key = picture->providers.front()->slot->health.load();
    EXPECT_EQ(key.is_out(), GetParam().effect == kind_rule::takes_key || GetParam().kind == errc::auth);
    EXPECT_EQ(picture->pools.front()->state->cursor.load(),
              GetParam().effect == kind_rule::nothing ? 0u : 1u);
    if (v.is_out()) {
        EXPECT_EQ(v.until, since_epoch(time.now()) + std::chrono::minutes(15)) << "for long";
    }
}

// Errors 3, 8 and 11: the specific kind when all attempts share it, else the aggregate; with every attempt.
TEST_P(EveryKind, IsTheErrorOfARequestWhoseAttemptsAllShareIt) {
    const auto [kind, status, rotates, tries, effect] = GetParam();
    if (!rotates) return; // it ends the request at once: see RotatesOrEndsTheRequest
    retry.max_attempts = 1;
    open({"a", "b"});
    attempt_plan p = plan();
    for (const milliseconds wait : {milliseconds(9000), milliseconds(4000)}) {
        ASSERT_TRUE(next(p).ends_with(".m"));
        fault f = failure(kind, status);
        f.retry_after = wait;
        EXPECT_EQ(p.failed(f), std::nullopt);
    }
    const auto final = p.next();
    ASSERT_FALSE(final);
    EXPECT_EQ(final.error().kind(), kind);
    EXPECT_EQ(final.error().http_status, status);
    EXPECT_EQ(final.error().retry_after, milliseconds(4000)) << "the shortest";
    EXPECT_EQ(retryable(final.error()), make_error_code(kind) == cond::retryable);
    ASSERT_EQ(final.error().attempts.size(), 2u);
    EXPECT_EQ(final.error().attempts[0].model, "a.m");
    EXPECT_EQ(final.error().attempts[1].provider, "b");
}

INSTANTIATE_TEST_SUITE_P(Errors, EveryKind,
                         ::testing::Values(kind_rule{errc::timed_out, 0, true, 2, kind_rule::counts},
                                           kind_rule{errc::timed_out, 504, true, 2, kind_rule::counts},
                                           kind_rule{errc::connect, 0, true, 2, kind_rule::counts},
                                           kind_rule{errc::protocol, 200, true, 2, kind_rule::counts},
                                           kind_rule{errc::rate_limit, 429, true, 3, kind_rule::counts},
                                           kind_rule{errc::quota, 402, true, 1, kind_rule::takes_key},
                                           kind_rule{errc::overloaded, 503, true, 2, kind_rule::counts},
                                           kind_rule{errc::upstream, 500, true, 3, kind_rule::counts},
                                           kind_rule{errc::auth, 401, true, 1, kind_rule::cursor},
                                           kind_rule{errc::permission, 403, true, 1, kind_rule::counts},
                                           kind_rule{errc::config, 0, true, 1, kind_rule::counts},
                                           kind_rule{errc::not_found, 404, true, 1, kind_rule::leaves},
                                           kind_rule{errc::unsupported, 400, true, 1, kind_rule::nothing},
                                           kind_rule{errc::internal, 0, true, 1, kind_rule::cursor},
                                           kind_rule{errc::bad_request, 400, false, 1, kind_rule::nothing},
                                           kind_rule{errc::bad_request, 422, false, 1, kind_rule::nothing},
                                           kind_rule{errc::context_length, 400, false, 1, kind_rule::nothing},
                                           kind_rule{errc::content_filter, 400, false, 1, kind_rule::nothing},
                                           kind_rule{errc::budget, 0, true, 1, kind_rule::nothing},
                                           kind_rule{errc::canceled, 0, false, 1, kind_rule::nothing}),
                         [](const ::testing::TestParamInfo<kind_rule>& of) {
                             return std::string(to_string(of.param.kind)) + "_" +
                                    std::to_string(of.param.status);
                         });

// errors.md "Do better" 4.
TEST_F(Retry, ThreeMalformedRequestsDoNotDeactivateAPool) {
    threshold = 1;
    open({"a"});
    for (int i = 0; i < 3; ++i) {
        attempt_plan p = plan();
        EXPECT_EQ(next(p), "a.m");
        EXPECT_TRUE(p.failed(failure(errc::bad_request, 400)));
    }
    EXPECT_FALSE(health(0).load().is_out());
}

class ProviderHealth : public Retry {
protected:
    provider_rule rule{};
    void open_two() {
        pool_plan chat = testing::chat_plan(10, testing::rotates_by("priority-selection"), retry);
        chat.rotation.provider_priority = {"a", "b"};
        chat.provider_actions = rule;
        picture = testing::make_snapshot_by({{"a", {"m", "n", "o"}}, {"b", {"m"}}}, chat, picture.get());
    }
    state::health_slot& provider(std::size_t index) const { return picture->providers[index]->slot->health; }
};

TEST_F(ProviderHealth, ARefusedKeyTakesAllModelsOfItsProviderOutInEveryPool) {
    open_two();
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::auth, 401));
    EXPECT_EQ(next(p), "b.m") << "not another model with the same key";
    EXPECT_EQ(why_not(**picture->resolve("a.n"), 0, {}, since_epoch(time.now())), exclusion::provider_out);
    EXPECT_EQ(health(0).load().failures, 0u) << "the model itself is not to blame";
}

TEST_F(ProviderHealth, AProbeThatSucceedsBringsItBack) {
    open_two();
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::auth, 401));
    time.advance(seconds(60));
    attempt_plan probe = plan();
    EXPECT_EQ(next(probe), "a.m");
    attempt_plan other = plan();
    EXPECT_EQ(next(other), "b.m") << "one request finds out, through whatever model";
    probe.succeeded();
    attempt_plan later = plan();
    EXPECT_EQ(next(later), "a.m");
}

TEST_F(ProviderHealth, AProbeThatSaysNothingIsGivenToTheNext) {
    open_two();
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::auth, 401));
    time.advance(seconds(60));
    {
        attempt_plan probe = plan();
        EXPECT_EQ(next(probe), "a.m");
        EXPECT_TRUE(probe.failed(failure(errc::bad_request, 400)));
    }
    attempt_plan second = plan();
    EXPECT_EQ(next(second), "a.m");
}

TEST_F(ProviderHealth, WithoutTheActionARefusedKeyIsTheModelsFailure) {
    rule.on_auth_failure = false;
    open_two();
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::auth, 401));
    EXPECT_EQ(next(p), "a.n");
    EXPECT_EQ(health(0).load().failures, 1u);
}

TEST_F(ProviderHealth, ManualRecoveryWaitsForSomebody) {
    rule.returns_by_probe = false;
    open_two();
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::auth, 401));
    time.advance(std::chrono::hours(24));
    attempt_plan later = plan();
    EXPECT_EQ(next(later), "b.m");
    provider(0).reactivate({});
    attempt_plan last = plan();
    EXPECT_EQ(next(last), "a.m");
}

TEST_F(ProviderHealth, QuotaIsOfTheKeyAndTakesAllItsModelsOut) {
    event_list log;
    open_two();
    attempt_plan p(make_call(picture, time), time, testing::even, &log);
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::quota, 402));
    EXPECT_EQ(next(p), "b.m") << "a.n and a.o are of the same account";
    EXPECT_EQ(log.lines().front(),
              "provider.deactivated request_id provider=a reason=provider_quota kind=quota "
              "status=402 seconds=900");
    fault reset = failure(errc::quota, 429);
    reset.retry_after = std::chrono::hours(2);
    (void)p.failed(reset);
    EXPECT_EQ(provider(1).load().until, since_epoch(time.now() + std::chrono::hours(2))) << "when it says so";
    EXPECT_EQ(next(p), "(quota)");
}

TEST_F(ProviderHealth, ARetryAfterOfTheAccountCoolsAllItsModels) {
    open_two();
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    p.note_limit_of_account();
    (void)p.failed(limited(seconds(7)));
    EXPECT_EQ(next(p), "b.m");
    EXPECT_EQ(health(0).load().failures, 0u);
    EXPECT_EQ(why_not(**picture->resolve("a.o"), 0, {}, since_epoch(time.now())), exclusion::provider_out);
    (void)p.failed(limited());
    EXPECT_FALSE(provider(1).load().is_out()) << "the attempt before was of another account";
    time.advance(seconds(7));
    attempt_plan later = plan();
    EXPECT_EQ(next(later), "a.m");
}

TEST_F(ProviderHealth, AMoreDistantAccountLimitIsWaitedForWhenThereIsNobodyElse) {
    pool_plan chat = testing::chat_plan(10, testing::rotates_by("stick-until-failure"), retry);
    picture = testing::make_snapshot_by({{"a", {"m", "n"}}}, chat);
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    p.note_limit_of_account();
    (void)p.failed(limited(seconds(20)));
    EXPECT_EQ(next(p), "a.n after 20000 ms") << "promised, though longer than a pause may be";
}

// Runtime 9: per key, not per provider.
TEST_F(ProviderHealth, TwoProvidersWithOneKeyAreOneAccount) {
    std::vector<std::unique_ptr<provider_entry>> providers;
    for (const char* name : {"fast", "large", "other"}) {
        providers.push_back(std::make_unique<provider_entry>());
        providers.back()->id = name;
        providers.back()->api_key = providers.size() < 3 ? "the-key" : "another-key";
        providers.back()->where = testing::nowhere;
    }
    const pool_plan chat = testing::chat_plan(10);
    const std::vector<connector::model_info> model{{"m", {chat.capability}}};
    picture = build_snapshot(std::move(providers), {model, model, model}, {chat}, nullptr, nullptr);
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "fast.m");
    (void)p.failed(failure(errc::auth, 401));
    EXPECT_EQ(next(p), "other.m") << "large has the key that was refused";
}

TEST_F(ProviderHealth, AProgramBringsItBackByHand) {
    event_list log;
    rule.returns_by_probe = false;
    open_two();
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::auth, 401));
    reactivate(*picture->providers[0], {}, &log);
    attempt_plan later = plan();
    EXPECT_EQ(next(later), "a.m");
    reactivate(*picture->providers[0], {}, &log);
    EXPECT_EQ(log.lines(), std::vector<std::string>{"provider.recovered provider=a reason=manual"})
        << "nothing came back the second time";
}

TEST_F(ProviderHealth, FailuresOfSeveralModelsAreAnOutage) {
    rule.on_api_outage = true;
    rule.outage.models = 2;
    open_two();
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::connect));
    EXPECT_EQ(next(p), "a.n");
    (void)p.failed(failure(errc::upstream, 500));
    EXPECT_EQ(next(p), "b.m") << "a.o is of the same provider";
    EXPECT_TRUE(provider(0).load().is_out());
}

// What this program lets through at a time says nothing of who is asked.
TEST_F(ProviderHealth, ALimitOfTheProgramItselfIsHeldAgainstNobody) {
    rule.on_api_outage = true;
    rule.outage = {1, 1, seconds(30)};
    open_two();
    for (const errc kind : {errc::overloaded, errc::timed_out}) {
        attempt_plan p = plan();
        const std::string asked = next(p);
        fault local = failure(kind);
        local.is_local = true;
        EXPECT_EQ(p.failed(local), std::nullopt);
        EXPECT_NE(next(p), asked) << "another may be free";
    }
    for (const auto& each : picture->pools.front()->state->health) EXPECT_EQ(each->load().failures, 0u);
    EXPECT_FALSE(provider(0).load().is_out());
    EXPECT_FALSE(provider(1).load().is_out());
}

TEST_F(ProviderHealth, ManyFailuresInTheWindowAreAnOutageAndASuccessBetweenIsNone) {
    rule.on_api_outage = true;
    rule.outage = {64, 3, seconds(30)};
    const auto fail_once = [this] {
        attempt_plan p = plan();
        EXPECT_EQ(next(p), "a.m");
        (void)p.failed(failure(errc::connect));
        picture->pools.front()->state->health[0]->reactivate({});
    };
    open_two();
    fail_once();
    fail_once();
    time.advance(seconds(31));
    fail_once();
    EXPECT_FALSE(provider(0).load().is_out()) << "the first two are too long ago";
    fail_once();
    attempt_plan good = plan();
    EXPECT_EQ(next(good), "a.m");
    good.succeeded();
    fail_once();
    EXPECT_FALSE(provider(0).load().is_out());
    fail_once();
    fail_once();
    EXPECT_TRUE(provider(0).load().is_out());
}

TEST_F(ProviderHealth, GoesOnInTheNextSnapshotUnlessTheAccountIsAnother) {
    open_two();
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::auth, 401));
    open_two();
    EXPECT_TRUE(provider(0).load().is_out());
    picture->providers[0]->base_path = "/another";
    open_two();
    EXPECT_FALSE(provider(0).load().is_out()) << "what did not answer was another server";
    attempt_plan again = plan();
    EXPECT_EQ(next(again), "a.m");
    (void)again.failed(failure(errc::auth, 401));
    picture->providers[0]->api_key = "another";
    open_two();
    EXPECT_FALSE(provider(0).load().is_out());
}

TEST_F(ProviderHealth, APoolWithoutOtherProvidersSaysWhyAndWhen) {
    pool_plan chat = testing::chat_plan(10);
    picture = testing::make_snapshot_by({{"a", {"m"}}}, chat);
    attempt_plan p = plan();
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::auth, 401));
    attempt_plan later = plan();
    const auto refused = later.next();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::auth);
    EXPECT_EQ(refused.error().message,
              "the only model of pool 'chat' is out of service after auth (HTTP 401); it "
              "returns in 60000 ms");
}

TEST_F(Retry, EveryStepIsAnEvent) {
    event_list log;
    threshold = 1;
    open({"a", "b"});
    attempt_plan p(make_call(picture, time), time, testing::even, &log);
    EXPECT_EQ(next(p), "a.m");
    (void)p.failed(failure(errc::overloaded, 503));
    EXPECT_EQ(next(p), "b.m");
    (void)p.failed(limited(seconds(7)));
    EXPECT_EQ(next(p), "b.m after 7000 ms");
    p.succeeded();
    attempt_plan other(make_call(picture, time), time, testing::even, &log);
    EXPECT_EQ(next(other), "b.m");
    (void)other.failed(failure(errc::auth, 401));
    EXPECT_EQ(next(other), "(auth)");
    time.advance(seconds(60));
    health(0).take_out({});
    attempt_plan probe(make_call(picture, time), time, testing::even, &log);
    EXPECT_EQ(next(probe), "b.m");
    probe.succeeded();
    EXPECT_EQ(
        log.lines(),
        (std::vector<std::string>{
            "model.deactivated request_id pool=chat model=a.m provider=a reason=error_threshold "
            "kind=overloaded "
            "status=503 seconds=60",
            "model.rotated request_id pool=chat model=b.m provider=b previous=a.m reason=overloaded",
            "model.deactivated request_id pool=chat model=b.m provider=b reason=rate_limited kind=rate_limit "
            "status=429 seconds=7",
            "retry.attempted request_id pool=chat model=b.m provider=b attempt=3 delay_ms=7000 "
            "reason=rate_limit",
            "model.reactivated request_id pool=chat model=b.m provider=b reason=probe_success",
            "provider.deactivated request_id provider=b reason=auth_failure kind=auth status=401 seconds=60",
            "pool.exhausted request_id pool=chat attempts=1 reason=auth",
            "provider.recovered request_id provider=b reason=probe_success"}));
}

} // namespace
} // namespace modelmesh::router
