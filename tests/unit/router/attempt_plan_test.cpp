#include "router/attempt_plan.hpp"

#include "fixture.hpp"

#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

using testing::make_call;
using testing::make_snapshot;
using testing::virtual_clock;

fault with_status(errc kind, int status) {
    fault f(kind, std::string(to_string(kind)));
    f.http_status = status;
    return f;
}

class AttemptPlan : public ::testing::Test {
protected:
    virtual_clock time;
    std::shared_ptr<const snapshot> picture = make_snapshot({"a", "b", "c"});

    std::string next_id(attempt_plan& plan) {
        const auto model = plan.next();
        return model ? (*model)->id : "(" + std::string(to_string(model.error().kind())) + ")";
    }
};

TEST_F(AttemptPlan, ARequestOfOneTryEachNeverTriesAModelTwice) {
    attempt_plan plan(make_call(picture, time), time, testing::even);
    for (const char* id : {"a.m", "b.m", "c.m"}) {
        EXPECT_EQ(next_id(plan), id);
        EXPECT_EQ(plan.failed(with_status(errc::overloaded, 503)), std::nullopt);
    }
    const auto last = plan.next();
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().kind(), errc::overloaded) << "all attempts share one kind";
    EXPECT_EQ(last.error().attempts.size(), 3u);
    EXPECT_EQ(last.error().http_status, 503);
}

TEST_F(AttemptPlan, TheLastRequestIdAndParameterAreKept) {
    picture = make_snapshot({"a", "b"});
    attempt_plan plan(make_call(picture, time), time, testing::even);
    for (const char* id : {"req-1", "req-2"}) {
        (void)plan.next();
        fault f(errc::unsupported, "no tools here");
        f.request_id = id;
        f.param = "tools";
        EXPECT_EQ(plan.failed(f), std::nullopt);
    }
    const auto last = plan.next();
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().kind(), errc::unsupported);
    EXPECT_EQ(last.error().request_id, "req-2");
    EXPECT_EQ(last.error().param, "tools");
}

TEST_F(AttemptPlan, APoolWithoutModelsSaysWhatElseThereIs) {
    std::vector<std::unique_ptr<provider_entry>> providers;
    providers.push_back(std::make_unique<provider_entry>());
    providers.back()->id = "a";
    const std::vector<std::vector<connector::model_info>> models{{{"embedder", {}}}};
    picture = build_snapshot(std::move(providers), models,
                             {pool_plan{"chat", "chat", {}, {3, std::chrono::seconds(60)}}});
    attempt_plan plan(make_call(picture, time), time, testing::even);
    const auto model = plan.next();
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().kind(), errc::no_active_model);
    EXPECT_EQ(model.error().message,
              "pool 'chat' has no models; a model outside of it answers to its name, like 'a.embedder'");
}

TEST_F(AttemptPlan, MixedFailuresAreExhaustedAndRetryableWhenOneWas) {
    attempt_plan plan(make_call(picture, time), time, testing::even);
    (void)plan.next();
    fault limited = with_status(errc::rate_limit, 429);
    limited.retry_after = std::chrono::seconds(7);
    (void)plan.failed(limited);
    (void)plan.next();
    (void)plan.failed(with_status(errc::auth, 401));
    (void)plan.next();
    limited.retry_after = std::chrono::seconds(3);
    (void)plan.failed(limited);
    const auto last = plan.next();
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().kind(), errc::exhausted);
    EXPECT_TRUE(retryable(last.error()));
    EXPECT_EQ(last.error().retry_after, std::chrono::seconds(3));
    ASSERT_EQ(last.error().attempts.size(), 3u);
    EXPECT_EQ(last.error().attempts[1].model, "b.m");
    EXPECT_EQ(last.error().attempts[1].kind, errc::auth);
    EXPECT_EQ(last.error().attempts[1].http_status, 401);
}

TEST_F(AttemptPlan, TheCallersOwnFaultEndsTheRequestAndHarmsNoModel) {
    for (const errc kind : {errc::bad_request, errc::context_length, errc::content_filter, errc::canceled}) {
        for (int i = 0; i < 5; ++i) {
            attempt_plan plan(make_call(picture, time), time, testing::even);
            EXPECT_EQ(next_id(plan), "a.m") << to_string(kind);
            const auto final = plan.failed(with_status(kind, 400));
            ASSERT_TRUE(final) << to_string(kind);
            EXPECT_EQ(final->kind(), kind);
            EXPECT_EQ(final->pool, "chat");
            EXPECT_EQ(final->provider, "a");
            EXPECT_EQ(final->model, "a.m");
            EXPECT_EQ(final->attempts.size(), 1u);
        }
    }
}

