#include "net/client.hpp"

#include "support/manual_clock.hpp"
#include "support/memory_stream.hpp"
#include "support/run.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace modelmesh::net {
namespace {

// Every connection that the client dials, in order; the first entries of `plan` say how each behaves.
class ClientOverMemory : public testing::Test {
protected:
    client make() {
        return client(loop.engine(), pool_limits(), clock,
                      [this](std::shared_ptr<const endpoint>, time_point) { return dial(); });
    }
    task<result<std::unique_ptr<stream>>> dial() {
        if (next >= peers.size()) co_return fault(errc::connect, "connection refused");
        std::unique_ptr<stream> made = std::make_unique<support::memory_stream>(peers[next++]);
        co_return std::move(made);
    }
    std::shared_ptr<support::memory_peer> peer() {
        peers.push_back(std::make_shared<support::memory_peer>());
        return peers.back();
    }
    result<http::response> exchange(client& through) {
        return loop.run(
            through.exchange(to, request, exchange_limits(clock.now() + std::chrono::seconds(1))));
    }

    support::manual_clock clock;
    support::event_loop loop{engine_kind::epoll};
    std::vector<std::shared_ptr<support::memory_peer>> peers;
    std::size_t next = 0;
    std::shared_ptr<const endpoint> to = std::make_shared<endpoint>(origin{false, "host.test", 8080});
    std::shared_ptr<const http::request> request = std::make_shared<http::request>();
};

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(ClientOverMemory, ReusesAConnectionAfterACompleteAnswer) {
    client c = make();
    const auto p = peer();
    for (int i = 0; i < 3; ++i) {
        p->arrive(ok);
        const result<http::response> got = exchange(c);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->status, 200);
        EXPECT_EQ(got->body, "ok");
    }
    EXPECT_EQ(c.counters().opened, 1u);
    EXPECT_EQ(c.counters().reused, 2u);
    EXPECT_EQ(c.counters().idle, 1u);
    EXPECT_TRUE(p->is_parked);
}

TEST_F(ClientOverMemory, AStaleConnectionIsReplacedOnceAndUnseen) {
    for (const bool fails_at_send : {true, false}) {
        client c = make();
        const auto first = peer();
        const auto second = peer();
        first->arrive(ok);
        ASSERT_TRUE(exchange(c));
        if (fails_at_send)
            first->send_failure = fault(errc::connect, "broken pipe");
        else
            first->is_ended = true;
        second->arrive(ok);
        const result<http::response> got = exchange(c);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(c.counters().stale, 1u);
        EXPECT_EQ(c.counters().opened, 2u);
        EXPECT_TRUE(first->is_destroyed);
    }
}

TEST_F(ClientOverMemory, WarmingUpLetsConnectionsRestForRequestsToCome) {
    client c = make();
    for (int i = 0; i < 3; ++i) peer()->arrive(ok);
    for (const std::size_t count : {0u, 2u, 1u, 3u, 3u})
        EXPECT_TRUE(loop.run(c.warm_up(to, count, std::chrono::seconds(1))));
    EXPECT_EQ(c.counters().opened, 3u);
    EXPECT_EQ(c.counters().idle, 3u);
    EXPECT_EQ(c.counters().in_use, 0u);
    for (const auto& p : peers) EXPECT_TRUE(p->is_parked && p->sent.empty());
    EXPECT_TRUE(exchange(c));
    EXPECT_EQ(c.counters().reused, 1u);
    EXPECT_EQ(c.counters().opened, 3u);

    peers[1]->is_ended = true; // the newest at rest after the one that was used
    peers[1]->arrivals.clear();
    peers[2]->is_ended = true;
    peer()->arrive(ok);
    EXPECT_TRUE(exchange(c)) << "one that the server gave up is replaced unseen";
    EXPECT_EQ(c.counters().stale, 1u);
}

TEST_F(ClientOverMemory, WarmingUpKeepsWithinTheLimits) {
    pool_limits limits;
    limits.idle = 2;
    limits.connections = 3;
    client c(loop.engine(), limits, clock,
             [this](std::shared_ptr<const endpoint>, time_point) { return dial(); });
    for (int i = 0; i < 8; ++i) peer();
    EXPECT_TRUE(loop.run(c.warm_up(to, 8, std::chrono::seconds(1))));
    EXPECT_EQ(c.counters().opened, 2u) << "no more than may rest";
}

