#include "net/connection_pool.hpp"

#include "core/cancellation.hpp"
#include "core/time_limit.hpp"
#include "net/waiter.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

// After a connection could not be made whoever waits shares those that work, instead of trying one by one.
constexpr std::chrono::seconds dial_pause(1);
// A server that closes pipelined connections early may do so each time (RFC 9112, section 9.3.2).
constexpr std::chrono::minutes pipeline_pause(5);

fault canceled_in_queue() { return fault(errc::canceled, "canceled while waiting for a free connection"); }

fault local(errc kind, std::string message) {
    fault f(kind, std::move(message));
    f.is_local = true;
    return f;
}

} // namespace

connection_pool::lease::lease(std::shared_ptr<connection_pool> pool,
                              std::unique_ptr<http1_connection> connection) noexcept
    : pool_(std::move(pool)), connection_(std::move(connection)), is_reused_(connection_ != nullptr) {}

connection_pool::lease::lease(std::shared_ptr<connection_pool> pool,
                              std::unique_ptr<shared_exchange> exchange, bool is_reused) noexcept
    : pool_(std::move(pool)), exchange_(std::move(exchange)), is_reused_(is_reused) {}

connection_pool::lease& connection_pool::lease::operator=(lease&& other) noexcept {
    if (this != &other) {
        give_back();
        pool_ = std::move(other.pool_);
        connection_ = std::move(other.connection_);
        exchange_ = std::move(other.exchange_);
        is_reused_ = other.is_reused_;
        is_pipelined_ = other.is_pipelined_;
    }
    return *this;
}

carrier* connection_pool::lease::connection() const noexcept {
    if (exchange_) return exchange_.get();
    return connection_.get();
}

void connection_pool::lease::attach(std::unique_ptr<http1_connection> fresh) {
    connection_ = std::move(fresh);
    is_reused_ = false;
    connection_pool& pool = *pool_;
    ++pool.counters_.opened;
    --pool.dialing_;
    if (is_pipelined_) pipeline();
    pool.is_dialing_alone_ = false;
    pool.serve_queue();
}

void connection_pool::lease::attach(const std::shared_ptr<http2_connection>& fresh) {
    connection_pool& pool = *pool_;
    pool.shared_.push_back(sharing{fresh, pool.time_.now()});
    fresh->set_watcher(&pool);
    exchange_ = fresh->begin();
    is_reused_ = false;
    ++pool.exchanges_;
    ++pool.counters_.opened;
    --pool.dialing_;
    --pool.in_use_;
    pool.is_dialing_alone_ = true;
    pool.serve_queue();
}

// From here on others may follow on the same connection.
void connection_pool::lease::pipeline() {
    connection_pool& pool = *pool_;
    if (!pool.may_pipeline()) return;
    http1_pipeline::watcher& told = pool;
    pool.pipelines_.push_back(
        std::make_shared<http1_pipeline>(pool.engine_, std::move(connection_), pool.pipeline_depth_, told));
    exchange_ = pool.pipelines_.back()->begin();
    ++pool.exchanges_;
}

void connection_pool::lease::drop_stale() {
    ++pool_->counters_.stale;
    is_reused_ = false;
    if (exchange_) return give_back(); // another connection may have room
    connection_.reset();
    ++pool_->dialing_;
}

void connection_pool::lease::give_back() noexcept {
    const std::shared_ptr<connection_pool> pool = std::exchange(pool_, nullptr);
    if (!pool) return;
    if (exchange_) {
        --pool->exchanges_;
        exchange_.reset(); // the connection tells the pool
        return;
    }
    if (!connection_) --pool->dialing_;
    pool->put_back(std::move(connection_));
}

