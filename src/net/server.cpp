#include "net/server.hpp"

#include "core/cancellation.hpp"
#include "net/http1_server_connection.hpp"
#include "net/http2_server_connection.hpp"
#include "net/socket_stream.hpp"
#include "net/tls_stream.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <new>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

constexpr std::string_view http2_name = "h2"; // in ALPN

} // namespace

/// One connection: its coroutine, and the means to end it. Owned by the coroutine and its completion.
struct server::session final : list_hook, connection_owner, std::enable_shared_from_this<session> {
    session(std::shared_ptr<state> h, std::unique_ptr<socket_stream> accepted)
        : home(std::move(h)), peer(accepted->peer()), transport(std::move(accepted)) {}

    static task<void> run(std::shared_ptr<session> self);

    void drain() noexcept {
        if (http2) return http2->drain();
        if (!http1 || http1->drain()) abort();
    }
    void abort() noexcept {
        if (http2)
            http2->abort();
        else if (http1)
            http1->abort();
        else
            transport->close();
        cancel_later();
    }
    /// Never from inside a call of the session's own coroutine, nor of the engine.
    void cancel_later() noexcept override;

    std::shared_ptr<state> home;
    std::string peer;
    std::unique_ptr<stream> transport; ///< until there is a connection
    std::optional<http1_server_connection> http1;
    std::unique_ptr<http2_server_connection> http2;
    asio::cancellation_signal cancel;
};

struct server::state final : waiter::owner {
    using session_list = boost::intrusive::list<session, boost::intrusive::constant_time_size<false>>;

    state(engine& e, request_handler handler, server_limits limits, const clock& time)
        : shared(e, limits, std::move(handler), time), changed(e, *this) {}
    void gave_up(waiter&, wait_outcome) noexcept override {}

    void start(std::shared_ptr<state> self, std::unique_ptr<socket_stream> transport);
    void drain(duration limit);
    void abort_all() noexcept;

    server_context shared;
    std::unique_ptr<net::acceptor> acceptor;
    std::shared_ptr<tls_server_context> tls;
    session_list sessions;
    waiter changed; ///< serve() waits for the end of a session, or of accepting
    bool is_draining = false;
    time_point drain_until = time_point::max();
};

task<void> server::session::run(std::shared_ptr<session> self) {
    state& home = *self->home;
    if (home.tls) {
        auto secured = std::make_unique<tls_stream>(std::move(self->transport), home.shared.io.pool(),
                                                    home.tls, self->peer);
        tls_stream& shaking = *secured;
        self->transport = std::move(secured);
        const result<void> shaken = co_await shaking.handshake(home.shared.in(home.shared.limits.handshake));
        if (!shaken) {
            ++home.shared.counters.handshakes_failed;
            co_return;
        }
    }
    const bool is_http2 = self->transport->alpn() == http2_name;
    chunk first;
    if (!is_http2) {
        const bool may_be_http2 = home.shared.limits.http2 && !home.tls;
        self->http1.emplace(std::move(self->transport), home.shared, *self, may_be_http2);
        co_await self->http1->serve();
        if (!self->http1->asks_for_http2()) co_return;
        first = self->http1->take_input();
        self->transport = self->http1->take_stream();
        self->http1.reset();
    }
    self->http2 = std::make_unique<http2_server_connection>(std::move(self->transport), home.shared, *self);
    co_await self->http2->serve(self, !is_http2, std::move(first), home.is_draining);
}

void server::session::cancel_later() noexcept {
    asio::post(home->shared.io.context(), [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->cancel.emit(asio::cancellation_type::terminal);
    });
}

void server::state::start(std::shared_ptr<state> self, std::unique_ptr<socket_stream> transport) {
    const auto made = std::make_shared<session>(std::move(self), std::move(transport));
    sessions.push_back(*made);
    auto over = [made](const std::exception_ptr&) {
        // It ends by an exception only when it was cancelled between two of its awaits, or out of memory: the
        // connection is closed either way.
        state& home = *made->home;
        if (made->list_hook::is_linked()) made->list_hook::unlink();
        made->http1.reset();
        made->http2.reset();
        made->transport.reset();
        --home.shared.counters.open;
        home.changed.complete(wait_outcome::ready);
    };
    asio::co_spawn(shared.io.context(), session::run(made),
                   asio::bind_cancellation_slot(made->cancel.slot(), std::move(over)));
    ++shared.counters.accepted;
    ++shared.counters.open;
}

void server::state::abort_all() noexcept {
    for (session& s : sessions) s.abort();
}

void server::state::drain(duration limit) {
    drain_until = limit == duration::zero() ? time_point::min() : shared.in(limit);
    is_draining = true;
    if (acceptor) acceptor->close();
    if (limit == duration::zero())
        abort_all();
    else
        for (session& s : sessions) s.drain();
    changed.complete(wait_outcome::ready);
}

server::server(engine& io, request_handler handler, server_limits limits, const clock& time)
    : state_(std::make_shared<state>(io, std::move(handler), limits, time)) {}

server::~server() {
    if (!state_->is_draining || !state_->sessions.empty()) stop();
}

result<void> server::listen(const listen_settings& where, const std::optional<tls_server_settings>& tls) {
    if (tls) {
        tls_server_settings settings = *tls;
        if (!state_->shared.limits.http2) std::erase(settings.alpn, http2_name);
        auto made = tls_server_context::create(settings);
        if (!made) return made.error();
        state_->tls = std::move(*made);
    }
    auto made = acceptor::listen(state_->shared.io, where);
    if (!made) return made.error();
    state_->acceptor = std::move(*made);
    return {};
}

std::uint16_t server::port() const noexcept { return state_->acceptor ? state_->acceptor->port() : 0; }

server_counters server::counters() const noexcept { return state_->shared.counters; }

void server::drain(duration limit) { state_->drain(limit); }

task<result<void>> server::serve() { return run(state_); }

task<result<void>> server::run(std::shared_ptr<state> self) {
    // A cancellation means stop(). It must not throw out of an await below and leave behind what was started.
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    result<void> outcome;
    while (!self->is_draining) {
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (core::is_canceled(cancellation)) break;
        const server_context& shared = self->shared;
        if (shared.counters.open >= shared.limits.connections) {
            self->acceptor->pause();
            static_cast<void>(co_await self->changed.wait(time_point::max()));
            continue;
        }
        auto accepted = co_await self->acceptor->accept();
        if (accepted) {
            try {
                self->start(self, std::move(*accepted));
            } catch (const std::bad_alloc&) { // that connection is dropped
            }
            continue;
        }
        if (accepted.error().kind() != errc::canceled) outcome = accepted.error();
        break;
    }
    if (!self->is_draining) self->drain(duration::zero());
    // Whether it was cancelled or not, and however often: what it started comes to its end first.
    bool is_cut = false;
    while (!self->sessions.empty()) {
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        const bool is_late = core::is_canceled(cancellation) || self->shared.time.now() >= self->drain_until;
        if (is_late && !std::exchange(is_cut, true)) self->abort_all();
        const time_point until = is_cut ? time_point::max() : self->drain_until;
        static_cast<void>(co_await self->changed.wait(until));
    }
    co_await asio::this_coro::throw_if_cancelled(throws); // the caller has its coroutine back as it was
    co_return outcome;
}

} // namespace modelmesh::net
