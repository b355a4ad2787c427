// A listening TCP socket, on the ring or on the reactor.
#pragma once

#include "net/engine.hpp"
#include "net/waiter.hpp"

#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace modelmesh::net {

class socket_stream;

class listen_settings {
public:
    listen_settings() = default;
    std::string address = "127.0.0.1"; ///< of this machine, IPv4 or IPv6; "::" takes both
    std::uint16_t port = 0;            ///< 0: one that is free
    int backlog = 1024;                ///< connections that the kernel holds ready
    bool reuse_port = false;           ///< several loops listen, and the kernel deals connections out
};

/// Used on the engine's thread, by one coroutine at a time. Destroying it closes it. Where the process or the
/// machine has no descriptor left, accepting rests for a moment instead of asking again and again.
class acceptor : public engine_part, private waiter::owner {
public:
    /// Errors: config, the address is none of this machine's; connect, it is taken or may not be used.
    static result<std::unique_ptr<acceptor>> listen(engine& io, const listen_settings& settings);
    virtual ~acceptor() = default;

    /// The next connection. Errors: canceled, also after close(); connect when the socket is broken.
    [[nodiscard]] task<result<std::unique_ptr<socket_stream>>> accept();
    /// Takes no more until the next accept(): the kernel's backlog holds the connections.
    virtual void pause() noexcept = 0;
    /// Connections that nobody has taken are closed, too. An accept() under way completes with canceled.
    void close() noexcept;
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

    void leave_engine() noexcept final;

protected:
    acceptor(engine& io, int socket, std::uint16_t port);

    [[nodiscard]] engine* io() const noexcept { return engine_; }
    [[nodiscard]] int descriptor() const noexcept { return socket_; }
    [[nodiscard]] bool is_open() const noexcept { return socket_ >= 0; }
    [[nodiscard]] bool is_waited_for() const noexcept { return waiter_.pending(); }
    /// try_accept may have something to tell.
    void notify() noexcept { waiter_.complete(wait_outcome::ready); }

private:
    /// A socket, -EAGAIN when there is none, or what went wrong.
    [[nodiscard]] virtual int try_accept() noexcept = 0;
    /// Sees to it that notify() will be called.
    virtual void want() = 0;
    /// Lets go of the socket, which is about to be closed.
    virtual void detach() noexcept = 0;
    void gave_up(waiter&, wait_outcome) noexcept final {}

    engine* engine_; // null after the event loop's end
    int socket_;
    std::uint16_t port_;
    std::shared_ptr<bool> alive_;
    waiter waiter_;
};

} // namespace modelmesh::net