void connection_pool::lease::give_back_unfinished() noexcept {
    if (pool_ && exchange_) exchange_->leave();
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
    queued(std::shared_ptr<connection_pool> pool, bool pipelined)
        : is_pipelined(pipelined), pool_(std::move(pool)), turn_(pool_->engine_, *this),
          since_(pool_->time_.now()), place_(pool_->queue_.insert(pool_->queue_.end(), this)) {}
    queued(const queued&) = delete;
    queued& operator=(const queued&) = delete;
    ~queued() { leave(); }

    [[nodiscard]] wait_operation wait(time_point deadline) noexcept { return turn_.wait(deadline); }

    /// Called by whoever gives back: the right to a connection never becomes free in between, so nobody who
    /// comes later can overtake.
    void grant(lease what) noexcept {
        leave();
        granted_.emplace(std::move(what));
        turn_.complete(wait_outcome::ready);
    }
    void refuse(const fault& why) noexcept {
        leave();
        granted_.emplace(why);
        turn_.complete(wait_outcome::ready);
    }
    /// Has it look again how long there is to wait.
    void nudge() noexcept { turn_.complete(wait_outcome::ready); }
    [[nodiscard]] bool is_settled() const noexcept { return granted_.has_value(); }
    [[nodiscard]] time_point since() const noexcept { return since_; }
    /// What was granted; unclaimed it goes to the next in the queue.
    [[nodiscard]] result<lease> claim() noexcept { return std::move(*granted_); }

    const bool is_pipelined;

private:
    void gave_up(waiter&, wait_outcome why) noexcept override {
        if (why != wait_outcome::timed_out) leave(); // it may wait on
    }
    void leave() noexcept {
        if (!std::exchange(is_in_queue_, false)) return;
        pool_->queue_.erase(place_);
        const duration waited = pool_->time_.now() - since_;
        pool_counters& counters = pool_->counters_;
        ++counters.queued;
        counters.queue_time += waited;
        counters.longest_queue_time = std::max(counters.longest_queue_time, waited);
    }

    std::shared_ptr<connection_pool> pool_;
    std::optional<result<lease>> granted_;
    waiter turn_;
    time_point since_;
    std::list<queued*>::iterator place_;
    bool is_in_queue_ = true;
};

void connection_pool::lease::refuse(const fault& why) noexcept {
    if (!pool_->is_dialing_alone_) return; // the others make connections of their own
    if (pool_->has_shared()) {
        pool_->dial_again_ = pool_->time_.now() + dial_pause;
        for (queued* const waiting : pool_->queue_) waiting->nudge();
        return;
    }
    while (!pool_->queue_.empty()) pool_->queue_.front()->refuse(why);
}

connection_pool::~connection_pool() {
    for (const sharing& each : shared_) each.connection->set_watcher(nullptr);
}

void connection_pool::clear_idle() noexcept {
    idle_.clear();
    for (std::size_t i = shared_.size(); i-- > 0;)
        if (shared_[i].connection->is_idle()) remove_shared(i);
}

void connection_pool::remove_shared(std::size_t at) noexcept {
    shared_[at].connection->set_watcher(nullptr);
    shared_.erase(shared_.begin() + static_cast<std::ptrdiff_t>(at)); // its exchanges keep it while they last
}

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

// The first connection with room, so that those behind it come to rest when there is less to do.
std::optional<connection_pool::lease> connection_pool::try_share() {
    for (std::size_t i = 0; i < shared_.size();) {
        http2_connection& candidate = *shared_[i].connection;
        const bool is_idle = candidate.is_idle();
        const bool is_old = is_idle && time_.now() - shared_[i].idle_since >= limits_.idle_time;
        if (is_old || candidate.is_dead() || (is_idle && !candidate.wake())) {
            remove_shared(i);
            continue;
        }
        if (candidate.has_room()) {
            std::unique_ptr<http2_exchange> begun = candidate.begin();
            if (candidate.was_used()) ++counters_.reused;
            ++exchanges_;
            return lease(shared_from_this(), std::move(begun), candidate.may_be_stale());
        }
        ++i;
    }
    return std::nullopt;
}

bool connection_pool::may_pipeline() const noexcept {
    return pipeline_depth_ > 1 && time_.now() >= pipeline_again_;
}

// Behind others on one connection: the first with room.
std::optional<connection_pool::lease> connection_pool::try_follow() {
    if (!may_pipeline()) return std::nullopt;
    for (const std::shared_ptr<http1_pipeline>& each : pipelines_) {
        if (!each->has_room()) continue;
        ++counters_.reused;
        ++exchanges_;
        return lease(shared_from_this(), each->begin(), false);
    }
    return std::nullopt;
}

