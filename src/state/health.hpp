// Health of one model in one pool: the word that selection reads on every request.
#pragma once

#include <modelmesh/core/error.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace modelmesh::state {

/// Any thread may report; selection reads on every request. No locks.
/// word_: [63] standby, [62:48] failures in a row, [47:0] standby until, in ms of the steady clock. One word,
/// so that a reader never sees a mix. note_failure: acq_rel CAS; pairs with the acquire in load(), so that
/// whoever sees the trip also sees its end. last_failure_: [31:16] kind, [15:0] status; relaxed, because it
/// is for people only and may belong to a failure next to the one that `word_` tells of.
class health_slot {
public:
    struct reason {
        errc kind;
        int http_status; ///< 0: there was no answer
        friend bool operator==(const reason&, const reason&) = default;
    };
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
    bool note_failure(unsigned threshold, std::chrono::milliseconds now, std::chrono::milliseconds cooldown,
                      reason why) noexcept {
        last_failure_.store(static_cast<std::uint32_t>(why.kind) << 16 |
                                static_cast<std::uint16_t>(why.http_status),
                            std::memory_order_relaxed);
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

    /// Why the model failed last. @pre it has failed.
    [[nodiscard]] reason last_failure() const noexcept {
        const std::uint32_t packed = last_failure_.load(std::memory_order_relaxed);
        return {static_cast<errc>(packed >> 16), static_cast<int>(packed & 0xffff)};
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
    std::atomic<std::uint32_t> last_failure_{0};
};

} // namespace modelmesh::state
