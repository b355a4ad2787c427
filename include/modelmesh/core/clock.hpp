// The time source that everything below the client takes as a parameter.
#pragma once

#include <chrono>

namespace modelmesh {

/// Time of deadlines, latencies and cooldowns: monotonic, never wall time.
using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::steady_clock::duration;

/// Source of time. Injected, so that policies and state machines run on a virtual clock in tests.
/// Threads: both functions may be called from any thread.
class clock {
public:
    virtual ~clock() = default;
    /// Monotonic now.
    [[nodiscard]] virtual time_point now() const noexcept = 0;
    /// Wall-clock now, for timestamps in replies and for budget periods.
    [[nodiscard]] virtual std::chrono::system_clock::time_point wall() const noexcept = 0;

    /// The machine's clocks; one object for the life of the program.
    [[nodiscard]] static const clock& system() noexcept;
};

} // namespace modelmesh
