// The coroutines of a connection, and the slices that its exchanges take.
#include "net/http2_connection.hpp"

#include "net/engine.hpp"
#include "net/socket_stream.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

using phase = proto::http2_answer::phase;

constexpr std::string_view receiving = "receive from";
// A server may be too busy for one request. One that refuses again is left alone.
constexpr unsigned refusals_allowed = 1;
// How much is received before whatever else is ready has its turn.
constexpr unsigned rounds_at_a_time = 16;

} // namespace

// What becomes of a coroutine of a connection. When it goes away without having been told of the end, the
// event loop is gone: nothing may be started on it any more.
struct http2_connection::ending {
    using function = void (http2_connection::*)() noexcept;

    ending(std::shared_ptr<http2_connection> h, function f) noexcept : home(std::move(h)), ended(f) {}
    ending(ending&&) noexcept = default;
    ending& operator=(ending&&) = delete;
    ~ending() {
        if (home) home->close();
    }
    void operator()(const std::exception_ptr& failure) {
        const std::shared_ptr<http2_connection> h = std::exchange(home, nullptr);
        if (failure) h->lost(fault(errc::internal, "HTTP/2: " + reason(failure)));
        ((*h).*ended)();
    }

    static std::string reason(const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& e) {
            return e.what();
        } catch (...) {
            return "unknown exception";
        }
    }

    std::shared_ptr<http2_connection> home;
    function ended;
};

http2_connection::http2_connection(engine& io, std::unique_ptr<stream> transport, std::string peer,
                                   std::string_view scheme, http2_settings settings)
    : engine_(io), stream_(std::move(transport)), peer_(std::move(peer)), scheme_(scheme),
      settings_(settings), session_(settings.limits), turn_(io, *this) {}

http2_connection::~http2_connection() = default;

bool http2_connection::accepts() const noexcept {
    if (is_dead_ || is_distrusted_ || is_mute_ || !session_.accepts()) return false;
    return !is_pinged_ || clock::system().now() < answer_due_;
}

// A server that allows no streams at all may be about to leave: nobody waits for it to change its mind.
bool http2_connection::may_grow() const noexcept { return accepts() && !session_.has_settings(); }

bool http2_connection::has_room() noexcept {
    if (!accepts()) return false;
    // Answers that have ended count until they are read: they still hold a part of the connection's window.
    if (exchanges_ >= settings_.limits.streams) return false;
    const auto has_stream = [this] { return session_.open_answers() + unsubmitted_ < session_.capacity(); };
    if (has_stream()) return true;
    if (session_.left_answers() == 0) return false;
    watcher* const told = std::exchange(watcher_, nullptr); // it is asking
    session_.stop_left();
    flush_later();
    watcher_ = told;
    return accepts() && has_stream();
}

std::unique_ptr<http2_exchange> http2_connection::begin() {
    auto made = std::make_unique<http2_exchange>(shared_from_this());
    const bool has_rested = std::exchange(is_parked_, false);
    if (exchanges_ == 0) may_be_stale_ = was_used_ || has_rested;
    ++exchanges_;
    ++unsubmitted_;
    return made;
}

result<void> http2_connection::look() noexcept {
    if (!is_dead_ && !stream_->unpark()) {
        watcher* const told = std::exchange(watcher_, nullptr); // it is asking
        received got = received::some;
        while (got == received::some) got = receive();
        watcher_ = told;
    }
    if (is_dead_ || !session_.accepts()) return session_.end();
    return {};
}

bool http2_connection::wake() noexcept {
    if ((is_parked_ || is_pinged_) && !look()) return false;
    // Without an answer to a ping, or a stream to begin, a new connection serves better than waiting here.
    return accepts() && !is_pinged_ && session_.capacity() != 0;
}

result<void> http2_connection::submit(http2_exchange& exchange, const outgoing& what) {
    --unsubmitted_;
    exchange.is_submitted_ = true;
    const result<void> queued = session_.submit(exchange, what.request, what.defaults, scheme_);
    read_later(); // before it is sent: what has arrived may be the connection's end
    exchange.heard_before_ = heard_;
    flush_later();
    return queued;
}

void http2_connection::taken(http2_exchange& exchange, std::size_t bytes) {
    session_.consumed(exchange, bytes);
    flush_later();
}

void http2_connection::leave(http2_exchange& exchange, bool at_its_end) noexcept {
    if (!exchange.is_submitted_) --unsubmitted_;
    if (const std::size_t untaken = exchange.body_.drop()) session_.consumed(exchange, untaken);
    std::erase(unread_, &exchange);
    if (exchange.started())
        refusals_ = 0;
    else if (exchange.needs_http1() || (exchange.is_unprocessed() && ++refusals_ > refusals_allowed))
        is_distrusted_ = true;
    if (at_its_end)
        session_.leave(exchange);
    else
        session_.abandon(exchange);
    flush_later();
    if (exchange.state() == phase::ended) was_used_ = true;
    if (--exchanges_ == 0) rest_later();
    notify();
}

