// Deadlines of one event loop: an intrusive queue without threads, clock or event loop of its own.
//
// Made for deadlines that are set again on every event and hardly ever expire. Moving a deadline later and
// dropping it cost O(1): the entry keeps its place in the queue, and only when that place is reached is the
// real deadline looked at again. Whoever drives the queue asks next() for the moment to wake, and calls
// expire() then.
#pragma once

#include <modelmesh/core/clock.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace modelmesh::core {

class timer_queue;

/// One deadline. The owner derives from it, and may destroy it at any time, also from expired().
/// Threads: the queue's thread only.
class timer_node {
public:
    timer_node() = default;
    timer_node(const timer_node&) = delete;
    timer_node& operator=(const timer_node&) = delete;

    [[nodiscard]] bool armed() const noexcept { return armed_; }
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }

protected:
    virtual ~timer_node();

private:
    friend class timer_queue;
    virtual void expired() noexcept = 0;

    static constexpr std::size_t outside = static_cast<std::size_t>(-1);
    timer_queue* queue_ = nullptr; // set while the node has a place in the queue, armed or not
    std::size_t place_ = outside;
    time_point key_{}; // the node's order in the heap: never later than deadline_ while armed
    time_point deadline_{};
    bool armed_ = false;
};

class timer_queue {
public:
    timer_queue() = default;
    timer_queue(const timer_queue&) = delete;
    timer_queue& operator=(const timer_queue&) = delete;
    /// Forgets every node without calling it; nodes may outlive the queue.
    ~timer_queue();

    /// Sets or moves a deadline. O(1) when it moves later or the node still has an earlier place; else O(log
    /// n).
    void arm(timer_node& node, time_point deadline);
    /// Drops a deadline. O(1): the place in the queue is given up when it is reached.
    void disarm(timer_node& node) noexcept;
    /// Calls expired() on every node whose deadline is not after `now`, earliest first. A node is disarmed
    /// before it is called, and may arm itself or others, disarm others, and destroy itself or others.
    void expire(time_point now) noexcept;

    /// Number of armed nodes: nothing needs to wake up while it is zero.
    [[nodiscard]] std::size_t armed() const noexcept { return armed_; }
    /// When to call expire() next. May be earlier than the earliest deadline, never later; empty: never.
    [[nodiscard]] std::optional<time_point> next() const noexcept;

private:
    friend class timer_node;
    void place(std::size_t at, timer_node* node) noexcept;
    void sift_up(std::size_t at) noexcept;
    void sift_down(std::size_t at) noexcept;
    void remove(timer_node& node) noexcept;

    std::vector<timer_node*> heap_; // binary heap by key_
    std::size_t armed_ = 0;
};

} // namespace modelmesh::core
