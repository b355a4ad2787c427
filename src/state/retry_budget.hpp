// How many retries a pool may still make.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace modelmesh::state {

/// A retry budget as that of Finagle: every request pays in a share of a retry, every retry takes one out, so that
/// retries stay a share of the traffic however much of it fails. What little is always allowed comes back with time.
///
/// Any thread. Thousandths of a retry in one word, which only compare-and-swap lowers: no two retries take the same.
/// Relaxed, because it guards no other data.
class retry_budget {
public:
    static constexpr std::int64_t one = 1000;
    static constexpr std::int64_t floor = 10 * one; ///< up to here, it fills by one a second
    static constexpr std::int64_t most = 100 * one; ///< what a quiet time leaves for a bad one

    /// A request begins. Writes nothing while the budget is full.
    void note_request(double ratio) noexcept { pay_in(static_cast<std::int64_t>(ratio * one), most); }
    [[nodiscard]] bool has_one() const noexcept { return balance_.load(std::memory_order_relaxed) >= one; }
    [[nodiscard]] bool has_one(std::chrono::milliseconds now) noexcept {
        refill(now);
        return has_one();
    }
    [[nodiscard]] bool take(std::chrono::milliseconds now) noexcept {
        refill(now);
        return take();
    }
    /// False: there is none. Without the time nothing comes back but what requests pay in.
    [[nodiscard]] bool take() noexcept {
        for (std::int64_t old = balance_.load(std::memory_order_relaxed); old >= one;)
            if (balance_.compare_exchange_weak(old, old - one, std::memory_order_relaxed)) return true;
        return false;
    }
    /// What was taken and is not used.
    void give_back() noexcept { pay_in(one, most); }

private:
    // A thousandth for each millisecond. Only one thread gets those that have passed.
    void refill(std::chrono::milliseconds now) noexcept {
        std::int64_t then = refilled_.load(std::memory_order_relaxed);
        while (now.count() > then)
            if (refilled_.compare_exchange_weak(then, now.count(), std::memory_order_relaxed))
                return pay_in(std::min(now.count() - then, floor), floor);
    }
    void pay_in(std::int64_t amount, std::int64_t up_to) noexcept {
        for (std::int64_t old = balance_.load(std::memory_order_relaxed); old < up_to;)
            if (balance_.compare_exchange_weak(old, std::min(old + amount, up_to), std::memory_order_relaxed))
                return;
    }

    std::atomic<std::int64_t> balance_{floor};
    std::atomic<std::int64_t> refilled_{0}; ///< milliseconds of the steady clock
};

} // namespace modelmesh::state
