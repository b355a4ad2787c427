// Probing, and the driver: what makes the ring and the timers part of an io_context's turn.
#include "net/engine.hpp"

#include "net/reactor_stream.hpp"
#include "net/ring_lender.hpp"
#include "net/ring_stream.hpp"
#include "proto/http1_syntax.hpp"
#include "uring/ring_core.hpp"

#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <cstdlib>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

// Looks at the ring between two looks at the rest of the loop: about a microsecond.
constexpr int looks_at_a_time = 128;

std::string_view variable(const char* name) {
    const char* const text = std::getenv(name);
    return text == nullptr ? std::string_view() : text;
}

engine_kind kind_from_environment() {
    const std::string_view value = variable("MODELMESH_IO");
    if (value == "auto" || value.empty()) return engine_kind::automatic;
    if (value == "uring") return engine_kind::uring;
    if (value == "epoll") return engine_kind::epoll;
    throw error(fault(errc::config, "MODELMESH_IO must be auto, uring or epoll"));
}

duration busy_poll_from_environment() {
    const std::string_view value = variable("MODELMESH_BUSY_POLL_US");
    if (value.empty()) return duration::zero();
    const auto microseconds = proto::parse_number(value, 10);
    if (!microseconds || *microseconds > 1'000'000)
        throw error(fault(errc::config, "MODELMESH_BUSY_POLL_US must be a number from 0 to 1000000"));
    return std::chrono::microseconds(*microseconds);
}

engine_settings from_environment() {
    engine_settings made(kind_from_environment());
    made.busy_poll = busy_poll_from_environment();
    return made;
}

// The reactor is Asio's, and reports in Asio's way that the system gives it no descriptor.
fault unusable(const boost::system::system_error& why) {
    return fault(errc::config, std::string("the event loop cannot be used: ") + why.what());
}

} // namespace

engine& engine::of(asio::io_context& context) {
    try {
        return asio::use_service<engine>(context);
    } catch (const boost::system::system_error& e) {
        throw error(unusable(e));
    }
}

result<engine*> engine::create(asio::io_context& context, const engine_settings& settings) {
    if (asio::has_service<engine>(context))
        return fault(errc::config, "the io_context has an I/O engine already");
    try {
        auto made = std::make_unique<engine>(context, settings);
        asio::add_service(context, made.get());
        return made.release();
    } catch (const error& e) {
        return e.info();
    } catch (const boost::system::system_error& e) {
        return unusable(e);
    }
}

engine::engine(asio::io_context& context) : engine(context, from_environment()) {}

engine::engine(asio::io_context& context, const engine_settings& settings)
    : service(context), context_(context), settings_(settings),
      pool_(buffer_pool::make(settings.kept_buffers)), ring_watch_(context), tick_(context) {
    if (settings_.kind != engine_kind::epoll) open_ring();
}

void engine::open_ring() {
    lender_ = new ring_lender(settings_.ring_buffers, settings_.ring_buffer_size);
    auto ring = uring::ring_core::create(settings_.ring_entries, lender_->buffers());
    if (!ring) {
        std::exchange(lender_, nullptr)->abandon();
        fallback_reason_ = ring.error().message;
        if (settings_.kind == engine_kind::uring)
            throw error(
                fault(errc::config, "io_uring was asked for and is not available: " + fallback_reason_));
        return;
    }
    ring_ = std::move(*ring);
    ring_watch_.assign(ring_->descriptor());
}

engine::~engine() = default;

void engine::shutdown() {
    shut_down_ = true;
    // First every socket learns that it is alone, so that the coroutines destroyed below may destroy streams
    // in any order, and streams owned from outside the event loop stay safe to use: they answer canceled.
    while (!parts_.empty()) parts_.front().leave_engine();
    std::vector<function<void(wait_outcome)>> suspended = std::move(orphans_);
    for (waiter_list* const list : {&waiters_, &resuming_, &ready_})
        while (!list->empty()) suspended.push_back(list->front().leave_engine());
    waiting_ = 0;
    tick_.cancel();
    if (ring_) {
        ring_watch_.release();
        if (ring_->drain()) {
            ring_.reset();
            std::exchange(lender_, nullptr)->abandon();
        } else {
            // The kernel may still write into the buffers: memory lost is better than memory corrupted.
            static_cast<void>(ring_.release());
            lender_ = nullptr;
        }
    }
    suspended.clear();
}

engine_counters engine::counters() const noexcept {
    engine_counters now = counters_;
    now.waiters = waiting_;
    now.lent_buffers = pool_->lent() + (lender_ != nullptr ? lender_->out() : 0);
    now.enters = ring_ ? ring_->count().enters : 0;
    return now;
}

std::unique_ptr<socket_stream> engine::adopt(int socket, std::string peer) {
    std::unique_ptr<socket_stream> made;
    if (ring_)
        made = std::make_unique<ring_stream>(*this, socket, std::move(peer));
    else
        made = std::make_unique<reactor_stream>(*this, socket, std::move(peer));
    parts_.push_back(*made);
    ++counters_.open_streams; // counted down when the stream closes
    return made;
}

