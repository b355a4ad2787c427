// What the router promises, in a world of bad days: 100,000 requests for each policy through the real attempt loop, on
// a virtual clock. The same seed is the same day, to the last event.
#include "world.hpp"

#include "../fixture.hpp"

#include "router/attempt_plan.hpp"
#include "router/router.hpp"
#include "router/selection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

namespace modelmesh::router::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Sanitizers take ten times as long; CMake says so, and so does the output.
#ifdef MODELMESH_SIMULATION_REQUESTS
constexpr int requests = MODELMESH_SIMULATION_REQUESTS;
#else
constexpr int requests = 100000;
#endif
constexpr seconds length{1000};
constexpr seconds patience_of_callers{30};
constexpr std::int64_t daily_limit =
    requests * std::int64_t{6} / 5; ///< micro-dollars; some models meet it, the others have the rest

struct tally {
    int served = 0;
    int rescued = 0; ///< after at least one failed attempt
    int cut = 0;     ///< streams that broke off after their first content, which nobody may repeat
    int failed = 0;  ///< the rest
    int failed_needlessly = 0;
    int most_at_once = 0;
    std::array<int, server_count> in_the_calm{}; ///< replies of each after the last bad day
    std::uint64_t trace = 0xcbf29ce484222325;    ///< FNV-1a of every outcome and its time

    void note(std::string_view what, time_point when) {
        const auto mix = [this](std::uint64_t byte) { trace = (trace ^ byte) * 0x100000001b3; };
        for (const char c : what) mix(static_cast<unsigned char>(c));
        for (auto t = static_cast<std::uint64_t>(when.time_since_epoch().count()); t != 0; t >>= 8)
            mix(t & 0xff);
    }
};

class simulation {
public:
    simulation(const std::string& policy, std::uint64_t seed, int count)
        : count_(count), calm_(timeline::start() + length / 10 * 8), via(seed, calm_), ledger(prices()),
          arrivals_(seed + 1) {
        retry_config retry;
        pool_plan plan = testing::chat_plan(3, testing::rotates_by(policy), retry);
        plan.trips_at = {3, seconds(2), 0.5};
        plan.rotates_on_budget = true;
        plan.provider_actions.on_api_outage = true;
        std::vector<std::unique_ptr<provider_entry>> providers;
        std::vector<std::vector<connector::model_info>> models;
        for (const std::shared_ptr<server>& each : via.servers) {
            auto entry = std::make_unique<provider_entry>();
            entry->id = "p" + std::to_string(each->index);
            entry->codec = std::make_shared<connector::openai_compatible>();
            entry->where = each;
            plan.rotation.model_priority.push_back(entry->id + ".m");
            models.push_back({{"m", {plan.capability}}});
            providers.push_back(std::move(entry));
        }
        picture = build_snapshot(std::move(providers), models, {plan}, nullptr, &ledger);
        chat = picture->resolve("chat").value();
        for (const bool is_stream : {false, true})
            for (int session = 0; session < 16; ++session)
                prepared_.push_back(
                    prepared_request::parse(
                        operation::chat_completion,
                        R"({"model":"chat","messages":["12345678"],"max_tokens":10,"user":"u)" +
                            std::to_string(session) + R"("})",
                        is_stream)
                        .value());
    }

    void run() {
        via.line.at(timeline::start(), [this] { arrive(0); });
        via.line.run();
    }

