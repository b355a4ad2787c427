// Reading, handling and sending; and the exchange that a handler sees.
#include "net/http2_server_connection.hpp"

#include "core/cancellation.hpp"
#include "net/linger.hpp"
#include "net/write_patience.hpp"
#include "proto/http1_syntax.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;

using phase = proto::http2_request::phase;

namespace {

// What a connection reads before the others of its loop have their turn; what a request counts besides its
// bytes.
constexpr std::size_t turn_limit = 64 * 1024;
constexpr std::size_t request_cost = 2 * 1024;
// What a connection at rest may keep for its next answer.
constexpr std::size_t kept_output = 16 * 1024;

fault client_gone() { return fault(errc::canceled, "the client is gone"); }
fault client_slow() { return fault(errc::timed_out, "the client does not read"); }

proto::http2_server_limits session_limits(const server_limits& limits) {
    proto::http2_server_limits made;
    made.request = limits.request;
    made.streams = limits.streams;
    return made;
}

} // namespace

struct http2_server_connection::handled {
    std::shared_ptr<void> keeper; // goes last
    std::shared_ptr<http2_server_exchange> what;
    // By an exception when the handler threw: whoever wants to know why catches it there.
    void operator()(const std::exception_ptr&) const noexcept { what->home_.handler_ended(*what); }
};

struct http2_server_connection::written {
    std::shared_ptr<void> keeper;
    http2_server_connection* home;
    void operator()(const std::exception_ptr& failure) const noexcept {
        home->is_writing_ = false;
        if (failure) home->lost(client_gone(), nullptr); // out of memory
        home->flush();
        home->changed_.complete(wait_outcome::ready);
    }
};

http2_server_connection::http2_server_connection(std::unique_ptr<stream> transport, server_context& shared,
                                                 connection_owner& told)
    : stream_(std::move(transport)), shared_(shared), owner_(told),
      session_(*this, session_limits(shared.limits)), turn_(shared.io, *this), changed_(shared.io, *this),
      idle_since_(shared.time.now()) {
    head_since_ = idle_since_;
}

http2_server_connection::~http2_server_connection() { stream_->close(); }

void http2_server_connection::drain() noexcept {
    if (is_over_ || session_.is_ending() || std::exchange(is_draining_, true)) return;
    drain_since_ = shared_.time.now();
    try {
        session_.announce_end();
    } catch (...) {
        return lost(client_gone(), nullptr);
    }
    flush();
    owner_.cancel_later();
}

void http2_server_connection::abort() noexcept {
    lost(client_gone(), nullptr);
    for (const auto& exchange : exchanges_) exchange->cancel_later(); // also those whose answer is whole
}

void http2_server_connection::lost(const fault& why, std::uint64_t* counter) noexcept {
    if (std::exchange(is_over_, true)) return;
    for (const auto& exchange : exchanges_) exchange->lose(why, counter);
    stream_->close();
}

void http2_server_connection::too_slow() noexcept {
    if (is_over_) return;
    ++shared_.counters.slow;
    lost(client_slow(), nullptr);
}

task<void> http2_server_connection::serve(std::shared_ptr<void> keeper, bool has_begun, chunk first,
                                          bool is_draining) {
    co_await asio::this_coro::throw_if_cancelled(false);
    keeper_ = keeper;
    if (is_draining) drain();
    try {
        co_await read_all(has_begun, std::move(first));
    } catch (...) { // out of memory: what was started still comes to its end below
        lost(client_gone(), nullptr);
    }
    if (session_.is_violated()) {
        ++shared_.counters.refused;
        for (const auto& exchange : exchanges_) exchange->lose(client_gone(), nullptr);
    }
    // The client is told why; one that broke the rules gets no more than so much time for it.
    const time_point told = session_.is_violated() ? shared_.in(shared_.limits.write) : time_point::max();
    while (!is_over_ && is_writing_ && shared_.time.now() < told)
        static_cast<void>(co_await changed_.wait(told));
    if (is_writing_) lost(client_gone(), nullptr);
    if (!is_over_) {
        chunk rest;
        co_await linger(*stream_, rest, shared_.in(shared_.limits.linger));
    }
    lost(client_gone(), nullptr);
    while (running_ != 0 || is_writing_) static_cast<void>(co_await changed_.wait(time_point::max()));
}

