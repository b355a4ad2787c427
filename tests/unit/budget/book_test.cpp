#include "budget/book.hpp"

#include <gtest/gtest.h>

namespace modelmesh::budget {
namespace {

using namespace std::chrono;
constexpr sys_days today = sys_days(2026y / November / 22);

plan openai() {
    plan p;
    p.providers["main"].vendor = "openai";
    return p;
}

TEST(Book, PricesComeFromTheCatalogueThenTheProviderThenTheModel) {
    plan p = openai();
    EXPECT_EQ(book(p).line_of("chat", "main", "gpt-4o")->prices.input, 2500000);
    EXPECT_EQ(book(p).line_of("chat", "main", "gpt-4o")->sizes.max_output_tokens, 16384);
    EXPECT_EQ(book(p).line_of("chat", "main", "gpt-5.4")->tiers[0].above_input_tokens, 272000);
    p.providers["main"].pricing.input = 7;
    p.models["main.gpt-4o"].pricing.output = 9;
    book b(p);
    const auto line = b.line_of("chat", "main", "gpt-4o");
    EXPECT_TRUE(line->is_priced);
    EXPECT_EQ(line->prices.input, 7);
    EXPECT_EQ(line->prices.output, 9);
    EXPECT_EQ(line->prices.cached_input, 1250000);
    EXPECT_EQ(b.line_of("chat", "main", "gpt-5.4")->tiers[0].above_input_tokens, 0)
        << "the list's tiers do not go with prices of one's own";
}

TEST(Book, AnUnknownPriceIsRefusedOnlyWhereABudgetNeedsIt) {
    plan p = openai();
    EXPECT_FALSE(book(p).line_of("chat", "main", "my-model")->is_refused);
    p.global.daily = 100;
    EXPECT_TRUE(book(p).line_of("chat", "main", "my-model")->is_refused);
    EXPECT_FALSE(book(p).line_of("chat", "main", "gpt-4o")->is_refused);
    p.global.enforce = false;
    EXPECT_FALSE(book(p).line_of("chat", "main", "my-model")->is_refused);
    p.global.enforce = true;
    p.unknown = unknown_price::zero;
    EXPECT_FALSE(book(p).line_of("chat", "main", "my-model")->is_refused);
    p.unknown = unknown_price::assume;
    p.assumed.input = 11;
    const auto assumed = book(p).line_of("chat", "main", "my-model");
    EXPECT_FALSE(assumed->is_refused);
    EXPECT_FALSE(assumed->is_priced);
    EXPECT_EQ(assumed->prices.input, 11);
    p.unknown = unknown_price::reject;
    p.providers["main"].is_local = true;
    EXPECT_FALSE(book(p).line_of("chat", "main", "my-model")->is_refused)
        << "a server of one's own sends no bills";
}

TEST(Book, ACallConcernsEveryScopeThatHasALimit) {
    plan p = openai();
    p.global.daily = 1;
    p.providers["main"].budget.monthly = 2;
    p.pools["chat"].per_request = 3;
    p.models["main.gpt-4o"].budget.daily = 4;
    p.models["main.other"].budget.daily = 5;
    book b(p);
    EXPECT_EQ(b.line_of("chat", "main", "gpt-4o")->with.size(), 4u);
    EXPECT_EQ(b.line_of("else", "main", "gpt-4o")->with.size(), 3u);
    EXPECT_EQ(b.line_of("chat", "main", "gpt-4o"), b.line_of("chat", "main", "gpt-4o"));
    EXPECT_EQ(b.line_of("chat", "main", "gpt-4o")->with[3], b.line_of("else", "main", "gpt-4o")->with[2])
        << "one budget, whatever pool spends it";
    EXPECT_EQ(b.report(today).budgets.size(), 4u) << "also of models that nobody asked yet";
}

TEST(Book, ReportsByModelProviderPoolAndPeriod) {
    book b(openai());
    const auto spend = [&](const char* pool, const char* model, micro_usd cost, system_clock::time_point at) {
        ending e;
        e.used.input = 10;
        e.used.cached_input = 4;
        e.used.output = 20;
        e.used.reasoning = 5;
        e.cost = cost;
        b.line_of(pool, "main", model)->counts->add(e, calendar_of(at));
    };
    spend("chat", "gpt-4o", 100, today - 24h);
    spend("chat", "gpt-4o", 30, today);
    spend("other", "gpt-4o", 7, today);
    spend("chat", "gpt-5.4", 1, sys_days(2026y / October / 1)); // no news for months that are over
    ending failed;
    failed.has_failed = true;
    failed.was_billed = false;
    failed.used.input = 1000;
    b.line_of("chat", "main", "gpt-4o")->counts->add(failed, calendar_of(today));
    (void)b.line_of("chat", "main", "never-asked");

    const usage_report r = b.report(today);
    EXPECT_EQ(r.all.total.cost_micro_usd, 138);
    EXPECT_EQ(r.all.today.cost_micro_usd, 37);
    EXPECT_EQ(r.all.month.cost_micro_usd, 137);
    EXPECT_EQ(r.all.total.requests, 5);
    EXPECT_EQ(r.all.total.failures, 1);
    EXPECT_EQ(r.all.total.total_tokens(), 120) << "a failure that was not billed used nothing";
    EXPECT_EQ(r.all.total.cached_tokens, 16);
    EXPECT_EQ(r.all.total.reasoning_tokens, 20);
    EXPECT_EQ(r.by_model.size(), 2u);
    EXPECT_EQ(r.by_model.at("main.gpt-4o").today.requests, 3);
    EXPECT_EQ(r.by_pool.at("other").total.cost_micro_usd, 7);
    EXPECT_EQ(r.by_provider.at("main"), r.all);
    EXPECT_EQ(b.report(today + 24h).all.today, usage_totals());
}

// What one call of the line costs, from its reservation to its end.
void spend(line& on, micro_usd cost) {
    reservation held;
    held.amount = cost;
    held.when = calendar_of(today);
    ASSERT_FALSE(reserve_all(on.with, held, today));
    for (const auto& each : on.with) each->settle(held, cost, [](const alert&) {});
    ending e;
    e.cost = cost;
    on.counts->add(e, held.when);
}

plan with_daily(micro_usd limit) {
    plan p = openai();
    p.providers["main"].budget.daily = limit;
    return p;
}

TEST(BookReload, UsageAndBudgetsGoOnUnderNewLimitsAndPrices) {
    book b(with_daily(100));
    const auto before = b.line_of("chat", "main", "gpt-4o");
    spend(*before, 40);
    plan next = with_daily(200);
    next.providers["main"].pricing.input = 7;
    b.apply(next, today);
    const auto after = b.line_of("chat", "main", "gpt-4o");
    EXPECT_NE(after, before);
    EXPECT_EQ(after->prices.input, 7);
    EXPECT_EQ(before->prices.input, 2500000) << "a call under way ends at the price that it began with";
    spend(*after, 40);
    spend(*before, 5); // a call that was under way
    const usage_report r = b.report(today);
    EXPECT_EQ(r.all.total.cost_micro_usd, 85);
    ASSERT_EQ(r.budgets.size(), 1u);
    EXPECT_EQ(r.budgets[0].limit_micro_usd, 200);
    EXPECT_EQ(r.budgets[0].spent_micro_usd, 85);
}

TEST(BookReload, ThatIsNotKeptLeavesPlanLinesAndAccountsAsTheyWereAndCountsOn) {
    book b(with_daily(100));
    const auto before = b.line_of("chat", "main", "gpt-4o");
    spend(*before, 40);
    {
        const book::checkpoint back(b);
        b.apply(with_daily(200), today);
        spend(*b.line_of("chat", "main", "gpt-4o"), 5);
        (void)b.line_of("talk", "main", "gpt-4o");
    }
    EXPECT_EQ(b.line_of("chat", "main", "gpt-4o"), before);
    EXPECT_EQ(b.lines().size(), 1u);
    const usage_report r = b.report(today);
    ASSERT_EQ(r.budgets.size(), 1u);
    EXPECT_EQ(r.budgets[0].limit_micro_usd, 100);
    EXPECT_EQ(r.budgets[0].spent_micro_usd, 45);
}

TEST(BookReload, WhatACallUnderWayHoldsIsHeldAgainstTheNewLimit) {
    book b(with_daily(100));
    const auto before = b.line_of("chat", "main", "gpt-4o");
    reservation held;
    held.amount = 80;
    held.when = calendar_of(today);
    ASSERT_FALSE(reserve_all(before->with, held, today));
    b.apply(with_daily(90), today);
    reservation next;
    next.amount = 20;
    next.when = held.when;
    const auto after = b.line_of("chat", "main", "gpt-4o");
    EXPECT_TRUE(reserve_all(after->with, next, today)) << "80 of 90 are held";
    for (const auto& each : before->with) each->settle(held, 10, [](const alert&) {});
    EXPECT_FALSE(reserve_all(after->with, next, today));
}

TEST(BookReload, ARemovedBudgetThatComesBackKnowsWhatWasSpentMeanwhile) {
    book b(with_daily(100));
    spend(*b.line_of("chat", "main", "gpt-4o"), 10);
    b.apply(openai(), today);
    EXPECT_TRUE(b.report(today).budgets.empty());
    spend(*b.line_of("chat", "main", "gpt-4o"), 20);
    b.apply(with_daily(100), today);
    EXPECT_EQ(b.report(today).budgets.at(0).spent_micro_usd, 30);
    EXPECT_EQ(b.report(today).all.total.cost_micro_usd, 30);
}

TEST(BookReload, AnotherTimeZoneGoesOnWithTheDayUnderWayToItsEnd) {
    book b(with_daily(100));
    const auto late = today + 23h; // 23 November in Berlin
    reservation held;
    held.amount = 30;
    held.when = b.line_of("chat", "main", "gpt-4o")->when->at(late);
    const auto under_way = b.line_of("chat", "main", "gpt-4o");
    ASSERT_FALSE(reserve_all(under_way->with, held, late));
    spend(*under_way, 20);
    plan next = with_daily(100);
    next.zone = time_zone::find("Europe/Berlin").value();
    b.apply(next, late);
    for (const auto& each : under_way->with) each->settle(held, 40, [](const alert&) {});
    ending e;
    e.cost = 40;
    under_way->counts->add(e, held.when);
    EXPECT_EQ(b.report(late).all.today.cost_micro_usd, 60) << "nothing is lost";
    EXPECT_EQ(b.report(late).budgets.at(0).spent_micro_usd, 60);
    EXPECT_EQ(b.report(late).budgets.at(0).reserved_micro_usd, 0);
    EXPECT_EQ(b.report(late).budgets.at(0).resets_at, today + 24h) << "midnight where it began";
    EXPECT_EQ(b.report(today + 24h - 1s).all.today.cost_micro_usd, 60);
    EXPECT_EQ(b.report(today + 24h).all.today.cost_micro_usd, 0);
    EXPECT_EQ(b.report(today + 24h).budgets.at(0).resets_at, today + 47h) << "midnight in Berlin";
    EXPECT_EQ(b.report(today + 47h).all.month.cost_micro_usd, 60);
    b.apply(with_daily(100), today + 47h);
    EXPECT_EQ(b.report(today + 47h).budgets.at(0).spent_micro_usd, 0) << "and back";
}

TEST(BookReload, AnotherTimeZoneTellsNoAlertAgain) {
    plan p = with_daily(100);
    p.providers["main"].budget.alert_at = {500};
    book b(p);
    spend(*b.line_of("chat", "main", "gpt-4o"), 60);
    p.zone = time_zone::find("America/New_York").value();
    b.apply(p, today);
    const auto line = b.line_of("chat", "main", "gpt-4o");
    reservation held{0, line->when->at(today)};
    int alerts = 0;
    line->with.at(0)->settle(held, 1, [&alerts](const alert&) { ++alerts; });
    EXPECT_EQ(alerts, 0);
}

TEST(BookReload, AlertsAreToldOnceUnlessTheirLimitIsAnother) {
    plan p = with_daily(100);
    p.providers["main"].budget.alert_at = {500};
    book b(p);
    int told = 0;
    const auto ask = [&] {
        const auto line = b.line_of("chat", "main", "gpt-4o");
        reservation held;
        held.when = calendar_of(today);
        for (const auto& each : line->with) each->settle(held, 60, [&told](const alert&) { ++told; });
    };
    ask();
    b.apply(p, today);
    ask();
    EXPECT_EQ(told, 1);
    p.providers["main"].budget.daily = 300;
    b.apply(p, today);
    ask();
    EXPECT_EQ(told, 2) << "180 of 300";
}

} // namespace
} // namespace modelmesh::budget
