// Health of one model in one pool: the word that selection reads on every request.
#pragma once

#include <modelmesh/connector/deactivation.hpp>
#include <modelmesh/core/error.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>

namespace modelmesh::state {

/// When a model goes out of service, and for how long.
struct trip_rule {
    /// Doubling ends here, or at the cooldown itself when that is longer.
    static constexpr std::chrono::milliseconds longest_cooldown = std::chrono::minutes(15);

    unsigned threshold;                 ///< failures in a row; at most health_slot::max_failures
    std::chrono::milliseconds cooldown; ///< of the first trip; each further one in a row doubles it
    /// Share of failures among the last outcomes that is too much; above 1: never.
    double error_rate = 2;
    std::chrono::milliseconds again{0}; ///< of each further trip in a row instead; 0: as said
};

/// A model is active; or in standby until a time, or until somebody reactivates it; or on probe, with one request under
/// way to find out whether it is back; or ramping, where every success doubles how many requests it may have at a time.
/// Any failure of a ramping model, or on probe, puts it back into standby, for twice as long.
///
/// Any thread may report; selection reads on every request. No locks. The slot has a cache line of its own.
/// word_: [63:62] phase, [61:50] failures in a row, [49:46] trips in a row, [45:42] successes of the ramp, [41:0]
/// standby until, in ms of the steady clock. One word, so that a reader never sees a mix. Every change is an
/// acq_rel CAS, or by hand an exchange, which no outcome has a say in; pairs with the acquire in load(), so that
/// whoever sees a trip also sees its end, and a probe is given once.
/// outcomes_: [37:32] how many are known, [31:0] the last ones, a failure is 1. Relaxed: it is a statistic of its
/// own, and the trip that it leads to is published by word_.
/// last_failure_: [31:16] kind, [15:0] status; relaxed, because it is for people only and may belong to a failure
/// next to the one that `word_` tells of.
/// why_: why it is in standby; relaxed and for people only, too.
/// downtime_, standby_events_, quota_resets_, rotations_: what service() tells; written where the phase changes, relaxed.
/// downtime_ has the whole of a standby from its beginning on, so that each change is one addition, in whatever order
/// threads make theirs: service() takes off what is still to come, and whoever ends a standby early does so for good.
class alignas(64) health_slot {
public:
    static constexpr unsigned max_failures = 0xfff;
    static constexpr unsigned max_trips = 0xf;
    /// Until when a model is in standby that does not come back by itself.
    static constexpr std::chrono::milliseconds never{(std::int64_t{1} << 42) - 1};
    /// Successes in a row after which a model that came back is as good as any.
    static constexpr unsigned full_ramp = 5;
    /// Fewer outcomes say nothing about a rate.
    static constexpr unsigned least_outcomes = 20;

    enum class phase : std::uint8_t { active, standby, probing, ramping };
    enum class admission : std::uint8_t {
        refused, ///< another request has taken the probe
        free,
        probe, ///< end it by note_success, note_failure, note_content or give_back_probe
    };
    struct reason {
        errc kind;
        int http_status; ///< 0: there was no answer
        friend bool operator==(const reason&, const reason&) = default;
    };
    struct view {
        health_slot::phase phase;
        unsigned failures;
        unsigned trips;                  ///< in a row, without a full ramp between them
        unsigned successes;              ///< while ramping
        std::chrono::milliseconds until; ///< since the clock's epoch; the end of the last standby

        /// Out of service, or still to show that it is back.
        [[nodiscard]] bool is_out() const noexcept {
            return phase == phase::standby || phase == phase::probing;
        }
        /// Taken out by take_out(), not by failures.
        [[nodiscard]] bool is_manual() const noexcept { return phase == phase::standby && until == never; }
        /// Whether a request may go to the model; the one that finds it in standby is its probe.
        [[nodiscard]] bool is_available(std::chrono::milliseconds now) const noexcept {
            return phase == phase::standby ? now >= until : phase != phase::probing;
        }
        /// Requests that a ramping model may have at a time.
        [[nodiscard]] unsigned ramp_limit() const noexcept { return 1u << successes; }
    };

