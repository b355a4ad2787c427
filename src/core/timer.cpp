// The lazy binary heap behind timer_queue.
#include "core/timer.hpp"

#include <utility>

namespace modelmesh::core {

timer_node::~timer_node() {
    if (queue_ != nullptr) queue_->remove(*this);
}

timer_queue::~timer_queue() {
    for (timer_node* node : heap_) {
        node->queue_ = nullptr;
        node->place_ = timer_node::outside;
        node->armed_ = false;
    }
}

void timer_queue::arm(timer_node& node, time_point deadline) {
    node.deadline_ = deadline;
    if (node.queue_ == nullptr) {
        heap_.push_back(&node);
        node.queue_ = this;
        node.key_ = deadline;
        node.place_ = heap_.size() - 1;
        sift_up(node.place_);
    } else if (deadline < node.key_) {
        node.key_ = deadline;
        sift_up(node.place_);
    }
    if (!std::exchange(node.armed_, true)) ++armed_;
}

void timer_queue::disarm(timer_node& node) noexcept {
    if (std::exchange(node.armed_, false)) --armed_;
}

void timer_queue::expire(time_point now) noexcept {
    while (!heap_.empty() && heap_.front()->key_ <= now) {
        timer_node& node = *heap_.front();
        if (node.armed_ && node.deadline_ > node.key_) { // it was moved later since it took its place
            node.key_ = node.deadline_;
            sift_down(0);
            continue;
        }
        const bool due = node.armed_;
        remove(node);
        if (due) node.expired(); // last: it may destroy the node
    }
}

std::optional<time_point> timer_queue::next() const noexcept {
    if (armed_ == 0) return std::nullopt;
    return heap_.front()->key_;
}

void timer_queue::place(std::size_t at, timer_node* node) noexcept {
    heap_[at] = node;
    node->place_ = at;
}

void timer_queue::sift_up(std::size_t at) noexcept {
    timer_node* const node = heap_[at];
    while (at > 0) {
        const std::size_t parent = (at - 1) / 2;
        if (heap_[parent]->key_ <= node->key_) break;
        place(at, heap_[parent]);
        at = parent;
    }
    place(at, node);
}

void timer_queue::sift_down(std::size_t at) noexcept {
    timer_node* const node = heap_[at];
    for (;;) {
        std::size_t child = 2 * at + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1]->key_ < heap_[child]->key_) ++child;
        if (node->key_ <= heap_[child]->key_) break;
        place(at, heap_[child]);
        at = child;
    }
    place(at, node);
}

void timer_queue::remove(timer_node& node) noexcept {
    disarm(node);
    const std::size_t at = node.place_;
    timer_node* const last = heap_.back();
    heap_.pop_back();
    if (last != &node) {
        place(at, last);
        sift_up(at);
        sift_down(last->place_);
    }
    node.queue_ = nullptr;
    node.place_ = timer_node::outside;
}

} // namespace modelmesh::core