TEST_F(AttemptPlan, FailuresOfTheProviderRotateAndCountAgainstItsHealth) {
    for (const errc kind : {errc::connect, errc::timed_out, errc::overloaded, errc::upstream, errc::protocol,
                            errc::permission, errc::rate_limit, errc::not_found, errc::config}) {
        picture = make_snapshot({"a", "b"}, 1);
        attempt_plan plan(make_call(picture, time), time, testing::even);
        (void)plan.next();
        EXPECT_EQ(plan.failed(with_status(kind, 0)), std::nullopt) << to_string(kind);
        EXPECT_EQ(next_id(plan), "b.m") << to_string(kind);
        EXPECT_TRUE(picture->pools.front()->state->health[0]->load().is_out()) << to_string(kind);
    }
}

TEST_F(AttemptPlan, TheCallersDeadlineEndsTheRequestHarmsNoModelAndMovesOn) {
    picture = make_snapshot({"a", "b"}, 1);
    attempt_plan plan(make_call(picture, time), time, testing::even);
    (void)plan.next();
    time.advance(std::chrono::seconds(300));
    const auto final = plan.failed(with_status(errc::timed_out, 0));
    ASSERT_TRUE(final);
    EXPECT_EQ(final->kind(), errc::timed_out);
    EXPECT_FALSE(picture->pools.front()->state->health[0]->load().is_out());
    attempt_plan second(make_call(picture, time), time, testing::even);
    EXPECT_EQ(next_id(second), "b.m");
}

TEST_F(AttemptPlan, ACallerInAHurryRotatesAndHarmsNoModel) {
    picture = make_snapshot({"a", "b"}, 1);
    call made = make_call(picture, time);
    made.deadline = time.now() + std::chrono::seconds(2);
    attempt_plan plan(made, time, testing::even);
    (void)plan.next();
    EXPECT_EQ(plan.limits().first_byte, std::chrono::seconds(1));
    time.advance(std::chrono::seconds(1));
    EXPECT_EQ(plan.failed(with_status(errc::timed_out, 0)), std::nullopt);
    EXPECT_EQ(next_id(plan), "b.m");
    EXPECT_EQ(plan.limits().first_byte, patience::usual_wait) << "nobody else is left to ask";
    EXPECT_EQ(picture->pools.front()->state->health[0]->load().failures, 0u);
    EXPECT_EQ(picture->pools.front()->state->cursor.load(), 1u);
}

TEST_F(AttemptPlan, AServersOwnTimeoutCountsHoweverHurriedTheCaller) {
    picture = make_snapshot({"a", "b"}, 1);
    call made = make_call(picture, time);
    made.deadline = time.now() + std::chrono::seconds(2);
    attempt_plan plan(made, time, testing::even);
    (void)plan.next();
    EXPECT_EQ(plan.failed(with_status(errc::timed_out, 504)), std::nullopt);
    EXPECT_TRUE(picture->pools.front()->state->health[0]->load().is_out());
}

TEST_F(AttemptPlan, ADefectOfAConnectorRotatesAndHarmsNoModel) {
    picture = make_snapshot({"a", "b"}, 1);
    attempt_plan plan(make_call(picture, time), time, testing::even);
    (void)plan.next();
    EXPECT_EQ(plan.failed(with_status(errc::internal, 0)), std::nullopt);
    EXPECT_EQ(next_id(plan), "b.m");
    EXPECT_FALSE(picture->pools.front()->state->health[0]->load().is_out());
    EXPECT_EQ(picture->pools.front()->state->cursor.load(), 1u);
}

TEST_F(AttemptPlan, NoAttemptStartsAfterTheDeadline) {
    attempt_plan plan(make_call(picture, time), time, testing::even);
    (void)plan.next();
    (void)plan.failed(with_status(errc::connect, 0));
    time.advance(std::chrono::seconds(300));
    const auto model = plan.next();
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().kind(), errc::timed_out);
    EXPECT_EQ(model.error().attempts.size(), 1u);
}

