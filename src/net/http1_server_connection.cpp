#include "net/http1_server_connection.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <stdexcept>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;

using event = proto::request_parser::event;
using proto::body_framing;

namespace {

// Of a request's body that the handler did not read: one receive buffer.
constexpr std::size_t pass_over_limit = 16 * 1024;
// What is read, and thrown away, so that the client gets to read our last answer.
constexpr std::size_t linger_limit = 256 * 1024;
constexpr std::string_view chunk_and_last = "\r\n0\r\n\r\n";

} // namespace

http1_server_connection::~http1_server_connection() { abort(); }

fault http1_server_connection::gone() const { return fault(errc::canceled, "the client is gone"); }

void http1_server_connection::abort() noexcept {
    is_over_ = true;
    input_.release();
    stream_->close();
}

bool http1_server_connection::drain() noexcept {
    is_last_ = true;
    return !is_reading_;
}

void http1_server_connection::peer_has_gone() noexcept {
    if (is_over_) return;
    is_over_ = true;
    ++shared_.counters.gone;
    owner_.client_has_gone();
}

task<void> http1_server_connection::serve() {
    while (!is_last_ || is_first_) {
        const bool has_request = co_await read_head();
        if (!has_request) break;
        is_first_ = false;
        co_await handle();
        stream_->watch_end(nullptr);
        if (is_over_ || answer_ == answer::lost) break;
        if (answer_ != answer::done) {
            ++shared_.counters.failed;
            if (answer_ == answer::under_way) break; // cut off, so that the client sees it
            const int status = body_refusal_ != 0 ? body_refusal_ : 500;
            co_await refuse(status);
            break;
        }
        if (!may_follow_ || is_last_ || !pass_over_body()) {
            co_await linger();
            break;
        }
    }
    abort();
}

// One step of the parser over what has arrived. Errors: protocol; connect, canceled: the connection is lost.
result<event> http1_server_connection::advance(std::string_view& slice) {
    for (;;) {
        std::string_view rest = input_.bytes();
        const result<event> got = parser_.step(rest, slice);
        input_.consume(input_.bytes().size() - rest.size());
        if (!got) return got.error();
        if (*got != event::need_more) return got;
        input_.release();
        const result<io_status> received = stream_->try_receive(input_);
        if (!received) return received.error();
        if (*received == io_status::would_block) return event::need_more;
        if (*received == io_status::end) return gone();
    }
}

// False: there is no request any more.
task<bool> http1_server_connection::read_head() {
    const server_limits& limits = shared_.limits;
    parser_.start();
    answer_ = answer::none;
    body_failure_.reset();
    body_refusal_ = 0;
    is_reading_ = false;
    time_point until = in(is_first_ ? limits.head : limits.idle);
    for (;;) {
        std::string_view none;
        const result<event> got = advance(none);
        const bool has_begun = parser_.started();
        if (has_begun && !std::exchange(is_reading_, true) && !is_first_) until = in(limits.head);
        if (!got) {
            if (parser_.refusal() == 0)
                co_return false; // the connection ended, between requests or in a head
            ++shared_.counters.refused;
            co_await refuse(parser_.refusal());
            co_return false;
        }
        if (*got != event::need_more) break;
        if (!is_reading_ && is_last_) co_return false;
        if (!is_reading_) stream_->park();
        const wait_outcome outcome = co_await stream_->wait_readable(until);
        if (outcome == wait_outcome::ready) continue;
        if (outcome == wait_outcome::canceled) co_return false;
        if (!is_reading_ && !is_first_) co_return false; // idle long enough
        ++shared_.counters.slow;
        if (!is_reading_) co_return false;
        co_await refuse(408);
        co_return false;
    }
    awaits_body_ = parser_.expects_continue();
    sends_body_ = parser_.method() != "HEAD";
    co_return true;
}

task<void> http1_server_connection::handle() {
    ++shared_.counters.requests;
    ++shared_.counters.handling;
    if (parser_.ended()) stream_->watch_end(this);
    try {
        co_await shared_.handler(*this);
    } catch (const std::exception&) {
        // Whoever wants to know why catches it in the handler. An answer that was not finished says it to the
        // client.
    }
    --shared_.counters.handling;
}

// Answers in the handler's place and ends the connection: whatever follows cannot be understood.
task<void> http1_server_connection::refuse(int status) {
    http::headers none;
    is_last_ = true;
    sends_body_ = true;
    answer_ = answer::none;
    if (start(status, none, 0)) {
        const result<void> sent = co_await finish({});
        if (sent) co_await linger();
    }
}

// A socket that is closed with bytes unread resets the connection, and the client may lose what it has not
// read yet. So our side ends first, and what the client sends is thrown away for a while.
task<void> http1_server_connection::linger() {
    stream_->end_output();
    const time_point until = in(shared_.limits.linger);
    for (std::size_t passed = input_.bytes().size(); passed < linger_limit;) {
        const result<io_status> received = stream_->try_receive(input_);
        if (!received || *received == io_status::end) co_return;
        passed += input_.bytes().size();
        if (*received == io_status::ready) continue;
        const wait_outcome outcome = co_await stream_->wait_readable(until);
        if (outcome != wait_outcome::ready) co_return;
    }
}

