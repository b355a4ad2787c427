// A plain TCP stream, on the ring and on the reactor: bytes, ends, deadlines, cancellation, parking,
// lifetimes.
#include "loopback.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace modelmesh::net::testing {
namespace {

using Stream = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, Stream, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

TEST_P(Stream, ReceivesEverySizeInOrder) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    for (const std::size_t size : {1u, 2u, 63u, 64u, 1000u, 16383u, 16384u, 16385u, 100000u}) {
        const std::string want = pattern(size);
        std::jthread sender([&far = peer, &want] { far.send(want); });
        const auto got = on.run(read(*ours, size, late()));
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(*got, want) << size;
    }
    EXPECT_EQ(on.io->counters().lent_buffers, 0u);
}

TEST_P(Stream, OneByteAtATimeAndPaddingIsReadable) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    const std::string want = pattern(200);
    std::string got;
    for (const char c : want) {
        peer.send({&c, 1});
        chunk bytes;
        const auto status = on.run(next(*ours, bytes, late()));
        ASSERT_TRUE(status) << status.error().message;
        got += bytes.bytes();
        unsigned sum = 0; // content is undefined, access is not
        for (std::size_t i = 0; i < chunk::padding; ++i)
            sum += static_cast<unsigned char>(bytes.bytes().data()[bytes.bytes().size() + i]);
        EXPECT_LE(sum, 64u * 255u);
    }
    EXPECT_EQ(got, want);
}

TEST_P(Stream, SendsHeadAndBodyToASlowReader) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    const std::string head = pattern(300), body = pattern(8 << 20);
    std::string got;
    std::jthread reader([&far = peer, &got, total = head.size() + body.size()] {
        while (got.size() < total) {
            const std::string part = far.receive(std::min<std::size_t>(50000, total - got.size()));
            if (part.empty()) return;
            got += part;
        }
    });
    const auto sent = on.run(ours->send(gather(head, body), late()));
    ASSERT_TRUE(sent) << sent.error().message;
    reader.join();
    EXPECT_TRUE(got == head + body);
}

TEST_P(Stream, EmptySendAndEmptyReceiveDoNothing) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    EXPECT_TRUE(on.run(ours->send(gather(), late())));
    chunk bytes;
    EXPECT_EQ(ours->try_receive(bytes).value(), io_status::would_block);
    EXPECT_TRUE(bytes.empty());
}

TEST_P(Stream, HalfCloseIsTheEndAndStillTakesBytes) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    peer.send("last");
    peer.half_close();
    EXPECT_EQ(on.run(read(*ours, 100, late())).value(), "last");
    chunk bytes;
    EXPECT_EQ(ours->try_receive(bytes).value(), io_status::end);
    EXPECT_EQ(on.run(readable(*ours, late())), wait_outcome::ready);
    EXPECT_TRUE(on.run(ours->send(gather("still", "heard"), late())));
    EXPECT_EQ(peer.receive(10), "stillheard");
}

TEST_P(Stream, ResetIsAConnectFaultThatNamesThePeer) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    peer.reset();
    chunk bytes;
    const auto status = on.run(next(*ours, bytes, late()));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind(), errc::connect);
    EXPECT_EQ(status.error().message, "receive from peer:1: connection reset by peer");
    EXPECT_FALSE(on.run(ours->send(gather("x"), late())));
}

TEST_P(Stream, StallTimesOutAndTheStreamGoesOn) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    EXPECT_EQ(on.run(readable(*ours, in(5ms))), wait_outcome::timed_out);
    peer.send("later");
    EXPECT_EQ(on.run(read(*ours, 5, late())).value(), "later");
}

TEST_P(Stream, SendToAStalledPeerTimesOut) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    const std::string body = pattern(32 << 20);
    const auto sent = on.run(ours->send(gather(body), in(20ms)));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().kind(), errc::timed_out);
    const auto again = on.run(ours->send(gather("x"), late())); // half a message went out: dead
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind(), errc::connect);
}

