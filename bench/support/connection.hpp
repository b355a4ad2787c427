// Non-blocking sockets over epoll, plain or TLS: the least that an HTTP program needs, and so the floor that
// the library is compared with.
#pragma once

#include <openssl/ssl.h>
#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace modelmesh::bench {

template <auto Free> struct releaser {
    template <class T> void operator()(T* object) const { Free(object); }
};
using ssl_context_ptr = std::unique_ptr<SSL_CTX, releaser<SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, releaser<SSL_free>>;

class poller {
public:
    poller();
    ~poller();
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;

    /// Watches for bytes to read. @param tag  what wait() gives back.
    void add(int descriptor, void* tag);
    void watch_writes(int descriptor, void* tag, bool wanted);
    /// @param timeout_ms  -1: no limit.
    std::span<const epoll_event> wait(int timeout_ms);

private:
    int descriptor_;
    std::array<epoll_event, 512> ready_{};
};

/// Owns a connected socket.
class connection {
public:
    /// @param tag  what the poller gives back for this connection; @param tls  null: plain.
    connection(poller& events, int socket, void* tag, ssl_ptr tls);
    ~connection();
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// Calls on_bytes(std::string_view) with what has arrived, after sending what still had to be sent.
    /// @param scratch  where the bytes lie during the call. False: the connection is over.
    template <class OnBytes> bool receive(std::span<char> scratch, OnBytes&& on_bytes) {
        for (;;) {
            std::size_t size = 0;
            if (!read(scratch, size)) return false;
            if (size > 0) on_bytes(std::string_view(scratch.data(), size));
            // A short read has emptied the socket; under TLS, OpenSSL may have read ahead.
            if (size == 0 || (size < scratch.size() && !(tls_ && SSL_has_pending(tls_.get())))) break;
        }
        return pending_.empty() || flush();
    }
    /// Sends now what the socket takes and the rest later. False: the connection is over.
    bool send(std::string_view bytes);
    /// Bytes that still have to be sent.
    [[nodiscard]] std::size_t backlog() const { return pending_.size(); }

private:
    bool read(std::span<char> scratch, std::size_t& size);
    bool write(std::string_view& bytes);
    bool flush();
    void watch_writes(bool wanted);

    poller& events_;
    int socket_;
    void* tag_;
    ssl_ptr tls_;
    std::string pending_;
    bool is_blocked_ = false; ///< the socket's buffer is full
    bool is_watching_ = false;
};

/// A blocking connect to 127.0.0.1, for the start of a run. @throws std::runtime_error
int connect_to(std::uint16_t port);

/// Trusts the authorities of a PEM file and nobody else. @throws std::runtime_error
ssl_context_ptr client_context(const std::string& ca_file);
/// A client's side of a connection to 127.0.0.1, which its certificate must name.
ssl_ptr client_tls(SSL_CTX* context);

} // namespace modelmesh::bench
