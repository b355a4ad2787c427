// Sends of one turn leave together at its end: who has to wait for that, and what may happen meanwhile.
#include "loopback.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

namespace modelmesh::net::testing {
namespace {

/// A coroutine that sends, and behind it, in the same turn, another one that does what the test says.
class Cork : public both_engines, private waiter::owner {
protected:
    Cork() : on(GetParam()), first_(*on.io, *this), second_(*on.io, *this) {
        auto [ours, far] = on.pair();
        link = std::move(ours);
        peer = std::move(far);
    }

    void send(gather parts, std::function<void()> meanwhile) {
        asio::co_spawn(
            on.context, sender(parts),
            asio::bind_cancellation_slot(
                stop.slot(), [this](std::exception_ptr, result<void> how) { sent = std::move(how); }));
        asio::co_spawn(on.context, other(std::move(meanwhile)), asio::detached);
        on.drive();
    }

    loop on;
    std::unique_ptr<socket_stream> link;
    raw_socket peer;
    asio::cancellation_signal stop;
    std::optional<result<void>> sent;

private:
    void gave_up(waiter&, wait_outcome) noexcept override {}
    task<result<void>> sender(gather parts) {
        co_await first_.pass();
        co_return co_await link->send(parts, late());
    }
    task<void> other(std::function<void()> meanwhile) {
        co_await second_.pass();
        EXPECT_FALSE(sent);
        meanwhile();
    }

    waiter first_;
    waiter second_;
};

INSTANTIATE_TEST_SUITE_P(Engine, Cork, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

TEST_P(Cork, WaitsForTheOthersOfItsTurn) {
    std::string early = "?";
    send(gather("to", "gether"), [&] { early = peer.receive_some(100); });
    ASSERT_TRUE(sent.has_value());
    EXPECT_TRUE(*sent);
    EXPECT_EQ(early, "");
    EXPECT_EQ(peer.receive_some(100), "together");
    EXPECT_EQ(on.io->counters().sends, 1u);
}

TEST_P(Cork, TheLastOfATurnDoesNotWait) {
    const auto alone = [](stream& s, const raw_socket& far) -> task<std::string> {
        EXPECT_TRUE(co_await s.send(gather("now"), late()));
        co_return far.receive_some(100);
    };
    EXPECT_EQ(on.run(alone(*link, peer)), "now");
}

TEST_P(Cork, CancelingSendsNothingAndLeavesTheStreamDead) {
    send(gather("never"), [&] { stop.emit(asio::cancellation_type::terminal); });
    ASSERT_TRUE(sent.has_value());
    ASSERT_FALSE(*sent);
    EXPECT_EQ(sent->error().kind(), errc::canceled);
    EXPECT_EQ(peer.receive_some(100), "");
    const result<void> again = on.run(link->send(gather("x"), late()));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind(), errc::connect);
}

TEST_P(Cork, ClosingSendsNothing) {
    send(gather("never"), [&] { link->close(); });
    ASSERT_TRUE(sent.has_value());
    ASSERT_FALSE(*sent);
    EXPECT_EQ(sent->error().kind(), errc::canceled);
    EXPECT_EQ(peer.receive(100), "");
}

TEST_P(Cork, DestroyingTheStreamSendsNothing) {
    send(gather("never"), [&] { link.reset(); });
    ASSERT_TRUE(sent.has_value());
    ASSERT_FALSE(*sent);
    EXPECT_EQ(sent->error().kind(), errc::canceled);
    EXPECT_EQ(peer.receive(100), "");
    EXPECT_EQ(on.io->counters().waiters, 0u);
}

TEST_P(Cork, WaitsOnWhereTheSocketIsFull) {
    const std::string body = pattern(8 << 20);
    std::string got;
    std::jthread reader;
    send(gather("head", body), [&] { reader = std::jthread([&] { got = peer.receive(4 + body.size()); }); });
    reader.join();
    ASSERT_TRUE(sent.has_value());
    EXPECT_TRUE(*sent);
    EXPECT_TRUE(got == "head" + body);
}

TEST_P(Cork, AFailureKeepsItsReason) {
    send(gather("never"), [&] { peer.reset(); });
    ASSERT_TRUE(sent.has_value());
    ASSERT_FALSE(*sent);
    EXPECT_EQ(sent->error().kind(), errc::connect);
    EXPECT_EQ(sent->error().message, "send to peer:1: connection reset by peer");
}

TEST_P(Cork, AStoppedLoopSendsWhenItGoesOn) {
    send(gather("later"), [&] { on.context.stop(); });
    EXPECT_FALSE(sent);
    on.drive();
    ASSERT_TRUE(sent.has_value());
    EXPECT_TRUE(*sent);
    EXPECT_EQ(peer.receive_some(100), "later");
}

TEST(CorkedSend, MayBeLeftBehindByItsLoop) {
    for (const engine_kind kind : {engine_kind::uring, engine_kind::epoll}) {
        struct nobody final : waiter::owner {
            void gave_up(waiter&, wait_outcome) noexcept override {}
        } told;
        raw_socket peer;
        {
            std::unique_ptr<socket_stream> link; // outlives its loop
            std::optional<waiter> first, second;
            loop on(kind);
            std::tie(link, peer) = on.pair();
            first.emplace(*on.io, told);
            second.emplace(*on.io, told);
            const auto sender = [](waiter& turn, stream& s) -> task<void> {
                co_await turn.pass();
                static_cast<void>(co_await s.send(gather("never"), late()));
                ADD_FAILURE() << "resumed by a loop that has stopped";
            };
            const auto stopper = [](waiter& turn, asio::io_context& context) -> task<void> {
                co_await turn.pass();
                context.stop();
            };
            asio::co_spawn(on.context, sender(*first, *link), asio::detached);
            asio::co_spawn(on.context, stopper(*second, on.context), asio::detached);
            on.drive();
        }
        EXPECT_LE(peer.receive(100).size(), 5u); // sent or not, but its end is seen
    }
}

} // namespace
} // namespace modelmesh::net::testing