TEST_P(Stream, TellsHowFarWhatWasSentHasGot) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    EXPECT_EQ(ours->progress().sent, 0u);
    EXPECT_EQ(ours->progress().acknowledged, 0u);
    const std::string body = pattern(32 << 20);
    EXPECT_FALSE(on.run(ours->send(gather(body), in(20ms)))); // full
    const send_progress before = ours->progress();
    EXPECT_LT(before.sent, body.size());
    EXPECT_LT(before.acknowledged, before.sent);
    const auto limit = late();
    while (ours->progress().acknowledged == before.acknowledged && clock::system().now() < limit)
        EXPECT_EQ(peer.receive(65536).size(), 65536u);
    EXPECT_GT(ours->progress().acknowledged, before.acknowledged);
    EXPECT_EQ(ours->progress().sent, before.sent);
}

TEST_P(Stream, CanceledWhileWaiting) {
    loop on(GetParam());
    for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                            asio::cancellation_type::total}) {
        auto [ours, peer] = on.pair();
        asio::cancellation_signal stop;
        std::optional<wait_outcome> outcome;
        auto work = [](stream& s) -> task<wait_outcome> {
            co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
            co_return co_await s.wait_readable(late());
        };
        asio::co_spawn(on.context, work(*ours),
                       asio::bind_cancellation_slot(
                           stop.slot(), [&](std::exception_ptr, wait_outcome how) { outcome = how; }));
        asio::post(on.context, [&] {
            stop.emit(type);
            EXPECT_FALSE(outcome); // never resumed from inside the call
            stop.emit(type);       // a second request is nothing
        });
        on.drive();
        EXPECT_EQ(outcome, wait_outcome::canceled);
        peer.send("usable");
        EXPECT_EQ(on.run(read(*ours, 6, late())).value(), "usable");
    }
}

TEST_P(Stream, CanceledBeforeTheStartDoesNoInputOrOutput) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    asio::cancellation_signal stop;
    std::optional<errc> kind;
    const auto before = on.io->counters();
    auto work = [](stream& s, asio::cancellation_signal& signal, std::optional<errc>& how) -> task<void> {
        co_await asio::this_coro::throw_if_cancelled(false);
        signal.emit(asio::cancellation_type::terminal);
        const result<void> sent = co_await s.send(gather("never"), late());
        how = sent.error().kind();
    };
    asio::co_spawn(on.context, work(*ours, stop, kind),
                   asio::bind_cancellation_slot(stop.slot(), asio::detached));
    on.drive();
    EXPECT_EQ(kind, errc::canceled);
    EXPECT_EQ(on.io->counters().sends, before.sends);
    EXPECT_EQ(peer.receive_some(10), "");
}

TEST_P(Stream, CancellationRacingWithDataLosesNothing) {
    for (int round = 0; round < 20; ++round) {
        loop on(GetParam());
        auto [ours, peer] = on.pair();
        asio::cancellation_signal stop;
        int finished = 0;
        asio::co_spawn(
            on.context, readable(*ours, late()),
            asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr, wait_outcome) { ++finished; }));
        on.context.poll();
        peer.send("raced");
        if (round % 2 == 0) on.context.poll_one();
        stop.emit(asio::cancellation_type::terminal);
        on.drive();
        EXPECT_EQ(finished, 1);
        EXPECT_EQ(on.run(read(*ours, 5, late())).value(), "raced");
    }
}