    /// What kept requests from the model since the slot was made.
    struct service_record {
        std::chrono::milliseconds downtime{}; ///< until now
        unsigned standby_events = 0;
        unsigned quota_resets = 0;
        unsigned rotations = 0;
    };

    [[nodiscard]] view load() const noexcept { return unpack(word_.load(std::memory_order_acquire)); }
    [[nodiscard]] bool available(std::chrono::milliseconds now) const noexcept {
        return load().is_available(now);
    }

    /// Asks to send a request. A plain read while the model is active.
    /// @param of  gets the end of the standby that a probe is of; null: nobody wants to know.
    [[nodiscard]] admission admit(std::chrono::milliseconds now,
                                  std::chrono::milliseconds* of = nullptr) noexcept {
        for (std::uint64_t old = word_.load(std::memory_order_acquire);;) {
            view v = unpack(old);
            if (!v.is_available(now)) return admission::refused;
            if (v.phase != phase::standby) return admission::free;
            v.phase = phase::probing;
            if (!exchange(old, v)) continue;
            note_return();
            if (of != nullptr) *of = v.until;
            return admission::probe;
        }
    }

    /// True when this call took the model out of service.
    /// @param unit  random, in [0, 1): the cooldown is up to a tenth longer or shorter, so that models that
    ///              fell together do not come back together.
    /// @param lasts  whether a further trip in a row is for longer than the one before.
    bool note_failure(const trip_rule& rule, std::chrono::milliseconds now, reason why, double unit,
                      bool lasts = true) noexcept {
        note_reason(why);
        const bool is_often = note_outcome(true) >= rule.error_rate;
        for (std::uint64_t old = word_.load(std::memory_order_relaxed);;) {
            const view before = unpack(old);
            view v = before;
            v.failures += v.failures < max_failures ? 1 : 0;
            const bool trips = v.phase == phase::active ? v.failures >= rule.threshold || is_often
                                                        : v.phase != phase::standby || now >= v.until;
            if (trips) {
                v.phase = phase::standby;
                v.until = now + cooldown(rule, lasts ? v.trips : 0, unit);
                v.trips += lasts && v.trips < max_trips ? 1 : 0;
                v.successes = 0;
            }
            if (trips) why_.store(connector::standby_reason::error_threshold, std::memory_order_relaxed);
            if (!exchange(old, v)) continue;
            if (trips) note_standby(before, v, now);
            // What came before the trip has been paid for.
            if (trips) outcomes_.store(0, std::memory_order_relaxed);
            return trips;
        }
    }

    /// Takes the model out of service without a failure, until then or for `never`. It comes back as after a failure,
    /// by a probe, but its next cooldown is no longer for it. False: it is out for as long already.
    bool stand_by(std::chrono::milliseconds now, std::chrono::milliseconds until,
                  connector::standby_reason why) noexcept {
        until = std::min(until, never);
        for (std::uint64_t old = word_.load(std::memory_order_relaxed);;) {
            const view before = unpack(old);
            view v = before;
            if (v.phase == phase::standby && v.until >= until) return false;
            v.phase = phase::standby;
            v.until = until;
            v.successes = 0;
            why_.store(why, std::memory_order_relaxed);
            if (!exchange(old, v)) continue;
            note_standby(before, v, now);
            return true;
        }
    }

    /// The same because of one failure, which says by itself how long the model is not worth asking.
    bool stand_by(std::chrono::milliseconds now, std::chrono::milliseconds until,
                  connector::standby_reason as, reason why) noexcept {
        note_reason(why);
        return stand_by(now, until, as);
    }

    /// @pre the model is in standby.
    [[nodiscard]] connector::standby_reason standby_reason() const noexcept {
        return why_.load(std::memory_order_relaxed);
    }

    /// Why the model failed last. @pre it has failed.
    [[nodiscard]] reason last_failure() const noexcept {
        const std::uint32_t packed = last_failure_.load(std::memory_order_relaxed);
        return {static_cast<errc>(packed >> 16), static_cast<int>(packed & 0xffff)};
    }

