// Clocks and quantiles.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <array>
#include <bit>
#include <cstdint>
#include <stdexcept>

namespace modelmesh::bench {

/// The same clock in every process of the machine, so a stamp of one can be compared in another.
inline std::uint64_t now_ns() {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(at.tv_nsec);
}

/// User and system time of all threads of a process, ended ones included, to the nanosecond: the scheduler's
/// own sum, of which /proc/PID/schedstat shows one thread.
class cpu_clock {
public:
    /// @param process  0: this one.
    explicit cpu_clock(pid_t process = 0) {
        if (clock_getcpuclockid(process, &id_) != 0) throw std::runtime_error("no such process to measure");
    }
    [[nodiscard]] std::uint64_t ns() const {
        timespec used{};
        clock_gettime(id_, &used);
        return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 +
               static_cast<std::uint64_t>(used.tv_nsec);
    }

private:
    clockid_t id_ = 0;
};

/// Durations counted in buckets of 1/64 of their size, in fixed memory.
class latencies {
public:
    void add(std::uint64_t ns) {
        ++buckets_[bucket_of(ns)];
        ++count_;
    }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] double microseconds(double quantile) const {
        const auto rank = static_cast<std::uint64_t>(quantile * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i)
            if ((seen += buckets_[i]) > rank) return static_cast<double>(lower_bound(i)) / 1000;
        return 0;
    }

private:
    static constexpr unsigned fraction_bits = 6;
    static constexpr std::uint64_t fractions = 1U << fraction_bits;

    static std::size_t bucket_of(std::uint64_t ns) {
        if (ns < fractions) return ns;
        const unsigned shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - fraction_bits;
        return (shift + 1) * fractions + (ns >> shift) - fractions;
    }
    static std::uint64_t lower_bound(std::size_t bucket) {
        if (bucket < fractions) return bucket;
        const std::uint64_t shift = bucket / fractions - 1;
        return (fractions + bucket % fractions) << shift;
    }

    std::array<std::uint64_t, fractions * (65 - fraction_bits)> buckets_{};
    std::uint64_t count_ = 0;
};

} // namespace modelmesh::bench
