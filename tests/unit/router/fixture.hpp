// A pool of invented models on a virtual clock, for tests of routing without a network.
#pragma once

#include "router/attempt_plan.hpp"
#include "router/catalogue.hpp"
#include "router/snapshot.hpp"

#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/connector/registry.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::router::testing {

class virtual_clock final : public clock {
public:
    time_point now() const noexcept override { return now_; }
    std::chrono::system_clock::time_point wall() const noexcept override { return {}; }
    void advance(duration by) { now_ += by; }

private:
    time_point now_{std::chrono::hours(1)};
};

/// Always in the middle: cooldowns are what was configured.
class even_random final : public rng {
public:
    std::uint64_t next() noexcept override { return std::uint64_t{1} << 63; }
};
inline even_random even;

/// The one server of all of them.
inline const std::shared_ptr<const endpoint> nowhere = std::make_shared<endpoint>();

inline rotation_plan rotates_by(const std::string& strategy,
                                const connector::rotation_settings& settings = {}) {
    connector::registry connectors;
    connector::register_builtin(connectors);
    rotation_plan plan;
    plan.strategy = strategy;
    plan.policy = connectors.make_rotation(strategy, settings).value();
    return plan;
}

/// Each model is asked once: what most tests are about is the next model.
inline retry_config tried_once() {
    retry_config retry;
    retry.max_attempts = 1;
    return retry;
}

/// One of these models whose key is "key-of-<key>".
inline provider_plan make_provider(const std::string& name, const std::string& key,
                                   std::vector<std::string> models = {"m"}) {
    provider_plan plan;
    plan.entry.id = name;
    plan.entry.base_path = "/v1";
    plan.entry.api_key = "key-of-" + key;
    plan.entry.codec = std::make_shared<connector::openai_compatible>();
    plan.entry.where = nowhere;
    plan.models = std::move(models);
    return plan;
}

/// Providers with their models, in the pools of the plans.
inline std::shared_ptr<const snapshot> make_snapshot_in(
    const std::vector<std::pair<std::string, std::vector<std::string>>>& served,
    const std::vector<pool_plan>& pools, const snapshot* previous = nullptr, budget::book* ledger = nullptr) {
    std::vector<std::unique_ptr<provider_entry>> providers;
    std::vector<std::vector<connector::model_info>> models;
    for (const auto& [name, its_models] : served) {
        auto entry = std::make_unique<provider_entry>();
        entry->id = name;
        entry->base_path = "/v1";
        entry->api_key = "key-of-" + name;
        entry->codec = std::make_shared<connector::openai_compatible>();
        entry->where = nowhere;
        models.emplace_back();
        for (const std::string& model : its_models)
            models.back().push_back({model, entry->codec->capabilities_of(model)});
        providers.push_back(std::move(entry));
    }
    return build_snapshot(std::move(providers), models, pools, previous, ledger);
}

/// The same, all in one pool.
inline std::shared_ptr<const snapshot> make_snapshot_by(
    const std::vector<std::pair<std::string, std::vector<std::string>>>& served, pool_plan chat,
    const snapshot* previous = nullptr, budget::book* ledger = nullptr) {
    return make_snapshot_in(served, {std::move(chat)}, previous, ledger);
}

inline pool_plan chat_plan(unsigned failure_threshold = 3,
                           rotation_plan rotation = rotates_by("stick-until-failure"),
                           const retry_config& retry = tried_once()) {
    pool_plan plan{"chat", "generation.text-generation.chat-completion", {}, {}};
    plan.trips_at = {failure_threshold, std::chrono::seconds(60)};
    plan.rotation = std::move(rotation);
    plan.retry = retry;
    return plan;
}

/// The same, all in the pool "chat".
inline std::shared_ptr<const snapshot> make_snapshot_of(
    const std::vector<std::pair<std::string, std::vector<std::string>>>& served,
    unsigned failure_threshold = 3, rotation_plan rotation = rotates_by("stick-until-failure"),
    const snapshot* previous = nullptr, const retry_config& retry = tried_once(),
    const streaming_plan& streaming = {}) {
    pool_plan chat = chat_plan(failure_threshold, std::move(rotation), retry);
    chat.streaming = streaming;
    return make_snapshot_by(served, std::move(chat), previous);
}

/// One provider per name, each with one model `<name>.m`.
inline std::shared_ptr<const snapshot> make_snapshot(
    const std::vector<std::string>& names, unsigned failure_threshold = 3,
    rotation_plan rotation = rotates_by("stick-until-failure"), const snapshot* previous = nullptr,
    const retry_config& retry = tried_once()) {
    std::vector<std::pair<std::string, std::vector<std::string>>> served;
    for (const std::string& name : names) served.emplace_back(name, std::vector<std::string>{"m"});
    return make_snapshot_of(served, failure_threshold, std::move(rotation), previous, retry);
}

/// The same, whose pool does this with streams that break off.
inline std::shared_ptr<const snapshot> make_streaming(const std::vector<std::string>& names,
                                                      const streaming_plan& streaming) {
    std::vector<std::pair<std::string, std::vector<std::string>>> served;
    for (const std::string& name : names) served.emplace_back(name, std::vector<std::string>{"m"});
    return make_snapshot_of(served, 3, rotates_by("stick-until-failure"), nullptr, tried_once(), streaming);
}

/// The same, whose pool makes second attempts.
inline std::shared_ptr<const snapshot> make_hedging(const std::vector<std::string>& names,
                                                    const hedging_plan& hedging) {
    std::vector<std::pair<std::string, std::vector<std::string>>> served;
    for (const std::string& name : names) served.emplace_back(name, std::vector<std::string>{"m"});
    pool_plan chat = chat_plan();
    chat.hedging = hedging;
    return make_snapshot_by(served, std::move(chat));
}

inline call make_call(std::shared_ptr<const snapshot> picture, const clock& time, bool stream = false) {
    call made;
    made.pool = picture->resolve("chat").value();
    made.picture = std::move(picture);
    made.request =
        prepared_request::parse(operation::chat_completion,
                                R"({"model":"chat","messages":[{"role":"user","content":"hi"}]})", stream)
            .value();
    made.deadline = time.now() + std::chrono::seconds(300);
    return made;
}

} // namespace modelmesh::router::testing
