// Happy eyeballs, then TLS.
#include "net/connect.hpp"

#include "core/cancellation.hpp"
#include "net/resolve.hpp"
#include "net/socket_stream.hpp"
#include "net/tls_stream.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::milliseconds stagger{250}; // RFC 8305, section 5
constexpr std::string_view verb = "connect to";

// Families in turn, beginning with the one that the system prefers.
void interleave(resolver::addresses& list) {
    if (list.empty()) return;
    const bool six_first = list.front().is_v6();
    resolver::addresses first, second;
    for (const auto& address : list) (address.is_v6() == six_first ? first : second).push_back(address);
    list.clear();
    for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size()) list.push_back(first[i]);
        if (i < second.size()) list.push_back(second[i]);
    }
}

/// The attempts at one origin that are under way, and the coroutine that waits for the first to succeed.
class race final : waiter::owner {
public:
    race(engine& io, std::string peer) : io_(io), peer_(std::move(peer)), wait_(io, *this) {}

    /// Begins one attempt. False: it failed at once.
    bool start(const asio::ip::address& address, std::uint16_t port) {
        const asio::ip::tcp::endpoint to(address, port);
        const int socket =
            ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
        if (socket < 0) {
            error_ = errno;
            return false;
        }
        const int on = 1;
        ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(socket, to.data(), static_cast<socklen_t>(to.size())) != 0 && errno != EINPROGRESS) {
            error_ = errno;
            ::close(socket);
            return false;
        }
        try {
            auto made = std::make_unique<attempt>(*this, io_.adopt(socket, peer_));
            made->stream->when_writable(*made);
            attempts_.push_back(std::move(made));
            return true;
        } catch (const boost::system::system_error& e) { // the reactor cannot watch one more socket
            error_ = e.code().value();
            ::close(socket);
            return false;
        }
    }

    [[nodiscard]] std::size_t under_way() const noexcept { return attempts_.size(); }
    [[nodiscard]] int error() const noexcept { return error_; }
    wait_operation wait(time_point until) noexcept { return wait_.wait(until); }

    /// The stream that got through, if one did; attempts that failed are dropped and their reason kept.
    std::unique_ptr<socket_stream> winner() {
        for (auto it = attempts_.begin(); it != attempts_.end();) {
            if (!(*it)->settled) {
                ++it;
                continue;
            }
            int error = 0;
            socklen_t size = sizeof error;
            if (::getsockopt((*it)->stream->descriptor(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
                error = errno;
            if (error == 0) return std::move((*it)->stream);
            error_ = error;
            it = attempts_.erase(it);
        }
        return nullptr;
    }

private:
    struct attempt final : socket_stream::writable_hook {
        attempt(race& r, std::unique_ptr<socket_stream> s) : home(r), stream(std::move(s)) {}
        void writable() noexcept override {
            settled = true;
            home.wait_.complete(wait_outcome::ready);
        }
        race& home;
        std::unique_ptr<socket_stream> stream;
        bool settled = false;
    };

    void gave_up(waiter&, wait_outcome) noexcept override {}

    engine& io_;
    std::string peer_;
    waiter wait_;
    std::vector<std::unique_ptr<attempt>> attempts_;
    int error_ = ECONNREFUSED;
};

task<result<std::unique_ptr<socket_stream>>> connect_first(engine* io, resolver::addresses list,
                                                           std::uint16_t port, std::string peer,
                                                           time_point deadline) {
    interleave(list);
    race running(*io, peer);
    std::size_t next = 0;
    time_point next_start = clock::system().now();
    for (;;) {
        const auto now = clock::system().now();
        if (next < list.size() && now >= next_start) {
            if (running.start(list[next++], port)) next_start = now + stagger;
            continue;
        }
        const std::size_t under_way = running.under_way();
        if (under_way == 0) co_return system_fault(verb, peer, running.error());
        if (now >= deadline) co_return wait_fault(verb, peer, wait_outcome::timed_out);
        const auto until = next < list.size() ? std::min(deadline, next_start) : deadline;
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        wait_outcome outcome = wait_outcome::canceled;
        if (!core::is_canceled(stop)) outcome = co_await running.wait(until);
        if (outcome == wait_outcome::canceled) co_return wait_fault(verb, peer, outcome);
        if (auto won = running.winner()) co_return won;
        if (running.under_way() != under_way) next_start = clock::system().now(); // one has failed
    }
}

task<result<std::unique_ptr<stream>>> establish(engine* io, origin where, tls_settings tls,
                                                time_point deadline) {
    const std::string peer = to_string(where);
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(cancellation)) co_return wait_fault(verb, peer, wait_outcome::canceled);
    std::shared_ptr<tls_context> context;
    if (where.tls) { // before anything is sent: wrong settings are the caller's
        auto made = tls_contexts::of(io->context()).get(tls);
        if (!made) co_return made.error();
        context = std::move(*made);
    }
    auto found = co_await resolver::of(io->context()).resolve(*io, where.host, deadline);
    if (!found) co_return found.error();
    auto connected = co_await connect_first(io, std::move(*found), where.port, peer, deadline);
    if (!connected) {
        // The host may have moved: the next attempt asks anew.
        if (connected.error().kind() != errc::canceled) resolver::of(io->context()).forget(where.host);
        co_return connected.error();
    }
    std::unique_ptr<stream> plain = std::move(*connected);
    if (!where.tls) co_return plain;
    auto secured = std::make_unique<tls_stream>(std::move(plain), io->pool(), std::move(context), where);
    auto shaken = co_await secured->handshake(deadline);
    if (!shaken) co_return shaken.error();
    plain = std::move(secured);
    co_return plain;
}

} // namespace

task<result<std::unique_ptr<stream>>> connect(engine& io, const origin& where, const tls_settings& tls,
                                              time_point deadline) {
    return establish(&io, where, tls, deadline);
}

} // namespace modelmesh::net
