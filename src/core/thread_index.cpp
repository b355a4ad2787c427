#include "core/thread_index.hpp"

#include <atomic>
#include <bit>
#include <cstdint>

namespace modelmesh::core {
namespace {

static_assert(most_thread_indexes == 64);
// A bit for each number that is taken. Taken by an acquire CAS, which pairs with the release of the thread that had
// the number before.
constinit std::atomic<std::uint64_t> taken{0};

constexpr std::size_t unknown = most_thread_indexes + 1;
constinit thread_local std::size_t own = unknown;

struct owner {
    ~owner() {
        if (own < most_thread_indexes) taken.fetch_and(~(std::uint64_t{1} << own), std::memory_order_release);
        own = most_thread_indexes; // for what the thread still destroys
    }
};

std::size_t take() noexcept {
    static thread_local owner gives_back;
    static_cast<void>(gives_back);
    for (std::uint64_t old = taken.load(std::memory_order_relaxed); ~old != 0;) {
        const auto free = static_cast<std::size_t>(std::countr_one(old));
        if (taken.compare_exchange_weak(old, old | std::uint64_t{1} << free, std::memory_order_acquire,
                                        std::memory_order_relaxed))
            return own = free;
    }
    return own = most_thread_indexes;
}

} // namespace

std::size_t thread_index() noexcept { return own == unknown ? take() : own; }

} // namespace modelmesh::core
