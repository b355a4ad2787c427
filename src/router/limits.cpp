#include "router/limits.hpp"

#include "budget/period.hpp"
#include "router/permit.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>

namespace modelmesh::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

void take_out(const pool& in, std::size_t index, milliseconds now, milliseconds time,
              connector::standby_reason why, log_sink* log, const core::request_id* of = nullptr) {
    using state::health_slot;
    const milliseconds until = time >= health_slot::never - now ? health_slot::never : now + time;
    if (!in.state->health[index]->stand_by(now, until, why)) return;
    if (log == nullptr || !log->wants(severity::warning)) return;
    const std::string seconds =
        until == health_slot::never ? "for good" : std::to_string((time.count() + 999) / 1000);
    const std::string id = of == nullptr ? std::string() : of->text();
    const std::array<log_field, 6> fields{{{"request_id", id},
                                           {"pool", in.name},
                                           {"model", in.models[index]->id},
                                           {"provider", in.models[index]->provider->id},
                                           {"reason", to_string(why)},
                                           {"seconds", seconds}}};
    // The calendar asks for no call.
    log->write(severity::warning, "model.deactivated", std::span(fields).subspan(of == nullptr ? 1 : 0));
}

connector::model_record record_of(const pool& in, std::size_t index, const outcome& of,
                                  system_clock::time_point wall) {
    connector::model_record record;
    record.pool = in.name;
    record.model = in.models[index]->id;
    record.name = in.models[index]->name;
    record.has_failed = of.has_failed;
    record.latency = of.latency;
    const state::health_slot& health = *in.state->health[index];
    record.failures = health.load().failures;
    record.error_rate = health.error_rate();
    if (const std::optional<double> mean = in.models[index]->slot->total.mean())
        record.mean_latency = std::chrono::microseconds(static_cast<std::int64_t>(*mean));
    const bool is_daily = in.rules->is_daily;
    const auto reset_of = [&](const budget::periods& when) {
        const system_clock::time_point reset = is_daily ? when.next_day(wall) : when.next_month(wall);
        record.until_reset = std::chrono::ceil<milliseconds>(reset - wall);
    };
    if (in.lines.empty()) {
        reset_of(budget::periods());
    } else {
        const budget::line& line = *in.lines[index];
        reset_of(*line.when);
        usage_counts counts;
        line.counts->add_to(counts, line.when->at(wall));
        const usage_totals& used = is_daily ? counts.today : counts.month;
        record.requests = used.requests;
        record.tokens = used.total_tokens();
        record.cost_micro_usd = used.cost_micro_usd;
    }
    return record;
}

} // namespace

void apply_rules(const pool& in, std::size_t index, const outcome& of, const clock& time, rng& random,
                 log_sink* log) {
    if (!in.origins.empty())
        return apply_rules(*in.origins[index].of, in.origins[index].index, of, time, random, log);
    if (!in.rules || in.state->health[index]->load().is_out()) return;
    const connector::model_record record = record_of(in, index, of, time.wall());
    const std::optional<connector::standby_reason> why = in.rules->deactivation->should_deactivate(record);
    if (!why) return;
    const milliseconds standby = in.rules->recovery->standby_time(*why, record, random.unit());
    take_out(in, index, since_epoch(time.now()), std::max(standby, milliseconds(0)), *why, log, &of.id);
}

void keep_windows(const pool& in, const clock& time, log_sink* log) {
    // The wall clock may be set: no window is missed by more than this.
    constexpr milliseconds longest_sleep = std::chrono::hours(1);
    for (std::size_t i = 0; i < in.origins.size(); ++i)
        if (i == 0 || in.origins[i].of != in.origins[i - 1].of) keep_windows(*in.origins[i].of, time, log);
    if (in.windows.empty()) return;
    const milliseconds now = since_epoch(time.now());
    std::int64_t due = in.state->windows_due.load(std::memory_order_relaxed);
    if (now.count() < due) return;
    const system_clock::time_point wall = time.wall();
    // One that had begun by then was seen then: whom it took out and somebody put back, stays.
    const milliseconds seen(in.state->windows_seen.load(std::memory_order_relaxed));
    milliseconds next = longest_sleep;
    for (const maintenance_window& window : in.windows) {
        const std::optional<minute_point> begun = window.begins.previous(wall, window.zone);
        if (begun && wall < *begun + window.lasts && begun->time_since_epoch() > seen) {
            const auto left = std::chrono::ceil<milliseconds>(*begun + window.lasts - wall);
            for (std::size_t i = 0; i < in.models.size(); ++i)
                if (window.model.empty() || window.model == in.models[i]->id)
                    take_out(in, i, now, left, connector::standby_reason::maintenance_window, log);
        }
        if (const std::optional<minute_point> begins = window.begins.next(wall, window.zone))
            next = std::min(next, std::chrono::ceil<milliseconds>(*begins - wall));
    }
    in.state->windows_seen.store(std::chrono::duration_cast<milliseconds>(wall.time_since_epoch()).count(),
                                 std::memory_order_relaxed);
    // Whoever else looks at the same moment finds the same windows: which of them is written does not matter.
    in.state->windows_due.store((now + next).count(), std::memory_order_relaxed);
}

} // namespace modelmesh::router
