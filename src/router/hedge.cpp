#include "router/hedge.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace modelmesh::router {
std::optional<time_point> hedge_time(const attempt_plan& plan) {
    const call& made = plan.made();
    const hedging_plan& hedging = made.pool->hedging;
    if (!hedging.is_enabled) return std::nullopt;
    if (plan.attempt_number() == 1) made.pool->state->hedges->note_request(hedging.max_extra_load);
    // Two attempts cannot read one file at the same time.
    if (!made.request->files().empty()) return std::nullopt;
    const state::model_slot& model = *plan.current().slot;
    const state::latency_track& track = made.request->stream() ? model.first_token : model.total;
    const std::optional<std::chrono::microseconds> usual =
        track.quantile(hedging.percentile / 100, least_hedging_samples);
    if (!usual) return std::nullopt;
    const time_point at = plan.time().now() + std::max<duration>(*usual, hedging.min_delay);
    return at < made.deadline ? std::optional(at) : std::nullopt;
}

std::optional<attempt_plan> start_hedge(attempt_plan& beside, log_sink* log) {
    state::retry_budget& budget = *beside.made().pool->state->hedges;
    if (!budget.take()) return std::nullopt;
    std::optional<attempt_plan> made = beside.begin_beside();
    if (!made) {
        budget.give_back();
        return std::nullopt;
    }
    if (log != nullptr && log->wants(severity::info)) {
        const std::string attempt = std::to_string(made->attempt_number());
        const std::string id = made->made().id.text();
        const std::array<log_field, 6> fields{{{"request_id", id},
                                               {"pool", made->made().pool->name},
                                               {"model", made->current().id},
                                               {"provider", made->current().provider->id},
                                               {"attempt", attempt},
                                               {"beside_model", beside.current().id}}};
        log->write(severity::info, "hedge.started", fields);
    }
    return made;
}

void report_hedge_won(log_sink* log, const attempt_plan& by, const model_entry& over) {
    if (log == nullptr || !log->wants(severity::info)) return;
    const std::string attempt = std::to_string(by.attempt_number());
    const std::string id = by.made().id.text();
    const std::array<log_field, 6> fields{{{"request_id", id},
                                           {"pool", by.made().pool->name},
                                           {"model", by.current().id},
                                           {"provider", by.current().provider->id},
                                           {"attempt", attempt},
                                           {"over_model", over.id}}};
    log->write(severity::info, "hedge.won", fields);
}

} // namespace modelmesh::router
