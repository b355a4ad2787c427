#include "support/allocations.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

// glibc's own functions under the names that it keeps for replacements such as these.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {
// Plain counters of one thread would do for most programs, but a resolver may run beside it. Only the sums
// are read, so no order is needed.
std::atomic<std::uint64_t> by_new{0};
std::atomic<std::uint64_t> by_malloc{0};

void count(std::atomic<std::uint64_t>& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }
} // namespace

extern "C" void* malloc(std::size_t size) {
    count(by_malloc);
    return __libc_malloc(size);
}
extern "C" void* calloc(std::size_t n, std::size_t size) {
    count(by_malloc);
    return __libc_calloc(n, size);
}
extern "C" void* realloc(void* memory, std::size_t size) {
    count(by_malloc);
    return __libc_realloc(memory, size);
}
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
    count(by_new);
    return __libc_memalign(alignment, size);
}

void* operator new(std::size_t size) {
    count(by_new);
    if (void* const memory = __libc_malloc(size)) return memory;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    if (void* const memory = aligned_alloc(static_cast<std::size_t>(alignment), size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace modelmesh::bench {

allocation_counts allocations() noexcept {
    return {by_new.load(std::memory_order_relaxed), by_malloc.load(std::memory_order_relaxed)};
}

} // namespace modelmesh::bench
