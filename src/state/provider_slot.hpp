// Health of one provider, or rather of the key that it is asked with.
#pragma once

#include "state/health.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace modelmesh::state {

/// See modelmesh::outage_config.
struct outage_rule {
    unsigned models;
    unsigned failures;
    std::chrono::milliseconds window;
};

/// Shared by all pools, and by the snapshots one after another while the key is the same. `health` is in standby while
/// none of the provider's models may be asked; selection reads it on every request.
///
/// Failures are counted from the last success on. run_: [63:22] ms of the first one, [21:0] how many. models_: a bit
/// for each model that failed, by its number modulo 64. Relaxed: a statistic; what it leads to is published by `health`.
class provider_slot {
public:
    health_slot health;

    /// A model failed as it would in an outage. True when it is one.
    /// @param model  its number in the snapshot.
    bool note_outage(const outage_rule& rule, std::size_t model, std::chrono::milliseconds now) noexcept {
        std::uint64_t count = 0;
        for (std::uint64_t old = run_.load(std::memory_order_relaxed);;) {
            const std::chrono::milliseconds first(old >> count_bits);
            const bool is_new = (old & most) == 0 || now - first > rule.window;
            if (is_new) models_.store(0, std::memory_order_relaxed);
            count = is_new ? 1 : std::min((old & most) + 1, most);
            const std::uint64_t since = static_cast<std::uint64_t>((is_new ? now : first).count());
            if (run_.compare_exchange_weak(old, since << count_bits | count, std::memory_order_relaxed))
                break;
        }
        const std::uint64_t bit = std::uint64_t{1} << model % 64;
        const std::uint64_t failing = models_.fetch_or(bit, std::memory_order_relaxed) | bit;
        return count >= rule.failures || static_cast<unsigned>(std::popcount(failing)) >= rule.models;
    }

    /// A model answered. True when this brought the provider back.
    bool note_success(std::chrono::milliseconds now) noexcept {
        if (run_.load(std::memory_order_relaxed) != 0) run_.store(0, std::memory_order_relaxed);
        return health.note_success(now);
    }

    /// As if none of its models had ever failed.
    void reactivate(std::chrono::milliseconds now) noexcept {
        run_.store(0, std::memory_order_relaxed);
        health.reactivate(now);
    }

private:
    static constexpr int count_bits = 22;
    static constexpr std::uint64_t most = (std::uint64_t{1} << count_bits) - 1;

    std::atomic<std::uint64_t> run_{0};
    std::atomic<std::uint64_t> models_{0};
};

} // namespace modelmesh::state