    /// The model answered: failures are forgotten, but not a standby that goes on, because the answer may
    /// have begun before it. Writes nothing when there is nothing to forget. True when this brought it back.
    bool note_success(std::chrono::milliseconds now) noexcept {
        (void)note_outcome(false);
        std::uint64_t old = word_.load(std::memory_order_relaxed);
        while (old != 0) {
            view v = unpack(old);
            if (v.phase == phase::standby && now < v.until) return false;
            const bool is_return = v.is_out();
            const bool was_standing_by = v.phase == phase::standby;
            v.failures = 0;
            if (v.phase != phase::active) {
                v.phase = phase::ramping;
                if (++v.successes >= full_ramp) v = {};
            }
            if (!exchange(old, v)) continue;
            if (was_standing_by) note_return();
            return is_return;
        }
        return false;
    }

    /// The probe has been answered, though its reply goes on: others need not wait for its end. True when this brought
    /// the model back.
    /// @param until  what load().until was when the probe began, here and below: a later standby has probes of its own.
    bool note_content(std::chrono::milliseconds until) noexcept { return end_probe(phase::ramping, until); }

    /// The probe ended without saying anything about the model: the next request is one.
    void give_back_probe(std::chrono::milliseconds until) noexcept {
        if (end_probe(phase::standby, until)) forget_return(); // as if nobody had come back
    }

    /// Into standby until reactivate(), whatever the model does.
    void take_out(std::chrono::milliseconds now) noexcept {
        why_.store(connector::standby_reason::manual, std::memory_order_relaxed);
        const view out{phase::standby, 0, 0, 0, never};
        note_standby(unpack(word_.exchange(pack(out), std::memory_order_acq_rel)), out, now);
    }
    /// As if it had never failed. What was counted before is forgotten, so that the next failure is its first.
    void reactivate(std::chrono::milliseconds now) noexcept {
        outcomes_.store(0, std::memory_order_relaxed);
        const view before = unpack(word_.exchange(0, std::memory_order_acq_rel));
        downtime_.fetch_sub(ahead(before, now).count(), std::memory_order_relaxed);
    }
    /// A request that this model has failed goes to another.
    void note_rotation() noexcept { rotations_.fetch_add(1, std::memory_order_relaxed); }

    /// Calls that change the phase meanwhile may be in one of the numbers and not yet in another.
    [[nodiscard]] service_record service(std::chrono::milliseconds now) const noexcept {
        const std::int64_t down = downtime_.load(std::memory_order_relaxed) - ahead(load(), now).count();
        return {std::chrono::milliseconds(std::max<std::int64_t>(down, 0)),
                standby_events_.load(std::memory_order_relaxed),
                quota_resets_.load(std::memory_order_relaxed), rotations_.load(std::memory_order_relaxed)};
    }

    /// Goes on from what was seen before, in a slot that nobody has used. No phase is `probing` then. What is left of a
    /// standby counts as downtime, and not as another standby.
    void restore(const view& seen, reason why, connector::standby_reason standby,
                 std::chrono::milliseconds now) noexcept {
        downtime_.store(ahead(seen, now).count(), std::memory_order_relaxed);
        why_.store(standby, std::memory_order_relaxed);
        last_failure_.store(static_cast<std::uint32_t>(why.kind) << 16 |
                                static_cast<std::uint16_t>(why.http_status),
                            std::memory_order_relaxed);
        word_.store(pack(seen), std::memory_order_release);
    }

    /// Share of failures among the last outcomes; 0 while there are none.
    [[nodiscard]] double error_rate() const noexcept {
        const std::uint64_t known = outcomes_.load(std::memory_order_relaxed);
        const auto failures = static_cast<std::uint32_t>(known);
        return failures == 0 ? 0 : std::popcount(failures) / static_cast<double>(known >> 32);
    }

private:
    static constexpr std::uint64_t time_mask = never.count();

    static std::chrono::milliseconds cooldown(const trip_rule& rule, unsigned trips, double unit) noexcept {
        const double spread = 0.9 + 0.2 * unit;
        if (trips > 0 && rule.again.count() > 0)
            return std::chrono::milliseconds(std::llround(static_cast<double>(rule.again.count()) * spread));
        const double longest =
            static_cast<double>(std::max(rule.cooldown, trip_rule::longest_cooldown).count());
        const double doubled =
            std::ldexp(static_cast<double>(rule.cooldown.count()), static_cast<int>(trips));
        return std::chrono::milliseconds(std::llround(std::min(doubled, longest) * spread));
    }

