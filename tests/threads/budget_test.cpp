// Reservations and settlements of one ledger on many threads at once.
#include "budget/book.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace modelmesh::budget {
namespace {

using namespace std::chrono;

struct outcome {
    std::atomic<micro_usd> spent{0};
    std::atomic<int> alerts{0};
    std::atomic<int> refused{0};
};

// Reserves 10, and settles with 7 or gives it back, again and again.
void spend(book& ledger, int turns, system_clock::time_point now, outcome& sums) {
    const std::shared_ptr<line> mine = ledger.line_of("chat", "alpha", "m");
    for (int turn = 0; turn < turns; ++turn) {
        reservation held;
        held.amount = 10;
        held.when = calendar_of(now);
        if (reserve_all(mine->with, held, now)) {
            ++sums.refused;
            continue;
        }
        if (turn % 5 == 0) {
            for (const auto& each : mine->with) each->release(held);
            continue;
        }
        for (const auto& each : mine->with) each->settle(held, 7, [&](const alert&) { ++sums.alerts; });
        ending end;
        end.cost = 7;
        mine->counts->add(end, held.when);
        sums.spent += 7;
    }
}

TEST(BudgetThreads, NothingIsLostAndNoLimitIsExceeded) {
    plan of;
    of.global.daily = 40000;
    of.global.alert_at = {500, 800, 1000};
    of.pools["chat"].monthly = 30000;
    book ledger(of);
    const system_clock::time_point now = sys_days(2026y / November / 22);
    constexpr int count = 8;
    constexpr int turns = 2000; // of which 60,000 micro-dollars' worth would be spent
    outcome sums;
    std::latch all_begin(count + 1);
    std::atomic<bool> over{false};
    std::vector<std::jthread> threads;
    for (int t = 0; t < count; ++t)
        threads.emplace_back([&] {
            all_begin.arrive_and_wait();
            spend(ledger, turns, now, sums);
        });
    std::jthread watcher([&] {
        all_begin.arrive_and_wait();
        while (!over)
            for (const budget_state& each : ledger.report(now).budgets)
                EXPECT_LE(each.spent_micro_usd + each.reserved_micro_usd, each.limit_micro_usd);
    });
    threads.clear();
    over = true;
    watcher.join();
    const usage_report report = ledger.report(now);
    EXPECT_GT(sums.refused, 0);
    EXPECT_EQ(report.all.total.cost_micro_usd, sums.spent);
    EXPECT_EQ(report.all.month.cost_micro_usd, sums.spent);
    for (const budget_state& each : report.budgets) {
        EXPECT_EQ(each.spent_micro_usd, sums.spent) << each.scope;
        EXPECT_EQ(each.reserved_micro_usd, 0) << each.scope;
    }
    EXPECT_GT(sums.spent, 30000 - 10) << "the limit was reached";
    EXPECT_EQ(sums.alerts, 1) << "half of the day's limit, told once";
}

} // namespace
} // namespace modelmesh::budget
