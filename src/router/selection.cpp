#include "router/selection.hpp"

#include "router/attempt_log.hpp"
#include "router/pool_view.hpp"

#include <algorithm>

namespace modelmesh::router {

using connector::model_set;
using state::health_slot;

std::size_t count_eligible(const pool& in, const scope& asked) noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < in.models.size(); ++i) count += is_eligible(in, i, asked) ? 1 : 0;
    return count;
}

namespace {
// What a model's health says. The usual answer costs one load.
exclusion out_of_service(const health_slot::view& health, const state::model_slot& model,
                         std::chrono::milliseconds now) noexcept {
    if (!health.is_available(now))
        return health.phase == health_slot::phase::probing ? exclusion::probing
               : health.is_manual()                        ? exclusion::manual
                                                           : exclusion::standby;
    if (health.phase == health_slot::phase::ramping &&
        model.in_flight.load(std::memory_order_relaxed) >= static_cast<std::int32_t>(health.ramp_limit()))
        return exclusion::ramping;
    return exclusion::none;
}
} // namespace

std::chrono::milliseconds next_turn(const pool& in, std::size_t index) noexcept {
    std::chrono::milliseconds at{0};
    if (!in.state->paces.empty()) at = in.state->paces[index]->free_at();
    const model_entry& model = *in.models[index];
    if (model.limit) at = std::max(at, model.limit->free_at());
    if (model.provider->limit) at = std::max(at, model.provider->limit->free_at());
    return at;
}

bool take_turn(const pool& in, std::size_t index, time_point now, std::int64_t tokens, bool is_forced,
               state::taken_tokens& taken) noexcept {
    state::minute_limit::turn of_model;
    state::minute_limit::turn of_key;
    const std::shared_ptr<state::minute_limit>& model = in.models[index]->limit;
    const std::shared_ptr<state::minute_limit>& key = in.models[index]->provider->limit;
    if (model && !model->take(now, tokens, is_forced, of_model)) return false;
    const bool has_key = !key || key->take(now, tokens, is_forced, of_key);
    if (has_key && (in.state->paces.empty() || in.state->paces[index]->take(since_epoch(now), is_forced))) {
        taken = {of_model.tokens, of_key.tokens};
        return true;
    }
    // Others may have had one of the turns meanwhile: the rest is given back.
    if (model) model->give_back(of_model, now);
    if (key && has_key) key->give_back(of_key, now);
    return false;
}

namespace {
// What is the same for all models of a search.
struct search {
    search(const pool& in, const scope& asked_for, std::chrono::milliseconds moment) noexcept
        : asked(asked_for), now(moment), has_needs(asked_for.needs.any()), is_paced(has_turns(in)) {}
    scope asked; // a copy that nobody else can change, so that it need not be read for each model
    std::chrono::milliseconds now;
    bool has_needs;
    bool is_paced;
};

inline exclusion examine(const pool& in, std::size_t index, const search& by) noexcept {
    if (const exclusion why = ineligible(in, index, by.asked, by.has_needs); why != exclusion::none)
        return why;
    if (!in.members[index].provider->slot->health.available(by.now)) return exclusion::provider_out;
    const exclusion why = out_of_service(in.state->health[index]->load(), *in.models[index]->slot, by.now);
    if (why != exclusion::none || !by.is_paced) return why;
    return by.now < next_turn(in, index) ? exclusion::paced : exclusion::none;
}
} // namespace

exclusion why_not(const pool& in, std::size_t index, const scope& asked,
                  std::chrono::milliseconds now) noexcept {
    return examine(in, index, search(in, asked, now));
}

bool find_candidates(const pool& from, const model_set& tried, const scope& asked, time_point at,
                     model_set& out, bool with_ramping) {
    const search by(from, asked, since_epoch(at));
    const std::size_t count = from.models.size();
    bool is_any_ramping = false;
    bool is_any_paced = false;
    const auto fill = [&](exclusion forgiven) {
        out.clear();
        for (std::size_t i = 0; i < count; ++i) {
            if (tried.contains(i)) continue;
            const exclusion why = examine(from, i, by);
            if (why == exclusion::none) {
                out.insert(i);
                continue;
            }
            is_any_ramping = is_any_ramping || why == exclusion::ramping;
            is_any_paced = is_any_paced || why == exclusion::paced;
            if (why == forgiven) out.insert(i);
        }
    };
    fill(exclusion::none);
    const bool is_any_held_back = is_any_ramping;
    if (asked.is_spare) return false;
    const bool are_all_asked = is_any_held_back && (out.empty() || with_ramping);
    if (are_all_asked) fill(exclusion::ramping);
    if (is_any_paced && !from.pace.delays && out.empty()) fill(exclusion::paced);
    return is_any_held_back && !are_all_asked;
}

std::optional<std::size_t> choose(const pool& from, const pool_view& view, rng& random) {
    const std::size_t first = view.candidates().next(0);
    if (first == view.size()) return std::nullopt;
    if (!from.policy) return first;
    const std::optional<std::size_t> chosen = from.policy->choose(view, random);
    // An application's policy may be wrong about who is a candidate: it has chosen nobody then.
    return chosen && view.candidates().contains(*chosen) ? chosen : std::nullopt;
}

