#include "net/http1_server_connection.hpp"

#include "core/cancellation.hpp"
#include "net/linger.hpp"
#include "proto/http1_syntax.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;

using event = proto::request_parser::event;
using proto::body_framing;

namespace {

// Of a request's body that the handler did not read: one receive buffer.
constexpr std::size_t pass_over_limit = 16 * 1024;
// What a connection reads and writes before the others of its loop have their turn; what a request counts
// besides its bytes.
constexpr std::size_t turn_limit = 64 * 1024;
constexpr std::size_t request_cost = 2 * 1024;
constexpr std::string_view chunk_and_last = "\r\n0\r\n\r\n";

} // namespace

http1_server_connection::~http1_server_connection() { abort(); }

fault http1_server_connection::gone() const { return fault(errc::canceled, "the client is gone"); }

// A handler may still hold a slice: the buffer stays until it reads on, or until the connection is destroyed.
void http1_server_connection::abort() noexcept {
    is_over_ = true;
    if (!stream_) return; // it was taken
    // Where the connection's end is the answer's, a client must not take this one for it.
    const bool looks_whole =
        framing_ == body_framing::until_close && answer_ != answer::done && answer_ >= answer::under_way;
    if (looks_whole)
        stream_->reset();
    else
        stream_->close();
}

bool http1_server_connection::drain() noexcept {
    is_last_ = true;
    return !is_reading_ && spent_ < turn_limit; // while it gives way there may be a request
}

void http1_server_connection::peer_has_gone() noexcept {
    if (is_over_) return;
    note_end(shared_.counters.gone);
    owner_.cancel_later();
}

// Counts why the connection is over, once.
void http1_server_connection::note_end(std::uint64_t& why) noexcept {
    if (!std::exchange(is_over_, true)) ++why;
}

// Once the request is read to its end, the client's leaving is all that is left to be seen.
void http1_server_connection::watch_client() {
    if (parser_.ended() && answer_ < answer::done) stream_->watch_end(this);
}

task<void> http1_server_connection::serve() {
    while (!is_last_ || is_first_) {
        const bool has_request = co_await read_head();
        if (asks_for_http2_) co_return;
        if (!has_request) break;
        is_first_ = false;
        co_await handle();
        stream_->watch_end(nullptr);
        if (is_over_ || answer_ == answer::lost) break;
        if (answer_ != answer::done) {
            if (body_refusal_ == 0) ++shared_.counters.failed; // else it was the client
            if (answer_ == answer::under_way) break;           // cut off, so that the client sees it
            const int status = body_refusal_ != 0 ? body_refusal_ : 500;
            co_await refuse(status);
            break;
        }
        bool goes_on = may_follow_ && !is_last_;
        if (goes_on) goes_on = co_await pass_over_body();
        if (!goes_on) {
            co_await linger(*stream_, input_, in(shared_.limits.linger));
            break;
        }
    }
    abort();
}

// One step of the parser over what has arrived. Errors: protocol; connect, canceled: the connection is lost.
result<event> http1_server_connection::advance(std::string_view& slice) {
    for (;;) {
        if (spent_ >= turn_limit && !parser_.ended()) return event::need_more; // more_input() gives way
        std::string_view rest = input_.bytes();
        const result<event> got = parser_.step(rest, slice);
        const std::size_t used = input_.bytes().size() - rest.size();
        input_.consume(used);
        spent_ += used;
        if (!got) return got.error();
        // The handler may take its time: only a slice keeps an empty buffer.
        if (*got != event::body && input_.empty()) input_.release();
        if (*got != event::need_more) return got;
        const result<io_status> received = stream_->try_receive(input_);
        if (!received) return received.error();
        if (*received == io_status::would_block) return event::need_more;
        if (*received == io_status::end) return gone();
    }
}

// Until advance() may get further: something has arrived, or the others had their turn, which end_turn()
// notes.
wait_operation http1_server_connection::more_input(time_point until) {
    if (input_.empty()) input_.release();
    return spent_ < turn_limit ? stream_->wait_readable(until) : turn_.pass();
}

void http1_server_connection::end_turn() noexcept {
    if (spent_ >= turn_limit) spent_ = 0;
}

