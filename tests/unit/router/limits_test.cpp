// What takes models out of service besides failures, on a virtual clock: limits, slowness, rules of one's own, the
// calendar, and how often a model is asked.
#include "router/limits.hpp"

#include "fixture.hpp"
#include "router/attempt_plan.hpp"
#include "router/permit.hpp"
#include "router/selection.hpp"
#include "support/event_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

using connector::standby_reason;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* chat_path = "generation.text-generation.chat-completion";

// Begins on Sunday, 22 November 2026, 20:00 UTC.
class calendar_clock final : public clock {
public:
    time_point now() const noexcept override { return time_point(hours(1)) + passed_; }
    std::chrono::system_clock::time_point wall() const noexcept override {
        using namespace std::chrono;
        return sys_days(year(2026) / 11 / 22) + hours(20) + duration_cast<system_clock::duration>(passed_);
    }
    void advance(duration by) { passed_ += by; }

private:
    duration passed_{};
};

class Limits : public ::testing::Test {
protected:
    calendar_clock time;
    support::event_list log;
    budget::book ledger{budget::plan()};
    std::shared_ptr<const snapshot> picture;
    connector::deactivation_settings when;
    connector::recovery_settings then;

    // A pool of the models a.m and b.m.
    void make(pool_plan plan = {}) {
        connector::registry shipped;
        connector::register_builtin(shipped);
        if (!plan.rules) {
            auto rules = std::make_shared<outcome_rules>();
            rules->deactivation = shipped.deactivations().make("thresholds", when).value();
            rules->recovery = shipped.recoveries().make("scheduled", then).value();
            rules->is_daily = is_daily;
            plan.rules = std::move(rules);
        }
        plan.name = "chat";
        plan.capability = chat_path;
        plan.trips_at = {3, seconds(60)};
        plan.rotation = testing::rotates_by("stick-until-failure");
        std::vector<std::unique_ptr<provider_entry>> providers;
        for (const char* name : {"a", "b"}) {
            providers.push_back(std::make_unique<provider_entry>());
            providers.back()->id = name;
        }
        picture = build_snapshot(std::move(providers), {{{"m", {chat_path}}}, {{"m", {chat_path}}}}, {plan},
                                 picture.get(), &ledger, configured);
    }
    const pool& chat() const { return *picture->pools.front(); }
    state::health_slot& health(std::size_t index) const { return *chat().state->health[index]; }
    bool is_out(std::size_t index) const {
        return why_not(chat(), index, {}, since_epoch(time.now())) == exclusion::standby;
    }

    void use(std::size_t index, std::int64_t tokens = 0, std::int64_t cost = 0, const outcome& of = {}) {
        budget::ending end;
        end.used.input = tokens;
        end.cost = cost;
        chat().lines[index]->counts->add(end, budget::calendar_of(time.wall()));
        apply_rules(chat(), index, of, time, testing::even, &log);
    }

    bool is_daily = false;
    model_plans configured;
};

TEST_F(Limits, ARequestLimitTakesAModelOutUntilTheQuotaWindowEnds) {
    when.request_limit = 2;
    is_daily = true;
    make();
    use(0);
    EXPECT_FALSE(is_out(0));
    use(0);
    EXPECT_TRUE(is_out(0));
    EXPECT_FALSE(is_out(1)) << "each model has its own";
    EXPECT_EQ(health(0).standby_reason(), standby_reason::request_limit);
    EXPECT_THAT(log.lines(), ElementsAre("model.deactivated request_id pool=chat model=a.m provider=a "
                                         "reason=request_limit seconds=14400"));
    time.advance(hours(4) - milliseconds(1));
    EXPECT_TRUE(is_out(0));
    time.advance(milliseconds(1)); // midnight
    EXPECT_FALSE(is_out(0));
    use(0);
    EXPECT_FALSE(is_out(0)) << "counted anew";
}

TEST_F(Limits, AMonthlyWindowEndsWithTheMonth) {
    when.token_limit = 100;
    make();
    use(0, 100);
    EXPECT_EQ(health(0).standby_reason(), standby_reason::token_limit);
    EXPECT_EQ(until_available(chat(), time.now(), {picture->providers[0].get(), 0, {}}), hours(8 * 24 + 4));
}

TEST_F(Limits, WhatAModelMayCostIsALimitAsWell) {
    when.cost_limit_micro_usd = 5000;
    make();
    use(0, 10, 4999);
    EXPECT_FALSE(is_out(0));
    use(0, 10, 1);
    EXPECT_EQ(health(0).standby_reason(), standby_reason::budget_exceeded);
}

