// Happy eyeballs, then the tunnel through a proxy where there is one, then TLS.
#include "net/connect.hpp"

#include "core/cancellation.hpp"
#include "net/owned_descriptor.hpp"
#include "net/resolve.hpp"
#include "net/socket_stream.hpp"
#include "net/tls_stream.hpp"
#include "proto/http1.hpp"

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
constexpr std::string_view proxy_verb = "connect to proxy";

// What a proxy may say before the tunnel is open.
constexpr std::size_t longest_line = 4096;
constexpr std::size_t longest_head = 16 * 1024;
constexpr std::size_t most_fields = 64;
constexpr int proxy_authentication_required = 407;

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
        owned_descriptor socket(
            ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
        if (socket.get() < 0) {
            error_ = errno;
            return false;
        }
        const int on = 1;
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(socket.get(), to.data(), static_cast<socklen_t>(to.size())) != 0 &&
            errno != EINPROGRESS) {
            error_ = errno;
            return false;
        }
        try {
            std::unique_ptr<socket_stream> adopted = io_.adopt(socket.get(), peer_);
            static_cast<void>(socket.release());
            auto made = std::make_unique<attempt>(*this, std::move(adopted));
            made->stream->when_writable(*made);
            attempts_.push_back(std::move(made));
            return true;
        } catch (const boost::system::system_error& e) { // the reactor cannot watch one more socket
            error_ = e.code().value();
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

// @param doing  for messages; a literal.
task<result<std::unique_ptr<socket_stream>>> connect_first(engine* io, resolver::addresses list,
                                                           std::uint16_t port, std::string peer,
                                                           std::string_view doing, time_point deadline) {
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
        if (under_way == 0) co_return system_fault(doing, peer, running.error());
        if (now >= deadline) co_return wait_fault(doing, peer, wait_outcome::timed_out);
        const auto until = next < list.size() ? std::min(deadline, next_start) : deadline;
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        wait_outcome outcome = wait_outcome::canceled;
        if (!core::is_canceled(stop)) outcome = co_await running.wait(until);
        if (outcome == wait_outcome::canceled) co_return wait_fault(doing, peer, outcome);
        if (auto won = running.winner()) co_return won;
        if (running.under_way() != under_way) next_start = clock::system().now(); // one has failed
    }
}

// To an origin or to a proxy. @param doing  for messages; a literal.
task<result<std::unique_ptr<stream>>> reach(engine* io, origin where, std::string_view doing,
                                            time_point deadline) {
    auto found = co_await resolver::of(io->context()).resolve(*io, where.host, deadline);
    if (!found) co_return found.error();
    auto connected =
        co_await connect_first(io, std::move(*found), where.port, to_string(where), doing, deadline);
    if (!connected) {
        // The host may have moved: the next attempt asks anew.
        if (connected.error().kind() != errc::canceled) resolver::of(io->context()).forget(where.host);
        co_return connected.error();
    }
    std::unique_ptr<stream> plain = std::move(*connected);
    co_return plain;
}

task<result<std::unique_ptr<stream>>> secure(engine* io, std::unique_ptr<stream> plain,
                                             std::shared_ptr<tls_context> context, origin where,
                                             time_point deadline) {
    auto secured = std::make_unique<tls_stream>(std::move(plain), io->pool(), std::move(context), where);
    auto shaken = co_await secured->handshake(deadline);
    if (!shaken) co_return shaken.error();
    plain = std::move(secured);
    co_return plain;
}

// A tunnel as it is asked for: the request, and what the answer means.
class tunnel {
public:
    tunnel(const origin& to, const proxy& via)
        : name_("the proxy " + to_string(via.where)), request_("CONNECT " + to_string(to) + " HTTP/1.1\r\n") {
        request_ += "Host: " + to_string(to) + "\r\n";
        if (!via.authorization.empty()) request_ += "Proxy-Authorization: " + via.authorization + "\r\n";
        request_ += "\r\n";
        answer_.start(true); // no body follows the head that opens a tunnel, whatever its fields say
    }

    [[nodiscard]] std::string_view request() const noexcept { return request_; }

    /// Takes what belongs to the answer. True: the tunnel is open.
    [[nodiscard]] result<bool> take(std::string_view& bytes) {
        std::string_view none;
        const auto got = answer_.step(bytes, none);
        if (!got) return fault(errc::protocol, name_ + ": " + got.error().message);
        if (*got == proto::response_parser::event::need_more) return false;
        const int status = answer_.status();
        if (status < 200 || status > 299) return refused(status);
        return true;
    }
    [[nodiscard]] fault spoke_first() const {
        return fault(errc::protocol, name_ + " sent bytes behind its answer to CONNECT");
    }
    [[nodiscard]] fault ended() const {
        return fault(errc::connect, name_ + " closed the connection before it had answered CONNECT");
    }
    [[nodiscard]] fault failed(std::string_view doing, const fault& why) const {
        return fault(why.kind(), std::string(doing) + " " + name_ + ": " + why.message);
    }
    [[nodiscard]] fault gave_up(wait_outcome why) const {
        return wait_fault("wait for the answer to CONNECT of", name_, why);
    }

private:
    // Not with the reason: a proxy may write anything there.
    [[nodiscard]] fault refused(int status) const {
        std::string text = name_ + " refused the tunnel with status " + std::to_string(status);
        if (status == proxy_authentication_required)
            text += ": it wants a user name and password that it accepts, in the proxy's URL";
        return fault(errc::connect, std::move(text));
    }
    static proto::response_limits limits() {
        proto::response_limits small;
        small.line = longest_line;
        small.head_bytes = longest_head;
        small.head_fields = most_fields;
        return small;
    }