TEST_F(ClientOverMemory, WarmingUpTellsWhyItCannot) {
    client c = make();
    peer();
    const result<void> got = loop.run(c.warm_up(to, 2, std::chrono::seconds(1)));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect);
    EXPECT_EQ(got.error().message, "host.test:8080: connecting: connection refused");
    EXPECT_EQ(c.counters().idle, 1u) << "what was made stays";
    EXPECT_EQ(c.counters().in_use, 0u);
}

TEST_F(ClientOverMemory, WarmingUpCanBeCanceled) {
    support::running<result<void>> warming;
    client c(loop.engine(), pool_limits(), clock,
             [&](std::shared_ptr<const endpoint>, time_point) -> task<result<std::unique_ptr<stream>>> {
                 if (++next == 2) warming.cancel();
                 co_await boost::asio::post(boost::asio::use_awaitable);
                 std::unique_ptr<stream> made =
                     std::make_unique<support::memory_stream>(std::make_shared<support::memory_peer>());
                 co_return std::move(made);
             });
    warming = loop.start(c.warm_up(to, 3, std::chrono::seconds(1)));
    loop.run_to_idle();
    EXPECT_EQ(warming.take().error().kind(), errc::canceled);
    EXPECT_EQ(next, 2u);
    EXPECT_GE(c.counters().idle, 1u) << "what was made stays";
    EXPECT_EQ(c.counters().in_use, 0u);
}

TEST_F(ClientOverMemory, AFreshConnectionThatDiesIsNotRetried) {
    client c = make();
    const auto first = peer();
    const auto second = peer();
    first->is_ended = true;
    second->arrive(ok);
    const result<http::response> got = exchange(c);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect);
    EXPECT_EQ(second->sent, "");
    EXPECT_EQ(c.counters().in_use, 0u);
}

TEST_F(ClientOverMemory, AReusedConnectionThatDiesInsideTheAnswerIsNotRetried) {
    client c = make();
    const auto first = peer();
    const auto second = peer();
    first->arrive(ok);
    ASSERT_TRUE(exchange(c));
    first->arrive("H");
    first->is_ended = true;
    second->arrive(ok);
    const result<http::response> got = exchange(c);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::protocol);
    EXPECT_EQ(second->sent, "");
}

TEST_F(ClientOverMemory, ASilentServerTimesOutAndIsNotRetried) {
    client c = make();
    const auto first = peer();
    peer()->arrive(ok);
    first->arrive(ok);
    ASSERT_TRUE(exchange(c));
    const result<http::response> got = exchange(c);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::timed_out);
    EXPECT_NE(got.error().message.find("host.test:8080"), std::string::npos);
    EXPECT_NE(got.error().message.find("waiting for the answer"), std::string::npos);
    EXPECT_TRUE(first->is_destroyed);
    EXPECT_EQ(c.counters().idle + c.counters().in_use, 0u);
}

TEST_F(ClientOverMemory, AStreamLeftEarlyClosesItsConnection) {
    client c = make();
    const auto p = peer();
    p->arrive("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok");
    {
        result<response_stream> opened = loop.run(c.open(to, request, exchange_limits(time_point::max())));
        ASSERT_TRUE(opened);
        std::string_view slice;
        EXPECT_EQ(opened->try_read(slice).value(), read_status::slice);
        EXPECT_EQ(slice, "ok");
        EXPECT_EQ(opened->try_read(slice).value(), read_status::would_block);
        EXPECT_EQ(c.counters().in_use, 1u);
    }
    EXPECT_TRUE(p->is_destroyed);
    EXPECT_EQ(c.counters().in_use + c.counters().idle, 0u);
}