TEST_P(Stream, CloseWhileWaitingCompletesWithCanceled) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    std::optional<errc> kind;
    const std::string body = pattern(32 << 20);
    std::optional<wait_outcome> outcome;
    asio::co_spawn(on.context, readable(*ours, late()),
                   [&](std::exception_ptr, wait_outcome how) { outcome = how; });
    asio::co_spawn(on.context, ours->send(gather(body), late()),
                   [&](std::exception_ptr, result<void> r) { kind = r ? errc::internal : r.error().kind(); });
    asio::post(on.context, [&, s = ours.get()] {
        s->close();
        EXPECT_FALSE(kind || outcome);
        s->close();
    });
    on.drive();
    EXPECT_EQ(outcome, wait_outcome::canceled);
    EXPECT_EQ(kind, errc::canceled);
    chunk bytes;
    EXPECT_EQ(ours->try_receive(bytes).error().kind(), errc::canceled);
    EXPECT_EQ(on.run(readable(*ours, late())), wait_outcome::canceled);
    EXPECT_EQ(on.run(ours->send(gather("x"), late())).error().kind(), errc::canceled);
    EXPECT_FALSE(ours->unpark());
    EXPECT_EQ(on.io->counters().open_streams, 0u);
}

TEST_P(Stream, DestroyedWhileWaiting) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    std::optional<wait_outcome> outcome;
    asio::co_spawn(on.context, readable(*ours, late()),
                   [&](std::exception_ptr, wait_outcome how) { outcome = how; });
    asio::post(on.context, [&] { ours.reset(); });
    on.drive();
    EXPECT_EQ(outcome, wait_outcome::canceled);
    EXPECT_EQ(peer.receive(1), ""); // the peer sees the end at once
}

TEST_P(Stream, ParkedStreamsLetTheLoopEnd) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    auto [other, other_peer] = on.pair();
    for (int round = 0; round < 3; ++round) {
        peer.send("reply");
        EXPECT_EQ(on.run(read(*ours, 5, late())).value(), "reply"); // run() returns although both stay open
        ours->park();
        on.drive();
        EXPECT_TRUE(ours->unpark());
    }
    other->park();
    EXPECT_TRUE(other->unpark()); // never received yet
    EXPECT_EQ(on.io->counters().open_streams, 2u);
    EXPECT_EQ(on.io->counters().lent_buffers, 0u);
    EXPECT_EQ(on.io->counters().waiters, 0u);
}

TEST_P(Stream, UnparkRefusesWhatThePeerClosedResetOrTalkedTo) {
    loop on(GetParam());
    for (int used = 0; used < 2; ++used) {
        for (int what = 0; what < 3; ++what) {
            auto [ours, peer] = on.pair();
            if (used == 1) {
                peer.send("x");
                EXPECT_EQ(on.run(read(*ours, 1, late())).value(), "x");
            }
            ours->park();
            if (what == 0) peer.close();
            if (what == 1) peer.reset();
            if (what == 2) peer.send("surprise");
            EXPECT_FALSE(ours->unpark()) << used << what;
        }
    }
    EXPECT_EQ(on.io->counters().lent_buffers, 0u);
}

