// Lends the ring's provided buffers as chunks, and threads those that wait for their reader into per-stream
// queues.
#pragma once

#include "net/chunk.hpp"
#include "uring/provided_buffers.hpp"

#include <cstdint>
#include <vector>

namespace modelmesh::net {

static_assert(uring::provided_buffers::padding >= chunk::padding);

/// Destroys itself when its engine has let go and the last chunk is back: chunks may outlive the event loop.
class ring_lender final : public chunk_lender {
public:
    /// Buffers received and not yet taken, in order. Linked through the lender's table: no memory of its own.
    struct queue {
        std::uint16_t head = 0;
        std::uint16_t tail = 0;
        std::uint16_t length = 0;
    };

    ring_lender(std::uint32_t count, std::uint32_t size) : buffers_(count, size), links_(count) {}

    [[nodiscard]] uring::provided_buffers& buffers() noexcept { return buffers_; }
    /// Buffers that the kernel does not have.
    [[nodiscard]] std::uint32_t out() const noexcept { return out_; }
    [[nodiscard]] bool dry() const noexcept { return out_ >= buffers_.count(); }

    void push(queue& q, std::int32_t buffer, std::int32_t size) noexcept {
        const auto index = static_cast<std::uint16_t>(buffer);
        links_[index].size = static_cast<std::uint32_t>(size);
        if (q.length == 0)
            q.head = index;
        else
            links_[q.tail].next = index;
        q.tail = index;
        ++q.length;
        ++out_;
    }
    [[nodiscard]] chunk pop(queue& q) noexcept {
        const std::uint16_t index = q.head;
        q.head = links_[index].next;
        --q.length;
        char* const data = buffers_.data(index);
        return chunk(*this, data, data, links_[index].size, index);
    }
    void give_back(char*, std::uint32_t tag) noexcept override {
        --out_;
        if (!abandoned_)
            buffers_.provide(static_cast<std::uint16_t>(tag));
        else if (out_ == 0)
            delete this;
    }
    /// Returns a buffer that was never queued.
    void return_unused(std::int32_t buffer) noexcept { buffers_.provide(static_cast<std::uint16_t>(buffer)); }
    /// The ring is gone: nothing is provided to it any more.
    void abandon() noexcept {
        abandoned_ = true;
        if (out_ == 0) delete this;
    }

private:
    struct link {
        std::uint32_t size = 0;
        std::uint16_t next = 0;
    };
    ~ring_lender() = default;

    uring::provided_buffers buffers_;
    std::vector<link> links_;
    std::uint32_t out_ = 0;
    bool abandoned_ = false;
};

} // namespace modelmesh::net