TEST_F(ClientOverMemory, AFailedStreamKeepsItsFailure) {
    client c = make();
    const auto p = peer();
    p->arrive("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    p->is_ended = true;
    result<response_stream> opened = loop.run(c.open(to, request, exchange_limits(time_point::max())));
    ASSERT_TRUE(opened);
    std::string_view slice;
    EXPECT_EQ(opened->try_read(slice).value(), read_status::slice);
    for (int i = 0; i < 2; ++i) {
        const result<read_status> got = opened->try_read(slice);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::protocol);
        EXPECT_NE(got.error().message.find("truncated"), std::string::npos);
    }
    EXPECT_EQ(loop.run(opened->read()).error().kind(), errc::protocol);
}

TEST_F(ClientOverMemory, AServerThatNeverPausesMeetsTheDeadline) {
    client c = make();
    const auto p = peer();
    p->arrive("HTTP/1.1 200 OK\r\n\r\n");
    result<response_stream> opened =
        loop.run(c.open(to, request, exchange_limits(clock.now() + std::chrono::seconds(5))));
    ASSERT_TRUE(opened);
    std::string_view slice;
    p->arrive("a");
    EXPECT_EQ(opened->try_read(slice).value(), read_status::slice);
    clock.advance(std::chrono::seconds(5));
    p->arrive("b");
    EXPECT_EQ(opened->try_read(slice).error().kind(), errc::timed_out);
}

TEST_F(ClientOverMemory, ALongBodyIsRefusedBeforeAndWhileItArrives) {
    for (const std::string_view framing : {"Content-Length: 11\r\n\r\n", "\r\n"}) {
        client c = make();
        const auto p = peer();
        p->arrive("HTTP/1.1 200 OK\r\n" + std::string(framing) + "0123456789a");
        exchange_limits limits(time_point::max());
        limits.max_body = 10;
        const result<http::response> got = loop.run(c.exchange(to, request, limits));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::protocol);
        EXPECT_NE(got.error().message.find("limit of 10 bytes"), std::string::npos);
        EXPECT_TRUE(p->is_destroyed);
    }
}

TEST_F(ClientOverMemory, AnAnswerToHeadHasNoBodyWhateverItsLength) {
    client c = make();
    const auto p = peer();
    auto head = std::make_shared<http::request>();
    head->method = "HEAD";
    p->arrive("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
    const result<http::response> got = loop.run(c.exchange(to, head, exchange_limits(time_point::max())));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(c.counters().idle, 1u);
}

TEST_F(ClientOverMemory, ADeadlineThatHasPassedSendsNothing) {
    client c = make();
    const auto p = peer();
    const result<http::response> got = loop.run(c.exchange(to, request, exchange_limits(clock.now())));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::timed_out);
    EXPECT_EQ(next, 0u);
}

TEST_F(ClientOverMemory, ARequestThatCannotBeWrittenOpensNothing) {
    client c = make();
    peer();
    auto bad = std::make_shared<http::request>();
    bad->headers.add("Authorization", "secret\n");
    const result<http::response> got = loop.run(c.exchange(to, bad, exchange_limits(time_point::max())));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::config);
    EXPECT_EQ(got.error().message.find("secret"), std::string::npos);
    EXPECT_EQ(next, 0u);
}

TEST_F(ClientOverMemory, EndpointsShareConnectionsOnlyWhenTrustIsEqual) {
    client c = make();
    const auto first = peer();
    first->arrive(ok);
    first->arrive(ok);
    ASSERT_TRUE(exchange(c));
    to = std::make_shared<endpoint>(origin{false, "host.test", 8080});
    ASSERT_TRUE(exchange(c));
    EXPECT_EQ(c.counters().opened, 1u);
    tls_settings other;
    other.verify = false;
    const auto kept = std::exchange(to, std::make_shared<endpoint>(origin{false, "host.test", 8080}, other));
    peer()->arrive(ok);
    ASSERT_TRUE(exchange(c));
    EXPECT_EQ(c.counters().opened, 2u);
}

TEST_F(ClientOverMemory, ConnectionsOfEndpointsThatHaveEndedAreClosedAtTheNextRequest) {
    client c = make();
    peer()->arrive(ok);
    ASSERT_TRUE(exchange(c));
    EXPECT_EQ(c.counters().idle, 1u);
    const auto another = std::make_shared<endpoint>(*to); // as good as the first
    to = std::make_shared<endpoint>(origin{false, "other.test", 8080});
    peer()->arrive(ok);
    ASSERT_TRUE(exchange(c));
    EXPECT_EQ(c.counters().idle, 1u) << "nobody has ever asked by the other one";
    EXPECT_EQ(c.counters().opened, 1u);
}

