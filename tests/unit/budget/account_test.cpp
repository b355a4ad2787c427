#include "budget/account.hpp"

#include <gtest/gtest.h>

#include <random>

namespace modelmesh::budget {
namespace {

using namespace std::chrono;
constexpr sys_days today = sys_days(2026y / November / 22);

limits daily(micro_usd most) {
    limits terms;
    terms.daily = most;
    return terms;
}

// A call that holds its reservation.
struct caller {
    explicit caller(micro_usd amount, system_clock::time_point at = today) : now(at) {
        held.amount = amount;
        held.when = calendar_of(at);
    }
    std::optional<fault> reserve(const accounts& with) { return reserve_all(with, held, now); }
    void settle(const accounts& with, micro_usd cost) {
        for (const auto& each : with)
            each->settle(held, cost, [this](const alert& a) {
                alerts += std::string(a.limit_name) + "@" + std::to_string(a.at) + " ";
            });
    }
    system_clock::time_point now;
    reservation held;
    std::string alerts;
};

budget_state state_of(const account& of, std::size_t index = 0, system_clock::time_point at = today) {
    std::vector<budget_state> states;
    of.report(states, at);
    return states.at(index);
}

accounts one(limits terms) { return {std::make_shared<account>("provider", "alpha", std::move(terms))}; }

TEST(Account, ReservesThenSettles) {
    const accounts with = one(daily(1000));
    caller first(600);
    EXPECT_FALSE(first.reserve(with));
    EXPECT_EQ(state_of(*with[0]).reserved_micro_usd, 600);
    EXPECT_EQ(state_of(*with[0]).remaining_micro_usd, 400);
    caller second(500);
    EXPECT_TRUE(second.reserve(with));
    first.settle(with, 100);
    EXPECT_EQ(state_of(*with[0]).spent_micro_usd, 100);
    EXPECT_EQ(state_of(*with[0]).reserved_micro_usd, 0);
    EXPECT_FALSE(second.reserve(with));
    with[0]->release(second.held);
    EXPECT_EQ(state_of(*with[0]).remaining_micro_usd, 900);
}

TEST(Account, ARefusalSaysAllThereIsToKnow) {
    const accounts with = one(daily(1000000));
    caller(1).reserve(with);
    caller spent(250000);
    EXPECT_FALSE(spent.reserve(with));
    spent.settle(with, 240000);
    caller next(800000, today + 23h);
    const std::optional<fault> f = next.reserve(with);
    ASSERT_TRUE(f);
    EXPECT_EQ(f->kind(), errc::budget);
    EXPECT_EQ(
        f->message,
        "the daily_limit of provider 'alpha' is $1.00, of which $0.24 are spent and $0.000001 reserved; "
        "this call may cost $0.80; the limit resets at 2026-11-23T00:00:00Z");
    EXPECT_EQ(f->retry_after, 1h);
    ASSERT_TRUE(f->budget);
    EXPECT_EQ(f->budget->scope, "provider");
    EXPECT_EQ(f->budget->name, "alpha");
    EXPECT_EQ(f->budget->limit_name, "daily_limit");
    EXPECT_EQ(f->budget->limit_micro_usd, 1000000);
    EXPECT_EQ(f->budget->spent_micro_usd, 240000);
    EXPECT_EQ(f->budget->reserved_micro_usd, 1);
    EXPECT_EQ(f->budget->wanted_micro_usd, 800000);
    EXPECT_EQ(f->budget->resets_at, today + 24h);
    EXPECT_FALSE(retryable(*f));
}

TEST(Account, TheLimitOfEachRequestHasNoPeriod) {
    limits terms;
    terms.per_request = 10;
    const accounts with{std::make_shared<account>("global", "", terms)};
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(caller(10).reserve(with));
    const std::optional<fault> f = caller(11).reserve(with);
    ASSERT_TRUE(f);
    EXPECT_EQ(f->message,
              "the per_request_limit of the whole budget is $0.00001; this call may cost $0.000011");
    EXPECT_FALSE(f->retry_after);
    EXPECT_FALSE(f->budget->resets_at);
}

TEST(Account, AllAccountsOrNone) {
    limits both = daily(100);
    both.monthly = 150;
    const accounts with{std::make_shared<account>("global", "", daily(1000)),
                        std::make_shared<account>("pool", "p", both)};
    caller first(100);
    EXPECT_FALSE(first.reserve(with));
    EXPECT_TRUE(caller(1).reserve(with));
    EXPECT_EQ(state_of(*with[0]).reserved_micro_usd, 100) << "what the second refused, the first gave back";
    first.settle(with, 100);
    EXPECT_TRUE(caller(51, today + 24h).reserve(with)) << "the month goes on";
    EXPECT_EQ(state_of(*with[1], 0, today + 24h).reserved_micro_usd, 0) << "the day gave it back";
    EXPECT_FALSE(caller(50, today + 24h).reserve(with));
}

TEST(Account, ABudgetThatIsNotEnforcedCountsAndRefusesNothing) {
    limits terms = daily(100);
    terms.enforce = false;
    terms.per_request = 1;
    terms.alert_at = {500, 1000};
    const accounts with = one(terms);
    caller first(300);
    EXPECT_FALSE(first.reserve(with));
    first.settle(with, 300);
    EXPECT_EQ(first.alerts, "daily_limit@500 daily_limit@1000 ");
    EXPECT_EQ(state_of(*with[0]).spent_micro_usd, 300);
    EXPECT_EQ(state_of(*with[0]).remaining_micro_usd, 0);
}

TEST(Account, EachAlertIsToldOnceInAPeriod) {
    limits terms = daily(1000);
    terms.monthly = 10000;
    terms.alert_at = {500, 800, 1000};
    const accounts with = one(terms);
    const auto spend = [&](micro_usd cost, system_clock::time_point at) {
        caller call(cost, at);
        EXPECT_FALSE(call.reserve(with));
        call.settle(with, cost);
        return call.alerts;
    };
    EXPECT_EQ(spend(499, today), "");
    EXPECT_EQ(spend(1, today), "daily_limit@500 ");
    EXPECT_EQ(spend(1, today), "");
    EXPECT_EQ(spend(499, today), "daily_limit@800 daily_limit@1000 ");
    EXPECT_EQ(spend(900, today + 24h), "daily_limit@500 daily_limit@800 ");
    for (int day = 2; day < 5; ++day) (void)spend(1000, today + day * 24h);
    EXPECT_EQ(spend(150, today + 5 * 24h), "monthly_limit@500 ");
}

// The call counts in its month and in no later day.
TEST(Account, ACallThatOutlivesItsDayBelongsToIt) {
    limits terms = daily(1000);
    terms.monthly = 5000;
    const accounts with = one(terms);
    caller late(700, today + 23h);
    EXPECT_FALSE(late.reserve(with));
    caller next(1000, today + 25h);
    EXPECT_FALSE(next.reserve(with)) << "the new day has all of its limit";
    late.settle(with, 650);
    EXPECT_EQ(state_of(*with[0], 0, today + 25h).spent_micro_usd, 0);
    EXPECT_EQ(state_of(*with[0], 0, today + 25h).reserved_micro_usd, 1000);
    EXPECT_EQ(state_of(*with[0], 1, today + 25h).spent_micro_usd, 650);
    next.settle(with, 1000);
    EXPECT_EQ(state_of(*with[0], 1, today + 25h).spent_micro_usd, 1650);
}

// Two threads around midnight, of which the one that read the clock first comes last.
TEST(Account, WhoComesLateBelongsToTheNewPeriodEverywhere) {
    const accounts with{std::make_shared<account>("global", "", daily(1000)),
                        std::make_shared<account>("provider", "alpha", daily(1000))};
    caller next(10, today + 24h);
    EXPECT_FALSE(next.reserve({with[1]}));
    caller late(20, today + 23h);
    EXPECT_FALSE(late.reserve(with));
    EXPECT_EQ(late.held.when.day, next.held.when.day);
    late.settle(with, 20);
    for (const auto& each : with) EXPECT_EQ(state_of(*each, 0, today + 24h).spent_micro_usd, 20);
    EXPECT_EQ(state_of(*with[0]).reserved_micro_usd, 0);
}

// The bound of the header, over random interleavings of calls whose cost may be above their reservation.
TEST(Account, NeverExceedsItsLimitByMoreThanWhatCallsCostAboveTheirReservations) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937 random(seed);
        const auto below = [&random](std::int64_t most) {
            return std::uniform_int_distribution<std::int64_t>(0, most)(random);
        };
        limits tight = daily(5000);
        tight.monthly = 9000;
        const accounts with{std::make_shared<account>("global", "", daily(8000)),
                            std::make_shared<account>("pool", "p", tight)};
        std::vector<caller> under_way;
        micro_usd spent = 0;
        micro_usd above = 0;
        for (int step = 0; step < 400; ++step) {
            if (below(1) == 0) {
                caller call(below(400));
                if (!call.reserve(with)) under_way.push_back(call);
            } else if (!under_way.empty()) {
                const auto which =
                    static_cast<std::size_t>(below(static_cast<std::int64_t>(under_way.size()) - 1));
                caller call = under_way[which];
                under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(which));
                if (below(4) == 0) {
                    for (const auto& each : with) each->release(call.held);
                    continue;
                }
                const micro_usd cost = below(call.held.amount + (seed % 2 == 0 ? 0 : 50));
                call.settle(with, cost);
                spent += cost;
                above += std::max<micro_usd>(cost - call.held.amount, 0);
            }
            micro_usd held = 0;
            for (const caller& call : under_way) held += call.held.amount;
            for (std::size_t i = 0; i < with.size(); ++i) {
                const budget_state state = state_of(*with[i]);
                ASSERT_EQ(state.spent_micro_usd, spent) << "no settlement is lost";
                ASSERT_EQ(state.reserved_micro_usd, held);
                ASSERT_LE(state.spent_micro_usd + state.reserved_micro_usd, state.limit_micro_usd + above);
            }
        }
        EXPECT_GT(spent, 4000) << "the limit was reached";
    }
}

} // namespace
} // namespace modelmesh::budget
