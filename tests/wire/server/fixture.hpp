// A server on a thread of its own, and blocking clients that see every byte of it.
#pragma once

#include "net/server.hpp"
#include "wire/transport/loopback.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <netinet/in.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

namespace modelmesh::net::testing {

/// The date of every answer is the same.
class dated_clock final : public clock {
public:
    time_point now() const noexcept override { return clock::system().now(); }
    std::chrono::system_clock::time_point wall() const noexcept override {
        return std::chrono::system_clock::time_point(std::chrono::seconds(784111777)); // as in RFC 9110
    }
};

inline const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

inline std::string ok(std::string_view body) {
    return "HTTP/1.1 200 OK\r\n" + date + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}
inline std::string last(int status, const std::string& reason) {
    return "HTTP/1.1 " + std::to_string(status) + " " + reason + "\r\n" + date +
           "Content-Length: 0\r\nConnection: close\r\n\r\n";
}

/// What the handler and the test tell each other.
struct signs {
    std::atomic<int> waiting{0};  ///< handlers that wait for ever
    std::atomic<int> canceled{0}; ///< of these, ended by a cancellation
    std::atomic<int> write_failed{0};
    std::atomic<int> failure{0};    ///< errc of the last failed read or write
    std::atomic<int> wrong_uses{0}; ///< that were refused
    std::atomic<bool> may_go{false};
    std::atomic<std::size_t> lent{0}; ///< buffers, when a handler was ended that held a slice
    std::string held;                 ///< that slice, then
    engine* io = nullptr;
};

/// Until it is cancelled.
inline task<void> wait_for_ever(std::shared_ptr<signs> seen) {
    ++seen->waiting;
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    try {
        co_await never.async_wait(asio::use_awaitable);
    } catch (const boost::system::system_error&) {
        ++seen->canceled;
        throw;
    }
}

/// Routes that use the exchange in less usual ways.
inline task<void> odd_route(exchange& ex, std::shared_ptr<signs> seen) {
    http::headers none;
    const std::string target(ex.target());
    if (target == "/late_read") {
        static_cast<void>(ex.start(200, none));
        static_cast<void>(co_await ex.write("x"));
        const auto body = co_await ex.read();
        std::string last;
        if (body && *body) last = **body;
        static_cast<void>(co_await ex.finish(last));
    } else if (target == "/exact") { // knows the length, and does not ask for the end
        for (std::uint64_t got = 0; got < ex.content_length();) {
            const auto body = co_await ex.read();
            got += (*body)->size();
        }
        co_await wait_for_ever(seen);
    } else if (target == "/read_and_wait") {
        static_cast<void>(co_await ex.read_all());
        co_await wait_for_ever(seen);
    } else if (target == "/hold") {
        const auto body = co_await ex.read();
        try {
            co_await wait_for_ever(seen);
        } catch (...) {
            seen->lent = seen->io->counters().lent_buffers;
            seen->held = **body;
        }
    } else if (target == "/linger") { // the answer is whole, the handler not
        static_cast<void>(co_await ex.respond(200, none, "hello"));
        ++seen->waiting;
        asio::steady_timer pause(co_await asio::this_coro::executor);
        try {
            while (!seen->may_go) {
                pause.expires_after(1ms);
                co_await pause.async_wait(asio::use_awaitable);
            }
        } catch (const boost::system::system_error&) {
            ++seen->canceled;
        }
    } else if (target == "/twice") {
        static_cast<void>(ex.start(200, none));
        static_cast<void>(co_await ex.finish("hello"));
        for (const bool is_last : {false, true}) {
            try {
                if (is_last)
                    static_cast<void>(co_await ex.finish("more"));
                else
                    static_cast<void>(co_await ex.write("more"));
            } catch (const std::invalid_argument&) {
                ++seen->wrong_uses;
            }
        }
    } else if (target == "/wait_first") {
        const result<void> waited = co_await ex.wait();
        if (!waited) co_return;
        static_cast<void>(co_await ex.respond(200, none, "waited"));
    } else if (target == "/throw_number") {
        throw 42;
    } else {
        static_cast<void>(co_await ex.respond(404, none, ""));
    }
}

/// The routes of the tests.
inline task<void> route(exchange& ex, std::shared_ptr<signs> seen) {
    http::headers none;
    const std::string target(ex.target());
    if (target == "/echo") {
        const result<std::string> body = co_await ex.read_all();
        if (!body) {
            seen->failure = static_cast<int>(body.error().kind());
            co_return;
        }
        static_cast<void>(co_await ex.respond(200, none, *body));
    } else if (target == "/stream") {
        static_cast<void>(ex.start(200, none));
        for (const std::string_view part : {"", "one", "two"}) static_cast<void>(co_await ex.write(part));
        static_cast<void>(co_await ex.finish("three"));
    } else if (target == "/throw") {
        throw std::runtime_error("broken");
    } else if (target == "/throw_late") {
        static_cast<void>(ex.start(200, none));
        static_cast<void>(co_await ex.write("begun"));
        throw std::runtime_error("broken");
    } else if (target == "/nothing") {
        co_return;
    } else if (target == "/short") {
        static_cast<void>(ex.start(200, none, 10));
        static_cast<void>(co_await ex.finish("12345"));
    } else if (target == "/bad_field") {
        none.add("Content-Length", "7");
        const result<void> refused = co_await ex.respond(200, none, "x");
        if (!refused) seen->failure = static_cast<int>(refused.error().kind());
    } else if (target == "/empty") {
        static_cast<void>(co_await ex.respond(204, none, ""));
    } else if (target == "/wait" || target == "/wait_late") {
        if (target == "/wait_late") {
            static_cast<void>(ex.start(200, none));
            static_cast<void>(co_await ex.write("begun"));
        }
        co_await wait_for_ever(seen);
    } else if (target == "/firehose") {
        const std::string much = pattern(1 << 20);
        static_cast<void>(ex.start(200, none));
        for (;;) {
            const result<void> sent = co_await ex.write(much);
            if (sent) continue;
            seen->failure = static_cast<int>(sent.error().kind());
            ++seen->write_failed;
            co_return;
        }
    } else if (target == "/heavy") {
        static_cast<void>(co_await ex.respond(200, none, pattern(8 << 20)));
    } else if (target == "/hello" || target == "/") {
        static_cast<void>(co_await ex.respond(200, none, "hello"));
    } else {
        co_await odd_route(ex, seen);
    }
}

inline raw_socket connect_to(std::uint16_t port, int receive_buffer = 0) {
    raw_socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (receive_buffer != 0)
        ::setsockopt(made.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const timeval limit{20, 0}; // an answer that never comes must not hang the suite
    ::setsockopt(made.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::connect(made.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("cannot connect to the server");
    return made;
}

/// Waits until the server has received everything that was sent to it: its socket is one of this process.
inline void until_received(const raw_socket& client) {
    sockaddr_in here{};
    socklen_t size = sizeof here;
    ::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&here), &size);
    const auto is_received = [&] {
        int unsent = 0;
        ::ioctl(client.fd(), SIOCOUTQ, &unsent);
        for (int fd = 3; unsent == 0 && fd < 1024; ++fd) {
            sockaddr_in peer{};
            socklen_t length = sizeof peer;
            int unread = 0;
            if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0 &&
                peer.sin_port == here.sin_port && ::ioctl(fd, FIONREAD, &unread) == 0)
                return unread == 0;
        }
        return false;
    };
    const auto limit = late();
    while (!is_received()) {
        if (clock::system().now() > limit) throw std::runtime_error("the server never read");
        std::this_thread::yield();
    }
}

/// A limit that whoever is not to meet it keeps, also on a busy machine.
inline constexpr std::chrono::milliseconds prompt{500};

/// Keeps a client to a quarter of a megabyte a second, for three seconds.
class slow_reader {
public:
    static constexpr std::size_t enough = 3 << 18;
    /// In which it reads so little that a full socket does not become writable.
    static constexpr std::chrono::seconds limit{2};

