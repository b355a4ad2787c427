// How long to wait before another try.
#pragma once

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/random.hpp>

#include <chrono>

namespace modelmesh::connector {

/// Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", 2015): a time drawn from zero to
/// `initial_delay`, then from zero to twice as much each time, and never more than `max_delay`. Those who failed
/// together so do not come back together.
struct backoff {
    std::chrono::milliseconds initial_delay{500};
    std::chrono::milliseconds max_delay{10000};
    bool has_jitter = true; ///< false: initial_delay each time

    /// @param retry  1 before the second try.
    [[nodiscard]] duration pause_before(unsigned retry, rng& random) const noexcept;
};

} // namespace modelmesh::connector