// The server said nothing for as long as an exchange was ready to wait. That may be the exchange's haste, so
// it is asked for a sign of life; one that was never heard at all gets no other exchange.
void http2_connection::doubt() noexcept {
    if (session_.has_settings()) return ask_for_life();
    is_distrusted_ = true;
    notify();
}

void http2_connection::ask_for_life() noexcept {
    if (is_dead_ || std::exchange(is_pinged_, true)) return;
    answer_due_ = clock::system().now() + settings_.patience;
    session_.ping();
    flush_later();
}

void http2_connection::notify() noexcept {
    if (watcher_ != nullptr) watcher_->connection_changed(*this);
}

void http2_connection::read_later() {
    if (is_dead_ || std::exchange(is_reading_, true)) return;
    ending end(shared_from_this(), &http2_connection::read_ended);
    asio::co_spawn(engine_.context(), read_all(shared_from_this()),
                   asio::bind_cancellation_slot(stop_reading_.slot(), std::move(end)));
}

void http2_connection::flush_later() {
    if (is_dead_ || is_mute_ || !session_.wants_output() || std::exchange(is_writing_, true)) return;
    ending end(shared_from_this(), &http2_connection::write_ended);
    asio::co_spawn(engine_.context(), write_all(shared_from_this()), std::move(end));
}

// Not at once: who has ended one exchange often begins the next within the same turn.
void http2_connection::rest_later() {
    if (is_dead_ || std::exchange(is_rest_posted_, true)) return;
    asio::post(engine_.context(), [self = shared_from_this()] {
        self->is_rest_posted_ = false;
        if (self->exchanges_ != 0) return;
        self->session_.stop_left(); // nobody would see their end
        self->flush_later();
        if (self->is_reading_) {
            self->is_stopping_ = true;
            self->stop_reading_.emit(asio::cancellation_type::terminal);
        } else {
            self->rest();
        }
    });
}

void http2_connection::rest() noexcept {
    if (exchanges_ != 0 || is_reading_ || is_writing_ || is_dead_) return;
    input_.reset();
    is_parked_ = true;
    stream_->park();
}

task<void> http2_connection::read_all(std::shared_ptr<http2_connection> self) {
    co_await asio::this_coro::throw_if_cancelled(false);
    unsigned rounds = 0;
    while (!self->is_dead_ && !self->is_stopping_) {
        const received got = self->receive();
        if (got == received::over) co_return;
        if (got == received::some) {
            if (self->unread_.empty() && ++rounds < rounds_at_a_time) continue;
            // Whoever waits for a slice runs first, and takes it without a copy.
            static_cast<void>(co_await self->turn_.pass());
            rounds = 0;
            self->keep_unread();
            // Where a slice is still in use, it alone keeps the buffer from here on.
            if (self->input_.use_count() == 1)
                self->input_->release();
            else
                self->input_.reset();
            continue;
        }
        const time_point until =
            self->is_pinged_ ? self->answer_due_ : clock::system().now() + self->settings_.silence;
        const wait_outcome outcome = co_await self->stream_->wait_readable(until);
        if (outcome == wait_outcome::ready || self->is_dead_ || self->is_stopping_) continue;
        if (outcome == wait_outcome::timed_out)
            self->silent();
        else
            self->lost(wait_fault(receiving, self->peer_, outcome));
    }
}

void http2_connection::read_ended() noexcept {
    is_reading_ = false;
    is_stopping_ = false;
    if (exchanges_ != 0)
        read_later();
    else
        rest();
}

task<void> http2_connection::write_all(std::shared_ptr<http2_connection> self) {
    while (!self->is_dead_) {
        self->session_.take_output(self->sending_);
        if (self->sending_.empty()) break;
        const result<void> sent =
            co_await self->stream_->send(gather(self->sending_), clock::system(), self->settings_.patience);
        if (sent || self->is_dead_) continue;
        // What the server said before it stopped listening is still to be read, and then its end.
        self->is_mute_ = true;
        if (sent.error().kind() != errc::connect || !self->is_reading_) self->lost(sent.error());
        co_return;
    }
    if (!self->is_dead_ && self->session_.is_over()) self->close();
}

void http2_connection::write_ended() noexcept {
    is_writing_ = false;
    flush_later();
    rest();
    notify(); // streams may have been closed by what was sent
}

http2_connection::received http2_connection::receive() {
    if (!input_ || input_.use_count() > 1) input_ = std::make_shared<chunk>();
    const result<io_status> got = stream_->try_receive(*input_);
    if (!got) {
        if (got.error().kind() == errc::protocol) ++heard_; // it has answered, if only in garbled words
        lost(got.error());
        return received::over;
    }
    if (*got == io_status::would_block) return received::nothing;
    if (*got == io_status::end) {
        lost(fault(errc::connect, "the server closed the connection"));
        return received::over;
    }
    heard_ += input_->bytes().size();
    is_pinged_ = false;
    may_be_stale_ = false;
    const result<void> fed = session_.receive(input_->bytes());
    if (input_.use_count() == 1) input_->release(); // ring buffers are few
    if (!fed) {
        say_goodbye();
        close();
    } else {
        flush_later();
    }
    notify();
    return fed ? received::some : received::over;
}

