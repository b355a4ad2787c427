#include "router/introspection.hpp"

#include "router/attempt_log.hpp"
#include "router/charge.hpp"
#include "router/pool_view.hpp"
#include "router/selection.hpp"

#include <algorithm>
#include <utility>

namespace modelmesh::router {
namespace {

using connector::model_set;
using state::health_slot;

std::string failure_text(const health_slot::reason& why) {
    std::string text(to_string(why.kind));
    if (why.http_status != 0) text += " (HTTP " + std::to_string(why.http_status) + ")";
    return text;
}

// Which limit it is that has the next turn last, and when.
std::string turn_text(const pool& in, std::size_t index, std::chrono::milliseconds now) {
    const model_entry& model = *in.models[index];
    const std::chrono::milliseconds at = next_turn(in, index);
    std::string whose = "its pool's";
    if (model.provider->limit && model.provider->limit->free_at() == at)
        whose = "that of provider '" + model.provider->id + "'";
    if (model.limit && model.limit->free_at() == at) whose = "its own";
    return "paced: rate_limit (" + whose + ") has a turn for it in " +
           std::to_string(std::max(at - now, std::chrono::milliseconds(0)).count()) + " ms";
}

void add_reason(model_status& made, const pool& in, std::size_t index, const scope& asked,
                std::chrono::milliseconds now) {
    const model_entry& model = *in.models[index];
    made.reason = to_string(made.why);
    if (made.why == exclusion::paced) made.reason = turn_text(in, index, now);
    if (made.why == exclusion::other_provider)
        made.reason =
            "its provider is '" + model.provider->id + "', and the call asks '" + asked.only->id + "'";
    if (made.why == exclusion::other_operation) made.reason = "it cannot do what the call asks for";
    if (made.why == exclusion::manual) made.reason = "rotated out, until it is reactivated";
    if (made.why == exclusion::none) made.reason.clear();
}

void add_health(model_status& made, const health_slot& health, std::chrono::milliseconds now) {
    const health_slot::view v = health.load();
    if (v.phase != health_slot::phase::standby || v.is_manual()) return;
    const health_slot::reason why = health.last_failure();
    const bool has_failed = health.standby_reason() == connector::standby_reason::error_threshold;
    if (has_failed) {
        made.last_failure = why.kind;
        made.last_http_status = why.http_status;
    }
    if (now >= v.until) return; // it may have its probe
    if (v.until != health_slot::never) made.returns_in = v.until - now;
    if (made.why != exclusion::standby) return;
    made.reason = "in standby";
    if (made.returns_in) made.reason += " for " + std::to_string(made.returns_in->count()) + " ms";
    made.reason += has_failed ? " after " + failure_text(why)
                              : ": " + std::string(connector::to_string(health.standby_reason()));
}

model_status model_status_of(const pool& in, std::size_t index, const scope& asked, time_point at) {
    const std::chrono::milliseconds now = since_epoch(at);
    const model_entry& model = *in.models[index];
    model_status made;
    made.id = model.id;
    made.provider = model.provider->id;
    made.why = why_not(in, index, asked, now);
    made.error_rate = in.state->health[index]->error_rate();
    made.in_flight =
        static_cast<unsigned>(std::max(0, model.slot->in_flight.load(std::memory_order_relaxed)));
    add_reason(made, in, index, asked, now);
    add_health(made, *in.state->health[index], now);
    return made;
}

// Who would be asked one after the other. A budget stands in the way of a model only where the pool looks for another.
struct prediction {
    std::vector<std::size_t> order;
    bool is_policy_strict = false; ///< it wanted none of those who were left
};
prediction predict(const call& made, const connector::rotation_request& facts, time_point now,
                   const model_set& unaffordable) {
    const pool& from = *made.pool;
    prediction found;
    model_set tried = unaffordable;
    model_set candidates(from.models.size());
    xoshiro256 random(0);
    for (;;) {
        find_candidates(from, tried, made.asked, now, candidates);
        if (candidates.empty()) return found;
        const std::optional<std::size_t> next =
            choose(from, pool_view(from, candidates, facts, now, made.asked), random);
        if (!next) {
            found.is_policy_strict = found.order.empty();
            return found;
        }
        found.order.push_back(*next);
        tried.insert(*next);
    }
}

// The rules in the order in which they leave models out, with the last of the reasons that belong to each.
constexpr std::pair<exclusion, std::string_view> rules[] = {
    {exclusion::other_provider, "provider"}, {exclusion::other_operation, "operation"},
    {exclusion::other_delivery, "delivery"}, {exclusion::missing_feature, "features"},
    {exclusion::too_small, "size"},          {exclusion::ramping, "health"},
    {exclusion::paced, "rate_limit"},        {exclusion::budget, "budget"},
};

std::vector<explained_stage> stages_of(const std::vector<model_status>& models) {
    std::vector<explained_stage> stages;
    for (const auto& [last, name] : rules) {
        explained_stage& stage = stages.emplace_back();
        stage.name = name;
        for (const model_status& each : models)
            if (each.why == exclusion::none || each.why > last) stage.survivors.push_back(each.id);
    }
    return stages;
}

} // namespace

pool_status status_of(const pool& of, time_point now) {
    pool_status made;
    made.pool = of.name;
    made.strategy = of.strategy;
    made.capability = of.capability;
    made.total = of.models.size();
    for (std::size_t i = 0; i < of.models.size(); ++i) {
        made.models.push_back(model_status_of(of, i, {}, now));
        const bool is_in_service = of.state->health[i]->available(since_epoch(now)) &&
                                   of.models[i]->provider->slot->health.available(since_epoch(now));
        ++(is_in_service ? made.active : made.standby);
    }
    xoshiro256 random(0);
    if (const std::optional<std::size_t> next = peek(of, now, random))
        made.current_model = of.models[*next]->id;
    return made;
}

explanation explain(const call& made, time_point now, std::chrono::system_clock::time_point wall) {
    const pool& from = *made.pool;
    explanation told;
    told.pool = from.name;
    told.strategy = from.strategy;
    told.capability = from.capability;
    const connector::rotation_request facts = made.request ? facts_for(made) : connector::rotation_request();
    model_set unaffordable(from.models.size());
    model_set candidates(from.models.size());
    find_candidates(from, unaffordable, made.asked, now, candidates);
    const pool_view view(from, candidates, facts, now, made.asked);
    for (std::size_t i = 0; i < from.models.size(); ++i) {
        model_status& each = told.candidates.emplace_back(model_status_of(from, i, made.asked, now));
        if (!candidates.contains(i)) continue;
        if (each.why != exclusion::none) { // it would have to wait, and nobody else is there
            each.why = exclusion::none;
            each.reason.clear();
        }
        if (from.policy) each.score = from.policy->rating(view, i);
        if (from.lines.empty()) continue;
        if (const std::optional<fault> refused = budget_refusal(made.request.get(), *from.lines[i], wall)) {
            each.why = exclusion::budget;
            each.reason = refused->message;
            unaffordable.insert(i);
        }
    }
    told.stages = stages_of(told.candidates);
    const prediction predicted = predict(made, facts, now, unaffordable);
    for (const std::size_t index : predicted.order)
        if (!told.selected_model)
            told.selected_model = from.models[index]->id;
        else
            told.fallback_chain.push_back(from.models[index]->id);
    if (told.selected_model)
        told.reason = from.policy ? "selected by '" + from.strategy + "'" : "the first that may be asked";
    else if (from.models.empty())
        told.reason = "the pool has no models";
    else if (predicted.is_policy_strict)
        told.reason = "'" + from.strategy + "' wants none of the models that may be asked";
    else
        told.reason = "no model may be asked";
    return told;
}

std::string described(const pool& of, time_point now) {
    const pool_status status = status_of(of, now);
    std::string text = "Pool \"" + status.pool + "\"";
    if (!status.strategy.empty()) text += " (strategy: " + status.strategy + ")";
    text += "\n";
    if (!status.capability.empty()) text += "  capability: " + status.capability + "\n";
    for (const model_status& each : status.models) {
        text += status.current_model == each.id ? "  \u2192 " : "    ";
        text += each.id + " [" + each.provider + "]";
        if (each.why == exclusion::none || each.why == exclusion::ramping)
            text += " (active)\n";
        else
            text += " (standby): " + each.reason + "\n";
    }
    if (status.models.empty()) text += "  (no models)\n";
    return text;
}

std::vector<const pool*> named_pools(const snapshot& of) {
    std::vector<const pool*> named;
    for (const std::unique_ptr<pool>& each : of.pools)
        if (each->kind == pool_kind::configured) named.push_back(each.get());
    return named;
}

std::vector<std::string> active_providers(const snapshot& of, time_point now) {
    std::vector<std::string> active;
    for (const std::unique_ptr<provider_entry>& provider : of.providers) {
        if (!provider->slot->health.available(since_epoch(now))) continue;
        const auto has_active = [&](const std::unique_ptr<pool>& in) {
            for (std::size_t i = 0; i < in->models.size(); ++i)
                if (in->models[i]->provider == provider.get() &&
                    in->state->health[i]->available(since_epoch(now)))
                    return true;
            return false;
        };
        if (std::any_of(of.pools.begin(), of.pools.end(), has_active)) active.push_back(provider->id);
    }
    return active;
}

result<std::size_t> find_model(const pool& in, std::string_view name) {
    std::vector<std::string_view> known;
    for (std::size_t i = 0; i < in.models.size(); ++i) {
        if (is_called(*in.models[i], name)) return i;
        known.push_back(in.models[i]->id);
    }
    fault f(errc::not_found, "pool '" + in.name + "' has no model '" + std::string(name.substr(0, 100)) +
                                 "'" + did_you_mean(name, known));
    f.pool = in.name;
    return f;
}

result<const model_entry*> rotate(const pool& in, time_point now, log_sink* log) {
    xoshiro256 random(0);
    const std::optional<std::size_t> front = peek(in, now, random);
    fault none(errc::no_active_model, "no model of pool '" + in.name + "' is in service");
    none.pool = in.name;
    if (!front) return none;
    model_set without(in.models.size());
    without.insert(*front);
    model_set candidates(in.models.size());
    find_candidates(in, without, {}, now, candidates);
    if (candidates.empty()) {
        none.message = "'" + in.models[*front]->id + "' is the only model of pool '" + in.name +
                       "' in service: nobody would take its place";
        return none;
    }
    in.state->health[*front]->take_out(since_epoch(now));
    report_rotated_out(log, in, *front);
    move_on(in, *front, now);
    const std::optional<std::size_t> next = peek(in, now, random);
    return in.models[next.value_or(candidates.next(0))];
}

void reactivate(const pool& in, std::size_t index, time_point now, log_sink* log) {
    state::health_slot& health = *in.state->health[index];
    const bool was_out = health.load().is_out();
    health.reactivate(since_epoch(now));
    if (was_out) report_put_back(log, in, index);
}

void reactivate(const provider_entry& which, time_point now, log_sink* log) {
    const bool was_out = which.slot->health.load().is_out();
    which.slot->reactivate(since_epoch(now));
    if (was_out) report_put_back(log, which);
}

void add_service(usage_report& to, const snapshot& of, time_point now) {
    const auto add = [now](const state::health_slot& health, std::initializer_list<usage_counts*> sums) {
        const state::health_slot::service_record told = health.service(since_epoch(now));
        for (usage_counts* each : sums) {
            each->service.downtime += told.downtime;
            each->service.standby_events += told.standby_events;
            each->service.quota_resets += told.quota_resets;
            each->service.rotation_events += told.rotations;
        }
    };
    const auto has_any = [now](const state::health_slot& health) {
        const state::health_slot::service_record told = health.service(since_epoch(now));
        return told.standby_events > 0 || told.rotations > 0 || told.downtime.count() > 0;
    };
    for (const std::unique_ptr<pool>& each : of.pools) {
        if (each->kind == pool_kind::joint) continue; // its models are those of other pools
        for (std::size_t i = 0; i < each->models.size(); ++i) {
            const state::health_slot& health = *each->state->health[i];
            if (!has_any(health)) continue;
            const model_entry& model = *each->models[i];
            add(health, {&to.all, &to.by_model[model.id], &to.by_provider[model.provider->id],
                         &to.by_pool[each->name]});
        }
    }
    for (const std::unique_ptr<provider_entry>& each : of.providers) {
        const state::provider_slot& slot = *each->slot;
        if (!has_any(slot.health)) continue;
        add(slot.health, {&to.by_provider[each->id]});
        // Providers of one key are one account.
        const auto first = std::find_if(of.providers.begin(), of.providers.end(),
                                        [&slot](const auto& other) { return other->slot.get() == &slot; });
        if (*first == each) add(slot.health, {&to.all});
    }
}

} // namespace modelmesh::router