private:
    static budget::plan prices() {
        budget::plan of;
        for (std::size_t i = 0; i < server_count; ++i) {
            budget::terms& terms = of.providers["p" + std::to_string(i)];
            terms.pricing.input = terms.pricing.output = 1000000; // a micro-dollar for each token
            if (i < 2) terms.budget.daily = daily_limit;
        }
        return of;
    }

    void arrive(int number) {
        const bool is_stream = arrivals_.next() % 2 == 0;
        const std::size_t which = arrivals_.next() % 16 + (is_stream ? 16 : 0);
        ++under_way_;
        result_.most_at_once = std::max(result_.most_at_once, under_way_);
        boost::asio::co_spawn(via.line.loop(), is_stream ? read_stream(this, which) : ask(this, which),
                              [this](const std::exception_ptr& thrown) {
                                  --under_way_;
                                  if (thrown) std::rethrow_exception(thrown);
                              });
        if (number + 1 == count_) return;
        const std::chrono::duration<double> mean = std::chrono::duration<double>(length) / count_;
        const auto gap = std::chrono::duration_cast<std::chrono::microseconds>(mean * 2 * arrivals_.unit());
        via.line.at(via.line.now() + gap, [this, number] { arrive(number + 1); });
    }

    call made(std::size_t which) const {
        call c;
        c.picture = picture;
        c.pool = chat;
        c.request = prepared_[which];
        c.deadline = via.line.now() + patience_of_callers;
        return c;
    }

    static task<void> ask(simulation* self, std::size_t which) {
        const time_point began = self->via.line.now();
        reply_reader read = [](std::string&&) { return result<void>(); };
        result<modelmesh::route> served =
            co_await complete(self->via, nullptr, self->made(which), std::move(read));
        if (served)
            self->note_served(*served);
        else
            self->note_failed(served.error(), began);
    }

    static task<void> read_stream(simulation* self, std::size_t which) {
        const time_point began = self->via.line.now();
        result<served_stream> opened = co_await open_stream(self->via, nullptr, self->made(which));
        if (!opened) {
            self->note_failed(opened.error(), began);
            co_return;
        }
        for (;;) {
            std::string_view json;
            const result<stream_state> state = opened->session->try_next(json);
            if (state && *state == stream_state::pending) {
                const result<void> woken = co_await opened->session->wait();
                if (woken) continue;
            }
            if (state && *state == stream_state::chunk) continue;
            if (state) {
                self->note_served(opened->route);
            } else {
                ++self->result_.cut;
                self->result_.note("cut " + opened->route.model, self->via.line.now());
            }
            co_return;
        }
    }

    void note_served(const modelmesh::route& by) {
        ++result_.served;
        result_.rescued += by.attempts > 1 ? 1 : 0;
        if (via.line.now() >= calm_) ++result_.in_the_calm[static_cast<std::size_t>(by.provider[1] - '0')];
        result_.note(by.model, via.line.now());
    }

    // A model that was well all the time, is in service or being probed, and has budget, could have answered.
    void note_failed(const fault& f, time_point began) {
        ++result_.failed;
        result_.note(to_string(f.kind()), via.line.now());
        const std::chrono::milliseconds now = since_epoch(via.line.now());
        for (std::size_t i = 0; i < server_count; ++i) {
            const state::health_slot::view model = chat->state->health[i]->load();
            const state::health_slot::view provider = picture->providers[i]->slot->health.load();
            const auto is_there = [now](const state::health_slot::view& v) {
                return v.is_available(now) || v.phase == state::health_slot::phase::probing;
            };
            const bool has_no_budget =
                std::any_of(f.attempts.begin(), f.attempts.end(), [&](const attempt& each) {
                    return each.kind == errc::budget && each.model == chat->models[i]->id;
                });
            if (!is_there(model) || !is_there(provider) || has_no_budget) continue;
            if (!via.servers[i]->sky.is_fine(began, via.line.now())) continue;
            ++result_.failed_needlessly;
            if (first_needless.empty())
                first_needless = "at " + std::to_string(now.count()) + " ms after " +
                                 std::to_string((via.line.now() - began) / milliseconds(1)) + " ms, with " +
                                 chat->models[i]->id + " there: " + f.message;
            return;
        }
    }

    int count_;
    time_point calm_;