    [[nodiscard]] std::size_t read() const { return read_; }
    void took(std::size_t bytes) {
        read_ += bytes;
        std::this_thread::sleep_for(std::chrono::microseconds(4 * bytes));
    }

private:
    std::size_t read_ = 0;
};

class running_server {
public:
    explicit running_server(engine_kind kind, server_limits limits = server_limits(),
                            const std::optional<tls_server_settings>& tls = std::nullopt)
        : on_(kind), server_(*on_.io, [s = seen](exchange& ex) { return route(ex, s); }, limits, time_) {
        const result<void> listening = server_.listen(listen_settings(), tls);
        if (!listening) throw std::runtime_error(listening.error().message);
        port_ = server_.port();
        seen->io = on_.io;
        thread_ = std::thread([this] {
            asio::co_spawn(on_.context, server_.serve(),
                           [this](std::exception_ptr, result<void> r) { served_ = r.has_value(); });
            on_.context.run();
        });
    }
    ~running_server() { end(); }

    /// Ends the server, and checks that nothing of it is left.
    void end() {
        if (!thread_.joinable()) return;
        call([this] {
            server_.stop();
            return 0;
        });
        join();
    }
    /// Waits for a server that ends by itself.
    void join() {
        work_.reset();
        thread_.join();
        EXPECT_TRUE(served_);
        const engine_counters left = on_.io->counters();
        EXPECT_EQ(left.open_streams, 0u);
        EXPECT_EQ(left.waiters, 0u);
        EXPECT_EQ(left.lent_buffers, 0u);
        EXPECT_EQ(server_.counters().open, 0u);
        EXPECT_EQ(server_.counters().handling, 0u);
    }
    [[nodiscard]] engine_counters transport() {
        return call([this] { return on_.io->counters(); });
    }
    void drain(duration limit) {
        call([this, limit] {
            server_.drain(limit);
            return 0;
        });
    }
    [[nodiscard]] server_counters counters() {
        if (!thread_.joinable()) return server_.counters();
        return call([this] { return server_.counters(); });
    }
    /// Waits until the counters say so.
    template <class Condition> void until(Condition holds) {
        const auto limit = late();
        while (!holds(counters())) {
            if (clock::system().now() > limit) throw std::runtime_error("the condition never held");
            std::this_thread::yield();
        }
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }

