// What takes models out of service besides their failures: limits of use, slowness, and the calendar.
#pragma once

#include "core/request_id.hpp"
#include "router/snapshot.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/core/random.hpp>

#include <chrono>

namespace modelmesh::router {

/// An attempt that has ended and is counted in the pool's lines.
struct outcome {
    bool has_failed = false;
    std::chrono::microseconds latency{};
    core::request_id id{}; ///< of the call
};

/// Asks the pool's rules whether its model goes out of service now, and for how long. Costs a pointer's comparison
/// where there are none. Calls under way when a limit is reached go on.
/// @param log  gets `model.deactivated`; may be null.
void apply_rules(const pool& in, std::size_t index, const outcome& of, const clock& time, rng& random,
                 log_sink* log);

/// Takes the models out of service whose maintenance has begun, when it is time to look. Costs a comparison where no
/// window opens or is over.
void keep_windows(const pool& in, const clock& time, log_sink* log = nullptr);

} // namespace modelmesh::router
