// A wait, for connectors that do I/O of their own.
#pragma once

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

namespace modelmesh::connector {

/// Completes after that time; at once when it is zero or less. Errors: canceled.
/// Cancellation: every type that the awaiting coroutine lets through. Threads: the awaiting coroutine's executor.
[[nodiscard]] task<result<void>> pause(duration time);

} // namespace modelmesh::connector