task<void> http2_server_connection::read_all(bool has_begun, chunk first) {
    received got = received::some;
    if (has_begun) {
        got = feed(proto::http2_preface_line);
        if (got == received::some) got = feed(proto::line_end);
    }
    if (got == received::some && !first.empty()) {
        input_ = std::make_shared<chunk>(std::move(first));
        got = feed(input_->bytes());
    }
    while (got != received::over) {
        begin_handlers();
        flush();
        if (is_over_ || session_.is_over()) co_return;
        if (spent_ >= turn_limit || !begun_.empty() || !unread_.empty()) {
            // Whoever waits for a slice runs first, and takes it without a copy.
            static_cast<void>(co_await turn_.pass());
            spent_ = 0;
            keep_unread();
            continue;
        }
        got = receive();
        if (got != received::nothing) continue;
        if (exchanges_.empty() && !head_since_ && !is_writing_) rest();
        is_waiting_ = true;
        const wait_outcome outcome = co_await stream_->wait_readable(look_again());
        is_waiting_ = false;
        if (outcome == wait_outcome::timed_out) time_passed();
    }
}

http2_server_connection::received http2_server_connection::receive() {
    if (!input_ || input_.use_count() > 1) input_ = std::make_shared<chunk>();
    const result<io_status> got = stream_->try_receive(*input_);
    if (!got || *got == io_status::end) {
        lost(client_gone(), &shared_.counters.gone);
        return received::over;
    }
    if (*got == io_status::would_block) return received::nothing;
    spent_ += input_->bytes().size();
    return feed(input_->bytes());
}

http2_server_connection::received http2_server_connection::feed(std::string_view bytes) {
    const result<void> fed = session_.receive(bytes);
    if (input_ && input_.use_count() == 1) input_->release(); // ring buffers are few
    if (!session_.is_in_head())
        head_since_.reset();
    else if (!head_since_)
        head_since_ = shared_.time.now();
    if (fed) return received::some;
    lost(client_gone(), nullptr);
    return received::over;
}

// Between requests: buffers are few, and those that one large answer needed are not kept for the next.
void http2_server_connection::rest() {
    stream_->park();
    if (sending_.capacity() <= kept_output || session_.wants_output()) return;
    std::string().swap(sending_);
    static_cast<void>(session_.take_output(sending_)); // nothing, and the session's buffer with it
    std::string().swap(sending_);
}

// How long to wait for the client before something else is to be done: while requests are handled, who ends
// last does not wake whoever waits, so that looks again by itself.
time_point http2_server_connection::look_again() const noexcept {
    const server_limits& limits = shared_.limits;
    time_point until = exchanges_.empty() ? core::after(idle_since_, limits.idle) : shared_.in(limits.idle);
    if (head_since_) until = core::after(*head_since_, limits.head);
    if (is_draining_ && !session_.is_ending())
        until = std::min(until, core::after(drain_since_, limits.linger));
    return until;
}

void http2_server_connection::time_passed() {
    const time_point now = shared_.time.now();
    const server_limits& limits = shared_.limits;
    if (head_since_ && now >= core::after(*head_since_, limits.head)) return too_slow();
    const bool is_idle = exchanges_.empty() && now >= core::after(idle_since_, limits.idle);
    const bool is_deaf = is_draining_ && now >= core::after(drain_since_, limits.linger);
    if (is_idle || is_deaf) session_.end();
}

proto::http2_request* http2_server_connection::begin() {
    // A request that its client has given up counts until its handler has ended.
    if (is_over_ || exchanges_.size() >= std::size_t{2} * shared_.limits.streams) return nullptr;
    exchanges_.push_back(std::make_shared<http2_server_exchange>(*this));
    return exchanges_.back().get();
}

void http2_server_connection::head_arrived(proto::http2_request& which) {
    begun_.push_back(&static_cast<http2_server_exchange&>(which));
}

task<void> http2_server_connection::handle(server_context& shared,
                                           std::shared_ptr<http2_server_exchange> what) {
    co_await shared.handler(*what);
}

void http2_server_connection::begin_handlers() {
    is_batching_ = true;
    while (!begun_.empty() && spent_ < turn_limit && !is_over_) {
        http2_server_exchange& next = *begun_.front();
        begun_.pop_front();
        spent_ += request_cost;
        if (next.is_closed() || next.refusal() != 0) {
            if (const std::size_t untaken = next.body_.drop()) session_.consumed(next, untaken);
            std::erase(unread_, &next);
            ++(next.refusal() != 0 ? shared_.counters.refused : shared_.counters.gone);
            if (next.refusal() != 0) next.refuse(next.refusal());
            next.is_handled_ = true;
            is_sweep_due_ = true;
            continue;
        }
        start(next);
    }
    is_batching_ = false;
}