TEST_F(ClientOverMemory, StreamsMayOutliveTheClient) {
    std::optional<client> c(make());
    const auto p = peer();
    p->arrive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    result<response_stream> opened = loop.run(c->open(to, request, exchange_limits(time_point::max())));
    ASSERT_TRUE(opened);
    c.reset();
    p->arrive("ok");
    std::string_view slice;
    EXPECT_EQ(opened->try_read(slice).value(), read_status::slice);
    EXPECT_EQ(opened->try_read(slice).value(), read_status::end);
}

TEST_F(ClientOverMemory, AnAnswerThatCameBeforeTheRequestWasSentIsTheAnswer) {
    client c = make();
    const auto p = peer();
    p->send_failure = fault(errc::connect, "broken pipe");
    p->arrive("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge");
    const result<http::response> got = exchange(c);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->status, 413);
    EXPECT_EQ(got->body, "large");
    EXPECT_TRUE(p->is_destroyed) << "its request never went out whole";
    EXPECT_EQ(c.counters().idle, 0u);
}

TEST_F(ClientOverMemory, WithoutAnAnswerTheFailureToSendIsReported) {
    for (const char* arrived : {"", "HTTP/1.1 4"}) {
        client c = make();
        const auto p = peer();
        p->send_failure = fault(errc::connect, "broken pipe");
        if (*arrived != 0) p->arrive(arrived);
        p->is_ended = true;
        const result<http::response> got = exchange(c);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::connect);
        EXPECT_EQ(got.error().message, "host.test:8080: sending the request: broken pipe");
    }
}

// Ends when its reader waits, some time later.
class late_stream final : public support::memory_stream {
public:
    late_stream(std::shared_ptr<support::memory_peer> peer, support::manual_clock& clock, duration later)
        : memory_stream(std::move(peer)), clock_(clock), later_(later) {}
    wait_operation wait_readable(time_point) override {
        clock_.advance(later_);
        peer().is_ended = true;
        return wait_operation(wait_outcome::ready);
    }

private:
    support::manual_clock& clock_;
    duration later_;
};

TEST_F(ClientOverMemory, AUsedConnectionThatIsLostLateMayBeLostOverTheRequest) {
    for (const int seconds : {1, 10}) {
        int dialed = 0;
        client c(loop.engine(), pool_limits(), clock,
                 [&](std::shared_ptr<const endpoint>, time_point) -> task<result<std::unique_ptr<stream>>> {
                     ++dialed;
                     auto with = std::make_shared<support::memory_peer>();
                     with->arrive(ok);
                     std::unique_ptr<stream> made =
                         std::make_unique<late_stream>(with, clock, std::chrono::seconds(seconds));
                     co_return std::move(made);
                 });
        const exchange_limits limits(clock.now() + std::chrono::minutes(1));
        ASSERT_TRUE(loop.run(c.exchange(to, request, limits)));
        EXPECT_EQ(loop.run(c.exchange(to, request, limits)).has_value(), seconds == 1);
        EXPECT_EQ(dialed, seconds == 1 ? 2 : 1);
    }
}

// Takes the first request. Of the next it takes nothing before it was waited for, which takes a time, and then may
// break.
class slow_stream final : public support::memory_stream {
public:
    slow_stream(std::shared_ptr<support::memory_peer> peer, support::manual_clock& time, duration later,
                bool breaks)
        : memory_stream(std::move(peer)), clock_(time), later_(later), breaks_(breaks) {}
    wait_operation wait_readable(time_point) override {
        if (sends_ == 2) ++peer().early_reads;
        return wait_operation(wait_outcome::ready);
    }
    result<bool> try_send(gather& parts) override {
        if (++sends_ == 2) return false;
        if (sends_ > 2 && breaks_) {
            peer().is_ended = true;
            return fault(errc::connect, "broken");
        }
        if (sends_ > 2) peer().arrive(ok);
        return memory_stream::try_send(parts);
    }
    wait_operation wait_writable(time_point) override {
        clock_.advance(later_);
        return wait_operation(wait_outcome::ready);
    }

private:
    support::manual_clock& clock_;
    duration later_;
    bool breaks_;
    int sends_ = 0;
};