    std::string name_;
    std::string request_;
    proto::response_parser answer_{limits()};
};

// A stream of which some bytes were received already: a server of HTTP/2 may speak first, and the proxy's
// answer and that then arrive together.
class begun_stream final : public stream {
public:
    begun_stream(std::unique_ptr<stream> below, chunk first)
        : below_(std::move(below)), first_(std::move(first)) {}

    result<io_status> try_receive(chunk& out) override {
        if (first_.empty()) return below_->try_receive(out);
        out = std::move(first_);
        return io_status::ready;
    }
    [[nodiscard]] wait_operation wait_readable(time_point deadline) override {
        return first_.empty() ? below_->wait_readable(deadline) : wait_operation(wait_outcome::ready);
    }
    result<bool> try_send(gather& parts) override { return below_->try_send(parts); }
    [[nodiscard]] wait_operation wait_writable(time_point deadline) override {
        return below_->wait_writable(deadline);
    }
    [[nodiscard]] send_progress progress() const noexcept override { return below_->progress(); }
    void send_last(std::string_view bytes) noexcept override { below_->send_last(bytes); }
    void end_output() noexcept override { below_->end_output(); }
    void watch_end(end_watcher* who) override { below_->watch_end(who); }
    void close() noexcept override {
        first_.release();
        below_->close();
    }
    void reset() noexcept override {
        first_.release();
        below_->reset();
    }
    void park() noexcept override { below_->park(); }
    bool unpark() noexcept override { return first_.empty() && below_->unpark(); }

private:
    std::unique_ptr<stream> below_; // before the chunk, which it lends
    chunk first_;
};

task<result<std::unique_ptr<stream>>> open_tunnel(std::unique_ptr<stream> through, origin where, proxy via,
                                                  time_point deadline) {
    tunnel asked(where, via);
    const auto sent = co_await through->send(gather(asked.request()), deadline);
    if (!sent) co_return asked.failed("send CONNECT to", sent.error());
    for (;;) {
        chunk bytes;
        const result<io_status> got = through->try_receive(bytes);
        if (!got) co_return asked.failed("receive from", got.error());
        if (*got == io_status::end) co_return asked.ended();
        if (*got == io_status::ready) {
            std::string_view rest = bytes.bytes();
            const result<bool> is_open = asked.take(rest);
            if (!is_open) co_return is_open.error();
            if (!*is_open) continue;
            if (rest.empty()) co_return std::move(through);
            // In TLS the client speaks first: these are not the server's.
            if (where.tls) co_return asked.spoke_first();
            bytes.consume(bytes.bytes().size() - rest.size());
            std::unique_ptr<stream> begun =
                std::make_unique<begun_stream>(std::move(through), std::move(bytes));
            co_return std::move(begun);
        }
        const asio::cancellation_state stop = co_await asio::this_coro::cancellation_state;
        wait_outcome outcome = wait_outcome::canceled;
        if (!core::is_canceled(stop)) outcome = co_await through->wait_readable(deadline);
        if (outcome != wait_outcome::ready) co_return asked.gave_up(outcome);
    }
}

task<result<std::unique_ptr<stream>>> reach_through(engine* io, origin where, proxy via,
                                                    std::shared_ptr<tls_context> context,
                                                    time_point deadline) {
    auto reached = co_await reach(io, via.where, proxy_verb, deadline);
    if (reached && context)
        reached = co_await secure(io, std::move(*reached), std::move(context), via.where, deadline);
    if (!reached) co_return reached.error();
    co_return co_await open_tunnel(std::move(*reached), std::move(where), std::move(via), deadline);
}

// What a proxy shares with the origin: whom to trust besides the system's authorities.
tls_settings proxy_settings(const tls_settings& of_origin) {
    tls_settings made;
    made.ca_file = of_origin.ca_file;
    made.ca_pem = of_origin.ca_pem;
    return made;
}

task<result<std::unique_ptr<stream>>> establish(engine* io, origin where, tls_settings tls,
                                                std::optional<proxy> via, time_point deadline) {
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (core::is_canceled(cancellation)) co_return wait_fault(verb, to_string(where), wait_outcome::canceled);
    std::shared_ptr<tls_context> context;
    if (where.tls) { // before anything is sent: wrong settings are the caller's
        auto made = tls_contexts::of(io->context()).get(tls);
        if (!made) co_return made.error();
        context = std::move(*made);
    }
    std::shared_ptr<tls_context> proxy_context;
    if (via && via->where.tls) {
        auto made = tls_contexts::of(io->context()).get(proxy_settings(tls));
        if (!made) co_return made.error();
        proxy_context = std::move(*made);
    }
    result<std::unique_ptr<stream>> reached = fault();
    if (via)
        reached = co_await reach_through(io, where, std::move(*via), std::move(proxy_context), deadline);
    else
        reached = co_await reach(io, where, verb, deadline);
    if (!reached || !where.tls) co_return reached;
    co_return co_await secure(io, std::move(*reached), std::move(context), std::move(where), deadline);
}

} // namespace

task<result<std::unique_ptr<stream>>> connect(engine& io, const origin& where, const tls_settings& tls,
                                              time_point deadline, const std::optional<proxy>& via) {
    return establish(&io, where, tls, via, deadline);
}

} // namespace modelmesh::net