class Recovery : public AttemptPlan {
protected:
    int under_way() const { return picture->models[0]->slot->in_flight.load(); }
    state::health_slot& health() const { return *picture->pools.front()->state->health[0]; }

    // The only model of the pool has tripped, and its time in standby is over.
    void let_it_return() {
        picture = make_snapshot({"a"}, 1);
        note_failure(*picture->pools.front(), 0, {errc::connect, 0}, time.now(), testing::even);
        time.advance(std::chrono::minutes(1));
    }
};

TEST_F(Recovery, EveryAttemptIsCountedWhileItIsUnderWay) {
    {
        attempt_plan plan(make_call(picture, time), time, testing::even);
        (void)plan.next();
        EXPECT_EQ(under_way(), 1);
        (void)plan.failed(with_status(errc::connect, 0));
        EXPECT_EQ(under_way(), 0) << "failed";
        (void)plan.next();
        plan.succeeded();
        EXPECT_EQ(picture->models[1]->slot->in_flight.load(), 0) << "succeeded";
    }
    {
        attempt_plan plan(make_call(picture, time), time, testing::even);
        (void)plan.next();
        EXPECT_EQ(picture->models[1]->slot->in_flight.load(), 1);
    }
    EXPECT_EQ(picture->models[1]->slot->in_flight.load(), 0) << "the caller went away";
    {
        attempt_plan plan(make_call(picture, time), time, testing::even);
        (void)plan.next();
        const permit stream = plan.hand_over(time.now());
        EXPECT_EQ(picture->models[1]->slot->in_flight.load(), 1);
    }
    EXPECT_EQ(picture->models[1]->slot->in_flight.load(), 0) << "the stream ended";
}

TEST_F(Recovery, LatenciesAreThoseOfAnswers) {
    attempt_plan plan(make_call(picture, time), time, testing::even);
    (void)plan.next();
    time.advance(std::chrono::milliseconds(7));
    (void)plan.failed(with_status(errc::connect, 0));
    EXPECT_EQ(picture->models[0]->slot->total.mean(), std::nullopt);
    (void)plan.next();
    time.advance(std::chrono::milliseconds(5));
    plan.succeeded();
    EXPECT_EQ(picture->models[1]->slot->total.mean(), 5000) << "without the attempt before";
}

TEST_F(Recovery, OneRequestProbesTheModelAndTheOthersAreTold) {
    let_it_return();
    attempt_plan probe(make_call(picture, time), time, testing::even);
    EXPECT_EQ(next_id(probe), "a.m");
    attempt_plan other(make_call(picture, time), time, testing::even);
    const auto refused = other.next();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::no_active_model);
    EXPECT_EQ(refused.error().retry_after, std::chrono::seconds(1));
    probe.succeeded();
    attempt_plan later(make_call(picture, time), time, testing::even);
    EXPECT_EQ(next_id(later), "a.m");
}

TEST_F(Recovery, AProbeWhoseCallerGoesAwayIsGivenToTheNext) {
    let_it_return();
    {
        attempt_plan probe(make_call(picture, time), time, testing::even);
        EXPECT_EQ(next_id(probe), "a.m");
    }
    attempt_plan next(make_call(picture, time), time, testing::even);
    EXPECT_EQ(next_id(next), "a.m");
    EXPECT_TRUE(next.failed(with_status(errc::bad_request, 400)).has_value());
    EXPECT_TRUE(health().available(since_epoch(time.now()))) << "the caller's own fault tells nothing";
}

TEST_F(Recovery, AFailedProbeDoublesTheCooldown) {
    let_it_return();
    attempt_plan probe(make_call(picture, time), time, testing::even);
    (void)probe.next();
    (void)probe.failed(with_status(errc::connect, 0));
    EXPECT_EQ(until_available(*picture->pools.front(), time.now()), std::chrono::minutes(2));
}