std::optional<chosen_model> select(const pool& from, const model_set& tried, const scope& asked,
                                   const connector::rotation_request& request, time_point now, rng& random,
                                   model_set& scratch) {
    bool is_any_held_back = find_candidates(from, tried, asked, now, scratch);
    pool_view view(from, scratch, request, now, asked);
    for (;;) {
        const std::optional<std::size_t> index = choose(from, view, random);
        if (!index && is_any_held_back) { // a strict session's own model may be among them
            is_any_held_back = find_candidates(from, tried, asked, now, scratch, true);
            continue;
        }
        if (!index) return std::nullopt;
        health_slot& provider = from.models[*index]->provider->slot->health;
        admission admitted(*from.state->health[*index], provider, now);
        if (!admitted) {
            scratch.erase(*index);
            continue;
        }
        chosen_model chosen{*index, std::move(admitted)};
        // Others may have had its turn meanwhile: who may not wait goes all the same.
        const bool is_forced = !from.pace.delays && !asked.is_spare;
        if (has_turns(from) && !take_turn(from, *index, now, tokens_of(request), is_forced, chosen.tokens)) {
            scratch.erase(*index);
            continue;
        }
        if (from.policy) from.policy->commit(view, *index);
        return chosen;
    }
}

std::optional<std::chrono::milliseconds> paced_until(const pool& in, const model_set& tried,
                                                     const scope& asked, time_point now) noexcept {
    std::optional<std::chrono::milliseconds> first;
    if (!in.pace.delays || !has_turns(in)) return first;
    for (std::size_t i = 0; i < in.models.size(); ++i) {
        if (tried.contains(i)) continue;
        const exclusion why = why_not(in, i, asked, since_epoch(now));
        if (why == exclusion::none) return std::nullopt;
        if (why != exclusion::paced) continue;
        const std::chrono::milliseconds free = next_turn(in, i);
        first = std::min(first.value_or(free), free);
    }
    return first;
}

std::optional<std::size_t> peek(const pool& from, time_point now, rng& random, const scope& asked) {
    model_set candidates(from.models.size());
    const model_set none(from.models.size());
    const bool is_any_held_back = find_candidates(from, none, asked, now, candidates);
    const connector::rotation_request request;
    const pool_view view(from, candidates, request, now, asked);
    const std::optional<std::size_t> index = choose(from, view, random);
    if (index || !is_any_held_back) return index;
    find_candidates(from, none, asked, now, candidates, true);
    return choose(from, view, random);
}

const model_entry* next_model(const pool& in, time_point now) {
    if (in.models.empty()) return nullptr;
    xoshiro256 random(0); // where chance decides, it is one of those that may be next
    return in.models[peek(in, now, random).value_or(0)];
}

void note_success(const pool& in, std::size_t index, time_point now, const core::request_id& id,
                  log_sink* log) {
    if (in.state->health[index]->note_success(since_epoch(now))) report_reactivation(log, id, in, index);
    const provider_entry& provider = *in.models[index]->provider;
    if (provider.slot->note_success(since_epoch(now))) report_recovery(log, id, provider);
}

void move_on(const pool& in, std::size_t index, time_point now) {
    if (!in.policy) return;
    model_set in_service(in.models.size());
    for (std::size_t i = 0; i < in.models.size(); ++i)
        if (in.state->health[i]->available(since_epoch(now)) &&
            in.models[i]->provider->slot->health.available(since_epoch(now)))
            in_service.insert(i);
    const connector::rotation_request request;
    pool_view view(in, in_service, request, now, {});
    in.policy->move_on(view, index);
}

bool note_failure(const pool& in, std::size_t index, health_slot::reason why, time_point now, rng& random,
                  bool lasts) {
    move_on(in, index, now);
    return in.state->health[index]->note_failure(in.trips_at, since_epoch(now), why, random.unit(), lasts);
}

namespace {
std::optional<std::chrono::milliseconds> until_back(const health_slot::view& v,
                                                    std::chrono::milliseconds now) {
    constexpr std::chrono::milliseconds usual_probe{1000};
    if (v.is_available(now)) return std::chrono::milliseconds(0);
    if (v.is_manual()) return std::nullopt;
    return v.phase == health_slot::phase::probing ? usual_probe : v.until - now;
}
} // namespace

std::optional<std::chrono::milliseconds> until_available(const pool& in, time_point at, const scope& asked) {
    const std::chrono::milliseconds now = since_epoch(at);
    std::optional<std::chrono::milliseconds> least;
    for (std::size_t i = 0; i < in.models.size(); ++i) {
        if (!is_eligible(in, i, asked)) continue;
        const std::optional<std::chrono::milliseconds> model = until_back(in.state->health[i]->load(), now);
        const std::optional<std::chrono::milliseconds> provider =
            until_back(in.models[i]->provider->slot->health.load(), now);
        if (!model || !provider) continue;
        const std::chrono::milliseconds wait = std::max(*model, *provider);
        least = std::min(least.value_or(wait), wait);
    }
    return least;
}

} // namespace modelmesh::router
