// Lends the ring's provided buffers as chunks, and threads those that wait for their reader into per-stream
// queues.
#pragma once

#include "net/chunk.hpp"
#include "uring/provided_buffers.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace modelmesh::net {

static_assert(uring::provided_buffers::padding >= chunk::padding);

/// The kernel uses buffers in the order in which it got them, so with all of them it would go through all
/// their memory, and each receive would miss the cache: a 16 KB answer relayed so was measured to cost a
/// fifth more. It gets as few as it never runs out of, the last used first, and twice as many when it does
/// run out; now and then fewer are tried again.
///
/// Destroys itself when its engine has let go and the last chunk is back: chunks may outlive the event loop.
class ring_lender final : public chunk_lender {
public:
    /// Buffers received and not yet taken, in order. Linked through the lender's table: no memory of its own.
    struct queue {
        std::uint16_t head = 0;
        std::uint16_t tail = 0;
        std::uint16_t length = 0;
    };

    ring_lender(std::uint32_t count, std::uint32_t size) : buffers_(count, size), links_(count) {
        for (std::uint32_t i = count; i-- > 0;) put_by(static_cast<std::uint16_t>(i));
        provide_some();
    }

    [[nodiscard]] uring::provided_buffers& buffers() noexcept { return buffers_; }
    /// Buffers with received bytes, queued or lent.
    [[nodiscard]] std::uint32_t out() const noexcept { return out_; }
    [[nodiscard]] bool dry() const noexcept { return out_ >= buffers_.count(); }

    /// The kernel had no buffer for a receive.
    void ran_dry() noexcept {
        wanted_ = std::min(2 * wanted_, buffers_.count());
        until_fewer_ = patience;
        provide_some();
    }

    void push(queue& q, std::int32_t buffer, std::int32_t size) noexcept {
        const auto index = static_cast<std::uint16_t>(buffer);
        --provided_;
        if (--until_fewer_ == 0) {
            until_fewer_ = patience;
            wanted_ = std::max(wanted_ / 2, std::min(fewest, buffers_.count()));
        }
        provide_some();
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
        if (abandoned_) {
            if (out_ == 0) delete this;
            return;
        }
        put_by(static_cast<std::uint16_t>(tag));
        provide_some();
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
    static constexpr std::uint32_t fewest = 16;
    static constexpr std::uint32_t patience = 65'536; // receives
    static constexpr std::uint16_t none = 0xffff;

    ~ring_lender() = default;

    void put_by(std::uint16_t index) noexcept { links_[index].next = std::exchange(spare_, index); }
    void provide_some() noexcept {
        for (; provided_ < wanted_ && spare_ != none; ++provided_) {
            const std::uint16_t index = std::exchange(spare_, links_[spare_].next);
            buffers_.provide(index);
        }
    }

    uring::provided_buffers buffers_;
    std::vector<link> links_;
    std::uint16_t spare_ = none; // the last used, linked to those used before it
    std::uint32_t provided_ = 0; // the kernel has them
    std::uint32_t wanted_ = std::min(fewest, buffers_.count());
    std::uint32_t until_fewer_ = patience;
    std::uint32_t out_ = 0;
    bool abandoned_ = false;
};

} // namespace modelmesh::net
