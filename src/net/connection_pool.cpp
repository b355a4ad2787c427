#include "net/connection_pool.hpp"

#include "net/waiter.hpp"

#include <utility>

namespace modelmesh::net {

connection_pool::lease::lease(std::shared_ptr<connection_pool> pool,
                              std::unique_ptr<http1_connection> connection) noexcept
    : pool_(std::move(pool)), connection_(std::move(connection)), is_reused_(connection_ != nullptr) {}

connection_pool::lease& connection_pool::lease::operator=(lease&& other) noexcept {
    if (this != &other) {
        give_back();
        pool_ = std::move(other.pool_);
        connection_ = std::move(other.connection_);
        is_reused_ = other.is_reused_;
    }
    return *this;
}

void connection_pool::lease::attach(std::unique_ptr<http1_connection> fresh) {
    connection_ = std::move(fresh);
    is_reused_ = false;
    ++pool_->counters_.opened;
}

void connection_pool::lease::drop_stale() {
    connection_.reset();
    is_reused_ = false;
    ++pool_->counters_.stale;
}

void connection_pool::lease::give_back() noexcept {
    if (const std::shared_ptr<connection_pool> pool = std::exchange(pool_, nullptr))
        pool->put_back(std::move(connection_));
}

void connection_pool::lease::give_back_unfinished() noexcept {
    // Whoever waits in the queue gets no connection that may turn out useless: it opens one.
    if (pool_ && connection_ && connection_->try_finish() == leftover::pending && pool_->queue_.empty()) {
        --pool_->in_use_;
        pool_->rest(std::move(connection_));
        pool_.reset();
        return;
    }
    give_back();
}

// A request in the queue. It lives in the frame of the coroutine that waits, and leaves the queue with it
// however that ends: granted, timed out, canceled, or destroyed with the event loop.
class connection_pool::queued final : private waiter::owner {
public:
    explicit queued(std::shared_ptr<connection_pool> pool)
        : pool_(std::move(pool)), turn_(pool_->engine_, *this),
          place_(pool_->queue_.insert(pool_->queue_.end(), this)) {}
    queued(const queued&) = delete;
    queued& operator=(const queued&) = delete;
    ~queued() { leave(); }

    [[nodiscard]] task<wait_outcome> wait(time_point deadline) { return turn_.wait(deadline); }

    /// Called by whoever gives back: the right to a connection never becomes free in between, so nobody who
    /// comes later can overtake.
    void grant(std::unique_ptr<http1_connection> connection) noexcept {
        leave();
        granted_ = lease(pool_, std::move(connection));
        is_granted_ = true;
        turn_.complete(wait_outcome::ready);
    }
    [[nodiscard]] bool is_granted() const noexcept { return is_granted_; }
    /// What was granted; unclaimed it goes to the next in the queue.
    [[nodiscard]] lease claim() noexcept { return std::move(granted_); }

private:
    void gave_up(waiter&) noexcept override { leave(); }
    void leave() noexcept {
        if (!std::exchange(is_in_queue_, false)) return;
        pool_->queue_.erase(place_);
    }

    std::shared_ptr<connection_pool> pool_;
    lease granted_;
    waiter turn_;
    std::list<queued*>::iterator place_;
    bool is_in_queue_ = true;
    bool is_granted_ = false;
};

std::unique_ptr<http1_connection> connection_pool::take_idle() {
    while (!idle_.empty()) {
        resting newest = std::move(idle_.back());
        idle_.pop_back();
        if (time_.now() - newest.since >= limits_.idle_time) {
            idle_.clear(); // the others have rested even longer
            return nullptr;
        }
        http1_connection& candidate = *newest.connection;
        const bool has_ended = candidate.is_reusable() || candidate.try_finish() == leftover::none;
        if (has_ended && candidate.unpark()) return std::move(newest.connection);
    }
    return nullptr;
}

std::optional<connection_pool::lease> connection_pool::try_acquire() {
    std::unique_ptr<http1_connection> used = take_idle();
    if (!used && in_use_ + idle_.size() >= limits_.connections) return std::nullopt;
    if (used) ++counters_.reused;
    ++in_use_;
    return lease(shared_from_this(), std::move(used));
}

task<result<connection_pool::lease>> connection_pool::acquire(std::shared_ptr<connection_pool> pool,
                                                              time_point deadline) {
    if (std::optional<lease> free = pool->try_acquire()) co_return std::move(*free);
    if (pool->queue_.size() >= pool->limits_.queue)
        co_return fault(errc::overloaded, "too many requests wait for a connection");
    queued place(pool);
    const wait_outcome outcome = co_await place.wait(deadline);
    if (place.is_granted()) co_return place.claim();
    if (outcome == wait_outcome::timed_out)
        co_return fault(errc::timed_out, "the deadline passed while waiting for a free connection");
    co_return fault(errc::canceled, "canceled while waiting for a free connection");
}

void connection_pool::put_back(std::unique_ptr<http1_connection> connection) noexcept {
    if (connection && !connection->is_reusable()) connection.reset();
    if (connection) connection->park();
    if (!queue_.empty()) {
        // The next request looks at it as closely as at one that has rested: bytes behind the end of the
        // last answer would be taken for the answer to come.
        if (connection && !connection->unpark()) connection.reset();
        if (connection) ++counters_.reused;
        queue_.front()->grant(std::move(connection));
        return;
    }
    --in_use_;
    if (connection) rest(std::move(connection));
}

void connection_pool::rest(std::unique_ptr<http1_connection> connection) noexcept {
    if (limits_.idle == 0) return;
    if (idle_.size() >= limits_.idle) idle_.pop_front();
    idle_.push_back(resting{std::move(connection), time_.now()});
}

pool_counters connection_pool::counters() const noexcept {
    pool_counters now = counters_;
    now.in_use = in_use_;
    now.idle = idle_.size();
    now.waiting = queue_.size();
    return now;
}

} // namespace modelmesh::net