    // The rate of failures after this outcome; 0 while too few are known.
    double note_outcome(bool is_failure) noexcept {
        for (std::uint64_t old = outcomes_.load(std::memory_order_relaxed);;) {
            const unsigned count = std::min(static_cast<unsigned>(old >> 32) + 1, 32u);
            const std::uint32_t last = static_cast<std::uint32_t>(old) << 1 | (is_failure ? 1 : 0);
            const std::uint64_t next = std::uint64_t{count} << 32 | last;
            if (next == old || outcomes_.compare_exchange_weak(old, next, std::memory_order_relaxed))
                return count < least_outcomes ? 0 : std::popcount(last) / double(count);
        }
    }

    void note_reason(reason why) noexcept {
        last_failure_.store(static_cast<std::uint32_t>(why.kind) << 16 |
                                static_cast<std::uint16_t>(why.http_status),
                            std::memory_order_relaxed);
    }

    bool end_probe(phase to, std::chrono::milliseconds until) noexcept {
        for (std::uint64_t old = word_.load(std::memory_order_relaxed);;) {
            view v = unpack(old);
            if (v.phase != phase::probing || v.until != until) return false;
            v.phase = to;
            if (exchange(old, v)) return true;
        }
    }

    bool exchange(std::uint64_t& old, const view& v) noexcept {
        return word_.compare_exchange_weak(old, pack(v), std::memory_order_acq_rel,
                                           std::memory_order_acquire);
    }

    // What is still to come of a standby.
    static std::chrono::milliseconds ahead(const view& v, std::chrono::milliseconds now) noexcept {
        return v.phase == phase::standby && v.until > now ? v.until - now : std::chrono::milliseconds(0);
    }
    void note_standby(const view& before, const view& after, std::chrono::milliseconds now) noexcept {
        const std::chrono::milliseconds known = ahead(before, now);
        downtime_.fetch_add((ahead(after, now) - known).count(), std::memory_order_relaxed);
        if (known.count() == 0) standby_events_.fetch_add(1, std::memory_order_relaxed);
    }
    // Its standby has ended by itself.
    void note_return() noexcept {
        if (connector::is_of_quota(why_.load(std::memory_order_relaxed)))
            quota_resets_.fetch_add(1, std::memory_order_relaxed);
    }
    // It may be another standby by now, whose reason was not that of the one that was counted.
    void forget_return() noexcept {
        if (!connector::is_of_quota(why_.load(std::memory_order_relaxed))) return;
        for (unsigned old = quota_resets_.load(std::memory_order_relaxed); old > 0;)
            if (quota_resets_.compare_exchange_weak(old, old - 1, std::memory_order_relaxed)) return;
    }

    static view unpack(std::uint64_t word) noexcept {
        return {static_cast<health_slot::phase>(word >> 62), static_cast<unsigned>(word >> 50) & max_failures,
                static_cast<unsigned>(word >> 46) & max_trips, static_cast<unsigned>(word >> 42) & 0xf,
                std::chrono::milliseconds(word & time_mask)};
    }
    static std::uint64_t pack(const view& v) noexcept {
        return std::uint64_t{static_cast<std::uint8_t>(v.phase)} << 62 | std::uint64_t{v.failures} << 50 |
               std::uint64_t{v.trips} << 46 | std::uint64_t{v.successes} << 42 |
               (static_cast<std::uint64_t>(v.until.count()) & time_mask);
    }

    std::atomic<std::uint64_t> word_{0};
    std::atomic<std::uint64_t> outcomes_{0};
    std::atomic<std::uint32_t> last_failure_{0};
    std::atomic<connector::standby_reason> why_{connector::standby_reason::error_threshold};
    std::atomic<unsigned> standby_events_{0};
    std::atomic<unsigned> quota_resets_{0};
    std::atomic<unsigned> rotations_{0};
    std::atomic<std::int64_t> downtime_{0}; ///< ms
};

} // namespace modelmesh::state