connection_pool::lease connection_pool::lend(std::unique_ptr<http1_connection> connection,
                                             bool is_pipelined) {
    lease made(shared_from_this(), std::move(connection));
    made.is_pipelined_ = is_pipelined;
    if (is_pipelined && made.connection_) made.pipeline();
    return made;
}

void connection_pool::pipeline_changed(http1_pipeline& which) noexcept {
    if (!which.is_idle()) return serve_queue();
    const auto own = std::find_if(pipelines_.begin(), pipelines_.end(),
                                  [&which](const auto& each) { return each.get() == &which; });
    if (own == pipelines_.end()) return; // an exchange that was lost with it
    const std::shared_ptr<http1_pipeline> ended = std::move(*own);
    pipelines_.erase(own);
    put_back(ended->take_connection());
}

void connection_pool::pipeline_broke() noexcept { pipeline_again_ = time_.now() + pipeline_pause; }

bool connection_pool::is_full() const noexcept {
    return in_use_ + idle_.size() + shared_.size() >= limits_.connections;
}

bool connection_pool::may_dial() const noexcept {
    if (is_full()) return false;
    if (!is_dialing_alone_) return true;
    if (dialing_ != 0 || (time_.now() < dial_again_ && has_shared())) return false;
    return std::none_of(shared_.begin(), shared_.end(),
                        [](const sharing& each) { return each.connection->may_grow(); });
}

bool connection_pool::has_shared() const noexcept {
    return std::any_of(shared_.begin(), shared_.end(),
                       [](const sharing& each) { return each.connection->accepts(); });
}

std::optional<connection_pool::lease> connection_pool::try_acquire(bool is_pipelined) {
    if (std::optional<lease> sharing_one = try_share()) return sharing_one;
    if (is_pipelined)
        if (std::optional<lease> behind_others = try_follow()) return behind_others;
    std::unique_ptr<http1_connection> used = take_idle();
    if (!used) {
        if (!may_dial()) return std::nullopt;
        ++dialing_;
    } else {
        ++counters_.reused;
    }
    ++in_use_;
    return lend(std::move(used), is_pipelined);
}

std::optional<connection_pool::lease> connection_pool::try_reserve() {
    if (!may_dial() || (is_dialing_alone_ && has_shared())) return std::nullopt;
    ++dialing_;
    ++in_use_;
    return lease(shared_from_this(), nullptr);
}

void connection_pool::connection_changed(http2_connection& which) noexcept {
    const auto place = std::find_if(shared_.begin(), shared_.end(), [&which](const sharing& each) {
        return each.connection.get() == &which;
    });
    if (place != shared_.end() && which.is_idle()) {
        place->idle_since = time_.now();
        // Its user keeps it alive. Nobody else may come by to find out that it is of no use.
        if (!which.accepts()) remove_shared(static_cast<std::size_t>(place - shared_.begin()));
    }
    serve_queue();
    if (which.is_idle()) trim();
}

// Closes those that have rested longest while more rest than may.
void connection_pool::trim() noexcept {
    for (;;) {
        std::size_t at_rest = idle_.size();
        auto oldest = shared_.end();
        for (auto each = shared_.begin(); each != shared_.end(); ++each) {
            if (!each->connection->is_idle()) continue;
            ++at_rest;
            if (oldest == shared_.end() || each->idle_since < oldest->idle_since) oldest = each;
        }
        if (at_rest <= limits_.idle) return;
        if (oldest == shared_.end() || (!idle_.empty() && idle_.front().since < oldest->idle_since))
            idle_.pop_front();
        else
            remove_shared(static_cast<std::size_t>(oldest - shared_.begin()));
    }
}

// Gives what has become free to whoever waits longest.
void connection_pool::serve_queue() noexcept {
    if (queue_.empty() || std::exchange(is_serving_, true)) return;
    const std::shared_ptr<connection_pool> self = shared_from_this(); // as long as its queue is looked at
    while (!queue_.empty()) {
        std::optional<lease> free = try_acquire(queue_.front()->is_pipelined);
        if (!free) break;
        queue_.front()->grant(std::move(*free));
    }
    is_serving_ = false;
    note_fullness();
}

