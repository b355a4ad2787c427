// What is known of one model, whichever pool a request came through.
#pragma once

#include "state/latency.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace modelmesh::state {

/// One limit that the provider tells in the headers of its answers. Any thread writes, selection reads. Relaxed:
/// the three may be of two answers, which is as good as either.
class limit_slot {
public:
    struct view {
        std::int64_t limit;
        std::int64_t remaining;
    };

    limit_slot() = default;
    limit_slot(const limit_slot& other) noexcept
        : limit_(other.limit_.load(std::memory_order_relaxed)),
          remaining_(other.remaining_.load(std::memory_order_relaxed)),
          until_(other.until_.load(std::memory_order_relaxed)) {}
    limit_slot& operator=(const limit_slot&) = delete;

    /// @param until  when the provider grants the whole limit again, since the clock's epoch.
    void note(view told, std::chrono::milliseconds until) noexcept {
        remaining_.store(told.remaining, std::memory_order_relaxed);
        until_.store(until.count(), std::memory_order_relaxed);
        limit_.store(told.limit, std::memory_order_relaxed);
    }
    /// Nothing while no answer has told.
    [[nodiscard]] std::optional<view> load(std::chrono::milliseconds now) const noexcept {
        const std::int64_t limit = limit_.load(std::memory_order_relaxed);
        if (limit <= 0) return std::nullopt;
        const bool is_over = now.count() >= until_.load(std::memory_order_relaxed);
        return view{limit, is_over ? limit : remaining_.load(std::memory_order_relaxed)};
    }

private:
    std::atomic<std::int64_t> limit_{0};
    std::atomic<std::int64_t> remaining_{0};
    std::atomic<std::int64_t> until_{0};
};

/// Shared by all pools that a model is in, and by the snapshots one after another. What every attempt writes has a
/// cache line apart from what is written at its end only.
class model_slot {
public:
    /// @param latency_window  samples that means of latencies are of.
    explicit model_slot(unsigned latency_window) noexcept
        : first_token(latency_window), total(latency_window) {}
    /// Goes on where another stands, but for the attempts under way, which end there.
    model_slot(unsigned latency_window, const model_slot& before) noexcept
        : requests(before.requests), tokens(before.tokens), first_token(latency_window, before.first_token),
          total(latency_window, before.total) {}

    /// Attempts under way. Relaxed: it guards no data, and selection may see a count that is a moment old.
    alignas(64) std::atomic<std::int32_t> in_flight{0};

    alignas(64) limit_slot requests; ///< per window of the provider
    limit_slot tokens;               ///< the same
    /// From the request to the first content, of streams.
    alignas(64) latency_track first_token;
    /// From the request to the end of the reply.
    alignas(64) latency_track total;
};

} // namespace modelmesh::state