public:
    world via;
    budget::book ledger;
    std::shared_ptr<const snapshot> picture;
    const pool* chat = nullptr;
    std::string first_needless;
    [[nodiscard]] const tally& outcome() const noexcept { return result_; }

private:
    xoshiro256 arrivals_;
    std::vector<std::shared_ptr<const prepared_request>> prepared_;
    tally result_;
    int under_way_ = 0;
};

class Simulation : public ::testing::TestWithParam<const char*> {};

TEST_P(Simulation, ServesWhoCanBeServedForgetsNoModelAndKeepsBudgets) {
    simulation sim(GetParam(), 20261122, requests);
    sim.run();
    const tally& r = sim.outcome();
    std::printf(
        "%s: %d requests, %d at most at once: %d served (%d after a failure), %d streams cut, %d failed\n",
        GetParam(), requests, r.most_at_once, r.served, r.rescued, r.cut, r.failed);
    EXPECT_EQ(r.served + r.cut + r.failed, requests);
    EXPECT_GT(r.rescued, requests / 100) << "the days were not bad enough to show anything";
    EXPECT_GT(r.failed, 0) << "nor were the worst";

    EXPECT_EQ(r.failed_needlessly, 0)
        << "a request failed while a healthy candidate was there, first " << sim.first_needless;

    const std::chrono::milliseconds end = since_epoch(sim.via.line.now());
    for (std::size_t i = 0; i < server_count; ++i) {
        const state::health_slot& health = *sim.chat->state->health[i];
        const bool has_spent_its_budget =
            i < 2 && health.standby_reason() == connector::standby_reason::budget_exceeded &&
            health.load().until <= end + std::chrono::hours(24); // until its day ends
        EXPECT_TRUE(health.available(end) || has_spent_its_budget) << "p" << i << ".m is stuck in standby";
        EXPECT_TRUE(sim.picture->providers[i]->slot->health.available(end))
            << "p" << i << " is stuck in standby";
        EXPECT_EQ(sim.chat->models[i]->slot->in_flight.load(), 0);
    }
    if (std::string_view(GetParam()) == "round-robin" || std::string_view(GetParam()) == "weighted")
        for (std::size_t i = 2; i < server_count; ++i) { // the first two have no budget left
            EXPECT_GT(r.in_the_calm[i], 0) << "p" << i << " has healed and was never asked again";
        }

    const usage_report report = sim.ledger.report(sim.via.line.wall());
    EXPECT_TRUE(std::any_of(report.budgets.begin(), report.budgets.end(), [](const budget_state& each) {
        return each.spent_micro_usd > each.limit_micro_usd / 10 * 9;
    })) << "no budget was met";
    for (const budget_state& each : report.budgets) {
        EXPECT_LE(each.spent_micro_usd, each.limit_micro_usd + sim.via.surprises * world::surprise)
            << each.name << ": more than what replies used above what was reserved for them";
        EXPECT_EQ(each.reserved_micro_usd, 0) << each.name;
    }
}

TEST_P(Simulation, TheSameSeedIsTheSameTraceAndAnotherIsNot) {
    constexpr int few = 2000;
    const auto trace_of = [](std::uint64_t seed) {
        simulation sim(GetParam(), seed, few);
        sim.run();
        return sim.outcome().trace;
    };
    const std::uint64_t first = trace_of(1);
    EXPECT_EQ(trace_of(1), first);
    EXPECT_NE(trace_of(2), first);
}

INSTANTIATE_TEST_SUITE_P(Policies, Simulation,
                         ::testing::Values("stick-until-failure", "priority-selection", "round-robin",
                                           "weighted", "cost-first", "latency-first", "session-stickiness",
                                           "rate-limit-aware", "load-balanced", "least-loaded", "score"),
                         [](const ::testing::TestParamInfo<const char*>& of) {
                             std::string name(of.param);
                             for (char& c : name)
                                 if (c == '-') c = '_';
                             return name;
                         });

} // namespace
} // namespace modelmesh::router::simulation
