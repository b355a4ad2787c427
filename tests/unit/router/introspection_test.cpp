#include "router/introspection.hpp"

#include "router/selection.hpp"

#include "fixture.hpp"
#include "support/event_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_snapshot;
using testing::virtual_clock;

explanation explained(const std::shared_ptr<const snapshot>& picture, const clock& time,
                      const scope& asked = {}) {
    call made = testing::make_call(picture, time);
    made.asked = asked;
    return explain(made, time.now(), time.wall());
}

std::vector<std::string> survivors(const explanation& of, std::string_view stage) {
    for (const explained_stage& each : of.stages)
        if (each.name == stage) return each.survivors;
    return {"no such stage"};
}

TEST(Explain, IsPureAlsoWhereChoosingMovesThePool) {
    const auto picture = make_snapshot({"a", "b", "c"}, 3, testing::rotates_by("round-robin"));
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    connector::model_set scratch(3);
    for (int i = 0; i < 6; ++i) {
        const std::string first = explained(picture, time).selected_model.value();
        EXPECT_EQ(explained(picture, time).selected_model, first);
        (void)status_of(chat, time.now());
        const auto chosen = select(chat, connector::model_set(3), {}, connector::rotation_request(),
                                   time.now(), testing::even, scratch);
        ASSERT_TRUE(chosen);
        EXPECT_EQ(chat.models[chosen->index]->id, first) << "the next request goes where it was said to go";
    }
}