// Everything that is sent goes through here.
task<result<void>> http1_server_connection::send(gather bytes) {
    if (spent_ >= turn_limit) {
        static_cast<void>(co_await turn_.pass());
        spent_ = 0;
    }
    const result<void> sent = co_await stream_->send(bytes, shared_.time, shared_.limits.write);
    if (sent) co_return result<void>();
    if (answer_ == answer::under_way) answer_ = answer::lost;
    switch (sent.error().kind()) {
    case errc::timed_out:
        note_end(shared_.counters.slow);
        break;
    case errc::canceled: // by the handler: whoever else cancels has noted the end before
        note_end(shared_.counters.failed);
        break;
    default:
        note_end(shared_.counters.gone);
    }
    co_return sent.error();
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
            // Nothing before it, so that what was taken is known.
            asks_for_http2_ = may_be_http2_ && is_first_ && parser_.is_http2_preface() &&
                              spent_ == proto::http2_preface_line.size() + proto::line_end.size();
            if (asks_for_http2_) co_return false;
            ++shared_.counters.refused;
            co_await refuse(parser_.refusal());
            co_return false;
        }
        if (*got != event::need_more) break;
        if (!is_reading_ && is_last_) co_return false;
        if (!is_reading_) stream_->park();
        const wait_outcome outcome = co_await more_input(until);
        end_turn();
        if (outcome == wait_outcome::ready) continue;
        if (outcome == wait_outcome::canceled) co_return false;
        if (!is_reading_ && !is_first_) co_return false; // idle long enough
        ++shared_.counters.slow;
        if (!is_reading_) co_return false;
        co_await refuse(408);
        co_return false;
    }
    spent_ += request_cost;
    body_patience_ = limits.body;
    awaits_body_ = parser_.expects_continue();
    sends_body_ = parser_.method() != "HEAD";
    co_return true;
}

task<void> http1_server_connection::handle() {
    ++shared_.counters.requests;
    ++shared_.counters.handling;
    watch_client();
    try {
        co_await shared_.handler(*this);
    } catch (...) {
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
        if (sent) co_await linger(*stream_, input_, in(shared_.limits.linger));
    }
}

// Reads what the handler left of the request's body. False: that is too much, or takes too long.
task<bool> http1_server_connection::pass_over_body() {
    const time_point until = in(shared_.limits.linger);
    for (std::size_t passed = 0; passed <= pass_over_limit;) {
        std::string_view ignored;
        const result<event> got = advance(ignored);
        if (!got) co_return false;
        if (*got == event::end) co_return true;
        passed += ignored.size();
        if (*got != event::need_more) continue;
        const wait_outcome outcome = co_await more_input(until);
        end_turn();
        if (outcome != wait_outcome::ready) co_return false;
    }
    co_return false;
}

result<read_status> http1_server_connection::try_read(std::string_view& slice) {
    if (body_failure_) return *body_failure_;
    if (is_over_) return gone();
    const result<event> got = advance(slice);
    if (!got) {
        body_refusal_ = parser_.refusal();
        fault why = body_refusal_ != 0 ? got.error() : gone();
        why.http_status = body_refusal_;
        if (body_refusal_ != 0)
            ++shared_.counters.refused;
        else
            note_end(shared_.counters.gone);
        body_failure_ = std::move(why);
        return *body_failure_;
    }
    switch (*got) {
    case event::body:
        awaits_body_ = false;
        watch_client(); // a handler that knows the length may stop here
        return read_status::slice;
    case event::end:
        watch_client();
        return read_status::end;
    default:
        return read_status::would_block;
    }
}

task<result<void>> http1_server_connection::wait() {
    const bool has_more = !input_.empty() && spent_ < turn_limit;
    if (body_failure_ || is_over_ || parser_.ended() || has_more) co_return result<void>(); // try_read tells
    // Behind the head of an answer it would be a part of the answer.
    if (std::exchange(awaits_body_, false) && answer_ <= answer::begun) {
        const result<void> asked = co_await send(gather(proto::continue_head));
        if (!asked) co_return asked.error();
    }
    const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    const time_point since = shared_.time.now();
    const time_point until = std::min(in(shared_.limits.body_gap), in(body_patience_));
    wait_outcome outcome = wait_outcome::canceled;
    if (!core::is_canceled(stop)) outcome = co_await more_input(until);
    end_turn();
    body_patience_ -= shared_.time.now() - since;
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
    if (answer_ == answer::done) throw std::invalid_argument("the answer is complete");
    if (framing_ == body_framing::counted) {
        if (slice.size() > remaining_) throw std::invalid_argument("the body is longer than announced");
        remaining_ -= slice.size();
    }
    if (framing_ == body_framing::none && !slice.empty())
        throw std::invalid_argument("an answer of this status has no body");
    const std::string_view head = answer_ == answer::begun ? std::string_view(head_) : std::string_view();
    if (answer_ == answer::begun) answer_ = answer::under_way;
    spent_ += slice.size();
    if (!sends_body_) return gather(head);
    if (framing_ != body_framing::chunked) return gather(head, slice);
    if (slice.empty()) return gather(head, is_last ? proto::last_chunk : std::string_view());
    chunk_head_ = proto::chunk_head(slice.size());
    return gather(head, chunk_head_.text(), slice, is_last ? chunk_and_last : proto::chunk_end);
}

task<result<void>> http1_server_connection::write(std::string_view slice) {
    return send(frame(slice, false));
}

task<result<void>> http1_server_connection::finish(std::string_view last) {
    const gather bytes = frame(last, true);
    const bool is_whole = remaining_ == 0 || !sends_body_;
    const result<void> sent = co_await send(bytes);
    if (!sent) co_return sent.error();
    if (!is_whole) co_return fault(errc::internal, "the body is shorter than announced");
    answer_ = answer::done;
    stream_->watch_end(nullptr); // it may leave now
    co_return result<void>();
}

} // namespace modelmesh::net
