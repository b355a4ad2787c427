// A limit of time on any task, for connectors that do I/O of their own.
#pragma once

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace modelmesh::connector {

namespace detail {
enum class ending : std::uint8_t { in_time, late, canceled };
// Completes when the work has ended. Whatever the work throws is thrown, but a cancellation.
task<ending> run_within(task<void> work, duration limit);
fault not_in_time(ending how, duration limit, const std::string& operation);
} // namespace detail

/// Awaits `work`, and cancels it when it takes longer than `limit` (zero or negative: no limit). Completes when the
/// work has ended, also after it was canceled: nothing is left running. What ended well in spite of that has.
/// Errors: those of the work; timed_out, naming the operation and the limit; canceled.
/// Cancellation: passed on to the work. Threads: the awaiting coroutine's executor.
template <class T>
[[nodiscard]] task<result<T>> with_timeout(task<result<T>> work, duration limit, std::string operation) {
    std::optional<result<T>> slot;
    const detail::ending how =
        co_await detail::run_within(modelmesh::detail::store(std::move(work), &slot), limit);
    if (slot && (*slot || slot->error().kind() != errc::canceled)) co_return std::move(*slot);
    co_return detail::not_in_time(how, limit, operation);
}

} // namespace modelmesh::connector
