// How often this program has allocated since it began. Linking bench_allocations replaces malloc and operator
// new, so allocations of C libraries are seen as well.
#pragma once

#include <cstdint>

namespace modelmesh::bench {

struct allocation_counts {
    std::uint64_t by_new = 0;    ///< operator new, and aligned_alloc, which Asio uses for coroutine frames
    std::uint64_t by_malloc = 0; ///< malloc, calloc, realloc: of C libraries, OpenSSL among them
};

[[nodiscard]] allocation_counts allocations() noexcept;

} // namespace modelmesh::bench