// Tells the server what it did wrong; not into a frame that is half sent.
void http2_connection::say_goodbye() {
    if (is_writing_) return;
    std::string last;
    session_.take_output(last);
    stream_->send_last(last);
}

void http2_connection::keep_unread() {
    std::size_t copied = 0;
    for (http2_exchange* const exchange : unread_) copied += exchange->body_.keep();
    unread_.clear();
    if (copied != 0) engine_.note_copied(copied);
}

void http2_connection::silent() noexcept {
    if (!is_pinged_) return ask_for_life();
    if (clock::system().now() >= answer_due_) lost(fault(errc::connect, "no answer to a ping"));
}

void http2_connection::lost(const fault& why) noexcept {
    if (is_dead_) return;
    session_.lose(fault(errc::connect, "the connection was lost: " + why.message));
    close();
    notify();
}

void http2_connection::close() noexcept {
    is_dead_ = true;
    session_.lose(fault(errc::canceled, "the connection is closed"));
    stream_->close();
}

http2_exchange::http2_exchange(std::shared_ptr<http2_connection> on)
    : connection_(std::move(on)), arrival_(connection_->engine_, *this),
      departure_(connection_->engine_, *this) {}

http2_exchange::~http2_exchange() { end(false); }

void http2_exchange::close() noexcept { end(false); }
void http2_exchange::leave() noexcept { end(true); }

void http2_exchange::end(bool at_its_end) noexcept {
    if (std::exchange(is_over_, true)) return;
    connection_->leave(*this, at_its_end);
}

bool http2_exchange::has_answer() const noexcept { return started() || connection_->heard_ != heard_before_; }

std::optional<std::uint64_t> http2_exchange::body_length() const noexcept {
    return state() == phase::body ? content_length() : std::nullopt;
}

result<bool> http2_exchange::try_send(const outgoing& what) {
    const result<void> queued = connection_->submit(*this, what);
    if (!queued) return queued.error();
    is_streamed_ = what.request->source != nullptr;
    if (is_streamed_) return true;
    // What fits into one send need not be waited for: how long it takes is part of waiting for the answer.
    return what.request->body.size() < connection_->settings_.limits.output || try_send_rest();
}

// While a body is streamed its answer is somebody else's to wait for, and to report when it failed.
result<bool> http2_exchange::try_send_rest() {
    if (!is_streamed_) return is_sent() || has_news();
    if (is_over_ || (is_sent() && !is_body_taken())) return wants_no_more();
    return is_body_taken();
}

fault http2_exchange::wants_no_more() const {
    return fault(errc::connect, "send to " + connection_->peer_ + ": the server wants no more of the body");
}

result<bool> http2_exchange::try_send_piece(std::string_view piece) {
    if (is_over_ || is_sent()) return wants_no_more(); // only its end sends a streamed body
    connection_->session_.send_body(*this, piece);
    connection_->flush_later();
    return try_send_rest();
}

result<bool> http2_exchange::try_send_end() {
    if (!is_over_) {
        connection_->session_.end_body(*this);
        connection_->flush_later();
    }
    return try_send_rest();
}

wait_operation http2_exchange::wait_sent(time_point deadline) {
    if (!is_streamed_) return wait(deadline);
    const result<bool> sent = try_send_rest();
    if (!sent || *sent) return wait_operation(wait_outcome::ready);
    return departure_.wait(deadline);
}

void http2_exchange::changed() noexcept {
    arrival_.complete(wait_outcome::ready);
    departure_.complete(wait_outcome::ready); // its stream may have been closed
}

result<bool> http2_exchange::try_read_head() {
    if (has_head()) {
        is_head_taken_ = true;
        return true;
    }
    if (is_over_) return wait_fault(receiving, connection_->peer_, wait_outcome::canceled);
    if (state() == phase::failed) return failure();
    return false;
}

result<read_status> http2_exchange::try_read(std::string_view& slice) {
    if (is_over_) return wait_fault(receiving, connection_->peer_, wait_outcome::canceled);
    if (body_.take(slice)) {
        connection_->taken(*this, slice.size());
        return read_status::slice;
    }
    if (state() == phase::failed) return failure();
    return state() == phase::ended ? read_status::end : read_status::would_block;
}

bool http2_exchange::has_news() const noexcept {
    return is_over_ || !body_.empty() || state() == phase::ended || state() == phase::failed ||
           (has_head() && !is_head_taken_);
}

wait_operation http2_exchange::wait(time_point deadline) {
    if (has_news()) return wait_operation(wait_outcome::ready);
    return arrival_.wait(deadline);
}

void http2_exchange::gave_up(waiter& which, wait_outcome why) noexcept {
    if (&which == &departure_) return; // whoever awaits the answer gives up as well
    // What it has said meanwhile may have been the last that came through.
    if (why == wait_outcome::timed_out && !is_over_) connection_->doubt();
}

void http2_exchange::body_arrived(std::string_view slice) {
    if (body_.lend(slice, connection_->input_)) connection_->unread_.push_back(this);
    arrival_.complete(wait_outcome::ready);
}

} // namespace modelmesh::net
