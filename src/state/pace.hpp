// How often a model is asked, where its pool says how often it may be.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace modelmesh::state {

/// What a pool lets each of its models have.
struct pace_rule {
    std::chrono::milliseconds min_delta{0}; ///< between two requests
    unsigned max_rpm = 0;                   ///< requests in any minute; 0: any number

    [[nodiscard]] bool any() const noexcept { return min_delta.count() > 0 || max_rpm != 0; }
    friend bool operator==(const pace_rule&, const pace_rule&) = default;
};

/// When the last requests were sent. Any thread may take and read. next_ is raised by compare-and-swap, and whoever
/// raised it writes the time of the request that it pushes out: so each minute has at most max_rpm requests, but for
/// those whose threads stand between the two steps. Relaxed: no other data hangs on them.
class pace_slot {
public:
    explicit pace_slot(const pace_rule& rule) : rule_(rule), sent_(std::max<std::size_t>(rule.max_rpm, 1)) {
        for (std::atomic<std::int64_t>& each : sent_) each.store(long_ago, std::memory_order_relaxed);
    }

    [[nodiscard]] const pace_rule& rule() const noexcept { return rule_; }

    /// From when on a request may be sent.
    [[nodiscard]] std::chrono::milliseconds free_at() const noexcept {
        return free_at(next_.load(std::memory_order_relaxed));
    }

    /// Takes the right to send a request; false: it is too early.
    /// @param is_forced  it is sent all the same, and counted.
    bool take(std::chrono::milliseconds now, bool is_forced) noexcept {
        for (std::uint64_t next = next_.load(std::memory_order_relaxed);;) {
            if (!is_forced && now < free_at(next)) return false;
            if (!next_.compare_exchange_weak(next, next + 1, std::memory_order_relaxed)) continue;
            sent_[next % sent_.size()].store(now.count(), std::memory_order_relaxed);
            return true;
        }
    }

private:
    static constexpr std::int64_t long_ago = -(std::int64_t{1} << 60);

    [[nodiscard]] std::chrono::milliseconds free_at(std::uint64_t next) const noexcept {
        const auto sent = [this](std::uint64_t number) {
            return std::chrono::milliseconds(sent_[number % sent_.size()].load(std::memory_order_relaxed));
        };
        const std::chrono::milliseconds last = sent(next + sent_.size() - 1) + rule_.min_delta;
        return rule_.max_rpm == 0 ? last : std::max(last, sent(next) + std::chrono::minutes(1));
    }

    const pace_rule rule_;
    std::atomic<std::uint64_t> next_{0};          ///< requests so far
    std::vector<std::atomic<std::int64_t>> sent_; ///< the times of the last ones, in a ring
};

} // namespace modelmesh::state