void http2_server_connection::start(http2_server_exchange& next) {
    handled after{keeper_.lock(), next.shared_from_this()};
    task<void> work = handle(shared_, after.what);
    ++shared_.counters.requests;
    ++shared_.counters.handling;
    ++running_;
    next.is_running_ = true;
    try {
        asio::co_spawn(shared_.io.context(), std::move(work),
                       asio::bind_cancellation_slot(next.cancel_.slot(), std::move(after)));
    } catch (...) {
        --shared_.counters.handling;
        --running_;
        throw;
    }
}

void http2_server_connection::handler_ended(http2_server_exchange& which) noexcept {
    --shared_.counters.handling;
    --running_;
    try {
        which.end();
    } catch (...) {
        lost(client_gone(), nullptr);
    }
    is_sweep_due_ = true;
    flush();
    changed_.complete(wait_outcome::ready);
}

void http2_server_connection::keep_unread() {
    std::size_t copied = 0;
    for (http2_server_exchange* const exchange : unread_) copied += exchange->body_.keep();
    unread_.clear();
    if (copied != 0) shared_.io.note_copied(copied);
    // Where a slice is still in use, it alone keeps the buffer from here on.
    if (input_ && input_.use_count() == 1)
        input_->release();
    else
        input_.reset();
}

// After whatever may have changed the session: sends what is due, and forgets the requests that are over.
void http2_server_connection::flush() noexcept {
    if (is_batching_) return;
    if (!is_writing_) write();
    if (is_sweep_due_) sweep();
    if (is_waiting_ && session_.is_over()) owner_.cancel_later();
}

// Everything that is sent goes through here, or through write_rest().
void http2_server_connection::write() noexcept {
    try {
        while (!is_over_ && session_.wants_output()) {
            const result<void> taken = session_.take_output(sending_);
            if (!taken) return lost(client_gone(), nullptr);
            if (sending_.empty()) break;
            unsent_ = gather(sending_);
            const result<bool> sent = stream_->try_send(unsent_);
            if (!sent) return lost(client_gone(), &shared_.counters.gone);
            if (*sent) {
                batch_sent();
                continue;
            }
            is_writing_ = true;
            written after{keeper_.lock(), this};
            task<void> rest = write_rest(after.keeper, this);
            asio::co_spawn(shared_.io.context(), std::move(rest), std::move(after));
            return;
        }
    } catch (...) { // out of memory
        is_writing_ = false;
        lost(client_gone(), nullptr);
    }
}

task<void> http2_server_connection::write_rest(std::shared_ptr<void>, http2_server_connection* self) {
    write_patience patience(*self->stream_, self->shared_.time, self->shared_.limits.write);
    while (!self->is_over_) {
        const wait_outcome outcome = co_await self->stream_->wait_writable(patience.until());
        if (self->is_over_) co_return;
        if (outcome == wait_outcome::timed_out) {
            if (!patience.is_over()) continue;
            self->too_slow();
            co_return;
        }
        result<bool> sent = self->stream_->try_send(self->unsent_);
        while (sent && *sent) {
            self->batch_sent();
            const result<void> taken = self->session_.take_output(self->sending_);
            if (!taken || self->sending_.empty()) co_return;
            self->unsent_ = gather(self->sending_);
            sent = self->stream_->try_send(self->unsent_);
        }
        if (sent) continue;
        self->lost(client_gone(), &self->shared_.counters.gone);
        co_return;
    }
}

void http2_server_connection::batch_sent() noexcept {
    for (http2_server_exchange* const exchange : batched_) {
        exchange->is_batched_ = false;
        exchange->event_.complete(wait_outcome::ready);
    }
    batched_.clear();
}

// Not while nghttp2 is calling back.
void http2_server_connection::sweep() noexcept {
    is_sweep_due_ = false;
    std::erase_if(exchanges_, [this](const std::shared_ptr<http2_server_exchange>& one) {
        if (!one->is_handled_ || !one->is_closed()) return false;
        std::erase(unread_, one.get());
        std::erase(batched_, one.get());
        return true;
    });
    if (exchanges_.empty()) idle_since_ = shared_.time.now();
}

http2_server_exchange::http2_server_exchange(http2_server_connection& home)
    : home_(home), event_(home.shared_.io, *this), body_patience_(home.shared_.limits.body) {}

void http2_server_exchange::body_arrived(std::string_view slice) {
    if (body_.lend(slice, home_.input_)) home_.unread_.push_back(this);
    event_.complete(wait_outcome::ready);
}

void http2_server_exchange::taken() noexcept {
    if (std::exchange(is_batched_, true)) return;
    home_.batched_.push_back(this);
}