// False: too much of the request's body is still to come.
bool http1_server_connection::pass_over_body() noexcept {
    for (std::size_t passed = 0; passed <= pass_over_limit;) {
        std::string_view ignored;
        const result<event> got = advance(ignored);
        if (!got || *got == event::need_more) return false;
        if (*got == event::end) return true;
        passed += ignored.size();
    }
    return false;
}

result<read_status> http1_server_connection::try_read(std::string_view& slice) {
    if (body_failure_) return *body_failure_;
    if (is_over_) return gone();
    const result<event> got = advance(slice);
    if (!got) {
        body_refusal_ = parser_.refusal();
        fault why = body_refusal_ != 0 ? got.error() : gone();
        why.http_status = body_refusal_;
        if (body_refusal_ != 0) {
            ++shared_.counters.refused;
        } else {
            is_over_ = true;
            ++shared_.counters.gone;
        }
        body_failure_ = std::move(why);
        return *body_failure_;
    }
    switch (*got) {
    case event::body:
        awaits_body_ = false;
        return read_status::slice;
    case event::end:
        stream_->watch_end(this);
        return read_status::end;
    default:
        return read_status::would_block;
    }
}

task<result<void>> http1_server_connection::wait() {
    if (body_failure_ || is_over_) co_return result<void>(); // try_read tells
    if (std::exchange(awaits_body_, false)) {
        const result<void> asked =
            co_await stream_->send(gather(proto::continue_head), in(shared_.limits.write));
        if (!asked) co_return asked.error();
    }
    const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    wait_outcome outcome = wait_outcome::canceled;
    if (stop.cancelled() == asio::cancellation_type::none)
        outcome = co_await stream_->wait_readable(in(shared_.limits.body_gap));
    if (outcome == wait_outcome::ready) co_return result<void>();
    if (outcome == wait_outcome::timed_out) {
        ++shared_.counters.slow;
        body_refusal_ = 408;
        body_failure_ = fault(errc::timed_out, "the request's body did not go on");
        body_failure_->http_status = body_refusal_;
        co_return *body_failure_;
    }
    co_return gone();
}

result<void> http1_server_connection::start(int status, const http::headers& headers,
                                            std::optional<std::uint64_t> length) {
    if (answer_ != answer::none) throw std::invalid_argument("the answer was started before");
    if (status == 204 || status == 304)
        framing_ = body_framing::none;
    else if (length)
        framing_ = body_framing::counted;
    else
        framing_ = parser_.http_1_0() ? body_framing::until_close : body_framing::chunked;
    proto::response_frame with(framing_, length.value_or(0));
    with.http_1_0 = parser_.http_1_0();
    // A client that still waits to be asked for the body may send it or not: what follows is undecidable.
    with.keep_alive = parser_.keep_alive() && !is_last_ && !awaits_body_ && !body_failure_;
    with.date = shared_.date.text(shared_.time.wall());
    head_.clear();
    const result<void> written = proto::write_response_head(head_, status, headers, with);
    if (!written) return written;
    may_follow_ = with.keep_alive && framing_ != body_framing::until_close;
    remaining_ = framing_ == body_framing::counted ? *length : 0;
    answer_ = answer::begun;
    return {};
}

// What goes on the wire for a slice; the views last until the next call.
gather http1_server_connection::frame(std::string_view slice, bool is_last) {
    if (answer_ == answer::none) throw std::invalid_argument("the answer was not started");
    if (framing_ == body_framing::counted) {
        if (slice.size() > remaining_) throw std::invalid_argument("the body is longer than announced");
        remaining_ -= slice.size();
    }
    if (framing_ == body_framing::none && !slice.empty())
        throw std::invalid_argument("an answer of this status has no body");
    const std::string_view head = answer_ == answer::begun ? std::string_view(head_) : std::string_view();
    if (answer_ == answer::begun) answer_ = answer::under_way;
    if (!sends_body_) return gather(head);
    if (framing_ != body_framing::chunked) return gather(head, slice);
    if (slice.empty()) return gather(head, is_last ? proto::last_chunk : std::string_view());
    chunk_head_ = proto::chunk_head(slice.size());
    return gather(head, chunk_head_.text(), slice, is_last ? chunk_and_last : proto::chunk_end);
}

task<result<void>> http1_server_connection::write(std::string_view slice) {
    // No coroutine of its own: after a failure the stream is dead, which finish() finds out.
    return stream_->send(frame(slice, false), in(shared_.limits.write));
}

task<result<void>> http1_server_connection::finish(std::string_view last) {
    const gather bytes = frame(last, true);
    const bool is_whole = remaining_ == 0 || !sends_body_;
    const result<void> sent = co_await stream_->send(bytes, in(shared_.limits.write));
    if (sent && is_whole) {
        answer_ = answer::done;
        co_return result<void>();
    }
    answer_ = sent ? answer::under_way : answer::lost;
    if (sent) co_return fault(errc::internal, "the body is shorter than announced");
    if (sent.error().kind() == errc::timed_out) ++shared_.counters.slow;
    co_return sent.error();
}

} // namespace modelmesh::net