TEST_F(Recovery, ARampingModelHasFewRequestsUntilNobodyElseIsLeft) {
    picture = make_snapshot({"a", "b"}, 1);
    const pool& chat = *picture->pools.front();
    note_failure(chat, 0, {errc::connect, 0}, time.now(), testing::even);
    chat.state->cursor.store(0);
    time.advance(std::chrono::minutes(1));
    attempt_plan probe(make_call(picture, time), time, testing::even);
    EXPECT_EQ(next_id(probe), "a.m");
    probe.succeeded(); // two at a time from now on
    std::vector<std::unique_ptr<attempt_plan>> plans;
    for (const char* id : {"a.m", "a.m", "b.m", "b.m"}) {
        plans.push_back(std::make_unique<attempt_plan>(make_call(picture, time), time, testing::even));
        EXPECT_EQ(next_id(*plans.back()), id);
    }
    EXPECT_EQ(plans[2]->failed(with_status(errc::connect, 0)), std::nullopt);
    EXPECT_EQ(next_id(*plans[2]), "a.m") << "the other one is out of service now";
}

class PoolOutOfService : public AttemptPlan {
protected:
    // What a request finds whose pool has lost each of its models, in order, to one of these.
    fault found_after(const std::vector<fault>& failures) {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < failures.size(); ++i) names.push_back(std::string(1, char('a' + i)));
        picture = make_snapshot(names, 1);
        attempt_plan first(make_call(picture, time), time, testing::even);
        for (const fault& f : failures) {
            (void)first.next();
            (void)first.failed(f);
        }
        time.advance(std::chrono::seconds(10));
        attempt_plan second(make_call(picture, time), time, testing::even);
        return second.next().error();
    }
};

TEST_F(PoolOutOfService, SaysWhyAndWhenItReturns) {
    const fault f = found_after({with_status(errc::upstream, 500)});
    EXPECT_EQ(f.kind(), errc::no_active_model);
    EXPECT_EQ(f.message, "the only model of pool 'chat' is out of service after upstream (HTTP 500); it "
                         "returns in 50000 ms");
    EXPECT_EQ(f.retry_after, std::chrono::seconds(50));
    EXPECT_TRUE(retryable(f));
}

TEST_F(PoolOutOfService, SaysForWhichProviderWhenOnlyThatOneIsAsked) {
    picture = testing::make_snapshot_of({{"a", {"m"}}, {"b", {"m", "n"}}}, 1);
    call made = make_call(picture, time);
    made.asked.only = picture->providers[1].get();
    attempt_plan plan(made, time, testing::even);
    EXPECT_EQ(next_id(plan), "b.m");
    EXPECT_EQ(plan.failed(with_status(errc::upstream, 500)), std::nullopt);
    EXPECT_EQ(next_id(plan), "b.n");
    EXPECT_EQ(plan.failed(with_status(errc::overloaded, 503)), std::nullopt);
    fault f = plan.next().error();
    EXPECT_EQ(f.message, "all 2 attempts failed in pool 'chat' at provider 'b'; the last: overloaded");
    attempt_plan again(made, time, testing::even);
    f = again.next().error();
    EXPECT_EQ(f.message,
              "all 2 models of pool 'chat' at provider 'b' are out of service after upstream (HTTP "
              "500), overloaded (HTTP 503); the first returns in 60000 ms");
    made.asked.only = nullptr;
    attempt_plan whole(made, time, testing::even);
    EXPECT_EQ(next_id(whole), "a.m") << "the health is the pool's, and so is the position";
}

TEST_F(PoolOutOfService, IsRetryableWhenOneOfItsFailuresMayPass) {
    const fault f = found_after(
        {with_status(errc::auth, 401), with_status(errc::connect, 0), with_status(errc::connect, 0)});
    EXPECT_EQ(f.kind(), errc::no_active_model);
    EXPECT_EQ(f.message, "all 3 models of pool 'chat' are out of service after auth (HTTP 401), connect; the "
                         "first returns in 50000 ms");
    EXPECT_TRUE(retryable(f));
}

TEST_F(PoolOutOfService, ForReasonsThatDoNotPassIsNotRetryable) {
    const fault alike = found_after({with_status(errc::auth, 401), with_status(errc::auth, 401)});
    EXPECT_EQ(alike.kind(), errc::auth);
    EXPECT_EQ(alike.http_status, 401);
    EXPECT_FALSE(retryable(alike));
    const fault mixed = found_after({with_status(errc::auth, 401), with_status(errc::quota, 402)});
    EXPECT_EQ(mixed.kind(), errc::exhausted);
    EXPECT_FALSE(retryable(mixed));
}

} // namespace
} // namespace modelmesh::router