void http2_server_exchange::closed() noexcept {
    home_.is_sweep_due_ = true;
    if (state() == phase::head) { // it was malformed, or given up before it was there
        ++home_.shared_.counters.refused;
        is_handled_ = true;
    }
    if (!is_running_ || is_handled_ || gone_) return;
    if (is_answered() || answer_ >= answer::done) {
        if (state() != phase::ended) gone_ = client_gone(); // for who reads on
        return changed();
    }
    lose(client_gone(), &home_.shared_.counters.gone);
}

void http2_server_exchange::lose(const fault& why, std::uint64_t* counter) noexcept {
    if (!is_running_ || is_handled_ || gone_) return;
    gone_ = why;
    if (answer_ >= answer::done) return changed();
    if (counter != nullptr) ++*counter;
    // Who waits for the client to read learns from that why it is in vain.
    if (why.kind() != errc::timed_out || !event_.pending()) cancel_later();
    changed();
}

// Never from inside a call of the handler, nor of the engine.
void http2_server_exchange::cancel_later() noexcept {
    if (!is_running_ || is_handled_ || std::exchange(is_canceled_, true)) return;
    asio::post(home_.shared_.io.context(), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self && !self->is_handled_) self->cancel_.emit(asio::cancellation_type::terminal);
    });
}

result<read_status> http2_server_exchange::try_read(std::string_view& slice) {
    if (body_failure_) return *body_failure_;
    if (gone_) return *gone_;
    if (body_.take(slice)) {
        home_.session_.consumed(*this, slice.size());
        home_.flush();
        return read_status::slice;
    }
    switch (state()) {
    case phase::ended:
        return read_status::end;
    case phase::failed:
        ++home_.shared_.counters.refused;
        body_refusal_ = refusal();
        body_failure_ = fault(errc::protocol, "the request's body is longer than allowed");
        body_failure_->http_status = body_refusal_;
        return *body_failure_;
    default:
        return read_status::would_block;
    }
}

task<result<void>> http2_server_exchange::wait() {
    const server_context& shared = home_.shared_;
    if (body_failure_ || gone_ || !body_.empty() || state() != phase::body)
        co_return result<void>(); // try_read tells
    if (expects_continue() && answer_ <= answer::begun && !std::exchange(was_asked_, true)) {
        home_.session_.go_on(*this);
        home_.flush();
    }
    const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    const time_point since = shared.time.now();
    const time_point until = std::min(shared.in(shared.limits.body_gap), shared.in(body_patience_));
    wait_outcome outcome = wait_outcome::canceled;
    if (!core::is_canceled(stop)) outcome = co_await event_.wait(until);
    body_patience_ -= shared.time.now() - since;
    if (outcome == wait_outcome::ready) co_return result<void>();
    if (outcome == wait_outcome::canceled || gone_) co_return client_gone();
    ++home_.shared_.counters.slow;
    body_refusal_ = 408;
    body_failure_ = fault(errc::timed_out, "the request's body did not go on");
    body_failure_->http_status = body_refusal_;
    co_return *body_failure_;
}

result<void> http2_server_exchange::start(int status, const http::headers& headers,
                                          std::optional<std::uint64_t> length) {
    if (answer_ != answer::none) throw std::invalid_argument("the answer was started before");
    const result<void> fit = proto::check_response(status, headers);
    if (!fit) return fit;
    if (!proto::http2_server_session::can_carry(headers))
        return fault(errc::internal, "the fields of the answer are too long for HTTP/2");
    may_have_body_ = status != 204 && status != 304;
    sends_body_ = may_have_body_ && method() != "HEAD";
    status_ = status;
    fields_ = headers;
    length_ = may_have_body_ ? length : std::nullopt;
    remaining_ = length_.value_or(0);
    answer_ = answer::begun;
    return {};
}

// Whether the slice may follow what was said before.
void http2_server_exchange::account(std::string_view slice) {
    if (answer_ == answer::none) throw std::invalid_argument("the answer was not started");
    if (answer_ == answer::done) throw std::invalid_argument("the answer is complete");
    if (!may_have_body_ && !slice.empty())
        throw std::invalid_argument("an answer of this status has no body");
    if (!length_) return;
    if (slice.size() > remaining_) throw std::invalid_argument("the body is longer than announced");
    remaining_ -= slice.size();
}

void http2_server_exchange::queue(std::string_view slice, bool is_last) {
    proto::http2_server_session& session = home_.session_;
    if (answer_ == answer::begun) {
        answer_ = answer::under_way;
        server_context& shared = home_.shared_;
        const bool has_body = sends_body_ && !(is_last && slice.empty());
        session.answer(*this, status_, fields_, length_, shared.date.text(shared.time.wall()), has_body);
        fields_ = http::headers();
        if (!has_body) return;
    }
    if (sends_body_ && (is_last || !slice.empty())) session.send(*this, slice, is_last);
}

