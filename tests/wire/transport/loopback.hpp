// What the transport tests share: an engine of each kind, a raw peer on loopback, and a driver for
// coroutines.
#pragma once

#include "net/connect.hpp"
#include "net/engine.hpp"
#include "net/socket_stream.hpp"
#include "support/descriptors.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace modelmesh::net::testing {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using support::open_descriptors;

inline time_point in(duration d) { return clock::system().now() + d; }
/// Far enough that no test reaches it unless something is broken.
inline time_point late() { return in(20s); }

/// Memory that this process shares with rings of the kernel.
inline std::size_t ring_mappings() {
    std::size_t count = 0;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.find("[io_uring]") != std::string::npos) ++count;
    return count;
}

/// A blocking socket in the test's hands.
class raw_socket {
public:
    explicit raw_socket(int fd = -1) : fd_(fd) {}
    raw_socket(raw_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    raw_socket& operator=(raw_socket&& other) noexcept {
        close();
        fd_ = std::exchange(other.fd_, -1);
        return *this;
    }
    ~raw_socket() { close(); }

    void send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    /// As much as the kernel takes without blocking.
    [[nodiscard]] std::size_t send_some(std::string_view bytes) const {
        const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return n < 0 ? 0 : static_cast<std::size_t>(n);
    }
    [[nodiscard]] std::string receive(std::size_t size) const {
        std::string got(size, '\0');
        std::size_t filled = 0;
        while (filled < size) { // a ring of this process may interrupt any system call
            const ssize_t n = ::recv(fd_, got.data() + filled, size - filled, MSG_WAITALL);
            if (n == 0 || (n < 0 && errno != EINTR)) break;
            if (n > 0) filled += static_cast<std::size_t>(n);
        }
        got.resize(filled);
        return got;
    }
    [[nodiscard]] std::string receive_some(std::size_t size) const {
        std::string got(size, '\0');
        const ssize_t n = ::recv(fd_, got.data(), size, MSG_DONTWAIT);
        got.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
        return got;
    }
    void half_close() const { ::shutdown(fd_, SHUT_WR); }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    /// Closes with RST.
    void reset() {
        const linger hard{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close();
    }
    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_;
};

class raw_listener {
public:
    raw_listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int on = 1;
        ::setsockopt(socket_.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (::bind(socket_.fd(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
            ::listen(socket_.fd(), 64) != 0)
            throw std::runtime_error("cannot listen on loopback");
        ::getsockname(socket_.fd(), reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] raw_socket accept() const { return raw_socket(::accept(socket_.fd(), nullptr, nullptr)); }
    void close() { socket_.close(); }
    void shrink_backlog() const { ::listen(socket_.fd(), 0); }

private:
    raw_socket socket_;
    std::uint16_t port_ = 0;
};

/// One io_context with an engine of the kind under test.
class loop {
public:
    explicit loop(engine_kind kind) : loop(engine_settings(kind)) {}
    explicit loop(const engine_settings& settings) {
        auto made = engine::create(context, settings);
        if (!made) throw std::runtime_error(made.error().message);
        io = *made;
    }

    /// A stream of ours and the peer's end.
    std::pair<std::unique_ptr<socket_stream>, raw_socket> pair() {
        raw_listener listener;
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(listener.port());
        if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot connect on loopback");
        return {io->adopt(fd, "peer:1"), listener.accept()};
    }

    /// Runs a coroutine to its end, and then the loop until it has nothing left to do.
    template <class T> T run(task<T> work) {
        std::optional<T> value;
        asio::co_spawn(context, std::move(work), [&](std::exception_ptr failure, T result) {
            if (failure) std::rethrow_exception(failure);
            value.emplace(std::move(result));
        });
        drive();
        if (!value) throw std::runtime_error("the coroutine did not finish");
        return std::move(*value);
    }
    void run(task<void> work) {
        bool done = false;
        asio::co_spawn(context, std::move(work), [&](std::exception_ptr failure) {
            if (failure) std::rethrow_exception(failure);
            done = true;
        });
        drive();
        if (!done) throw std::runtime_error("the coroutine did not finish");
    }
    void drive() {
        context.restart();
        context.run();
    }

    asio::io_context context{1};
    engine* io = nullptr;
};

inline task<wait_outcome> readable(stream& from, time_point deadline) {
    co_return co_await from.wait_readable(deadline);
}

inline task<result<io_status>> next(stream& from, chunk& out, time_point deadline) {
    for (;;) {
        auto status = from.try_receive(out);
        if (!status || *status != io_status::would_block) co_return status;
        const wait_outcome outcome = co_await from.wait_readable(deadline);
        if (outcome != wait_outcome::ready) co_return wait_fault("receive from", "peer:1", outcome);
    }
}

/// Everything up to the end, or `size` bytes.
inline task<result<std::string>> read(stream& from, std::size_t size, time_point deadline) {
    std::string all;
    while (all.size() < size) {
        chunk bytes;
        auto status = co_await next(from, bytes, deadline);
        if (!status) co_return status.error();
        if (*status == io_status::end) break;
        all += bytes.bytes();
    }
    co_return all;
}

inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
    return text;
}

class both_engines : public ::testing::TestWithParam<engine_kind> {};

inline std::string engine_name(const ::testing::TestParamInfo<engine_kind>& info) {
    return info.param == engine_kind::uring ? "uring" : "epoll";
}

} // namespace modelmesh::net::testing
