// Health of one model in one pool: the word that selection reads on every request.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace modelmesh::state {

/// Any thread may report; selection reads on every request. No locks.
/// word_: [63] standby, [62:48] failures in a row, [47:0] standby until, in ms of the steady clock. One word,
/// so that a reader never sees a mix. note_failure: acq_rel CAS; pairs with the acquire in load(), so that
/// whoever sees the trip also sees its end.
class health_slot {
public:
    struct view {
        bool standby;
        unsigned failures;
        std::chrono::milliseconds until; ///< since the clock's epoch; meaningful in standby only
    };

    [[nodiscard]] view load() const noexcept { return unpack(word_.load(std::memory_order_acquire)); }

    /// Whether a request may go to the model: it is active, or its time in standby is over.
    [[nodiscard]] bool available(std::chrono::milliseconds now) const noexcept {
        const view v = load();
        return !v.standby || now >= v.until;
    }

    /// True when this call took the model out of service: its failures in a row reached `threshold`. A model
    /// that fails again after its standby ended goes back at once.
    bool note_failure(unsigned threshold, std::chrono::milliseconds now,
                      std::chrono::milliseconds cooldown) noexcept {
        for (std::uint64_t old = word_.load(std::memory_order_relaxed);;) {
            view v = unpack(old);
            v.failures += v.failures < max_failures ? 1 : 0;
            const bool trips = v.standby ? now >= v.until : v.failures >= threshold;
            if (trips) {
                v.standby = true;
                v.until = now + cooldown;
            }
            if (word_.compare_exchange_weak(old, pack(v), std::memory_order_acq_rel,
                                            std::memory_order_relaxed))
                return trips;
        }
    }

    /// The model answered: failures are forgotten, but not a standby that goes on, because the answer may
    /// have begun before it. A plain read when there are none, so that success writes nothing.
    void note_success(std::chrono::milliseconds now) noexcept {
        std::uint64_t old = word_.load(std::memory_order_relaxed);
        while (old != 0) {
            const view v = unpack(old);
            if (v.standby && now < v.until) return;
            if (word_.compare_exchange_weak(old, 0, std::memory_order_acq_rel, std::memory_order_relaxed))
                return;
        }
    }

private:
    static constexpr unsigned max_failures = 0x7fff;
    static constexpr std::uint64_t time_mask = (std::uint64_t{1} << 48) - 1;

    static view unpack(std::uint64_t word) noexcept {
        return {(word >> 63) != 0, static_cast<unsigned>(word >> 48) & max_failures,
                std::chrono::milliseconds(word & time_mask)};
    }
    static std::uint64_t pack(const view& v) noexcept {
        return (std::uint64_t{v.standby} << 63) | (std::uint64_t{v.failures} << 48) |
               (static_cast<std::uint64_t>(v.until.count()) & time_mask);
    }

    alignas(64) std::atomic<std::uint64_t> word_{0};
};

} // namespace modelmesh::state
