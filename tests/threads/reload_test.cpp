// One mesh that is routed on, reported to, reloaded and reactivated by several threads at once.
#include "router/catalogue.hpp"
#include "router/introspection.hpp"
#include "router/selection.hpp"
#include "unit/router/fixture.hpp"

#include <modelmesh/router/capability.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace modelmesh::router {
namespace {

std::vector<provider_plan> providers(int turn) {
    std::vector<provider_plan> made;
    for (const char* name : {"a", "b", "c", "d"}) {
        if (turn % 4 == 3 && *name == 'd') continue;
        provider_plan& plan = made.emplace_back();
        plan.entry.id = name;
        plan.entry.api_key = *name == 'b' ? "key-" + std::to_string(turn % 2) : "key";
        plan.entry.codec = std::make_shared<connector::openai_compatible>();
        plan.entry.where = testing::nowhere;
        plan.models = {"m", "n"};
    }
    return made;
}

std::vector<pool_plan> pools(int turn) {
    constexpr std::array strategies{"stick-until-failure", "round-robin", "weighted", "latency-first"};
    const std::string chat = capability::canonical("chat").value();
    return {
        pool_plan{"chat",
                  chat,
                  {},
                  {2, std::chrono::milliseconds(1)},
                  false,
                  testing::rotates_by(strategies[static_cast<std::size_t>(turn / 8) % strategies.size()])}};
}

mesh_plan plan_of(int turn) { return {providers(turn), pools(turn)}; }

budget::plan money(int turn) {
    budget::plan made;
    made.global.daily = 1000000000 + turn % 3;
    return made;
}

// What one call does to what it was routed on.
void route_once(const snapshot& picture, xoshiro256& random, budget::calendar today,
                std::atomic<std::int64_t>& billed) {
    const pool& chat = *picture.pools.front();
    const connector::model_set none(chat.models.size());
    connector::model_set scratch(chat.models.size());
    const time_point now = clock::system().now();
    std::optional<chosen_model> chosen =
        select(chat, none, {}, connector::rotation_request(), now, random, scratch);
    if (!chosen) return;
    permit held(*chat.models[chosen->index]->slot, std::move(chosen->admission), now);
    budget::line& line = *chat.lines[chosen->index];
    budget::reservation reserved{10, today};
    ASSERT_FALSE(reserve_all(line.with, reserved, std::chrono::system_clock::time_point()));
    for (const auto& each : line.with) each->settle(reserved, 7, [](const budget::alert&) {});
    budget::ending end;
    end.cost = 7;
    line.counts->add(end, today);
    billed += 7;
    if (random.next() % 4 == 0) {
        note_failure(chat, chosen->index, {errc::overloaded, 503}, now, random);
    } else {
        held.note_reply(now);
        note_success(chat, chosen->index, now);
    }
}

TEST(ReloadThreads, RoutesReportsReloadsAndReactivatesAtOnce) {
    const auto ledger = std::make_shared<budget::book>(money(0));
    const auto mesh = std::make_shared<catalogue>(plan_of(0), nullptr, ledger);
    const budget::calendar today = budget::calendar_of({});
    std::atomic<std::int64_t> billed{0};
    std::atomic<bool> is_over{false};
    std::latch all_begin(6);
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 1; seed <= 3; ++seed)
        threads.emplace_back([&, seed] {
            xoshiro256 random(seed);
            all_begin.arrive_and_wait();
            while (!is_over) route_once(*mesh->current(), random, today, billed);
        });
    threads.emplace_back([&] {
        all_begin.arrive_and_wait();
        while (!is_over) {
            const auto picture = mesh->current();
            (void)status_of(*picture->pools.front(), clock::system().now());
            (void)active_providers(*picture, clock::system().now());
            (void)ledger->report({});
        }
    });
    threads.emplace_back([&] {
        all_begin.arrive_and_wait();
        while (!is_over) {
            const auto picture = mesh->current();
            const pool& chat = *picture->pools.front();
            (void)rotate(chat, clock::system().now());
            for (const auto& health : chat.state->health) health->reactivate({});
        }
    });
    all_begin.arrive_and_wait();
    for (int turn = 1; turn <= 300; ++turn) {
        const auto made = mesh->replace(plan_of(turn), money(turn), {});
        EXPECT_EQ(made.after, mesh->current()) << turn;
    }
    is_over = true;
    threads.clear();
    const usage_report used = ledger->report({});
    EXPECT_EQ(used.all.total.cost_micro_usd, billed);
    EXPECT_EQ(used.budgets.at(0).spent_micro_usd, billed);
    EXPECT_EQ(used.budgets.at(0).reserved_micro_usd, 0);
    for (const auto& model : mesh->current()->models) EXPECT_EQ(model->slot->in_flight, 0) << model->id;
}

} // namespace
} // namespace modelmesh::router
