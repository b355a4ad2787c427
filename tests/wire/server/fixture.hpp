// A server on a thread of its own, and blocking clients that see every byte of it.
#pragma once

#include "net/server.hpp"
#include "wire/transport/loopback.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

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
    std::atomic<int> failure{0}; ///< errc of the last failed read or write
};

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
        ++seen->waiting;
        asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
        try {
            co_await never.async_wait(asio::use_awaitable);
        } catch (const boost::system::system_error&) {
            ++seen->canceled;
            throw;
        }
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
    } else {
        static_cast<void>(co_await ex.respond(200, none, "hello"));
    }
}

class running_server {
public:
    explicit running_server(engine_kind kind, server_limits limits = server_limits(),
                            const std::optional<tls_server_settings>& tls = std::nullopt)
        : on_(kind), server_(*on_.io, [s = seen](exchange& ex) { return route(ex, s); }, limits, time_) {
        const result<void> listening = server_.listen(listen_settings(), tls);
        if (!listening) throw std::runtime_error(listening.error().message);
        port_ = server_.port();
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
        thread_.join();
        EXPECT_TRUE(served_);
        const engine_counters left = on_.io->counters();
        EXPECT_EQ(left.open_streams, 0u);
        EXPECT_EQ(left.waiters, 0u);
        EXPECT_EQ(left.lent_buffers, 0u);
        EXPECT_EQ(server_.counters().open, 0u);
        EXPECT_EQ(server_.counters().handling, 0u);
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
        raw_socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (receive_buffer != 0)
            ::setsockopt(made.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        const timeval limit{20, 0}; // an answer that never comes must not hang the suite
        ::setsockopt(made.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port_);
        if (::connect(made.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot connect to the server");
        return made;
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
    server server_;
    std::uint16_t port_ = 0;
    std::thread thread_;
    std::atomic<bool> served_ = false;
};

/// Everything until the server closes.
inline std::string rest(const raw_socket& from) {
    std::string all;
    for (;;) {
        const std::string part = from.receive(65536);
        all += part;
        if (part.size() < 65536) return all;
    }
}

inline std::string get(const std::string& target, const std::string& fields = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}
inline std::string post(const std::string& target, const std::string& body, const std::string& fields = "") {
    return "POST " + target + " HTTP/1.1\r\nHost: h\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

} // namespace modelmesh::net::testing
