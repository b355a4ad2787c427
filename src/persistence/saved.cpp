#include "persistence/saved.hpp"

#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <utility>

namespace modelmesh::persistence {

// The types of the entries have names of their own, because those of a namespace without a name have none that a
// compiler tells.
namespace entries {

struct usage {
    std::string pool{};
    std::string provider{};
    std::string model{};
    int day{};   ///< budget::calendar, by the clocks of time_zone
    int month{}; ///< the same
    std::string time_zone{"UTC"};
    usage_totals total{};
    usage_totals today{};
    usage_totals this_month{};
    std::int64_t mark{};
};

struct health {
    std::string pool{};
    std::string model{};
    state::health_slot::phase phase{};
    unsigned failures{};
    unsigned trips{};
    unsigned successes{};
    std::int64_t until{}; ///< ms of the wall clock
    int reason{};         ///< errc
    int http_status{};
    int standby{}; ///< connector::standby_reason
    std::uint32_t account{};
};

struct cursor {
    std::string pool{};
    std::string model{};
};

} // namespace entries
namespace {

const json::read_options& storage_options() {
    static const json::read_options options(errc::storage);
    return options;
}

// A part of a key: names may have slashes, and keys of two models must differ.
std::string part(std::string_view name) {
    std::string text;
    for (const char c : name) {
        if (c == '%')
            text += "%25";
        else if (c == '/')
            text += "%2F";
        else
            text += c;
    }
    return text;
}

std::string key_of(std::string_view prefix, std::string_view pool, std::string_view model) {
    return std::string(prefix).append(part(pool)).append("/").append(part(model));
}

// A file may have been changed by hand, and amounts have an end.
void bound(usage_totals& of) {
    for (std::int64_t* each : {&of.requests, &of.failures, &of.input_tokens, &of.cached_tokens,
                               &of.output_tokens, &of.reasoning_tokens, &of.cost_micro_usd, &of.unpriced})
        *each = std::clamp<std::int64_t>(*each, 0, budget::period_amount::most);
}

} // namespace

std::string usage_key(std::string_view pool, std::string_view model) {
    return key_of(usage_prefix, pool, model);
}

std::string to_text(const budget::saved_line& saved) {
    entries::usage entry;
    entry.pool = saved.pool;
    entry.provider = saved.provider;
    entry.model = saved.model;
    entry.day = saved.counted.when.day;
    entry.month = saved.counted.when.month;
    entry.time_zone = saved.time_zone;
    entry.total = saved.counted.total;
    entry.today = saved.counted.today;
    entry.this_month = saved.counted.month;
    entry.mark = saved.mark;
    return json::write(entry);
}

result<budget::saved_line> line_from(std::string_view text) {
    result<entries::usage> entry = json::read<entries::usage>(text, storage_options());
    if (!entry) return entry.error();
    budget::saved_line saved;
    saved.pool = std::move(entry->pool);
    saved.provider = std::move(entry->provider);
    saved.model = std::move(entry->model);
    saved.time_zone = std::move(entry->time_zone);
    saved.counted.when = {static_cast<budget::period>(entry->day), static_cast<budget::period>(entry->month)};
    for (usage_totals* each : {&entry->total, &entry->today, &entry->this_month}) bound(*each);
    saved.counted.total = entry->total;
    saved.counted.today = entry->today;
    saved.counted.month = entry->this_month;
    saved.mark = std::clamp(entry->mark, entry->total.cost_micro_usd, budget::period_amount::most);
    return saved;
}

std::string health_key(std::string_view pool, std::string_view model) {
    return key_of(health_prefix, pool, model);
}

std::string provider_key(std::string_view provider) {
    return std::string(provider_prefix).append(part(provider));
}

std::string to_text(const saved_health& saved) {
    entries::health entry;
    entry.pool = saved.pool;
    entry.model = saved.model;
    entry.phase = saved.seen.phase;
    entry.failures = saved.seen.failures;
    entry.trips = saved.seen.trips;
    entry.successes = saved.seen.successes;
    entry.until = saved.seen.until.count();
    entry.reason = static_cast<int>(saved.why.kind);
    entry.http_status = saved.why.http_status;
    entry.standby = static_cast<int>(saved.standby);
    entry.account = saved.account;
    return json::write(entry);
}

result<saved_health> health_from(std::string_view text) {
    using state::health_slot;
    result<entries::health> entry = json::read<entries::health>(text, storage_options());
    if (!entry) return entry.error();
    if (entry->failures > health_slot::max_failures || entry->trips > health_slot::max_trips ||
        entry->successes >= health_slot::full_ramp || entry->reason < 0 ||
        entry->reason > static_cast<int>(errc::internal) || entry->standby < 0 ||
        entry->standby > static_cast<int>(connector::standby_reason::manual) || entry->until < 0 ||
        entry->until > health_slot::never.count())
        return fault(errc::storage, "a number is beyond its range");
    saved_health saved;
    saved.pool = std::move(entry->pool);
    saved.model = std::move(entry->model);
    const bool is_probing = entry->phase == health_slot::phase::probing;
    saved.seen.phase = is_probing ? health_slot::phase::standby : entry->phase;
    saved.seen.failures = entry->failures;
    saved.seen.trips = entry->trips;
    saved.seen.successes = entry->successes;
    saved.seen.until = std::chrono::milliseconds(entry->until);
    saved.why = {static_cast<errc>(entry->reason), entry->http_status};
    saved.standby = static_cast<connector::standby_reason>(entry->standby);
    saved.account = entry->account;
    return saved;
}

std::string cursor_key(std::string_view pool) { return std::string(cursor_prefix).append(part(pool)); }

std::string to_text(const saved_cursor& saved) {
    const entries::cursor entry{saved.pool, saved.model};
    return json::write(entry);
}

result<saved_cursor> cursor_from(std::string_view text) {
    result<entries::cursor> entry = json::read<entries::cursor>(text, storage_options());
    if (!entry) return entry.error();
    return saved_cursor{std::move(entry->pool), std::move(entry->model)};
}

} // namespace modelmesh::persistence
