#include "net/connection_pool.hpp"

#include "support/manual_clock.hpp"
#include "support/memory_stream.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace modelmesh::net {
namespace {

using lease = connection_pool::lease;

class ConnectionPool : public testing::Test {
protected:
    std::shared_ptr<connection_pool> make(std::size_t connections, std::size_t idle = 8,
                                          std::size_t queue = 8) {
        pool_limits limits;
        limits.connections = connections;
        limits.idle = idle;
        limits.queue = queue;
        return std::make_shared<connection_pool>(loop.engine(), limits, clock);
    }
    auto ask(const std::shared_ptr<connection_pool>& pool, time_point deadline = time_point::max()) {
        return loop.start(connection_pool::acquire(pool, deadline));
    }
    lease get(const std::shared_ptr<connection_pool>& pool) {
        return loop.run(connection_pool::acquire(pool, time_point::max())).value();
    }
    // Gives a lease a connection that has finished an exchange.
    std::shared_ptr<support::memory_peer> use(lease& on) {
        auto peer = std::make_shared<support::memory_peer>();
        auto connection = std::make_unique<http1_connection>(std::make_unique<support::memory_stream>(peer));
        EXPECT_TRUE(connection->try_send(outgoing(std::make_shared<http::request>(), {})).value());
        peer->arrive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        EXPECT_TRUE(connection->try_read_head().value());
        on.attach(std::move(connection));
        return peer;
    }

