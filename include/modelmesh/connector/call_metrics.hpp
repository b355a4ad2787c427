// What a connector's own calls took and how they ended.
#pragma once

#include <modelmesh/core/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace modelmesh::connector {

/// Counts of all calls, and the times of the last ones. Copies share one state. Threads: any.
class call_metrics {
public:
    struct summary {
        std::uint64_t calls = 0;
        std::uint64_t failures = 0; ///< part of calls
        /// Of the calls in the window; percentiles by nearest rank: a time that some call took. 0: there is none.
        std::chrono::microseconds mean{};
        std::chrono::microseconds p50{};
        std::chrono::microseconds p95{};
        std::chrono::microseconds p99{};

        [[nodiscard]] double error_rate() const noexcept {
            return calls == 0 ? 0 : static_cast<double>(failures) / static_cast<double>(calls);
        }
    };

    /// Measures one call from its construction to its end. Destroyed without a word, it has failed.
    class call {
    public:
        call(call&& other) noexcept = default;
        call& operator=(call&&) = delete;
        ~call() { end(false); }
        void succeeded() noexcept { end(true); }

    private:
        friend class call_metrics;
        call(std::shared_ptr<struct call_window> into, time_point since) noexcept
            : into_(std::move(into)), since_(since) {}
        void end(bool is_good) noexcept;
        std::shared_ptr<struct call_window> into_; ///< null: it has ended
        time_point since_;
    };

    /// @param window  calls whose times are kept, at least 1. @param time  outlives the object and its copies.
    /// @throws std::invalid_argument  the window is 0.
    explicit call_metrics(std::size_t window = 1024, const clock& time = clock::system());

    [[nodiscard]] call begin();
    /// Cost: sorts a copy of the window.
    [[nodiscard]] summary read() const;
    void reset();

private:
    std::shared_ptr<struct call_window> window_;
};

} // namespace modelmesh::connector