// Who waits for a connection that may turn out to serve all is not held up by how many there may be.
void connection_pool::note_fullness() noexcept {
    const bool is_first = is_dialing_alone_ && dialing_ != 0;
    if (!is_full() || is_first) {
        full_since_ = time_point::max();
    } else if (full_since_ == time_point::max()) {
        full_since_ = time_.now();
        if (limits_.queue_time == duration::max()) return;
        for (queued* const waiting : queue_) waiting->nudge();
    }
}

// When a wait is too long, as far as is known.
time_point connection_pool::end_of(const queued& waiting, time_point deadline) const noexcept {
    return std::min(deadline, core::after(std::max(waiting.since(), full_since_), limits_.queue_time));
}

task<result<connection_pool::lease>> connection_pool::acquire(std::shared_ptr<connection_pool> pool,
                                                              time_point deadline, bool is_pipelined) {
    if (std::optional<lease> free = pool->try_acquire(is_pipelined)) co_return std::move(*free);
    if (pool->queue_.size() >= pool->limits_.queue)
        co_return local(errc::overloaded, "too many requests wait for a connection");
    const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(stop)) co_return canceled_in_queue();
    if (pool->queue_.empty()) pool->full_since_ = time_point::max(); // it was of those who waited before
    pool->note_fullness();
    queued place(pool, is_pipelined);
    for (;;) {
        const time_point end = pool->end_of(place, deadline);
        // Nobody else sees that a connection may be tried again.
        const bool is_pausing = pool->time_.now() < pool->dial_again_;
        const time_point until = is_pausing ? std::min(end, pool->dial_again_) : end;
        const wait_outcome outcome = co_await place.wait(until);
        if (!place.is_settled() && outcome != wait_outcome::canceled) pool->serve_queue();
        if (place.is_settled()) co_return place.claim();
        if (outcome == wait_outcome::canceled) co_return canceled_in_queue();
        if (outcome == wait_outcome::timed_out && until == end && pool->end_of(place, deadline) <= end)
            co_return end == deadline
                ? local(errc::timed_out, "the deadline passed while waiting for a free connection")
                : pool->too_long_fault();
    }
}

fault connection_pool::too_long_fault() const {
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(limits_.queue_time);
    return local(errc::overloaded, "no connection became free in " + std::to_string(waited.count()) +
                                       " ms; at most " + std::to_string(limits_.connections) +
                                       " may be open");
}

void connection_pool::put_back(std::unique_ptr<http1_connection> connection) noexcept {
    if (connection && !connection->is_reusable()) connection.reset();
    if (connection) connection->park();
    if (!queue_.empty()) {
        // The next request looks at it as closely as at one that has rested: bytes behind the end of the
        // last answer would be taken for the answer to come.
        if (connection && !connection->unpark()) connection.reset();
        if (connection) {
            ++counters_.reused;
            queue_.front()->grant(lend(std::move(connection), queue_.front()->is_pipelined));
            return serve_queue(); // others may follow on it
        }
    }
    --in_use_;
    if (connection) rest(std::move(connection));
    serve_queue();
}

void connection_pool::rest(std::unique_ptr<http1_connection> connection) noexcept {
    if (limits_.idle == 0) return;
    idle_.push_back(resting{std::move(connection), time_.now()});
    trim();
}

pool_counters& pool_counters::operator+=(const pool_counters& other) noexcept {
    in_use += other.in_use;
    idle += other.idle;
    waiting += other.waiting;
    opened += other.opened;
    reused += other.reused;
    stale += other.stale;
    queued += other.queued;
    queue_time += other.queue_time;
    longest_queue_time = std::max(longest_queue_time, other.longest_queue_time);
    return *this;
}

pool_counters connection_pool::counters() const noexcept {
    pool_counters now = counters_;
    now.in_use = in_use_ - pipelines_.size() + exchanges_;
    now.idle = idle_.size();
    for (const sharing& each : shared_) now.idle += each.connection->is_idle() ? 1 : 0;
    now.waiting = queue_.size();
    return now;
}

} // namespace modelmesh::net
