// Connecting by name and by address, what failures say, and which engine is chosen.
#include "loopback.hpp"

#include "net/resolve.hpp"

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

#include <netinet/tcp.h>

#include <cstdlib>
#include <vector>

namespace modelmesh::net::testing {
namespace {

using Connect = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, Connect, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

result<std::unique_ptr<stream>> dial(loop& on, std::string host, std::uint16_t port,
                                     time_point deadline = late()) {
    const origin where{false, std::move(host), port};
    return on.run(connect(*on.io, where, tls_settings(), deadline));
}

// A name to this library and a number to the system's resolver, so that asking it needs no name service.
constexpr const char* system_name = "127.1";

TEST_P(Connect, ByAddressAndByName) {
    loop on(GetParam());
    raw_listener listener;
    for (const char* host : {"127.0.0.1", "localhost", "a.LocalHost.", system_name, system_name}) {
        auto made = dial(on, host, listener.port());
        ASSERT_TRUE(made) << made.error().message;
        const raw_socket peer = listener.accept();
        EXPECT_TRUE(on.run((*made)->send(gather("hel", "lo"), late())));
        EXPECT_EQ(peer.receive(5), "hello");
        int no_delay = 0;
        socklen_t size = sizeof no_delay;
        ::getsockopt(dynamic_cast<socket_stream&>(**made).descriptor(), IPPROTO_TCP, TCP_NODELAY, &no_delay,
                     &size);
        EXPECT_EQ(no_delay, 1);
    }
    // Literals and localhost ask nobody, the second time the cache answers.
    EXPECT_EQ(resolver::of(on.context).queries(), 1u);
    EXPECT_EQ(on.io->counters().open_streams, 0u);
}

TEST_P(Connect, RefusedNamesPeerAndReason) {
    loop on(GetParam());
    raw_listener listener;
    const std::uint16_t port = listener.port();
    listener.close();
    const auto made = dial(on, "127.0.0.1", port);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), errc::connect);
    EXPECT_EQ(made.error().message, "connect to 127.0.0.1:" + std::to_string(port) + ": connection refused");
    EXPECT_EQ(on.io->counters().open_streams, 0u);
}

TEST_P(Connect, AddressesWhereNobodyAnswersAreAskedForAnew) {
    loop on(GetParam());
    raw_listener listener;
    const std::uint16_t port = listener.port();
    listener.close();
    for (std::size_t times = 1; times <= 2; ++times) {
        EXPECT_EQ(dial(on, system_name, port).error().kind(), errc::connect);
        EXPECT_EQ(resolver::of(on.context).queries(), times);
    }
}

TEST_P(Connect, UnknownNameSaysSo) {
    loop on(GetParam());
    const auto made = dial(on, "no-such-host.invalid", 80);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), errc::connect);
    EXPECT_THAT(made.error().message, ::testing::StartsWith("resolve no-such-host.invalid: "));
}

TEST_P(Connect, ConcurrentLookupsShareOneQuery) {
    loop on(GetParam());
    raw_listener listener;
    int made = 0;
    const origin where{false, system_name, listener.port()};
    for (int i = 0; i < 5; ++i)
        asio::co_spawn(
            on.context, connect(*on.io, where, tls_settings(), late()),
            [&](std::exception_ptr, const result<std::unique_ptr<stream>>& r) { made += r.has_value(); });
    on.drive();
    EXPECT_EQ(made, 5);
    EXPECT_EQ(resolver::of(on.context).queries(), 1u);
}

// A listener whose queue is full: further connections neither succeed nor fail.
class full_listener {
public:
    full_listener() {
        listener_.shrink_backlog();
        for (int i = 0; i < 8; ++i) {
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            sockaddr_in to{};
            to.sin_family = AF_INET;
            to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            to.sin_port = htons(listener_.port());
            static_cast<void>(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to));
            fillers_.emplace_back(fd);
        }
    }
    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

