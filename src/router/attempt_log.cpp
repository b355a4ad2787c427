#include "router/attempt_log.hpp"

#include "router/permit.hpp"

#include <initializer_list>
#include <span>
#include <string>

namespace modelmesh::router {
namespace {

void write(log_sink* log, severity level, std::string_view event, std::initializer_list<log_field> fields) {
    log->write(level, event, std::span<const log_field>(fields.begin(), fields.size()));
}

bool wants(log_sink* log, severity level) { return log != nullptr && log->wants(level); }

std::string in_ms(duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

std::string seconds_until(const state::health_slot::view& back, time_point now) {
    if (back.is_manual()) return "for good";
    return std::to_string(((back.until - since_epoch(now)).count() + 999) / 1000);
}

} // namespace

void report_failure(log_sink* log, const core::request_id& id, std::string_view provider,
                    std::string_view model, int number, const fault& f) {
    if (!wants(log, severity::warning)) return;
    const std::string attempt = std::to_string(number);
    const std::string status = std::to_string(f.http_status);
    const std::string request_id = id.text();
    write(log, severity::warning, "attempt.failed",
          {{"request_id", request_id},
           {"model", model},
           {"provider", provider},
           {"attempt", attempt},
           {"kind", to_string(f.kind())},
           {"status", status}});
}

void report_retry(log_sink* log, const core::request_id& id, const pool& in, std::size_t index, int number,
                  duration pause, errc why) {
    if (!wants(log, severity::info)) return;
    const std::string attempt = std::to_string(number);
    const std::string delay = in_ms(pause);
    const std::string request_id = id.text();
    write(log, severity::info, "retry.attempted",
          {{"request_id", request_id},
           {"pool", in.name},
           {"model", in.models[index]->id},
           {"provider", in.models[index]->provider->id},
           {"attempt", attempt},
           {"delay_ms", delay},
           {"reason", to_string(why)}});
}

void report_rotation(log_sink* log, const core::request_id& id, const pool& in, std::size_t from,
                     std::size_t to, errc why) {
    if (!wants(log, severity::info)) return;
    const std::string request_id = id.text();
    write(log, severity::info, "model.rotated",
          {{"request_id", request_id},
           {"pool", in.name},
           {"model", in.models[to]->id},
           {"provider", in.models[to]->provider->id},
           {"previous", in.models[from]->id},
           {"reason", to_string(why)}});
}

void report_deactivation(log_sink* log, const core::request_id& id, const pool& in, std::size_t index,
                         time_point now) {
    if (!wants(log, severity::warning)) return;
    const std::string request_id = id.text();
    const state::health_slot& health = *in.state->health[index];
    const state::health_slot::reason why = health.last_failure();
    const std::string wait = seconds_until(health.load(), now);
    const std::string status = std::to_string(why.http_status);
    write(log, severity::warning, "model.deactivated",
          {{"request_id", request_id},
           {"pool", in.name},
           {"model", in.models[index]->id},
           {"provider", in.models[index]->provider->id},
           {"reason", connector::to_string(health.standby_reason())},
           {"kind", to_string(why.kind)},
           {"status", status},
           {"seconds", wait}});
}

void report_reactivation(log_sink* log, const core::request_id& id, const pool& in, std::size_t index) {
    if (!wants(log, severity::info)) return;
    const std::string request_id = id.text();
    write(log, severity::info, "model.reactivated",
          {{"request_id", request_id},
           {"pool", in.name},
           {"model", in.models[index]->id},
           {"provider", in.models[index]->provider->id},
           {"reason", "probe_success"}});
}

void report_rotated_out(log_sink* log, const pool& in, std::size_t index) {
    if (!wants(log, severity::warning)) return;
    write(log, severity::warning, "model.deactivated",
          {{"pool", in.name},
           {"model", in.models[index]->id},
           {"provider", in.models[index]->provider->id},
           {"reason", "manual"},
           {"seconds", "for good"}});
}

void report_put_back(log_sink* log, const pool& in, std::size_t index) {
    if (!wants(log, severity::info)) return;
    write(log, severity::info, "model.reactivated",
          {{"pool", in.name},
           {"model", in.models[index]->id},
           {"provider", in.models[index]->provider->id},
           {"reason", "manual"}});
}

void report_put_back(log_sink* log, const provider_entry& which) {
    if (!wants(log, severity::info)) return;
    write(log, severity::info, "provider.recovered", {{"provider", which.id}, {"reason", "manual"}});
}

void report_limit_switch(log_sink* log, const core::request_id& id, const pool& in, std::size_t from,
                         std::size_t to, std::string_view reason) {
    if (!wants(log, severity::info)) return;
    const std::string request_id = id.text();
    write(log, severity::info, "rate_limit.switch",
          {{"request_id", request_id},
           {"pool", in.name},
           {"model", in.models[to]->id},
           {"provider", in.models[to]->provider->id},
           {"previous", in.models[from]->id},
           {"reason", reason}});
}

void report_provider_out(log_sink* log, const core::request_id& id, const provider_entry& which,
                         time_point now) {
    if (!wants(log, severity::error)) return;
    const std::string request_id = id.text();
    const state::health_slot& health = which.slot->health;
    const state::health_slot::reason why = health.last_failure();
    const std::string wait = seconds_until(health.load(), now);
    const std::string status = std::to_string(why.http_status);
    const bool is_told = why.kind == errc::quota || why.kind == errc::rate_limit; // by the provider
    const std::string_view reason = why.kind == errc::auth ? "auth_failure"
                                    : is_told              ? connector::to_string(health.standby_reason())
                                                           : "api_outage";
    write(log, severity::error, "provider.deactivated",
          {{"request_id", request_id},
           {"provider", which.id},
           {"reason", reason},
           {"kind", to_string(why.kind)},
           {"status", status},
           {"seconds", wait}});
}

void report_recovery(log_sink* log, const core::request_id& id, const provider_entry& which) {
    if (!wants(log, severity::info)) return;
    const std::string request_id = id.text();
    write(log, severity::info, "provider.recovered",
          {{"request_id", request_id}, {"provider", which.id}, {"reason", "probe_success"}});
}

void report_renewal(log_sink* log, const std::optional<core::request_id>& id, const provider_entry& which) {
    if (!wants(log, severity::info)) return;
    if (!id) return write(log, severity::info, "key.renewed", {{"provider", which.id}});
    const std::string request_id = id->text();
    write(log, severity::info, "key.renewed", {{"request_id", request_id}, {"provider", which.id}});
}

void report_exhausted(log_sink* log, const core::request_id& id, const fault& with) {
    if (!wants(log, severity::error)) return;
    const std::string attempts = std::to_string(with.attempts.size());
    const std::string request_id = id.text();
    write(log, severity::error, "pool.exhausted",
          {{"request_id", request_id},
           {"pool", with.pool},
           {"attempts", attempts},
           {"reason", to_string(with.kind())}});
}

} // namespace modelmesh::router
