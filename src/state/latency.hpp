// How long a model has taken lately.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace modelmesh::state {

/// The last samples and their sum, and an average in which older ones fade. Any thread adds, selection reads.
/// All relaxed but count_: its increment (release) follows that of sum_, and mean() reads it first (acquire), so
/// that the sum has at least the samples that are counted. A mean next to samples that are being added may be off
/// by those.
class latency_track {
public:
    static constexpr unsigned longest_window = 128;

    /// @param window  samples that mean() is of: 1 to longest_window.
    explicit latency_track(unsigned window) noexcept : window_(window) {}
    /// Goes on where another stands, with as many of its last samples as the window has.
    latency_track(unsigned window, const latency_track& before) noexcept : window_(window) {
        const std::uint64_t count = before.count_.load(std::memory_order_acquire);
        for (std::uint64_t left = std::min<std::uint64_t>({count, window, before.window_}); left > 0; --left)
            add(std::chrono::microseconds(
                before.samples_[(count - left) % before.window_].load(std::memory_order_relaxed)));
        recent_.store(before.recent_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

    [[nodiscard]] unsigned window() const noexcept { return window_; }

    void add(std::chrono::microseconds sample) noexcept {
        constexpr std::int64_t most = UINT32_MAX; // over an hour
        const auto value = static_cast<std::uint32_t>(std::clamp<std::int64_t>(sample.count(), 0, most));
        const std::uint64_t place = begun_.fetch_add(1, std::memory_order_relaxed) % window_;
        const std::uint32_t before = samples_[place].exchange(value, std::memory_order_relaxed);
        sum_.fetch_add(std::int64_t{value} - before, std::memory_order_relaxed);
        count_.fetch_add(1, std::memory_order_release);
        for (double old = recent_.load(std::memory_order_relaxed);;) {
            const double next = old < 0 ? value : old + fading * (value - old);
            if (recent_.compare_exchange_weak(old, next, std::memory_order_relaxed)) return;
        }
    }

    /// Over the window, in microseconds; nothing while there are no samples.
    [[nodiscard]] std::optional<double> mean() const noexcept {
        const std::uint64_t count = std::min<std::uint64_t>(count_.load(std::memory_order_acquire), window_);
        if (count == 0) return std::nullopt;
        return static_cast<double>(sum_.load(std::memory_order_relaxed)) / static_cast<double>(count);
    }
    /// Whether mean() is of a whole window.
    [[nodiscard]] bool is_full() const noexcept { return count_.load(std::memory_order_relaxed) >= window_; }

    /// Weighted towards the last few samples, in microseconds; nothing while there are none.
    [[nodiscard]] std::optional<double> recent() const noexcept {
        const double value = recent_.load(std::memory_order_relaxed);
        return value < 0 ? std::nullopt : std::optional(value);
    }

    /// The quantile of the window by nearest rank, exact: the least sample that this share of them does not exceed;
    /// nothing while there are fewer than `least`. Cost: up to a microsecond, no allocation.
    /// @param share  above 0, at most 1.
    [[nodiscard]] std::optional<std::chrono::microseconds> quantile(double share,
                                                                    unsigned least) const noexcept {
        const auto count = static_cast<std::size_t>(
            std::min<std::uint64_t>(count_.load(std::memory_order_acquire), window_));
        if (count == 0 || count < least) return std::nullopt;
        std::array<std::uint32_t, longest_window> sorted;
        for (std::size_t i = 0; i < count; ++i) sorted[i] = samples_[i].load(std::memory_order_relaxed);
        const auto rank = std::clamp<std::size_t>(
            static_cast<std::size_t>(std::ceil(share * static_cast<double>(count))), 1, count);
        const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(rank - 1);
        std::nth_element(sorted.begin(), place, sorted.begin() + static_cast<std::ptrdiff_t>(count));
        return std::chrono::microseconds(*place);
    }

private:
    static constexpr double fading = 0.2; // weight of a new sample

    const unsigned window_;
    std::atomic<std::uint64_t> begun_{0};
    std::atomic<std::uint64_t> count_{0};
    std::atomic<std::int64_t> sum_{0};
    std::atomic<double> recent_{-1};
    std::array<std::atomic<std::uint32_t>, longest_window> samples_{};
};

} // namespace modelmesh::state