    support::manual_clock clock;
    support::event_loop loop{engine_kind::epoll};
};

TEST_F(ConnectionPool, TheNewestConnectionAtRestIsReusedFirst) {
    const auto pool = make(4);
    lease a = get(pool);
    lease b = get(pool);
    EXPECT_EQ(a.connection(), nullptr) << "the right to open one";
    const auto peer_a = use(a);
    const auto peer_b = use(b);
    EXPECT_FALSE(a.is_reused());
    a.give_back();
    b.give_back();
    EXPECT_TRUE(peer_a->is_parked);
    EXPECT_EQ(pool->counters().idle, 2u);
    EXPECT_EQ(pool->counters().in_use, 0u);

    const lease c = get(pool);
    EXPECT_TRUE(c.is_reused());
    EXPECT_FALSE(peer_b->is_parked) << "last in, first out";
    EXPECT_TRUE(peer_a->is_parked);
    EXPECT_EQ(pool->counters().reused, 1u);
}

TEST_F(ConnectionPool, AConnectionThatIsNotReusableIsClosed) {
    const auto pool = make(1);
    lease a = get(pool);
    const auto peer = use(a);
    a.connection()->close();
    a.give_back();
    EXPECT_TRUE(peer->is_destroyed);
    EXPECT_EQ(pool->counters().idle, 0u);
    EXPECT_EQ(get(pool).connection(), nullptr);
}

TEST_F(ConnectionPool, AConnectionThatThePeerLeftIsDiscarded) {
    const auto pool = make(2);
    lease a = get(pool);
    lease b = get(pool);
    const auto peer_a = use(a);
    const auto peer_b = use(b);
    a.give_back();
    b.give_back();
    peer_b->may_unpark = false;
    const lease c = get(pool);
    EXPECT_TRUE(c.is_reused());
    EXPECT_TRUE(peer_b->is_destroyed);
    EXPECT_FALSE(peer_a->is_destroyed);
}

TEST_F(ConnectionPool, WhatRestedTooLongIsClosedAtTheNextRequest) {
    const auto pool = make(2);
    lease a = get(pool);
    lease b = get(pool);
    const auto peer_a = use(a);
    const auto peer_b = use(b);
    a.give_back();
    clock.advance(std::chrono::seconds(30));
    b.give_back();
    clock.advance(std::chrono::seconds(30));
    lease c = get(pool);
    EXPECT_TRUE(c.is_reused()) << "b rested for 30 s only";
    c.give_back();
    clock.advance(std::chrono::seconds(55));
    EXPECT_EQ(get(pool).connection(), nullptr);
    EXPECT_TRUE(peer_a->is_destroyed);
    EXPECT_TRUE(peer_b->is_destroyed);
}

TEST_F(ConnectionPool, NoMoreRestThanAllowedTheOldestGoes) {
    const auto pool = make(3, 1);
    lease a = get(pool);
    lease b = get(pool);
    const auto peer_a = use(a);
    const auto peer_b = use(b);
    a.give_back();
    b.give_back();
    EXPECT_TRUE(peer_a->is_destroyed);
    EXPECT_FALSE(peer_b->is_destroyed);
}

TEST_F(ConnectionPool, TheQueueIsServedInOrderAndHandsConnectionsOver) {
    const auto pool = make(1);
    lease first = get(pool);
    const auto peer = use(first);
    auto second = ask(pool);
    auto third = ask(pool);
    loop.run_until([&] { return pool->counters().waiting == 2; });
    first.give_back();
    loop.run_until([&] { return second.is_done(); });
    EXPECT_FALSE(third.is_done());
    EXPECT_FALSE(peer->is_parked) << "handed over, never at rest";
    {
        lease got = second.take().value();
        EXPECT_TRUE(got.is_reused());
        EXPECT_EQ(pool->counters().in_use, 1u);
    }
    loop.run_to_idle();
    lease got = third.take().value();
    EXPECT_TRUE(got.is_reused());
    got.give_back();
    EXPECT_EQ(pool->counters().in_use, 0u);
    EXPECT_EQ(pool->counters().idle, 1u);
    EXPECT_EQ(pool->counters().waiting, 0u);
}

TEST_F(ConnectionPool, ARightWithoutConnectionPassesOnToo) {
    const auto pool = make(1);
    lease first = get(pool);
    auto second = ask(pool);
    loop.run_until([&] { return pool->counters().waiting == 1; });
    first.give_back();
    loop.run_to_idle();
    EXPECT_EQ(second.take().value().connection(), nullptr);
}

TEST_F(ConnectionPool, WaitingEndsWhenTheTimeOfTheQueueIsOver) {
    pool_limits limits;
    limits.connections = 1;
    limits.queue_time = std::chrono::milliseconds(5);
    const auto pool = std::make_shared<connection_pool>(loop.engine(), limits, clock);
    lease first = get(pool);
    auto second = ask(pool);
    auto hurried = ask(pool, clock.now() + std::chrono::milliseconds(1));
    loop.run_to_idle();
    const fault failure = second.take().error();
    EXPECT_EQ(failure.kind(), errc::overloaded);
    EXPECT_EQ(failure.message, "no connection became free in 5 ms; at most 1 may be open");
    EXPECT_TRUE(failure.is_local) << "no word of the server";
    const fault late = hurried.take().error();
    EXPECT_EQ(late.kind(), errc::timed_out);
    EXPECT_TRUE(late.is_local);
    EXPECT_EQ(pool->counters().waiting, 0u);
    first.give_back();
    EXPECT_TRUE(get(pool));
}

TEST_F(ConnectionPool, TheTimeOfTheQueueIsOnlyWhatTheirNumberHoldsUp) {
    pool_limits limits;
    limits.connections = 2;
    limits.queue_time = std::chrono::milliseconds(5);
    const auto pool = std::make_shared<connection_pool>(loop.engine(), limits, clock, true);
    lease first = get(pool); // to make the connection that may turn out to serve all
    auto second = ask(pool);
    auto third = ask(pool);
    auto hurried = ask(pool, clock.now() + std::chrono::milliseconds(10));
    loop.run_until([&] { return hurried.is_done(); }); // by when the time of the queue is over for all
    EXPECT_EQ(hurried.take().error().kind(), errc::timed_out);
    EXPECT_FALSE(second.is_done());
    EXPECT_EQ(pool->counters().waiting, 2u);
    const auto peer = use(first); // and serves one: now two are all there may be
    loop.run_until([&] { return second.is_done(); });
    lease other = second.take().value();
    EXPECT_EQ(other.connection(), nullptr) << "the right to open one";
    loop.run_to_idle();
    EXPECT_EQ(third.take().error().message, "no connection became free in 5 ms; at most 2 may be open");
}

TEST_F(ConnectionPool, WaitingEndsAtTheDeadline) {
    const auto pool = make(1);
    const lease first = get(pool);
    auto second = ask(pool, std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
    loop.run_to_idle();
    EXPECT_EQ(second.take().error().kind(), errc::timed_out);
    EXPECT_EQ(pool->counters().waiting, 0u);
    EXPECT_EQ(pool->counters().in_use, 1u);
}

TEST_F(ConnectionPool, TellsHowLongRequestsWaited) {
    const auto pool = make(1);
    lease first = get(pool);
    auto second = ask(pool);
    loop.run_until([&] { return pool->counters().waiting == 1; });
    clock.advance(std::chrono::milliseconds(10));
    auto third = ask(pool);
    auto fourth = ask(pool, std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
    loop.run_until([&] { return fourth.is_done(); });
    EXPECT_EQ(pool->counters().queued, 1u) << "who gave up has waited as well";
    EXPECT_EQ(pool->counters().queue_time, duration::zero()) << "by the clock of the pool";
    clock.advance(std::chrono::milliseconds(5));
    first.give_back();
    loop.run_until([&] { return second.is_done(); });
    EXPECT_EQ(pool->counters().queued, 2u);
    EXPECT_EQ(pool->counters().queue_time, std::chrono::milliseconds(15));
    clock.advance(std::chrono::milliseconds(1));
    second.take().value().give_back();
    loop.run_to_idle();
    third.take().value().give_back();
    const pool_counters all = pool->counters();
    EXPECT_EQ(all.queued, 3u);
    EXPECT_EQ(all.queue_time, std::chrono::milliseconds(15 + 6));
    EXPECT_EQ(all.longest_queue_time, std::chrono::milliseconds(15));
    get(pool).give_back();
    EXPECT_EQ(pool->counters().queued, 3u) << "who is served at once never waited";

    pool_counters sum = all;
    sum += all;
    EXPECT_EQ(sum.queued, 6u);
    EXPECT_EQ(sum.queue_time, 2 * all.queue_time);
    EXPECT_EQ(sum.longest_queue_time, all.longest_queue_time);
}

TEST_F(ConnectionPool, WaitingEndsWhenCanceled) {
    const auto pool = make(1);
    lease first = get(pool);
    auto second = ask(pool);
    auto third = ask(pool);
    loop.run_until([&] { return pool->counters().waiting == 2; });
    second.cancel();
    loop.run_until([&] { return second.is_done(); });
    EXPECT_EQ(second.take().error().kind(), errc::canceled);
    EXPECT_EQ(pool->counters().waiting, 1u);
    first.give_back();
    loop.run_to_idle();
    EXPECT_TRUE(third.take()) << "the canceled one took nothing with it";
}

TEST_F(ConnectionPool, AGrantThatMeetsACancellationIsNotLost) {
    const auto pool = make(1);
    lease first = get(pool);
    auto second = ask(pool);
    loop.run_until([&] { return pool->counters().waiting == 1; });
    first.give_back();
    second.cancel(); // granted, but has not run yet
    loop.run_to_idle();
    try {
        (void)second.take(); // either outcome is right
    } catch (const boost::system::system_error& e) {
        EXPECT_EQ(e.code(), boost::asio::error::operation_aborted);
    }
    EXPECT_EQ(pool->counters().in_use, 0u);
    EXPECT_EQ(get(pool).connection(), nullptr);
}

TEST_F(ConnectionPool, AFullQueueRefusesAtOnce) {
    const auto pool = make(1, 8, 1);
    lease first = get(pool);
    auto second = ask(pool);
    auto third = ask(pool);
    loop.run_until([&] { return third.is_done(); });
    EXPECT_EQ(third.take().error().kind(), errc::overloaded);
    first.give_back();
    loop.run_to_idle();
    EXPECT_TRUE(second.take());
}

TEST_F(ConnectionPool, ALoopMayEndWithRequestsInTheQueue) {
    lease first;
    {
        support::event_loop brief(engine_kind::epoll);
        pool_limits limits;
        limits.connections = 1;
        const auto pool = std::make_shared<connection_pool>(brief.engine(), limits, clock);
        first = brief.run(connection_pool::acquire(pool, time_point::max())).value();
        auto second = brief.start(connection_pool::acquire(pool, time_point::max()));
        brief.run_until([&] { return pool->counters().waiting == 1; });
    }
    first.give_back();
}

TEST_F(ConnectionPool, BytesThatNobodyAskedForAreSeenWhenAConnectionIsHandedOver) {
    const auto pool = make(1);
    lease first = get(pool);
    const auto peer = use(first);
    auto second = ask(pool);
    loop.run_until([&] { return pool->counters().waiting == 1; });
    peer->may_unpark = false;
    first.give_back();
    loop.run_to_idle();
    const lease got = second.take().value();
    EXPECT_EQ(got.connection(), nullptr) << "the right to open one instead";
    EXPECT_TRUE(peer->is_destroyed);
    EXPECT_EQ(pool->counters().reused, 0u);
}

// An exchange whose reader leaves before the end of the body has arrived.
class UnfinishedConnection : public ConnectionPool {
protected:
    std::shared_ptr<support::memory_peer> leave_early(std::string fields = "") {
        lease on = get(pool);
        auto peer = std::make_shared<support::memory_peer>();
        auto connection = std::make_unique<http1_connection>(std::make_unique<support::memory_stream>(peer));
        EXPECT_TRUE(connection->try_send(outgoing(std::make_shared<http::request>(), {})).value());
        peer->arrive("HTTP/1.1 200 OK\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
        EXPECT_TRUE(connection->try_read_head().value());
        on.attach(std::move(connection));
        if (prepare) prepare(*peer);
        on.give_back_unfinished();
        EXPECT_EQ(pool->counters().in_use, 0u);
        return peer;
    }
    void expect_not_kept(const support::memory_peer& peer) {
        EXPECT_TRUE(peer.is_destroyed);
        EXPECT_EQ(pool->counters().idle, 0u);
    }

    std::shared_ptr<connection_pool> pool = make(4);
    std::function<void(support::memory_peer&)> prepare;
};

TEST_F(UnfinishedConnection, IsUsedAgainOnceTheEndHasArrived) {
    const auto peer = leave_early();
    EXPECT_EQ(pool->counters().idle, 1u);
    EXPECT_EQ(peer->lent, 0) << "a connection at rest holds no buffer";
    peer->arrive("0\r\n\r\n");
    EXPECT_TRUE(get(pool).is_reused());
}

TEST_F(UnfinishedConnection, IsDiscardedWhileTheEndIsMissing) {
    const auto peer = leave_early();
    EXPECT_EQ(get(pool).connection(), nullptr);
    expect_not_kept(*peer);
}

TEST_F(UnfinishedConnection, IsDiscardedWithBytesBehindTheEnd) {
    const auto peer = leave_early();
    peer->arrive("0\r\n\r\n");
    peer->may_unpark = false; // the bytes that nobody asked for are a segment of their own
    EXPECT_EQ(get(pool).connection(), nullptr);
    expect_not_kept(*peer);
}

TEST_F(UnfinishedConnection, IsNotKeptWhenItIsLost) {
    prepare = [](support::memory_peer& peer) { peer.is_ended = true; };
    expect_not_kept(*leave_early());
    prepare = [](support::memory_peer& peer) { peer.arrive("no chunk\r\n"); };
    expect_not_kept(*leave_early());
}

TEST_F(UnfinishedConnection, IsNotKeptWhenTheServerWillCloseIt) {
    expect_not_kept(*leave_early("Connection: close\r\n"));
    prepare = [](support::memory_peer& peer) { peer.arrive("0\r\n\r\n"); };
    expect_not_kept(*leave_early("Connection: close\r\n"));
}

TEST_F(UnfinishedConnection, IsNotKeptWithBytesLeftOver) {
    prepare = [](support::memory_peer& peer) { peer.arrive("0\r\n\r\nHTTP/1.1 200 OK\r\n"); };
    expect_not_kept(*leave_early());
}

TEST_F(UnfinishedConnection, IsNotKeptWhenTheBodyGoesOn) {
    prepare = [](support::memory_peer& peer) {
        for (int i = 0; i < 1000; ++i) peer.arrive("400\r\n" + std::string(1024, 'x') + "\r\n");
    };
    const auto peer = leave_early();
    expect_not_kept(*peer);
    EXPECT_FALSE(peer->arrivals.empty()) << "nobody reads a body to its end that nobody wants";
}

} // namespace
} // namespace modelmesh::net
