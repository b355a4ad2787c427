// The buffer ring's memory.
#include "uring/provided_buffers.hpp"

#include <liburing.h>

#include <sys/mman.h>

#include <cassert>
#include <new>

namespace modelmesh::uring {
namespace {
constexpr std::size_t page = 4096;
constexpr std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }
} // namespace

provided_buffers::provided_buffers(std::uint32_t count, std::uint32_t size)
    : count_(count), size_(size), stride_(round_up(size + padding, padding)) {
    assert(count != 0 && (count & (count - 1)) == 0 && count <= 32768);
    const std::size_t header = round_up(count * sizeof(io_uring_buf), page);
    mapped_ = header + count * stride_;
    // Mapped, not allocated: pages that are never received into cost nothing.
    entries_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (entries_ == MAP_FAILED) throw std::bad_alloc();
    buffers_ = static_cast<char*>(entries_) + header;
    io_uring_buf_ring_init(static_cast<io_uring_buf_ring*>(entries_));
}

provided_buffers::~provided_buffers() { ::munmap(entries_, mapped_); }

void provided_buffers::provide(std::uint16_t buffer) noexcept {
    auto* const ring = static_cast<io_uring_buf_ring*>(entries_);
    io_uring_buf_ring_add(ring, data(buffer), size_, buffer, io_uring_buf_ring_mask(count_), 0);
    io_uring_buf_ring_advance(ring, 1);
}

} // namespace modelmesh::uring
