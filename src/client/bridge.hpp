// Runs a coroutine on the library's loop for a coroutine that awaits it on any other executor.
//
// Two threads meet here, so every race of a call is decided in this one place: completion against
// cancellation, and either of them against the end of the caller's execution context.
#pragma once

#include <modelmesh/core/function.hpp>
#include <modelmesh/core/task.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace modelmesh::detail {

/// Runs `work` on `loop` and completes on the awaiting coroutine's executor.
/// Exceptions of `work` arrive at the caller. Cancellation: what the awaiting coroutine lets through is
/// passed on to `work`, which decides how it ends. When the caller's execution context is destroyed first,
/// the caller ends with it and `work` is cancelled.
/// @param owner  keeps `loop` alive until `work` has ended.
[[nodiscard]] task<void> run_bridged(std::shared_ptr<void> owner, boost::asio::io_context& loop,
                                     function<task<void>()> work);

template <class T> task<void> store_shared(std::shared_ptr<std::optional<T>> slot, function<task<T>()> work) {
    slot->emplace(co_await work());
}

/// As above, with a value. A value that nobody takes any more is destroyed on either thread.
template <class T>
task<T> run_bridged(std::shared_ptr<void> owner, boost::asio::io_context& loop, function<task<T>()> work) {
    auto slot = std::make_shared<std::optional<T>>();
    function<task<void>()> storing = [slot, work = std::move(work)]() mutable {
        return store_shared(slot, std::move(work));
    };
    co_await run_bridged(std::move(owner), loop, std::move(storing));
    co_return std::move(**slot);
}

} // namespace modelmesh::detail