TEST(Explain, TellsOfEveryModelWhyItIsLeftOutAndWhatEachRuleLeaves) {
    const auto picture = testing::make_snapshot_of(
        {{"a", {"m"}}, {"b", {"m"}}, {"c", {"m"}}, {"d", {"m"}}, {"e", {"m", "n"}}}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    note_failure(chat, 0, {errc::connect, 0}, time.now(), testing::even);
    note_failure(chat, 1, {errc::overloaded, 503}, time.now(), testing::even);
    time.advance(std::chrono::seconds(60));
    ASSERT_EQ(chat.state->health[1]->admit(since_epoch(time.now())), state::health_slot::admission::probe);
    note_failure(chat, 0, {errc::connect, 0}, time.now(), testing::even); // its probe: twice as long
    chat.state->health[2]->take_out({});
    const explanation told = explained(picture, time);
    EXPECT_EQ(told.pool, "chat");
    EXPECT_EQ(told.selected_model, "d.m");
    EXPECT_THAT(told.fallback_chain, ElementsAre("e.m", "e.n"));
    EXPECT_EQ(told.candidates[0].why, exclusion::standby);
    EXPECT_EQ(told.candidates[0].reason, "in standby for 120000 ms after connect");
    EXPECT_EQ(told.candidates[0].returns_in, std::chrono::minutes(2));
    EXPECT_EQ(told.candidates[0].last_failure, errc::connect);
    EXPECT_EQ(told.candidates[1].why, exclusion::probing);
    EXPECT_EQ(told.candidates[2].why, exclusion::manual);
    EXPECT_EQ(told.candidates[2].returns_in, std::nullopt) << "it does not come back by itself";
    EXPECT_EQ(told.candidates[3].why, exclusion::none);
    EXPECT_THAT(survivors(told, "provider"), ::testing::SizeIs(6));
    EXPECT_THAT(survivors(told, "health"), ElementsAre("d.m", "e.m", "e.n"));

    const explanation of_one = explained(picture, time, scope{picture->providers[4].get()});
    EXPECT_THAT(survivors(of_one, "provider"), ElementsAre("e.m", "e.n"));
    EXPECT_EQ(of_one.candidates[0].why, exclusion::other_provider);
    EXPECT_EQ(of_one.candidates[0].reason, "its provider is 'a', and the call asks 'e'");
    const explanation of_speech = explained(picture, time, scope{nullptr, bit_of(operation::speech)});
    EXPECT_EQ(of_speech.selected_model, std::nullopt);
    EXPECT_EQ(of_speech.reason, "no model may be asked");
    EXPECT_THAT(survivors(of_speech, "operation"), IsEmpty());
}

TEST(Explain, ABudgetThatWouldRefuseTheCallIsAReason) {
    const auto picture = make_snapshot({"a", "b"}, 1);
    pool& chat = *picture->pools.front();
    budget::plan plan;
    plan.providers["a"].pricing.input = 1000000;
    plan.providers["a"].budget.daily = 1;
    plan.providers["b"].pricing.input = 1;
    budget::book ledger(plan);
    for (const model_entry* model : chat.models)
        chat.lines.push_back(ledger.line_of("chat", model->provider->id, model->name));
    virtual_clock time;
    const explanation told = explained(picture, time);
    EXPECT_EQ(told.candidates[0].why, exclusion::budget);
    EXPECT_THAT(told.candidates[0].reason, HasSubstr("the daily_limit of provider 'a'"));
    EXPECT_EQ(told.selected_model, "b.m");
    EXPECT_THAT(survivors(told, "health"), ElementsAre("a.m", "b.m"));
    EXPECT_THAT(survivors(told, "budget"), ElementsAre("b.m"));
    EXPECT_EQ(ledger.report({}).budgets.at(0).reserved_micro_usd, 0) << "nothing is reserved to find out";
}

TEST(Explain, ScoresAreThosePoliciesCompare) {
    const auto picture = make_snapshot({"a", "b"}, 1, testing::rotates_by("latency-first"));
    const pool& chat = *picture->pools.front();
    chat.models[0]->slot->total.add(std::chrono::microseconds(900));
    chat.models[1]->slot->total.add(std::chrono::microseconds(300));
    virtual_clock time;
    const explanation told = explained(picture, time);
    EXPECT_EQ(told.candidates[0].score, 900);
    EXPECT_EQ(told.candidates[1].score, 300);
    EXPECT_EQ(told.selected_model, "b.m");
    const auto stuck = make_snapshot({"a"});
    EXPECT_EQ(explained(stuck, time).candidates[0].score, std::nullopt);
}

TEST(Rotate, TheModelInFrontStandsByUntilItIsReactivatedAndDoesNotRetakeItsPlace) {
    const auto picture = make_snapshot({"a", "b", "c"}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    EXPECT_EQ(rotate(chat, time.now()).value()->id, "b.m");
    const pool_status after = status_of(chat, time.now());
    EXPECT_EQ(after.current_model, "b.m");
    EXPECT_EQ(after.active, 2u);
    EXPECT_EQ(after.standby, 1u);
    EXPECT_EQ(after.total, 3u);
    time.advance(std::chrono::hours(1000));
    EXPECT_EQ(status_of(chat, time.now()).models[0].why, exclusion::manual);
    chat.state->health[find_model(chat, "a.m").value()]->reactivate({});
    EXPECT_EQ(status_of(chat, time.now()).models[0].why, exclusion::none);
    EXPECT_EQ(status_of(chat, time.now()).current_model, "b.m");
}

// Runtime 13, "Stats": downtime_total, standby_events, quota_resets, rotation_events.
TEST(ServiceTotals, AreToldByModelProviderAndPool) {
    const auto picture = make_snapshot({"a", "b", "c"}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    ASSERT_TRUE(rotate(chat, time.now()));
    time.advance(std::chrono::seconds(3));
    chat.state->health[1]->note_rotation();
    // A refused key is the provider's.
    picture->providers[0]->slot->health.take_out(
        std::chrono::duration_cast<std::chrono::milliseconds>(time.now().time_since_epoch()));
    time.advance(std::chrono::seconds(2));
    usage_report told;
    told.by_model["a.m"].total.requests = 7;
    add_service(told, *picture, time.now());
    const service_totals a{std::chrono::seconds(5), 1, 0, 0};
    const service_totals b{{}, 0, 0, 1};
    EXPECT_EQ(told.by_model.at("a.m").service, a);
    EXPECT_EQ(told.by_model.at("a.m").total.requests, 7);
    EXPECT_EQ(told.by_model.at("b.m").service, b) << "also of those that nobody has counted";
    EXPECT_EQ(told.by_model.count("c.m"), 0u);
    EXPECT_EQ(told.by_provider.at("a").service, (service_totals{std::chrono::seconds(7), 2, 0, 0}));
    EXPECT_EQ(told.by_pool.at(chat.name).service, (service_totals{std::chrono::seconds(5), 1, 0, 1}));
    EXPECT_EQ(told.all.service, (service_totals{std::chrono::seconds(7), 2, 0, 1}));
}

TEST(PoolStatus, ModelsOfAProviderThatIsOutStandBy) {
    const auto picture = make_snapshot({"a", "b"}, 1);
    virtual_clock time;
    (void)picture->providers[0]->slot->health.stand_by(since_epoch(time.now()),
                                                       since_epoch(time.now()) + std::chrono::seconds(60),
                                                       connector::standby_reason::provider_quota);
    const pool_status status = status_of(*picture->pools.front(), time.now());
    EXPECT_EQ(status.active, 1u);
    EXPECT_EQ(status.standby, 1u);
}

TEST(Rotate, AndReactivateAreEvents) {
    const auto picture = make_snapshot({"a", "b"}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    support::event_list log;
    ASSERT_TRUE(rotate(chat, time.now(), &log));
    reactivate(chat, 0, {}, &log);
    reactivate(chat, 0, {}, &log);
    EXPECT_THAT(log.lines(),
                ElementsAre("model.deactivated pool=chat model=a.m provider=a reason=manual seconds=for good",
                            "model.reactivated pool=chat model=a.m provider=a reason=manual"));
}

TEST(Rotate, NeverEmptiesAPool) {
    const auto picture = make_snapshot({"a", "b"}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    note_failure(chat, 1, {errc::connect, 0}, time.now(), testing::even);
    const auto refused = rotate(chat, time.now());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::no_active_model);
    EXPECT_EQ(refused.error().message,
              "'a.m' is the only model of pool 'chat' in service: nobody would take its place");
    EXPECT_EQ(status_of(chat, time.now()).current_model, "a.m");
}

TEST(Introspection, UnknownModelsAreNotFoundWithTheNearest) {
    const auto picture = make_snapshot({"alpha", "beta"});
    const auto found = find_model(*picture->pools.front(), "alhpa.m");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind(), errc::not_found);
    EXPECT_THAT(found.error().message, HasSubstr("did you mean 'alpha.m'"));
}

TEST(Introspection, ProvidersAreActiveWithOneModelInService) {
    const auto picture = make_snapshot({"a", "b"}, 1);
    virtual_clock time;
    EXPECT_THAT(active_providers(*picture, time.now()), ElementsAre("a", "b"));
    for (const auto& each : picture->pools)
        for (std::size_t i = 0; i < each->models.size(); ++i)
            if (each->models[i]->provider->id == "a") each->state->health[i]->take_out({});
    EXPECT_THAT(active_providers(*picture, time.now()), ElementsAre("b"));
}

} // namespace
} // namespace modelmesh::router
