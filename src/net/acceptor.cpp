// Listening, and the two ways to accept.
#include "net/acceptor.hpp"

#include "core/cancellation.hpp"
#include "net/owned_descriptor.hpp"
#include "net/socket_stream.hpp"
#include "net/url.hpp"
#include "uring/ring_core.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <exception>
#include <utility>

namespace modelmesh::net {
namespace asio = boost::asio;
namespace {

// How long accepting rests when there is no descriptor or no memory for another connection.
constexpr std::chrono::milliseconds shortage_pause{50};

bool is_shortage(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
// What went wrong with one connection before it was accepted says nothing about the next. accept(2): Linux
// hands on what the network has to say about the new socket.
bool is_of_one_connection(int error) noexcept {
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
        return true;
    default:
        return false;
    }
}

std::string text_of(const asio::ip::tcp::endpoint& at) {
    origin where;
    where.host = at.address().to_string();
    where.port = at.port();
    return to_string(where);
}

std::string peer_of(int socket) {
    asio::ip::tcp::endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    if (::getpeername(socket, peer.data(), &size) != 0) return "a client";
    peer.resize(size);
    return text_of(peer);
}

// Null: there was no memory for it, or the reactor takes no more.
std::unique_ptr<socket_stream> adopt(engine& io, int socket) noexcept {
    owned_descriptor taken(socket);
    try {
        auto made = io.adopt(socket, peer_of(socket));
        static_cast<void>(taken.release());
        return made;
    } catch (const std::exception&) {
        return nullptr;
    }
}

/// One multishot accept, armed while somebody waits and until pause(). What it accepted too early is queued.
class ring_acceptor final : public acceptor {
public:
    ring_acceptor(engine& io, int socket, std::uint16_t port)
        : acceptor(io, socket, port), channel_(new channel(*this)) {}
    ~ring_acceptor() override { close(); }

    void pause() noexcept override {
        if (!is_open() || !channel_->in_flight()) return;
        io()->ring()->cancel(*channel_);
        io()->turn_later();
    }

private:
    /// The kernel's side: outlives the acceptor until the last completion.
    struct channel final : uring::operation {
        explicit channel(ring_acceptor& a) : owner(&a) {}
        void completed(const uring::completion& done) noexcept override {
            if (owner != nullptr) return owner->accepted(done.result, done.more);
            if (done.result >= 0) ::close(done.result);
            if (!done.more) delete this;
        }
        ring_acceptor* owner;
    };

    int try_accept() noexcept override {
        if (!sockets_.empty()) {
            const int socket = sockets_.front();
            sockets_.pop_front();
            return socket;
        }
        return error_ != 0 ? -std::exchange(error_, 0) : -EAGAIN;
    }
    void want() override {
        if (channel_->in_flight()) return;
        io()->ring()->accept_multishot(*channel_, descriptor());
        io()->turn_later();
    }
    void detach() noexcept override {
        for (const int socket : sockets_) ::close(socket);
        sockets_.clear();
        channel* const c = std::exchange(channel_, nullptr);
        c->owner = nullptr;
        if (!c->in_flight()) {
            delete c;
            return;
        }
        io()->ring()->cancel(*c);
        io()->turn_later();
    }
    void accepted(int result, bool more) noexcept {
        if (result >= 0)
            sockets_.push_back(result);
        else if (result != -ECANCELED)
            error_ = -result;
        if (!sockets_.empty() || error_ != 0)
            notify();
        else if (!more && is_waited_for())
            want();
    }

    channel* channel_;
    std::deque<int> sockets_;
    int error_ = 0;
};

/// Asks the reactor when there is something to accept, and takes it.
class reactor_acceptor final : public acceptor {
public:
    reactor_acceptor(engine& io, int socket, std::uint16_t port)
        : acceptor(io, socket, port), anchor_(std::make_shared<anchor>(anchor{this})),
          watch_(std::make_unique<asio::posix::stream_descriptor>(io.context(), socket)) {}
    ~reactor_acceptor() override { close(); }

    void pause() noexcept override {}

private:
    /// What a handler in Asio's queues holds on to.
    struct anchor {
        reactor_acceptor* acceptor;
    };

