#include "router/selection.hpp"

#include <algorithm>

namespace modelmesh::router {

std::size_t count_eligible(const pool& in, const provider_entry* only) noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < in.models.size(); ++i) count += is_eligible(in, i, only) ? 1 : 0;
    return count;
}

std::optional<std::size_t> select_sticky(const pool& from, const exclusion_set& tried, time_point now,
                                         const provider_entry* only) {
    const std::size_t count = from.models.size();
    const std::size_t start = from.state->cursor.load(std::memory_order_relaxed);
    for (std::size_t step = 0; step < count; ++step) {
        const std::size_t index = (start + step) % count;
        if (is_eligible(from, index, only) && !tried.contains(index) &&
            from.state->health[index]->available(since_epoch(now)))
            return index;
    }
    return std::nullopt;
}

const model_entry* next_model(const pool& in, time_point now) {
    if (in.models.empty()) return nullptr;
    return in.models[select_sticky(in, exclusion_set(in.models.size()), now).value_or(0)];
}

void note_success(const pool& in, std::size_t index, time_point now) {
    in.state->health[index]->note_success(since_epoch(now));
}

void move_on(const pool& in, std::size_t index, time_point now) {
    const std::size_t count = in.models.size();
    std::uint32_t cursor = in.state->cursor.load(std::memory_order_relaxed);
    // It may stand before the model, on some that are out of service. Where one of them could be asked, another
    // request has moved it already.
    for (std::size_t at = cursor; at % count != index; ++at)
        if (in.state->health[at % count]->available(since_epoch(now))) return;
    const auto next = static_cast<std::uint32_t>((index + 1) % count);
    in.state->cursor.compare_exchange_strong(cursor, next, std::memory_order_relaxed);
}

bool note_failure(const pool& in, std::size_t index, state::health_slot::reason why, time_point now) {
    move_on(in, index, now);
    return in.state->health[index]->note_failure(in.failure_threshold, since_epoch(now), in.cooldown, why);
}

std::chrono::milliseconds until_available(const pool& in, time_point now, const provider_entry* only) {
    std::chrono::milliseconds least = std::chrono::milliseconds::max();
    for (std::size_t i = 0; i < in.models.size(); ++i) {
        if (!is_eligible(in, i, only)) continue;
        const state::health_slot::view v = in.state->health[i]->load();
        if (!v.standby) return std::chrono::milliseconds(0);
        least = std::min(least, std::max(v.until - since_epoch(now), std::chrono::milliseconds(0)));
    }
    return least;
}

} // namespace modelmesh::router
