// What one routing decision costs: who may be asked, the policy's choice, its commitment.
//   route_bench [--benchmark_filter=REGEX] [--benchmark_format=json]
// route/<policy>/<models>: one thread. Counters: ns_per_decision, allocs_per_decision.
// route_two_threads/<policy>: two threads decide for one pool of 8. Counter: scaling_vs_private, what they manage
// together against two threads that count on lines of their own, each compared with one of its kind. All four are
// measured in turn in short rounds, and the median of the rounds is shown, because other programs come and go.
#include "router/selection.hpp"

#include "support/allocations.hpp"

#include <modelmesh/connector/registry.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace modelmesh;

constexpr std::string_view policies[] = {"stick-until-failure",
                                         "priority-selection",
                                         "round-robin",
                                         "cost-first",
                                         "latency-first",
                                         "session-stickiness",
                                         "rate-limit-aware",
                                         "load-balanced",
                                         "least-loaded",
                                         "weighted",
                                         "score"};

// A pool whose models have everything that a policy may look at.
std::shared_ptr<const router::snapshot> make_pool(std::string_view strategy, std::size_t models) {
    connector::registry connectors;
    connector::register_builtin(connectors);
    connector::rotation_settings settings;
    settings.fallback = connectors.make_rotation("round-robin", settings).value();
    router::rotation_plan plan;
    plan.strategy = strategy;
    plan.policy = connectors.make_rotation(strategy, settings).value();

    std::vector<std::unique_ptr<router::provider_entry>> providers;
    std::vector<std::vector<connector::model_info>> infos;
    budget::plan prices;
    for (std::size_t i = 0; i < models; ++i) {
        auto entry = std::make_unique<router::provider_entry>();
        entry->id = "provider-" + std::to_string(i);
        budget::price_list& price = prices.providers[entry->id].pricing;
        price.input = static_cast<std::int64_t>(models - i);
        price.output = 1000;
        plan.model_priority.push_back(entry->id + ".m");
        plan.weights.emplace_back(entry->id + ".m", 1.0 + static_cast<double>(i % 3));
        providers.push_back(std::move(entry));
        infos.push_back({{"m", {std::string(capability_of(operation::chat_completion))}}});
    }
    budget::book ledger(std::move(prices));
    auto picture =
        router::build_snapshot(std::move(providers), infos,
                               {router::pool_plan{"chat",
                                                  std::string(capability_of(operation::chat_completion)),
                                                  {},
                                                  {3, std::chrono::seconds(60)},
                                                  false,
                                                  std::move(plan)}},
                               nullptr, &ledger);
    for (std::size_t i = 0; i < models; ++i) {
        state::model_slot& slot = *picture->models[i]->slot;
        const auto each = static_cast<std::int64_t>(i);
        slot.total.add(std::chrono::microseconds(1000 + each));
        slot.requests.note({1000, 900 - each}, std::chrono::hours(1000));
        slot.tokens.note({100000, 90000 - each}, std::chrono::hours(1000));
    }
    return picture;
}

// One request after another of one thread.
class decider {
public:
    explicit decider(const router::snapshot& picture)
        : picture_(&picture), tried_(picture.pools.front()->models.size()),
          scratch_(picture.pools.front()->models.size()) {
        request_.session = "\"a-session-of-some-user\"";
        request_.prompt_tokens = 800;
        request_.output_tokens = 500;
    }
    void operator()() {
        const router::pool& pool = **picture_->resolve("chat-completion");
        const auto chosen = router::select(pool, tried_, asked_, request_, now_, random_, scratch_);
        if (!chosen) std::abort();
        benchmark::DoNotOptimize(chosen->index);
    }

private:
    const router::snapshot* picture_;
    const router::scope asked_{nullptr, router::bit_of(operation::chat_completion)};
    connector::model_set tried_;
    connector::model_set scratch_;
    connector::rotation_request request_;
    time_point now_{std::chrono::hours(1)};
    xoshiro256 random_{1};
};

// Of the processor: the machine may have other work.
double thread_nanoseconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

void route(benchmark::State& state, std::string_view strategy, std::size_t models) {
    const auto picture = make_pool(strategy, models);
    decider decide(*picture);
    decide();
    const std::uint64_t before = bench::allocations().by_new + bench::allocations().by_malloc;
    const double started = thread_nanoseconds();
    for (auto _ : state) decide();
    const double took = thread_nanoseconds() - started;
    const std::uint64_t after = bench::allocations().by_new + bench::allocations().by_malloc;
    const auto decisions = static_cast<double>(state.iterations());
    state.counters["ns_per_decision"] = took / decisions;
    state.counters["allocs_per_decision"] = static_cast<double>(after - before) / decisions;
}

// How often `threads` threads get round the loop that `make` makes for each, all together, per nanosecond
// of processor time of each.
template <class Make> double rate(unsigned threads, const Make& make) {
    constexpr double round = 20e6;
    constexpr int batch = 1024;
    std::atomic<unsigned> waiting{threads};
    std::atomic<double> total{0};
    std::vector<std::thread> running;
    for (unsigned t = 0; t < threads; ++t)
        running.emplace_back([&, t] {
            auto step = make(t);
            waiting.fetch_sub(1);
            while (waiting.load() != 0) {
            }
            const double started = thread_nanoseconds();
            double took = 0;
            double count = 0;
            for (; took < round; took = thread_nanoseconds() - started, count += batch)
                for (int i = 0; i < batch; ++i) step();
            const double mine = count / took;
            for (double old = total.load(); !total.compare_exchange_weak(old, old + mine);) {
            }
        });
    for (std::thread& each : running) each.join();
    return total.load();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

struct alignas(128) private_counter {
    std::atomic<std::uint64_t> value{0};
};

void route_two_threads(benchmark::State& state, std::string_view strategy) {
    const auto picture = make_pool(strategy, 8);
    const auto decisions = [&](unsigned) { return decider(*picture); };
    std::vector<private_counter> counters(2);
    const auto counts = [&](unsigned thread) {
        return [&counter = counters[thread].value] {
            // About as long as a decision.
            for (int i = 0; i < 16; ++i)
                counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        };
    };
    std::vector<double> ratios;
    for (auto _ : state) {
        const double of_pool = rate(2, decisions) / rate(1, decisions);
        const double of_counters = rate(2, counts) / rate(1, counts);
        ratios.push_back(of_pool / of_counters);
    }
    state.counters["scaling_vs_private"] = median(ratios);
}

} // namespace

int main(int argc, char** argv) {
    for (const std::string_view policy : policies)
        for (const std::size_t models : {8, 64})
            benchmark::RegisterBenchmark(
                ("route/" + std::string(policy) + "/" + std::to_string(models)).c_str(),
                [policy, models](benchmark::State& state) { route(state, policy, models); });
    for (const std::string_view policy : policies)
        benchmark::RegisterBenchmark(("route_two_threads/" + std::string(policy)).c_str(),
                                     [policy](benchmark::State& state) { route_two_threads(state, policy); })
            ->Iterations(15)
            ->UseRealTime();
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
}
