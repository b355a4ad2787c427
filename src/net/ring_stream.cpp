// Receiving through the ring. See ring_stream.hpp for the policy.
#include "net/ring_stream.hpp"

#include "uring/ring_core.hpp"

#include <poll.h>

#include <cerrno>
#include <utility>

namespace modelmesh::net {

struct ring_stream::channel {
    channel(ring_stream& stream, ring_lender& from)
        : owner(&stream), lender(from), receive(*this), readable(*this), writable(*this) {}

    struct receive_operation final : uring::operation {
        explicit receive_operation(channel& c) : home(c) {}
        void completed(const uring::completion& done) noexcept override {
            if (home.owner != nullptr) return home.owner->received(done.result, done.buffer, done.more);
            if (done.buffer != uring::completion::no_buffer) home.lender.return_unused(done.buffer);
            home.reclaim();
        }
        channel& home;
    };
    struct readable_operation final : uring::operation {
        explicit readable_operation(channel& c) : home(c) {}
        void completed(const uring::completion&) noexcept override {
            if (home.owner != nullptr) return home.owner->became_readable();
            home.reclaim();
        }
        channel& home;
    };
    struct writable_operation final : uring::operation {
        explicit writable_operation(channel& c) : home(c) {}
        void completed(const uring::completion&) noexcept override {
            if (home.owner != nullptr) return home.owner->notify_writable();
            home.reclaim();
        }
        channel& home;
    };

    /// Called without an owner; the last completion frees.
    void reclaim() noexcept {
        if (!receive.in_flight() && !readable.in_flight() && !writable.in_flight()) delete this;
    }

    ring_stream* owner;
    ring_lender& lender;
    receive_operation receive;
    readable_operation readable;
    writable_operation writable;
};

ring_stream::ring_stream(engine& io, int socket, std::string peer)
    : socket_stream(io, socket, std::move(peer)), channel_(new channel(*this, io.lender())) {}

ring_stream::~ring_stream() { close(); }

void ring_stream::detach() noexcept {
    channel* const c = std::exchange(channel_, nullptr);
    while (queue_.length != 0) c->lender.pop(queue_).release();
    c->owner = nullptr;
    uring::ring_core& ring = *io()->ring();
    ring.cancel(c->receive);
    ring.cancel(c->readable);
    ring.cancel(c->writable);
    if (ring.has_unsubmitted()) io()->turn_later();
    c->reclaim();
}

result<io_status> ring_stream::try_receive(chunk& out) {
    out.release();
    if (!is_open()) return closed_fault();
    if (queue_.length == 0) io()->reap();
    if (queue_.length != 0) {
        out = channel_->lender.pop(queue_);
        return io_status::ready;
    }
    if (error_ != 0) return receive_fault(error_);
    if (ended_) return io_status::end;
    if (direct_) return receive_directly(out);
    return io_status::would_block;
}

result<io_status> ring_stream::receive_directly(chunk& out) {
    buffer_pool::slot slot(io()->pool());
    const long r = receive_now(slot.data(), buffer_pool::buffer_size);
    if (r > 0) {
        out = slot.lend(static_cast<std::size_t>(r));
        return io_status::ready;
    }
    direct_ = false;
    if (r == -EAGAIN) return io_status::would_block;
    if (r == 0) {
        ended_ = true;
        return io_status::end;
    }
    error_ = static_cast<int>(-r);
    return receive_fault(error_);
}

void ring_stream::want_readable() {
    if (channel_->receive.in_flight() || channel_->readable.in_flight()) return;
    if (dry_ && channel_->lender.dry()) {
        io()->ring()->poll_once(channel_->readable, descriptor(), POLLIN);
    } else {
        dry_ = false;
        io()->ring()->receive_multishot(channel_->receive, descriptor());
    }
    io()->turn_later();
}

// The armed receive sees the end as well; what it receives until then waits in the queue.
void ring_stream::want_end() {
    if (ended_ || error_ != 0) return notify_end_later();
    if (queue_.length < io()->settings().queue_limit) want_readable();
}

void ring_stream::want_writable() {
    if (channel_->writable.in_flight()) return;
    io()->ring()->poll_once(channel_->writable, descriptor(), POLLOUT);
    io()->turn_later();
}

void ring_stream::received(int result, std::int32_t buffer, bool more) noexcept {
    if (buffer != uring::completion::no_buffer) {
        if (result > 0)
            channel_->lender.push(queue_, buffer, result);
        else
            channel_->lender.return_unused(buffer);
    }
    if (result == 0) {
        ended_ = true;
    } else if (result == -ENOBUFS) {
        dry_ = true;
        channel_->lender.ran_dry();
        ++io()->tally().dry;
    } else if (result < 0 && result != -ECANCELED && result != -EINTR && result != -EAGAIN) {
        // Cancelled is no error: by us when the reader fell behind, or by the kernel because the thread that
        // armed the receive has ended. It is armed again when somebody waits.
        error_ = -result;
    }
    if (more && queue_.length == io()->settings().queue_limit) {
        ++io()->tally().throttled;
        io()->ring()->cancel(channel_->receive);
        io()->turn_later();
    }
    if (ended_ || error_ != 0) notify_end();
    if (reader_waits() && readable())
        notify_readable();
    else if (!more && !ended_ && error_ == 0 && (reader_waits() || (dry_ && end_is_watched())))
        want_readable();
}

void ring_stream::became_readable() noexcept {
    direct_ = true;
    if (end_is_watched() && !reader_waits() && has_ended()) notify_end();
    notify_readable();
}

bool ring_stream::unpark() noexcept {
    if (!is_open()) return false;
    io()->reap();
    if (readable()) return false;
    // An armed receive has seen everything that arrived; without one, ask the socket.
    if (channel_->receive.in_flight()) return true;
    direct_ = !peer_is_silent();
    return !direct_;
}

} // namespace modelmesh::net
