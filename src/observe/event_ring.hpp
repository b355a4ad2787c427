// Events on their way from many threads to one, without locks.
#pragma once

#include <modelmesh/core/log.hpp>

#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace modelmesh::observe {

/// One event as it waits. Its texts lie in one buffer, which the slot keeps.
struct record {
    std::chrono::system_clock::time_point at;
    severity level{};
    std::string texts;
    std::size_t fields = 0;
    bool is_whole = false; ///< false: there was no memory for it
};

/// Bounded queue of many producers and one consumer (D. Vyukov's, with a ticket in each slot). A producer
/// that is
/// stopped between claim() and publish() holds back those behind it in the queue, and no other producer.
///
/// slot::turn says whose the slot is: `n` the producer's with ticket n, `n + 1` the consumer's. The
/// producer's release in
/// publish() pairs with the consumer's acquire in front(): it sees the record whole. The consumer's release
/// in pop()
/// pairs with the acquire in claim() of whoever gets the slot next.
class event_ring {
public:
    explicit event_ring(std::size_t capacity)
        : size_(std::bit_ceil(capacity < 2 ? std::size_t{2} : capacity)),
          slots_(std::make_unique<slot[]>(size_)) {
        for (std::size_t i = 0; i < size_; ++i) slots_[i].turn.store(i, std::memory_order_relaxed);
    }

    /// A place to write to, with its ticket; null: the ring is full. Any thread.
    record* claim(std::uint64_t& ticket) noexcept {
        std::uint64_t next = head_.load(std::memory_order_relaxed);
        for (;;) {
            slot& here = slots_[next & (size_ - 1)];
            const std::uint64_t turn = here.turn.load(std::memory_order_acquire);
            if (turn == next) {
                // Relaxed: the ticket orders nothing by itself.
                if (head_.compare_exchange_weak(next, next + 1, std::memory_order_relaxed)) {
                    ticket = next;
                    return &here.what;
                }
            } else if (turn < next) {
                return nullptr;
            } else {
                next = head_.load(std::memory_order_relaxed);
            }
        }
    }
    void publish(std::uint64_t ticket) noexcept {
        slots_[ticket & (size_ - 1)].turn.store(ticket + 1, std::memory_order_release);
    }

    /// The oldest event, null when there is none. The consumer's thread only, as the next.
    record* front() noexcept {
        slot& here = slots_[tail_ & (size_ - 1)];
        return here.turn.load(std::memory_order_acquire) == tail_ + 1 ? &here.what : nullptr;
    }
    void pop() noexcept {
        slots_[tail_ & (size_ - 1)].turn.store(tail_ + size_, std::memory_order_release);
        ++tail_;
    }
    /// Tickets that were given out. Any thread.
    [[nodiscard]] std::uint64_t claimed() const noexcept { return head_.load(std::memory_order_relaxed); }
    /// Events that were taken. The consumer's thread only.
    [[nodiscard]] std::uint64_t popped() const noexcept { return tail_; }

private:
    struct slot {
        std::atomic<std::uint64_t> turn{0};
        record what;
    };
    std::size_t size_;
    std::unique_ptr<slot[]> slots_;
    alignas(64) std::atomic<std::uint64_t> head_{0}; ///< the next ticket; producers
    alignas(64) std::uint64_t tail_ = 0;             ///< the consumer's
};

} // namespace modelmesh::observe