TEST_F(Limits, ALimitOfASingleModelIsItsQuota) {
    when.model_request_limits = {{"b.m", 1}};
    when.model_token_limits = {{"a.m", 10}};
    make();
    use(0, 9);
    use(1);
    EXPECT_FALSE(is_out(0));
    EXPECT_EQ(health(1).standby_reason(), standby_reason::quota_exhausted);
    use(0, 1);
    EXPECT_EQ(health(0).standby_reason(), standby_reason::quota_exhausted);
}

TEST_F(Limits, WithoutAResetAModelStaysOutUntilAProgramPutsItBack) {
    when.request_limit = 1;
    then.on_quota_reset = false;
    make();
    use(0);
    time.advance(hours(24 * 400));
    EXPECT_EQ(why_not(chat(), 0, {}, since_epoch(time.now())), exclusion::manual);
    health(0).reactivate({});
    EXPECT_EQ(why_not(chat(), 0, {}, since_epoch(time.now())), exclusion::none);
}

TEST_F(Limits, ASlowReplyTakesOutAModelThatIsSlow) {
    when.max_latency = seconds(10);
    make();
    chat().models[0]->slot->total.add(seconds(5));
    use(0, 0, 0, {false, seconds(12)});
    EXPECT_FALSE(is_out(0)) << "on the whole it is not";
    chat().models[0]->slot->total.add(seconds(40));
    use(0, 0, 0, {false, seconds(9)});
    EXPECT_FALSE(is_out(0)) << "it is not any more";
    use(0, 0, 0, {false, seconds(11)});
    EXPECT_EQ(health(0).standby_reason(), standby_reason::error_threshold);
    EXPECT_EQ(until_available(chat(), time.now(), {picture->providers[0].get(), 0, {}}), seconds(60));
}

TEST_F(Limits, WhenAllHaveReachedTheirLimitsTheErrorSaysSoAndWhenTheFirstReturns) {
    when.request_limit = 1;
    is_daily = true;
    make();
    use(0);
    use(1);
    attempt_plan plan(testing::make_call(picture, time), time, testing::even);
    const result<const model_entry*> next = plan.next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().kind(), errc::no_active_model);
    EXPECT_THAT(next.error().message,
                HasSubstr("are out of service after request_limit; the first returns in"));
    EXPECT_EQ(next.error().retry_after, hours(4));
}

// Out after the second request, for the time that it has used tokens.
class odd_rules final : public connector::deactivation_policy, public connector::recovery_policy {
public:
    std::optional<standby_reason> should_deactivate(
        const connector::model_record& of) const noexcept override {
        return of.requests == 2 ? std::optional(standby_reason::manual) : std::nullopt;
    }
    milliseconds standby_time(standby_reason, const connector::model_record& of,
                              double) const noexcept override {
        return milliseconds(of.tokens);
    }
};

TEST_F(Limits, RulesOfOnesOwnTakeThePlaceOfOurs) {
    auto rules = std::make_shared<outcome_rules>();
    const auto odd = std::make_shared<odd_rules>();
    rules->deactivation = odd;
    rules->recovery = odd;
    pool_plan plan;
    plan.rules = rules;
    make(plan);
    use(0, 300);
    use(0, 400);
    EXPECT_EQ(health(0).standby_reason(), standby_reason::manual);
    time.advance(milliseconds(700));
    EXPECT_FALSE(is_out(0));
}

TEST_F(Limits, AModelIsNotAskedDuringItsMaintenance) {
    pool_plan plan;
    plan.windows = {{"", cron::parse("30 20 * * *").value(), minutes(45)}};
    make(plan);
    keep_windows(chat(), time, &log);
    EXPECT_FALSE(is_out(0));
    time.advance(minutes(30));
    keep_windows(chat(), time, &log);
    EXPECT_TRUE(is_out(0));
    EXPECT_EQ(health(1).standby_reason(), standby_reason::maintenance_window);
    EXPECT_EQ(log.lines().front(),
              "model.deactivated pool=chat model=a.m provider=a reason=maintenance_window seconds=2700");
    time.advance(minutes(44));
    EXPECT_TRUE(is_out(0));
    time.advance(minutes(1));
    EXPECT_FALSE(is_out(0));
    time.advance(hours(23) + minutes(15));
    keep_windows(chat(), time, &log);
    EXPECT_TRUE(is_out(0)) << "the next day";
}