std::shared_ptr<const http::request> request_of(std::size_t size) {
    auto made = std::make_shared<http::request>();
    made->method = "POST";
    made->body.assign(size, 'x');
    return made;
}

TEST_F(ClientOverMemory, AUsedConnectionThatBreaksLateUnderARequestMayHaveServedIt) {
    for (const std::size_t size : {std::size_t{1000}, std::size_t{100'000}}) {
        for (const int seconds : {1, 10}) {
            int dialed = 0;
            client c(
                loop.engine(), pool_limits(), clock,
                [&](std::shared_ptr<const endpoint>, time_point) -> task<result<std::unique_ptr<stream>>> {
                    auto with = std::make_shared<support::memory_peer>();
                    with->arrive(ok);
                    const bool breaks = dialed++ == 0;
                    std::unique_ptr<stream> made =
                        std::make_unique<slow_stream>(with, clock, std::chrono::seconds(seconds), breaks);
                    co_return std::move(made);
                });
            const exchange_limits limits(clock.now() + std::chrono::minutes(10));
            ASSERT_TRUE(loop.run(c.exchange(to, request, limits)));
            EXPECT_EQ(loop.run(c.exchange(to, request_of(size), limits)).has_value(), seconds == 1) << size;
            EXPECT_EQ(dialed, seconds == 1 ? 2 : 1) << size;
        }
    }
}

TEST_F(ClientOverMemory, OnlyWhileALargeBodyIsSentAnAnswerIsWaitedFor) {
    for (const std::size_t size : {std::size_t{1000}, std::size_t{100'000}}) {
        const auto with = std::make_shared<support::memory_peer>();
        with->arrive(ok);
        client c(loop.engine(), pool_limits(), clock,
                 [&](std::shared_ptr<const endpoint>, time_point) -> task<result<std::unique_ptr<stream>>> {
                     std::unique_ptr<stream> made =
                         std::make_unique<slow_stream>(with, clock, std::chrono::seconds(1), false);
                     co_return std::move(made);
                 });
        const exchange_limits limits(clock.now() + std::chrono::minutes(10));
        ASSERT_TRUE(loop.run(c.exchange(to, request, limits)));
        ASSERT_TRUE(loop.run(c.exchange(to, request_of(size), limits)));
        EXPECT_EQ(with->early_reads != 0, size > 64 * 1024) << size;
    }
}

// Wakes its reader for nothing, and has the reader canceled just before.
class canceling_stream final : public support::memory_stream {
public:
    canceling_stream(boost::asio::io_context& context, std::string answer, std::function<void()>* cancel)
        : memory_stream(std::make_shared<support::memory_peer>()), context_(context), cancel_(cancel) {
        peer().arrive(std::move(answer));
    }
    wait_operation wait_readable(time_point) override {
        boost::asio::post(context_, [this] { (*cancel_)(); }); // before the one that goes on with the reader
        return wait_operation(wait_outcome::ready);
    }

private:
    boost::asio::io_context& context_;
    std::function<void()>* cancel_;
};

TEST_F(ClientOverMemory, ACancellationBetweenTwoWaitsOfAReadIsAFault) {
    std::function<void()> cancel;
    client c(loop.engine(), pool_limits(), clock,
             [&](std::shared_ptr<const endpoint>, time_point) -> task<result<std::unique_ptr<stream>>> {
                 std::unique_ptr<stream> made = std::make_unique<canceling_stream>(
                     loop.engine().context(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", &cancel);
                 co_return std::move(made);
             });
    result<response_stream> opened = loop.run(c.open(to, request, exchange_limits(time_point::max())));
    ASSERT_TRUE(opened);
    auto reading = loop.start(opened->read());
    cancel = [&] { reading.cancel(); };
    loop.run_to_idle();
    const result<std::optional<std::string_view>> got = reading.take(); // throws what escaped
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::canceled);
    EXPECT_EQ(c.counters().in_use, 0u) << "a canceled stream has closed its connection";
}

} // namespace
} // namespace modelmesh::net