// The session must not refer to a slice longer than its writer waits.
struct http2_server_exchange::offer {
    explicit offer(http2_server_exchange& e) noexcept : of(e) {}
    offer(const offer&) = delete;
    offer& operator=(const offer&) = delete;
    ~offer() {
        if (!of.is_sent()) of.give_up();
    }
    http2_server_exchange& of;
};

void http2_server_exchange::give_up() noexcept {
    if (std::exchange(answer_, answer::lost) == answer::lost) return;
    try {
        home_.session_.reset(*this);
    } catch (...) {
        home_.lost(client_gone(), nullptr);
    }
}

// Judges, at the end of each limit, a client whose window holds an answer back: it opens none for what it has
// not received, and that may fill the socket.
class window_patience {
public:
    void is_open() noexcept { in_flight_.reset(); }
    /// True: there was something in flight when the limit began, as far as that is known, and some of it has
    /// arrived.
    [[nodiscard]] bool is_receiving(const send_progress& now) noexcept {
        const std::uint64_t before = std::exchange(acknowledged_, now.acknowledged);
        if (in_flight_) return before < *in_flight_ && before < now.acknowledged;
        in_flight_ = now.sent;
        return now.acknowledged < now.sent;
    }

private:
    std::uint64_t acknowledged_ = 0;
    std::optional<std::uint64_t> in_flight_; // the end of what was sent, since the window is closed
};

task<result<void>> http2_server_exchange::send(std::string_view slice, bool is_last) {
    if (gone_) co_return *gone_;
    if (answer_ == answer::lost) co_return client_gone();
    server_context& shared = home_.shared_;
    const offer until_sent(*this);
    queue(slice, is_last);
    home_.flush();
    if (is_sent()) co_return result<void>();
    const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
    time_point until = shared.in(shared.limits.write);
    std::size_t untaken = this->untaken();
    window_patience window;
    while (!is_sent()) {
        wait_outcome outcome = wait_outcome::canceled;
        if (!gone_ && !core::is_canceled(stop)) outcome = co_await event_.wait(until);
        if (gone_) co_return *gone_;
        if (is_sent()) break;
        if (outcome == wait_outcome::ready) continue;
        const bool is_late = outcome == wait_outcome::timed_out;
        if (is_late) {
            const bool is_moving = this->untaken() < untaken;
            const bool is_held_back = !is_batched_ && home_.session_.is_held_back(*this);
            if (is_moving || !is_held_back) window.is_open();
            // It gets on, or waits for the socket with all the others: write_rest() sees whether that does.
            if (is_moving ||
                (is_held_back ? window.is_receiving(home_.stream_->progress()) : home_.is_writing_)) {
                untaken = this->untaken();
                until = shared.in(shared.limits.write);
                continue;
            }
        }
        ++(is_late ? shared.counters.slow : shared.counters.failed); // who else cancels has noted it before
        give_up();
        home_.flush();
        if (is_late) co_return client_slow();
        co_return client_gone();
    }
    co_return result<void>();
}

task<result<void>> http2_server_exchange::write(std::string_view slice) {
    account(slice);
    return send(slice, false);
}

task<result<void>> http2_server_exchange::finish(std::string_view last) {
    account(last);
    const bool is_whole = remaining_ == 0 || !sends_body_;
    const result<void> sent = co_await send(last, is_whole);
    if (!sent) co_return sent.error();
    if (!is_whole) co_return fault(errc::internal, "the body is shorter than announced");
    answer_ = answer::done;
    co_return result<void>();
}

// Answers in the handler's place.
void http2_server_exchange::refuse(int status) {
    server_context& shared = home_.shared_;
    const http::headers none;
    home_.session_.answer(*this, status, none, 0, shared.date.text(shared.time.wall()), false);
    home_.session_.stop_request(*this);
    answer_ = answer::done;
}

void http2_server_exchange::end() {
    proto::http2_server_session& session = home_.session_;
    is_handled_ = true;
    std::erase(home_.unread_, this);
    if (const std::size_t untaken = body_.drop()) session.consumed(*this, untaken);
    if (home_.is_over_) return;
    if (answer_ == answer::done) return session.stop_request(*this);
    if (gone_ || answer_ == answer::lost) return;            // counted, and reset
    if (body_refusal_ == 0) ++home_.shared_.counters.failed; // else it was the client
    if (answer_ == answer::under_way) return session.reset(*this);
    refuse(body_refusal_ != 0 ? body_refusal_ : 500);
}

} // namespace modelmesh::net
