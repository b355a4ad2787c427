#include "net/http1_connection.hpp"

#include <modelmesh/http/body_source.hpp>

#include <array>
#include <charconv>
#include <utility>

namespace modelmesh::net {

using event = proto::response_parser::event;

namespace {
// Of a body that nobody wants: one receive buffer.
constexpr std::size_t drain_limit = 16 * 1024;
// What a connection at rest may keep for its next request.
constexpr std::size_t kept_head = 4096;
} // namespace

result<bool> http1_connection::try_send(const outgoing& what) {
    const http::request& request = *what.request;
    is_fresh_ = false;
    head_.clear();
    proto::write_request_head(head_, request, what.defaults);
    parser_.start(request.method == "HEAD");
    is_out_ = false;
    is_end_ = request.source == nullptr;
    if (request.source) {
        is_chunked_ = !request.source->length();
        is_head_out_ = false; // it goes with the first piece
        return true;
    }
    unsent_ = gather(head_, request.body);
    return try_send_rest();
}

result<bool> http1_connection::try_send_rest() {
    const result<bool> taken = stream_->try_send(unsent_);
    is_out_ = is_end_ && taken && *taken;
    return taken;
}

result<bool> http1_connection::try_send_piece(std::string_view piece) {
    if (std::exchange(is_head_out_, true)) head_.clear();
    if (is_chunked_) {
        std::array<char, 16> size;
        const auto end = std::to_chars(size.data(), size.data() + size.size(), piece.size(), 16).ptr;
        head_.append(size.data(), end).append("\r\n");
    }
    unsent_ = gather(head_, piece, is_chunked_ ? "\r\n" : "");
    return try_send_rest();
}

result<bool> http1_connection::try_send_end() {
    if (std::exchange(is_head_out_, true)) head_.clear();
    if (is_chunked_) head_.append("0\r\n\r\n");
    unsent_ = gather(head_);
    is_end_ = true;
    return try_send_rest();
}

fault http1_connection::fail(fault why) {
    close();
    failure_ = std::make_unique<fault>(why);
    return why;
}

// What the loss of the connection means depends on how much of the answer was there.
fault http1_connection::lost(const fault& why) {
    if (why.kind() == errc::timed_out || why.kind() == errc::canceled) return fail(why);
    if (!parser_.started())
        return fail(fault(errc::connect, "the connection was lost before the answer: " + why.message));
    return fail(
        fault(errc::protocol, "truncated, the connection was lost inside the answer: " + why.message));
}

result<event> http1_connection::advance(std::string_view& slice) {
    if (failure_) return *failure_; // who sends and who reads may both come upon it
    for (;;) {
        std::string_view rest = chunk_.bytes();
        const result<event> got = parser_.step(rest, slice);
        chunk_.consume(chunk_.bytes().size() - rest.size());
        if (!got) return fail(got.error());
        if (*got == event::end && chunk_.empty()) chunk_.release();
        if (*got != event::need_more) return got;

        chunk_.release();
        const result<io_status> received = stream_->try_receive(chunk_);
        if (!received) {
            is_garbled_ = received.error().kind() == errc::protocol;
            return lost(received.error());
        }
        if (*received == io_status::would_block) return event::need_more;
        if (*received == io_status::end) {
            if (!parser_.started())
                return fail(fault(errc::connect, "the server closed the connection without an answer"));
            if (const result<void> whole = parser_.finish(); !whole) return fail(whole.error());
        }
    }
}

result<bool> http1_connection::try_read_head() {
    std::string_view none;
    const result<event> got = advance(none);
    if (!got) return got.error();
    return *got == event::head;
}

result<read_status> http1_connection::try_read(std::string_view& slice) {
    const result<event> got = advance(slice);
    if (!got) return got.error();
    switch (*got) {
    case event::body:
        return read_status::slice;
    case event::end:
        return read_status::end;
    default:
        return read_status::would_block;
    }
}

bool http1_connection::is_reusable() const noexcept {
    if (is_dead_ || is_last_ || !is_out_ || !chunk_.empty()) return false;
    return is_fresh_ || (parser_.ended() && parser_.keep_alive());
}

void http1_connection::close() noexcept {
    is_dead_ = true;
    chunk_.release(); // ring buffers are few: they do not wait for the owner of a dead connection
    stream_->close();
}

void http1_connection::park() noexcept {
    chunk_.release();
    if (head_.capacity() > kept_head) std::string().swap(head_);
    stream_->park();
}

leftover http1_connection::try_finish() noexcept {
    if (is_dead_ || is_last_ || !is_out_ || !parser_.keep_alive()) return leftover::useless;
    std::size_t drained = 0;
    while (drained <= drain_limit) {
        std::string_view ignored;
        const result<read_status> got = try_read(ignored);
        if (!got) return leftover::useless;
        if (*got == read_status::would_block) return leftover::pending;
        if (*got == read_status::end) return is_reusable() ? leftover::none : leftover::useless;
        drained += ignored.size();
    }
    return leftover::useless;
}

} // namespace modelmesh::net
