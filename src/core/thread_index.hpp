// A small number for each thread that runs.
#pragma once

#include <cstddef>

namespace modelmesh::core {

/// Threads beyond it have no number.
inline constexpr std::size_t most_thread_indexes = 64;

/// Below most_thread_indexes, and of no other thread that runs; most_thread_indexes when all are taken, or when the
/// thread is ending. Whoever gets the number of a thread that has ended sees everything that one did.
/// Cost: a read of a thread-local variable, but for the first call of a thread.
[[nodiscard]] std::size_t thread_index() noexcept;

} // namespace modelmesh::core
