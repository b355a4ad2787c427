// task<T>, the return type of every asynchronous operation, and run() for programs that have no event loop.
#pragma once

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace modelmesh {

/// An operation that starts when it is awaited. The same type as Asio's awaitable, so it composes with any
/// Asio code.
template <class T = void> using task = boost::asio::awaitable<T>;

namespace detail {
void run_to_end(task<void> work);

template <class T> task<void> store(task<T> work, std::optional<T>* slot) {
    slot->emplace(co_await std::move(work));
}
} // namespace detail

/// Runs one task to its end on an event loop of its own and returns its value. For `main` and for tests.
/// @throws what the task throws.
/// Threads: blocks the calling thread; must not be called from inside a task.
template <class T> T run(task<T> work) {
    if constexpr (std::is_void_v<T>) {
        detail::run_to_end(std::move(work));
    } else {
        std::optional<T> slot;
        detail::run_to_end(detail::store(std::move(work), &slot));
        return std::move(*slot);
    }
}

} // namespace modelmesh