void engine::reap() noexcept {
    if (ring_) ring_->reap();
}

void engine::waiter_added(waiter& w) {
    waiters_.push_back(w);
    work_added();
}

void engine::waiter_completed(waiter& w) noexcept {
    w.list_hook::unlink();
    ready_.push_back(w);
    --waiting_;
    turn_later();
}

void engine::resume_without(waiter& w) noexcept {
    w.list_hook::unlink();
    orphans_.push_back(std::move(w.resume_));
    turn_later();
}

void engine::work_added() {
    ++waiting_;
    turn_later();
}

void engine::work_removed() noexcept {
    --waiting_;
    if (waiting_ == 0) turn_later();
}

void engine::turn_later() {
    if (shut_down_ || in_turn_ || std::exchange(is_turn_posted_, true)) return;
    // Behind everything that is ready now: submissions of one turn share one system call, and a wait that
    // ends and begins again within the turn disturbs neither the watch nor the timer.
    asio::post(context_, [this] {
        is_turn_posted_ = false;
        turn();
    });
}

void engine::turn() {
    // What is asked for meanwhile is done below: another turn for it would have the loop look at its reactor
    // in between, a system call for each event. What is left then, because a coroutine threw, the loop was
    // stopped or more has arrived, is for the next one.
    struct rest {
        ~rest() {
            io.in_turn_ = false;
            if (!is_whole || !io.ready_.empty() || !io.resuming_.empty() || !io.orphans_.empty() ||
                !io.corked_.empty() || io.is_looking_ || (io.ring_ && io.ring_->has_unsubmitted()))
                io.turn_later();
        }
        engine& io;
        bool is_whole = false; // else the ring and the timers may be without a watch
    };
    in_turn_ = true;
    is_looking_ = false;
    rest behind{*this};
    if (ring_) ring_->reap();
    const bool had_event = !ready_.empty();
    resume_ready();
    // Who has sent goes on in this turn, once: a coroutine that always has more to send shares the loop.
    if (uncork()) {
        resume_ready();
        static_cast<void>(uncork());
    }
    if (ring_) {
        ring_->submit();
        ring_->reap();
    }
    is_looking_ = looks_on(had_event);
    if (ring_ && !is_looking_) watch_ring();
    watch_timers();
    behind.is_whole = true;
}

// Whether busy polling goes on.
bool engine::looks_on(bool had_event) {
    if (settings_.busy_poll == duration::zero() || waiting_ == 0) return false;
    const time_point now = clock::system().now();
    if (had_event) look_until_ = now + settings_.busy_poll;
    if (now >= look_until_) return false;
    if (ring_)
        for (int i = 0; i < looks_at_a_time && ready_.empty(); ++i) ring_->reap();
    return true;
}

void engine::resume_ready() {
    resuming_.splice(resuming_.end(), ready_);
    while (!resuming_.empty()) {
        if (context_.stopped()) return; // as with handlers that were posted: none runs before restart()
        waiter& first = resuming_.front();
        resuming_.pop_front();
        function<void(wait_outcome)> resume = std::move(first.resume_);
        first.state_ = waiter::state::idle;
        resume(first.outcome_);
    }
    while (!orphans_.empty() && !context_.stopped()) {
        function<void(wait_outcome)> resume = std::move(orphans_.front());
        orphans_.erase(orphans_.begin());
        resume(wait_outcome::canceled);
    }
}

void engine::cork(corked_send& what) {
    if (!what.is_linked()) corked_.push_back(what);
    turn_later();
}

// False: there was nothing.
bool engine::uncork() {
    if (corked_.empty()) return false;
    while (!corked_.empty()) {
        corked_send& first = corked_.front();
        corked_.pop_front();
        first.uncork();
    }
    return true;
}

// The pending wait counts as work of the io_context: it exists only while somebody waits.
void engine::watch_ring() {
    if (waiting_ == 0) {
        if (watching_ring_) ring_watch_.cancel();
        return;
    }
    if (std::exchange(watching_ring_, true)) return;
    ring_watch_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [this](const boost::system::error_code&) {
                               watching_ring_ = false;
                               turn();
                           });
}

void engine::watch_timers() {
    const auto next = timers_.next();
    if (!next) {
        if (ticking_) tick_.cancel();
        return;
    }
    // An earlier wake-up than needed costs one look at the queue; moving it would cost a system call per
    // event.
    if (ticking_ && tick_at_ <= *next) return;
    tick_at_ = *next;
    tick_.expires_at(tick_at_); // aborts the wait in progress, whose handler then finds a newer serial
    ticking_ = true;
    tick_.async_wait([this, serial = ++tick_serial_](const boost::system::error_code&) {
        if (serial != tick_serial_) return;
        ticking_ = false;
        in_turn_ = true;
        timers_.expire(clock::system().now());
        turn();
    });
}

} // namespace modelmesh::net
