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

TEST_F(AttemptPlan, ARequestNeverTriesAModelTwice) {
    attempt_plan plan(make_call(picture, time), time);
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
    attempt_plan plan(make_call(picture, time), time);
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
                             {pool_plan{"chat", "chat", {}, 3, std::chrono::seconds(60)}});
    attempt_plan plan(make_call(picture, time), time);
    const auto model = plan.next();
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().kind(), errc::no_active_model);
    EXPECT_EQ(model.error().message,
              "pool 'chat' has no models; a model outside of it answers to its name, like 'a.embedder'");
}

TEST_F(AttemptPlan, MixedFailuresAreExhaustedAndRetryableWhenOneWas) {
    attempt_plan plan(make_call(picture, time), time);
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
            attempt_plan plan(make_call(picture, time), time);
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
    for (const errc kind :
         {errc::connect, errc::timed_out, errc::overloaded, errc::upstream, errc::protocol, errc::auth,
          errc::permission, errc::quota, errc::rate_limit, errc::not_found, errc::config}) {
        picture = make_snapshot({"a", "b"}, 1);
        attempt_plan plan(make_call(picture, time), time);
        (void)plan.next();
        EXPECT_EQ(plan.failed(with_status(kind, 0)), std::nullopt) << to_string(kind);
        EXPECT_EQ(next_id(plan), "b.m") << to_string(kind);
        EXPECT_TRUE(picture->pools.front()->state->health[0]->load().standby) << to_string(kind);
    }
}

TEST_F(AttemptPlan, TheCallersDeadlineEndsTheRequestHarmsNoModelAndMovesOn) {
    picture = make_snapshot({"a", "b"}, 1);
    attempt_plan plan(make_call(picture, time), time);
    (void)plan.next();
    time.advance(std::chrono::seconds(300));
    const auto final = plan.failed(with_status(errc::timed_out, 0));
    ASSERT_TRUE(final);
    EXPECT_EQ(final->kind(), errc::timed_out);
    EXPECT_FALSE(picture->pools.front()->state->health[0]->load().standby);
    attempt_plan second(make_call(picture, time), time);
    EXPECT_EQ(next_id(second), "b.m");
}

TEST_F(AttemptPlan, ACallerInAHurryRotatesAndHarmsNoModel) {
    picture = make_snapshot({"a", "b"}, 1);
    call made = make_call(picture, time);
    made.deadline = time.now() + std::chrono::seconds(2);
    attempt_plan plan(made, time);
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
    attempt_plan plan(made, time);
    (void)plan.next();
    EXPECT_EQ(plan.failed(with_status(errc::timed_out, 504)), std::nullopt);
    EXPECT_TRUE(picture->pools.front()->state->health[0]->load().standby);
}

TEST_F(AttemptPlan, ADefectOfAConnectorRotatesAndHarmsNoModel) {
    picture = make_snapshot({"a", "b"}, 1);
    attempt_plan plan(make_call(picture, time), time);
    (void)plan.next();
    EXPECT_EQ(plan.failed(with_status(errc::internal, 0)), std::nullopt);
    EXPECT_EQ(next_id(plan), "b.m");
    EXPECT_FALSE(picture->pools.front()->state->health[0]->load().standby);
    EXPECT_EQ(picture->pools.front()->state->cursor.load(), 1u);
}

TEST_F(AttemptPlan, NoAttemptStartsAfterTheDeadline) {
    attempt_plan plan(make_call(picture, time), time);
    (void)plan.next();
    (void)plan.failed(with_status(errc::connect, 0));
    time.advance(std::chrono::seconds(300));
    const auto model = plan.next();
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().kind(), errc::timed_out);
    EXPECT_EQ(model.error().attempts.size(), 1u);
}

class PoolOutOfService : public AttemptPlan {
protected:
    // What a request finds whose pool has lost each of its models, in order, to one of these.
    fault found_after(const std::vector<fault>& failures) {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < failures.size(); ++i) names.push_back(std::string(1, char('a' + i)));
        picture = make_snapshot(names, 1);
        attempt_plan first(make_call(picture, time), time);
        for (const fault& f : failures) {
            (void)first.next();
            (void)first.failed(f);
        }
        time.advance(std::chrono::seconds(10));
        attempt_plan second(make_call(picture, time), time);
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
    made.only = picture->providers[1].get();
    attempt_plan plan(made, time);
    EXPECT_EQ(next_id(plan), "b.m");
    EXPECT_EQ(plan.failed(with_status(errc::upstream, 500)), std::nullopt);
    EXPECT_EQ(next_id(plan), "b.n");
    EXPECT_EQ(plan.failed(with_status(errc::overloaded, 503)), std::nullopt);
    fault f = plan.next().error();
    EXPECT_EQ(f.message, "all 2 attempts failed in pool 'chat' at provider 'b'; the last: overloaded");
    attempt_plan again(made, time);
    f = again.next().error();
    EXPECT_EQ(f.message,
              "all 2 models of pool 'chat' at provider 'b' are out of service after upstream (HTTP "
              "500), overloaded (HTTP 503); the first returns in 60000 ms");
    made.only = nullptr;
    attempt_plan whole(made, time);
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
