// A run of received bytes that goes upward without being copied.
//
// Lent by whoever owns the memory (the ring's buffers, TLS's plaintext buffers) and given back when the chunk
// dies. Whether a chunk is lent or owned is a property of the chunk, not of the transport: the reactor
// fallback hands out pooled buffers of its own. Readers may look up to `padding` bytes past the end, whose
// content is undefined: that is what lets a JSON parser run on the chunk in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace modelmesh::net {

class chunk;

/// Gets buffers back. Lives at least as long as every chunk it has lent; same thread as the chunks.
class chunk_lender {
public:
    virtual void give_back(char* memory, std::uint32_t tag) noexcept = 0;

protected:
    ~chunk_lender() = default;
};

class chunk {
public:
    static constexpr std::size_t padding = 64;

    chunk() = default;
    /// @param memory  what the lender gets back; @param data  first byte, inside memory; @param tag  the
    /// lender's own.
    chunk(chunk_lender& lender, char* memory, char* data, std::size_t size, std::uint32_t tag) noexcept
        : lender_(&lender), memory_(memory), data_(data), size_(size), tag_(tag) {}
    chunk(chunk&& other) noexcept
        : lender_(std::exchange(other.lender_, nullptr)), memory_(other.memory_),
          data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), tag_(other.tag_) {
    }
    chunk& operator=(chunk&& other) noexcept {
        if (this != &other) {
            release();
            lender_ = std::exchange(other.lender_, nullptr);
            memory_ = other.memory_;
            data_ = std::exchange(other.data_, nullptr);
            size_ = std::exchange(other.size_, 0);
            tag_ = other.tag_;
        }
        return *this;
    }
    ~chunk() { release(); }

    [[nodiscard]] std::string_view bytes() const noexcept { return {data_, size_}; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// Drops the first n bytes (n <= size); they stay readable until the chunk is released.
    void consume(std::size_t n) noexcept {
        data_ += n;
        size_ -= n;
    }
    /// Gives the buffer back at once; the chunk is empty afterwards.
    void release() noexcept {
        if (lender_ != nullptr) std::exchange(lender_, nullptr)->give_back(memory_, tag_);
        data_ = nullptr;
        size_ = 0;
    }

private:
    chunk_lender* lender_ = nullptr;
    char* memory_ = nullptr;
    char* data_ = nullptr;
    std::size_t size_ = 0;
    std::uint32_t tag_ = 0;
};

} // namespace modelmesh::net