    [[nodiscard]] raw_socket connect(int receive_buffer = 0) const {
        return connect_to(port_, receive_buffer);
    }

    std::shared_ptr<signs> seen = std::make_shared<signs>();

private:
    template <class Work> auto call(Work work) -> decltype(work()) {
        std::promise<decltype(work())> done;
        asio::post(on_.context, [&] { done.set_value(work()); });
        return done.get_future().get();
    }

    dated_clock time_;
    loop on_;
    // The loop answers call() also when the server has ended.
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(on_.context);
    server server_;
    std::uint16_t port_ = 0;
    std::thread thread_;
    std::atomic<bool> served_ = false;
};

enum class ending { never, in_order, reset };
struct remainder {
    std::string bytes;
    ending how = ending::never;
};

/// Everything until the connection ends, and how it did.
inline remainder to_the_end(const raw_socket& from) {
    remainder got;
    char buffer[16384];
    for (;;) {
        const ssize_t n = ::recv(from.fd(), buffer, sizeof buffer, 0);
        if (n > 0) got.bytes.append(buffer, static_cast<std::size_t>(n));
        if (n == 0) got.how = ending::in_order;
        if (n < 0 && errno == ECONNRESET) got.how = ending::reset;
        if (n <= 0 && !(n < 0 && errno == EINTR)) return got; // a ring may interrupt any system call
    }
}

/// Everything until the server ends the connection, which it does in order.
inline std::string rest(const raw_socket& from) {
    remainder got = to_the_end(from);
    EXPECT_EQ(got.how, ending::in_order);
    return std::move(got.bytes);
}

inline std::string get(const std::string& target, const std::string& fields = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}
inline std::string post(const std::string& target, const std::string& body, const std::string& fields = "") {
    return "POST " + target + " HTTP/1.1\r\nHost: h\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

} // namespace modelmesh::net::testing
