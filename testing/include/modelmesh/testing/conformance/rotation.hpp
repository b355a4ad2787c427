// What every rotation policy promises; used as those of a storage (conformance/storage.hpp).
#pragma once

#include <modelmesh/connector/rotation.hpp>
#include <modelmesh/core/random.hpp>
#include <modelmesh/testing/conformance/promise.hpp>
#include <modelmesh/testing/rotation_pool.hpp>

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace modelmesh::testing {

struct rotation_kit {
    std::function<std::unique_ptr<connector::rotation_policy>()> make;
};
using rotation_promise = promise<rotation_kit>;

namespace detail {

/// A model about which everything is drawn, also how much is known of it.
inline rotation_pool::model drawn_model(rng& random, std::size_t index) {
    rotation_pool::model made;
    made.known.key = random.next();
    if (random.unit() < 0.5) made.known.priority = static_cast<std::uint32_t>(index);
    made.known.weight = random.unit() < 0.2 ? 0 : random.unit() * 10;
    if (random.unit() < 0.7)
        made.known.price = token_price{static_cast<std::int64_t>(random.next() % 1'000'000),
                                       static_cast<std::int64_t>(random.next() % 1'000'000)};
    made.is_candidate = random.unit() < 0.7;
    made.is_eligible = made.is_candidate || random.unit() < 0.7;
    made.in_flight = static_cast<unsigned>(random.next() % 4);
    if (random.unit() < 0.7) made.latency = random.unit() * 1e6;
    if (made.latency) made.recent_latency = random.unit() * 1e6;
    if (random.unit() < 0.7)
        made.headroom = connector::headroom{random.unit(), std::floor(random.unit() * 100)};
    made.error_rate = random.unit() < 0.5 ? 0 : random.unit();
    return made;
}

inline std::vector<rotation_pool::model> drawn_models(rng& random) {
    const std::size_t count = 1 + random.next() % 70; // more than a word of a model_set has bits
    std::vector<rotation_pool::model> models;
    for (std::size_t i = 0; i < count; ++i) models.push_back(drawn_model(random, i));
    models[random.next() % count].is_candidate = true; // there is always one
    return models;
}

/// Calls `each` with a policy and a pool of its own, for many pools.
template <class Each> void in_many_pools(const rotation_kit& of, const Each& each) {
    xoshiro256 random(20'260'101);
    for (int i = 0; i < 100; ++i) {
        const auto policy = of.make();
        rotation_pool pool(drawn_models(random), *policy);
        const std::string session = "session " + std::to_string(random.next() % 10);
        if (random.unit() < 0.5) pool.request.session = session;
        pool.request.prompt_tokens = random.unit() * 10'000;
        pool.request.is_stream = random.unit() < 0.5;
        each(*policy, pool, random);
    }
}

inline void chooses_a_candidate_or_nobody(const rotation_kit& of, broken& told) {
    in_many_pools(of, [&told](const auto& policy, rotation_pool& pool, rng& random) {
        for (int i = 0; i < 20 && told.lines().empty(); ++i) {
            const std::optional<std::size_t> chosen = pool.next(policy, random);
            if (!chosen) continue;
            told.expect(*chosen < pool.models.size() && pool.models[*chosen].is_candidate,
                        "choose gives a candidate, not the model " + std::to_string(*chosen) + " of " +
                            std::to_string(pool.models.size()));
            if (!told.lines().empty()) return;
            if (random.unit() < 0.3) pool.fail(policy, *chosen);
        }
    });
}

inline void another_call_chooses_the_same(const rotation_kit& of, broken& told) {
    in_many_pools(of, [&](const auto& policy, rotation_pool& pool, rng& random) {
        for (int i = 0; i < 20 && told.lines().empty(); ++i) {
            const std::uint64_t seed = random.next();
            xoshiro256 first(seed);
            xoshiro256 second(seed);
            xoshiro256 third(seed);
            const std::optional<std::size_t> chosen = pool.choose(policy, first);
            told.expect(chosen == pool.choose(policy, second),
                        "choosing twice from one view gives one model");
            told.expect(chosen == pool.choose(*of.make(), third),
                        "another object of the policy chooses the same: what changes is in the pool");
            (void)pool.next(policy, random);
        }
    });
}

inline void keeps_to_its_positions(const rotation_kit& of, broken& told) {
    in_many_pools(of, [&told](const auto& policy, rotation_pool& pool, rng& random) {
        for (int i = 0; i < 50; ++i) {
            const std::optional<std::size_t> chosen = pool.next(policy, random);
            if (chosen && random.unit() < 0.3) pool.fail(policy, *chosen);
            const std::size_t changed = random.next() % pool.models.size();
            if (pool.models.size() > 1 && chosen && changed != *chosen)
                pool.models[changed].is_candidate = !pool.models[changed].is_candidate;
        }
        if (told.lines().empty())
            told.expect(!pool.was_misused(),
                        "only positions that were asked for are set, and cursors are numbers of models");
    });
}

inline void ratings_are_numbers(const rotation_kit& of, broken& told) {
    in_many_pools(of, [&told](const auto& policy, rotation_pool& pool, rng&) {
        for (std::size_t i = 0; i < pool.models.size() && told.lines().empty(); ++i)
            if (pool.models[i].is_candidate)
                told.expect(!std::isnan(pool.rating(policy, i).value_or(0)), "a rating is a number");
    });
}

// Which ThreadSanitizer sees.
inline void several_threads_may_choose(const rotation_kit& of, broken& told) {
    const auto policy = of.make();
    const auto work = [&policy](std::uint64_t seed, bool* is_good) {
        xoshiro256 random(seed);
        rotation_pool pool(drawn_models(random), *policy);
        for (int i = 0; i < 200; ++i) {
            const std::optional<std::size_t> chosen = pool.next(*policy, random);
            *is_good =
                *is_good && (!chosen || (*chosen < pool.models.size() && pool.models[*chosen].is_candidate));
        }
    };
    bool is_good[2] = {true, true};
    std::thread other(work, 1, &is_good[0]);
    work(2, &is_good[1]);
    other.join();
    told.expect(is_good[0] && is_good[1], "each thread gets candidates of its own pool");
}

} // namespace detail

inline constexpr rotation_promise rotation_promises[] = {
    {"chooses_a_candidate_or_nobody", detail::chooses_a_candidate_or_nobody},
    {"another_call_chooses_the_same", detail::another_call_chooses_the_same},
    {"keeps_to_its_positions", detail::keeps_to_its_positions},
    {"ratings_are_numbers", detail::ratings_are_numbers},
    {"several_threads_may_choose", detail::several_threads_may_choose},
};

} // namespace modelmesh::testing