    int try_accept() noexcept override {
        const int socket = ::accept4(descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        return socket >= 0 ? socket : -errno;
    }
    void want() override {
        if (std::exchange(is_watched_, true)) return;
        watch_->async_wait(asio::posix::stream_descriptor::wait_read,
                           [held = anchor_](const boost::system::error_code&) {
                               if (held->acceptor == nullptr) return;
                               held->acceptor->is_watched_ = false;
                               held->acceptor->notify();
                           });
    }
    void detach() noexcept override {
        anchor_->acceptor = nullptr;
        watch_->release(); // aborts its wait; closing is the base's
        watch_.reset();
    }

    std::shared_ptr<anchor> anchor_;
    std::unique_ptr<asio::posix::stream_descriptor> watch_; // borrows the socket
    bool is_watched_ = false;
};

} // namespace

acceptor::acceptor(engine& io, int socket, std::uint16_t port)
    : engine_(&io), socket_(socket), port_(port), alive_(std::make_shared<bool>(true)), waiter_(io, *this) {
    io.attach(*this);
}

result<std::unique_ptr<acceptor>> acceptor::listen(engine& io, const listen_settings& settings) {
    boost::system::error_code not_an_address;
    const auto address = asio::ip::make_address(settings.address, not_an_address);
    if (not_an_address) return fault(errc::config, "listen on " + settings.address + ": not an IP address");
    asio::ip::tcp::endpoint at(address, settings.port);
    constexpr std::string_view verb = "listen on";
    const std::string where = text_of(at);

    owned_descriptor socket(
        ::socket(at.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (socket.get() < 0) return system_fault(verb, where, errno);
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // accepted sockets inherit it
    if (settings.reuse_port && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return system_fault(verb, where, errno);
    if (address.is_v6()) {
        const int only_six = address.is_unspecified() ? 0 : 1;
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_six, sizeof only_six);
    }
    if (::bind(socket.get(), at.data(), static_cast<socklen_t>(at.size())) != 0) {
        const int error = errno;
        fault why = system_fault(verb, where, error);
        if (error == EADDRNOTAVAIL) return fault(errc::config, why.message);
        return why;
    }
    if (::listen(socket.get(), settings.backlog) != 0) return system_fault(verb, where, errno);
    auto size = static_cast<socklen_t>(at.capacity());
    if (::getsockname(socket.get(), at.data(), &size) != 0) return system_fault(verb, where, errno);

    std::unique_ptr<acceptor> made;
    if (io.ring() != nullptr)
        made = std::make_unique<ring_acceptor>(io, socket.get(), at.port());
    else
        made = std::make_unique<reactor_acceptor>(io, socket.get(), at.port());
    static_cast<void>(socket.release());
    return made;
}

void acceptor::close() noexcept {
    if (!is_open()) return;
    *alive_ = false;
    detach();
    // The ring's operation holds a reference to the socket: closing alone would leave the port taken.
    ::shutdown(socket_, SHUT_RDWR);
    ::close(std::exchange(socket_, -1));
    waiter_.complete(wait_outcome::canceled);
}

void acceptor::leave_engine() noexcept {
    if (is_open()) {
        *alive_ = false;
        detach();
        ::shutdown(socket_, SHUT_RDWR);
        ::close(std::exchange(socket_, -1));
    }
    engine_ = nullptr;
    list_hook::unlink();
}

task<result<std::unique_ptr<socket_stream>>> acceptor::accept() {
    const auto alive = alive_; // the acceptor may be gone after a suspension
    constexpr std::string_view verb = "accept on";
    const std::string here = "port " + std::to_string(port_);
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (!*alive || core::is_canceled(cancellation)) co_return wait_fault(verb, here, wait_outcome::canceled);
    for (;;) {
        const int socket = try_accept();
        bool is_short = is_shortage(-socket);
        if (socket >= 0) {
            auto made = adopt(*engine_, socket);
            if (made) co_return made;
            is_short = true;
        }
        if (is_of_one_connection(-socket)) continue;
        time_point until = time_point::max();
        if (is_short)
            until = clock::system().now() + shortage_pause;
        else if (socket == -EAGAIN)
            want();
        else
            co_return system_fault(verb, here, -socket);
        const wait_outcome outcome = co_await waiter_.wait(until);
        if (!*alive || outcome == wait_outcome::canceled)
            co_return wait_fault(verb, here, wait_outcome::canceled);
    }
}

} // namespace modelmesh::net
