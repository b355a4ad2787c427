// Stopping, draining and cancelling a server, whatever its connections are doing.
#include "fixture.hpp"

#include "wire/transport/tls_peer.hpp"

namespace modelmesh::net::testing {
namespace {

using ServerStop = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, ServerStop, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

TEST_P(ServerStop, ASliceStaysWithItsHandler) {
    for (const bool at_once : {true, false}) {
        running_server on(GetParam());
        const raw_socket client = on.connect();
        client.send(post("/hold", "a slice"));
        while (on.seen->waiting != 1) std::this_thread::yield();
        if (!at_once) on.drain(1ms);
        if (at_once)
            on.end();
        else
            on.join();
        EXPECT_EQ(on.seen->lent, 1u);
        EXPECT_EQ(on.seen->held, "a slice");
    }
}

TEST_P(ServerStop, DuringATlsHandshake) {
    const identity root("root", nullptr, nullptr);
    tls_server_settings settings;
    settings.certificate_pem = root.pem();
    settings.key_pem = root.key_pem();
    for (const bool at_once : {true, false}) {
        running_server on(GetParam(), server_limits(), settings);
        const raw_socket client = on.connect();
        on.until([](const server_counters& c) { return c.open == 1; });
        if (!at_once) {
            on.drain(20s); // nothing was asked yet, so nothing is waited for
            on.join();
        } else {
            on.end();
        }
        EXPECT_EQ(rest(client), "");
    }
}

TEST_P(ServerStop, DuringAWriteThatTheClientDoesNotTake) {
    for (const bool at_once : {true, false}) {
        running_server on(GetParam());
        const raw_socket client = on.connect(4096);
        client.send(get("/firehose"));
        EXPECT_EQ(client.receive(1), "H"); // it writes, and will have to wait
        if (!at_once) {
            on.drain(20ms);
            on.join();
        } else {
            on.end();
        }
        EXPECT_EQ(on.counters().failed, 0u);
        EXPECT_EQ(on.counters().slow, 0u);
    }
}

TEST_P(ServerStop, WhileItWaitsForTheClientToReadItsLastAnswer) {
    server_limits limits;
    limits.linger = 20s;
    for (const bool at_once : {true, false}) {
        running_server on(GetParam(), limits);
        const raw_socket client = on.connect();
        client.send(get("/hello", "Connection: close\r\n"));
        const std::string want =
            "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 5\r\nConnection: close\r\n\r\nhello";
        EXPECT_EQ(rest(client), want);
        EXPECT_EQ(on.counters().open, 1u);
        if (!at_once) {
            on.drain(20ms);
            on.join();
        } else {
            on.end();
        }
    }
}

/// A server on the loop of the test's own thread, whose serve() can be cancelled.
class own_server {
public:
    explicit own_server(engine_kind kind, server_limits limits = server_limits())
        : loop_(kind), server_(*loop_.io, [this](exchange& ex) { return handle(ex, this); }, limits) {
        if (!server_.listen(listen_settings())) throw std::runtime_error("cannot listen");
        asio::co_spawn(loop_.context, server_.serve(),
                       asio::bind_cancellation_slot(cancel_.slot(),
                                                    [this](std::exception_ptr failure, result<void> outcome) {
                                                        ++ended_;
                                                        EXPECT_FALSE(failure);
                                                        EXPECT_TRUE(outcome);
                                                    }));
    }
    template <class Condition> void until(Condition holds) {
        const auto limit = late();
        while (!holds(server_.counters()) && clock::system().now() < limit) loop_.context.run_one_for(1ms);
    }
    void cancel() { cancel_.emit(asio::cancellation_type::terminal); }
    /// Runs until nothing is left.
    void expect_over(int port) {
        loop_.context.run_for(20s);
        EXPECT_EQ(ended_, 1);
        EXPECT_EQ(server_.counters().open, 0u);
        EXPECT_EQ(loop_.io->counters().open_streams, 0u);
        EXPECT_EQ(loop_.io->counters().waiters, 0u);
        EXPECT_THROW(static_cast<void>(connect_to(static_cast<std::uint16_t>(port))), std::runtime_error);
    }
    [[nodiscard]] std::uint16_t port() const { return server_.port(); }
    server& get() { return server_; }

private:
    /// "/cancel" has serve() cancelled when it was told that the connection is over, and did not run yet.
    static task<void> handle(exchange& ex, own_server* self) {
        if (ex.target() != "/cancel") {
            co_await route(ex, self->seen_);
            co_return;
        }
        http::headers none;
        static_cast<void>(ex.start(200, none));
        static_cast<void>(co_await ex.write("cut off"));
        asio::post(self->loop_.context, [self] { self->cancel(); });
    }

    std::shared_ptr<signs> seen_ = std::make_shared<signs>();
    asio::cancellation_signal cancel_;
    loop loop_;
    server server_;
    int ended_ = 0;
};

TEST_P(ServerStop, CancellingServeIsStopping) {
    own_server on(GetParam());
    const std::uint16_t port = on.port();
    const raw_socket idle = connect_to(port), busy = connect_to(port);
    busy.send(get("/wait"));
    on.until([](const server_counters& c) { return c.open == 2 && c.handling == 1; });
    on.cancel();
    on.expect_over(port);
    EXPECT_EQ(rest(idle), "");
    EXPECT_EQ(rest(busy), "");
}

TEST_P(ServerStop, ACancellationThatComesWithAnEventIsNotLost) {
    server_limits limits;
    limits.connections = 1;
    own_server on(GetParam(), limits);
    const std::uint16_t port = on.port();
    const raw_socket client = connect_to(port);
    on.until([](const server_counters& c) { return c.open == 1; }); // serve() waits for it to leave
    client.send(post("/cancel", "unread"));
    on.expect_over(port);
}

TEST_P(ServerStop, ACancellationEndsADrainThatWaits) {
    own_server on(GetParam());
    const std::uint16_t port = on.port();
    const raw_socket busy = connect_to(port);
    busy.send(get("/wait"));
    on.until([](const server_counters& c) { return c.handling == 1; });
    on.get().drain(duration::max());
    on.cancel();
    on.expect_over(port);
}

task<void> serve_and_wait(server* on, bool* has_served) {
    static_cast<void>(co_await on->serve());
    *has_served = true;
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(asio::use_awaitable);
}

TEST_P(ServerStop, WhoAwaitedServeCanBeCancelledAfterIt) {
    asio::cancellation_signal cancel;
    loop on(GetParam());
    server ours(*on.io, [](exchange& ex) { return route(ex, std::make_shared<signs>()); });
    ASSERT_TRUE(ours.listen(listen_settings()));
    bool has_served = false, is_over = false;
    asio::co_spawn(on.context, serve_and_wait(&ours, &has_served),
                   asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr failure) {
                       is_over = true;
                       EXPECT_TRUE(failure);
                   }));
    on.context.poll();
    ours.stop();
    const auto limit = late();
    while (!has_served && clock::system().now() < limit) on.context.run_one_for(1ms);
    ASSERT_TRUE(has_served);
    on.context.poll();
    EXPECT_FALSE(is_over);
    cancel.emit(asio::cancellation_type::terminal);
    on.context.run_for(20s);
    EXPECT_TRUE(is_over);
}

} // namespace
} // namespace modelmesh::net::testing
