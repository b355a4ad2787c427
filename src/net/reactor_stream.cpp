// Receiving through Asio's reactor.
#include "net/reactor_stream.hpp"

#include <boost/asio/error.hpp>

#include <cerrno>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;

reactor_stream::reactor_stream(engine& io, int socket, std::string peer)
    : socket_stream(io, socket, std::move(peer)), anchor_(std::make_shared<anchor>()) {
    anchor_->stream = this;
    watch_.emplace(io.context(), socket);
}

reactor_stream::~reactor_stream() { close(); }

void reactor_stream::detach() noexcept {
    anchor_->stream = nullptr;
    watch_->release(); // aborts its waits; closing is the base's
    watch_.reset();
}

result<io_status> reactor_stream::try_receive(chunk& out) {
    out.release();
    if (!is_open()) return closed_fault();
    if (error_ != 0) return receive_fault(error_);
    if (ended_) return io_status::end;
    if (!may_receive_) return io_status::would_block;
    buffer_pool::slot slot(io()->pool());
    const long r = receive_now(slot.data(), buffer_pool::buffer_size);
    if (r > 0) {
        // A short read has emptied the socket. Waiting looks at the socket again, so what arrives now is not
        // missed.
        may_receive_ = static_cast<std::size_t>(r) == buffer_pool::buffer_size;
        out = slot.lend(static_cast<std::size_t>(r));
        return io_status::ready;
    }
    if (r == 0) {
        ended_ = true;
        return io_status::end;
    }
    if (r == -EAGAIN) {
        may_receive_ = false;
        return io_status::would_block;
    }
    error_ = static_cast<int>(-r);
    return receive_fault(error_);
}

void reactor_stream::want_readable() {
    if (std::exchange(read_watched_, true)) return;
    constexpr auto what = asio::posix::stream_descriptor::wait_read;
    watch_->async_wait(what, [held = anchor_](const boost::system::error_code& ec) {
        if (held->stream != nullptr) held->stream->wait_over(what, ec == asio::error::operation_aborted);
    });
}

void reactor_stream::want_end() {
    if (readable()) return notify_end_later();
    want_readable();
}

void reactor_stream::want_writable() {
    if (std::exchange(write_watched_, true)) return;
    constexpr auto what = asio::posix::stream_descriptor::wait_write;
    watch_->async_wait(what, [held = anchor_](const boost::system::error_code& ec) {
        if (held->stream != nullptr) held->stream->wait_over(what, ec == asio::error::operation_aborted);
    });
}

// A cancel hits both directions: the one that nobody gave up is watched again.
void reactor_stream::wait_over(asio::posix::stream_descriptor::wait_type what, bool aborted) {
    if (what == asio::posix::stream_descriptor::wait_read) {
        read_watched_ = false;
        if (aborted) {
            if (reader_waits() || end_is_watched()) want_readable();
            return;
        }
        may_receive_ = true;
        if (end_is_watched() && !reader_waits()) {
            if (has_ended())
                notify_end();
            else if (may_watch_on())
                want_readable();
        }
        notify_readable();
    } else {
        write_watched_ = false;
        if (aborted) {
            if (writer_waits()) want_writable();
            return;
        }
        notify_writable();
    }
}

bool reactor_stream::unpark() noexcept {
    if (!is_open() || readable()) return false;
    may_receive_ = !peer_is_silent();
    return !may_receive_;
}

} // namespace modelmesh::net