private:
    raw_listener listener_;
    std::vector<raw_socket> fillers_;
};

TEST_P(Connect, StallTimesOut) {
    loop on(GetParam());
    const full_listener stalled;
    const auto made = dial(on, "127.0.0.1", stalled.port(), in(30ms));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), errc::timed_out);
    EXPECT_EQ(made.error().message, "connect to 127.0.0.1:" + std::to_string(stalled.port()) + ": timed out");
    EXPECT_EQ(on.io->counters().open_streams, 0u);
}

TEST_P(Connect, CanceledWhileConnecting) {
    loop on(GetParam());
    const full_listener stalled;
    asio::cancellation_signal stop;
    std::optional<errc> kind;
    const origin where{false, "127.0.0.1", stalled.port()};
    asio::co_spawn(on.context, connect(*on.io, where, tls_settings(), late()),
                   asio::bind_cancellation_slot(
                       stop.slot(), [&](std::exception_ptr, const result<std::unique_ptr<stream>>& r) {
                           kind = r.error().kind();
                       }));
    on.context.restart();
    on.context.poll();
    stop.emit(asio::cancellation_type::terminal);
    on.drive();
    EXPECT_EQ(kind, errc::canceled);
    EXPECT_EQ(on.io->counters().open_streams, 0u);
}

TEST_P(Connect, ContextDestroyedWhileConnecting) {
    const std::size_t before = open_descriptors();
    {
        const full_listener stalled;
        loop on(GetParam());
        const origin where{false, "127.0.0.1", stalled.port()};
        asio::co_spawn(on.context, connect(*on.io, where, tls_settings(), late()),
                       [](std::exception_ptr, const result<std::unique_ptr<stream>>&) {});
        const origin named{false, system_name, stalled.port()};
        asio::co_spawn(on.context, connect(*on.io, named, tls_settings(), late()),
                       [](std::exception_ptr, const result<std::unique_ptr<stream>>&) {});
        on.context.poll();
        EXPECT_GE(on.io->counters().waiters, 1u);
    }
    EXPECT_EQ(open_descriptors(), before);
}

class with_variable {
public:
    with_variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~with_variable() { ::unsetenv(name_); }

private:
    const char* name_;
};

TEST(EngineChoice, FollowsTheVariable) {
    for (const char* value : {"uring", "epoll"}) {
        const with_variable set("MODELMESH_IO", value);
        asio::io_context context{1};
        EXPECT_EQ(engine::of(context).name(), value);
        EXPECT_EQ(&engine::of(context), &engine::of(context));
        EXPECT_EQ(engine::of(context).fallback_reason(), "");
        EXPECT_FALSE(engine::create(context, engine_settings()));
    }
}

std::string refusal() {
    asio::io_context context{1};
    try {
        engine::of(context);
    } catch (const error& e) {
        EXPECT_EQ(e.info().kind(), errc::config);
        return e.info().message;
    }
    return "accepted";
}

TEST(EngineChoice, RefusesAnotherValue) {
    const with_variable set("MODELMESH_IO", "iocp");
    EXPECT_EQ(refusal(), "MODELMESH_IO must be auto, uring or epoll");
}

TEST(EngineChoice, BusyPollsAsLongAsTheVariableSays) {
    const with_variable set("MODELMESH_BUSY_POLL_US", "250");
    asio::io_context context{1};
    EXPECT_EQ(engine::of(context).settings().busy_poll, 250us);
}

TEST(EngineChoice, RefusesAnotherBusyPoll) {
    for (const char* value : {"-1", "1000001", "50us", " 1", "99999999999"}) {
        const with_variable set("MODELMESH_BUSY_POLL_US", value);
        EXPECT_EQ(refusal(), "MODELMESH_BUSY_POLL_US must be a number from 0 to 1000000") << value;
    }
}

} // namespace
} // namespace modelmesh::net::testing