TEST_F(Limits, AWindowThatIsOpenWhenAClientBeginsIsKept) {
    configured.models.push_back(
        {"b.m", "b", "m", {}, {}, {{"b.m", cron::parse("0 19 * * SUN").value(), hours(2)}}});
    make();
    attempt_plan plan(testing::make_call(picture, time), time, testing::even);
    EXPECT_EQ(plan.next().value()->id, "a.m");
    EXPECT_FALSE(is_out(0)) << "it is another model's";
    EXPECT_EQ(until_available(chat(), time.now(), {picture->providers[1].get(), 0, {}}), hours(1));
}

TEST_F(Limits, AModelThatIsPutBackByHandStaysForTheRestOfItsWindow) {
    configured.models.push_back(
        {"a.m", "a", "m", {}, {}, {{"a.m", cron::parse("0 19 * * SUN").value(), hours(4)}}});
    make();
    keep_windows(chat(), time, &log);
    EXPECT_TRUE(is_out(0));
    health(0).reactivate({});
    time.advance(minutes(61)); // by then it is looked at again
    keep_windows(chat(), time, &log);
    EXPECT_FALSE(is_out(0));
    EXPECT_EQ(log.lines().size(), 1u);
    time.advance(hours(24 * 7));
    keep_windows(chat(), time, &log);
    EXPECT_TRUE(is_out(0)) << "the next one is another one";
}

TEST_F(Limits, AModelIsAskedNoMoreOftenThanItsPace) {
    pool_plan plan;
    plan.pace.rule = {milliseconds(0), 2};
    make(plan);
    const auto next = [&] {
        connector::model_set scratch(2);
        const auto chosen =
            select(chat(), connector::model_set(2), {}, {}, time.now(), testing::even, scratch);
        return chosen ? chat().models[chosen->index]->id : "";
    };
    std::vector<std::string> asked;
    for (int i = 0; i < 4; ++i) asked.push_back(next());
    EXPECT_THAT(asked, ElementsAre("a.m", "a.m", "b.m", "b.m"));
    EXPECT_EQ(why_not(chat(), 0, {}, since_epoch(time.now())), exclusion::paced);
    EXPECT_EQ(next(), "a.m") << "who may not wait goes all the same";
    time.advance(minutes(1));
    EXPECT_EQ(next(), "a.m");
}

// Runtime 12: rate_limit_switch.
TEST_F(Limits, APaceThatSendsARequestElsewhereIsAnEvent) {
    pool_plan plan;
    plan.pace.rule = {milliseconds(0), 1};
    make(plan);
    for (const char* id : {"a.m", "b.m", "a.m"}) {
        attempt_plan p(testing::make_call(picture, time), time, testing::even, &log);
        EXPECT_EQ(p.next().value()->id, id);
    }
    EXPECT_THAT(
        log.lines(),
        ElementsAre("rate_limit.switch request_id pool=chat model=b.m provider=b previous=a.m reason=pace"))
        << "only the second went elsewhere";
}

TEST_F(Limits, ARequestThatMayWaitWaitsForTheFirstTurn) {
    pool_plan plan;
    plan.pace = {{seconds(10), 0}, true};
    make(plan);
    const auto begin = [&] { return attempt_plan(testing::make_call(picture, time), time, testing::even); };
    EXPECT_EQ(begin().next().value()->id, "a.m");
    time.advance(seconds(1));
    EXPECT_EQ(begin().next().value()->id, "b.m");
    attempt_plan waits = begin();
    EXPECT_EQ(waits.next().value(), nullptr);
    EXPECT_EQ(waits.resumes_at(), time.now() + seconds(9));
    time.advance(seconds(9));
    EXPECT_EQ(waits.next().value()->id, "a.m");
    call hurried = testing::make_call(picture, time);
    hurried.deadline = time.now() + milliseconds(500);
    attempt_plan refused(std::move(hurried), time, testing::even);
    const result<const model_entry*> none = refused.next();
    ASSERT_FALSE(none) << "it would be too late";
    EXPECT_EQ(none.error().kind(), errc::rate_limit);
    EXPECT_EQ(none.error().retry_after, seconds(1));
}

TEST_F(Limits, ABroadRequestIsUnderTheRulesOfItsModelsOwnPool) {
    when.request_limit = 1;
    make();
    pool joint;
    joint.origins = {{&chat(), 1}};
    use(1);
    health(1).reactivate({});
    apply_rules(joint, 0, {}, time, testing::even, nullptr);
    EXPECT_TRUE(is_out(1));
}

} // namespace
} // namespace modelmesh::router
