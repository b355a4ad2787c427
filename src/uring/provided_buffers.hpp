// The memory that the kernel receives into: one ring of equal buffers, shared by every socket of an event
// loop.
#pragma once

#include <cstddef>
#include <cstdint>

namespace modelmesh::uring {

/// Mapped memory: the entries that the kernel reads, then the buffers. Each buffer is followed by padding
/// bytes that the kernel never fills, so that parsers may read past the end. Must outlive the ring it is
/// registered with.
class provided_buffers {
public:
    static constexpr std::size_t padding = 64;

    /// @param count  a power of two, at most 32768; @param size  usable bytes of each buffer.
    /// @throws std::bad_alloc when the memory cannot be mapped.
    provided_buffers(std::uint32_t count, std::uint32_t size);
    ~provided_buffers();
    provided_buffers(const provided_buffers&) = delete;
    provided_buffers& operator=(const provided_buffers&) = delete;

    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] char* data(std::uint16_t buffer) const noexcept { return buffers_ + buffer * stride_; }
    [[nodiscard]] void* entries() const noexcept { return entries_; }

    /// Hands a buffer to the kernel, which at first has none, and uses them in this order. No system call.
    void provide(std::uint16_t buffer) noexcept;

private:
    std::uint32_t count_;
    std::uint32_t size_;
    std::size_t stride_;
    std::size_t mapped_;
    void* entries_;
    char* buffers_;
};

} // namespace modelmesh::uring