TEST_P(Stream, ContextDestroyedAroundEverything) {
    const std::size_t before = open_descriptors();
    std::unique_ptr<stream> survivor;
    chunk kept;
    std::string body = pattern(32 << 20);
    {
        loop on(GetParam());
        auto [ours, peer] = on.pair();
        auto [waiting, waiting_peer] = on.pair();
        auto [sending, sending_peer] = on.pair();
        peer.send("kept");
        EXPECT_TRUE(on.run(next(*ours, kept, late())));
        survivor = std::move(ours);
        auto hold = [](std::unique_ptr<socket_stream> s) -> task<void> { co_await s->wait_readable(late()); };
        auto fill = [](std::unique_ptr<socket_stream> s, const std::string* bytes) -> task<void> {
            co_await s->send(gather(*bytes), late());
        };
        asio::co_spawn(on.context, hold(std::move(waiting)), asio::detached);
        asio::co_spawn(on.context, fill(std::move(sending), &body), asio::detached);
        asio::co_spawn(on.context, readable(*survivor, late()), asio::detached);
        on.context.restart();
        on.context.poll();
        EXPECT_EQ(on.io->counters().waiters, 3u);
    }
    EXPECT_EQ(kept.bytes(), "kept"); // a chunk outlives the loop
    chunk bytes;
    EXPECT_EQ(survivor->try_receive(bytes).error().kind(), errc::canceled);
    EXPECT_FALSE(survivor->unpark());
    survivor->close();
    survivor.reset();
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(Stream, NothingLeaks) {
    const std::size_t before = open_descriptors();
    {
        loop on(GetParam());
        const std::size_t with_loop = open_descriptors();
        for (int i = 0; i < 50; ++i) {
            auto [ours, peer] = on.pair();
            peer.send(pattern(1000));
            EXPECT_TRUE(on.run(read(*ours, 1000, late())));
        }
        on.drive();
        EXPECT_EQ(on.io->counters().open_streams, 0u);
        EXPECT_EQ(on.io->counters().lent_buffers, 0u);
        EXPECT_EQ(open_descriptors(), with_loop);
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(Stream, AContextDestroyedOnAnotherThreadLeavesNothing) {
    // The kernel finishes what is in flight on the thread that started it: whether that has ended, sleeps, or
    // never enters the kernel.
    enum class runner { ended, sleeps, spins };
    const std::size_t before = open_descriptors();
    const std::size_t mapped_before = ring_mappings();
    for (const runner what : {runner::ended, runner::sleeps, runner::spins}) {
        SCOPED_TRACE(static_cast<int>(what));
        std::latch ran(1);
        std::atomic<bool> over{false};
        std::jthread thread;
        {
            loop on(GetParam());
            if (GetParam() == engine_kind::uring) {
                EXPECT_GT(ring_mappings(), mapped_before);
            }
            std::vector<std::pair<std::unique_ptr<socket_stream>, raw_socket>> pairs;
            for (int i = 0; i < 8; ++i) pairs.push_back(on.pair());
            for (auto& [ours, peer] : pairs) // arms a receive that stays armed
                asio::co_spawn(on.context, readable(*ours, in(1ms)), asio::detached);
            thread = std::jthread([&] {
                on.context.run();
                ran.count_down();
                if (what == runner::sleeps) over.wait(false);
                while (what == runner::spins && !over) continue;
            });
            if (what == runner::ended) thread.join();
            ran.wait();
        }
        EXPECT_EQ(ring_mappings(), mapped_before);
        EXPECT_EQ(open_descriptors(), before);
        over = true;
        over.notify_all();
    }
}

TEST_P(Stream, HeldChunksNeverStopOtherStreams) {
    engine_settings small(GetParam());
    small.ring_buffers = 4;
    small.ring_buffer_size = 256;
    small.queue_limit = 2;
    loop on(small);
    auto [hoarder, hoarder_peer] = on.pair();
    auto [other, other_peer] = on.pair();
    std::vector<chunk> held;
    std::string want, got;
    for (int i = 0; i < 12; ++i) { // three times what the ring has
        const std::string part = pattern(100 + static_cast<std::size_t>(i));
        hoarder_peer.send(part);
        want += part;
        chunk bytes;
        const auto status = on.run(next(*hoarder, bytes, late()));
        ASSERT_TRUE(status) << status.error().message;
        held.push_back(std::move(bytes));
    }
    for (const chunk& c : held) got += c.bytes();
    EXPECT_EQ(got, want);
    const std::string text = pattern(5000);
    other_peer.send(text);
    EXPECT_EQ(on.run(read(*other, text.size(), late())).value(), text);
    held.clear();
    other_peer.send(text); // back on the ring's buffers
    EXPECT_EQ(on.run(read(*other, text.size(), late())).value(), text);
    EXPECT_EQ(on.io->counters().lent_buffers, 0u);
}

TEST_P(Stream, ASlowReaderStopsReceiving) {
    engine_settings small(GetParam());
    small.ring_buffers = 64;
    small.ring_buffer_size = 1024;
    small.queue_limit = 2;
    loop on(small);
    auto [slow, slow_peer] = on.pair();
    auto [quick, quick_peer] = on.pair();
    slow_peer.send("!");
    EXPECT_EQ(on.run(read(*slow, 1, late())).value(), "!"); // receiving is armed from here on
    std::string want;
    const std::string part = pattern(4096);
    for (int i = 0; i < 400; ++i) { // the loop turns for another stream while nobody reads the slow one
        want += part.substr(0, slow_peer.send_some(part));
        quick_peer.send("tick");
        EXPECT_EQ(on.run(read(*quick, 4, late())).value(), "tick");
    }
    ASSERT_GT(want.size(), 64u * 1024u); // more than the ring could hold
    EXPECT_LE(on.io->counters().lent_buffers, 40u);
    EXPECT_GE(on.io->counters().throttled, GetParam() == engine_kind::uring ? 1u : 0u);
    EXPECT_TRUE(on.run(read(*slow, want.size(), late())).value() == want);
    EXPECT_EQ(on.io->counters().lent_buffers, 0u);
}

TEST_P(Stream, ManyStreamsAtOnce) {
    loop on(GetParam());
    constexpr std::size_t count = 100;
    std::vector<std::pair<std::unique_ptr<socket_stream>, raw_socket>> pairs;
    for (std::size_t i = 0; i < count; ++i) pairs.push_back(on.pair());
    std::size_t finished = 0;
    auto echo = [](stream& s, std::size_t& done) -> task<void> {
        for (int i = 0; i < 10; ++i) {
            auto got = co_await read(s, 5, late());
            if (!got) co_return;
            auto sent = co_await s.send(gather(*got), late());
            if (!sent) co_return;
        }
        ++done;
    };
    for (auto& [ours, peer] : pairs) asio::co_spawn(on.context, echo(*ours, finished), asio::detached);
    std::jthread peers([&] {
        for (int i = 0; i < 10; ++i) {
            for (auto& [ours, peer] : pairs) peer.send("hello");
            for (auto& [ours, peer] : pairs) EXPECT_EQ(peer.receive(5), "hello");
        }
    });
    on.drive();
    EXPECT_EQ(finished, count);
}

TEST_P(Stream, ReArmedDeadlinesOfABusyStreamStayQuiet) {
    loop on(GetParam());
    auto [ours, peer] = on.pair();
    for (int i = 0; i < 100; ++i) {
        peer.send("x");
        EXPECT_EQ(on.run(read(*ours, 1, in(10s + i * 1ms))).value(), "x");
    }
    // An earlier deadline than all the armed ones.
    EXPECT_EQ(on.run(readable(*ours, in(1ms))), wait_outcome::timed_out);
}

TEST_P(Stream, BusyPollingSeesBytesDeadlinesAndItsEnd) {
    engine_settings settings(GetParam());
    settings.busy_poll = 1h; // it never sleeps, and the loop still ends when nobody waits
    loop on(settings);
    auto [ours, peer] = on.pair();
    for (const std::string_view want : {"first", "second"}) {
        std::jthread sender([&far = peer, want] { far.send(want); });
        EXPECT_EQ(on.run(read(*ours, want.size(), late())).value(), want);
    }
    EXPECT_EQ(on.run(readable(*ours, in(5ms))), wait_outcome::timed_out);
    int turns = 0; // of somebody else on the same loop
    const auto other = [](asio::io_context& loop, int& count, const raw_socket& far) -> task<void> {
        for (; count < 100; ++count) co_await asio::post(loop, asio::use_awaitable);
        far.send("third");
    };
    asio::co_spawn(on.context, other(on.context, turns, peer), asio::detached);
    EXPECT_EQ(on.run(read(*ours, 5, late())).value(), "third");
    EXPECT_EQ(turns, 100);
}

} // namespace
} // namespace modelmesh::net::testing
