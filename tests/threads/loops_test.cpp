// A client and its loops on many threads at once: shared, moved, destroyed elsewhere, canceled from
// elsewhere.
#include "wire/client/fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <future>
#include <latch>
#include <thread>
#include <vector>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;

class Loops : public ClientFixture {
protected:
    // Asks on a loop that another coroutine of the test drives.
    static task<void> ask(client c, chat::request request, int times, std::atomic<int>* good) {
        for (int i = 0; i < times; ++i) {
            const result<std::string> text = co_await stream_text(c, request);
            const result<chat::reply> reply = co_await ask_once(c, request);
            if (text && *text == "one two" && reply && reply->text() == "one two") ++*good;
        }
    }
    // Reads a stream that outlasts the test.
    static task<void> read_on(client c, chat::request request, std::promise<void>* begun) {
        auto stream = co_await c.chat.completions.stream(request);
        (void)co_await stream.next();
        begun->set_value();
        while (co_await stream.next()) continue;
    }

    static constexpr const char* always = R"({"rules":[{"times":"always","text":"one two"}]})";
    static constexpr const char* endless = R"({"rules":[{"times":"always","tokens":100000,"pace_ms":10}]})";
};
INSTANTIATE_TEST_SUITE_P(Engines, Loops, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Loops, ManyThreadsEachWithALoopShareAClient) {
    for (const bool tls : {false, true}) {
        settings = config();
        start("alpha", always, tls);
        const client c = create(settings);
        constexpr int count = 8;
        std::atomic<int> good{0};
        std::latch all_begin(count);
        std::vector<std::jthread> threads;
        for (int t = 0; t < count; ++t)
            threads.emplace_back([&] {
                asio::io_context loop{1};
                asio::co_spawn(loop, ask(c, question(), 5, &good), asio::detached);
                all_begin.arrive_and_wait();
                loop.run();
            });
        threads.clear();
        EXPECT_EQ(good, count * 5);
    }
}

TEST_P(Loops, ALoopMayBeDestroyedWhereItNeverRan) {
    start("alpha", always);
    const client c = create(settings);
    for (int round = 0; round < 5; ++round) {
        std::atomic<int> good{0};
        asio::io_context loop{1};
        asio::co_spawn(loop, ask(c, question(), 1, &good), asio::detached);
        std::thread([&] { loop.run(); }).join();
        EXPECT_EQ(good, 1);
    } // with a connection at rest, whose receive was armed by a thread that has ended
}

TEST_P(Loops, ALoopMayBeDestroyedElsewhereInTheMiddleOfACall) {
    start("alpha", endless);
    const client c = create(settings);
    for (int round = 0; round < 5; ++round) {
        std::promise<void> begun;
        asio::io_context loop{1};
        asio::co_spawn(loop, read_on(c, question(), &begun), asio::detached);
        std::jthread runner([&] { loop.run(); });
        begun.get_future().wait();
        loop.stop();
        runner.join();
    }
}

TEST_P(Loops, ALoopMayBeDestroyedWhileTheThreadThatRanItLives) {
    start("alpha", endless);
    const client c = create(settings);
    for (const bool blocks : {true, false}) {
        std::promise<void> begun, ran, over;
        std::atomic<bool> stop{false};
        std::jthread runner;
        {
            asio::io_context loop{1};
            asio::co_spawn(loop, read_on(c, question(), &begun), asio::detached);
            runner = std::jthread([&] {
                loop.run();
                ran.set_value();
                if (blocks) over.get_future().wait();
                while (!stop) continue; // no system call in which the kernel could do the rest
            });
            begun.get_future().wait();
            loop.stop();
            ran.get_future().wait();
        }
        over.set_value();
        stop = true;
    }
}

TEST_P(Loops, ALoopMayMoveFromThreadToThread) {
    start("alpha", always);
    const client c = create(settings);
    asio::io_context loop{1};
    std::atomic<int> good{0};
    constexpr int moves = 6;
    for (int i = 0; i < moves; ++i) {
        asio::co_spawn(loop, ask(c, question(), 1, &good), asio::detached);
        loop.restart();
        std::thread([&] { loop.run(); }).join();
    }
    EXPECT_EQ(good, moves);
}

TEST_P(Loops, ACallIsCanceledFromAnotherThread) {
    start("alpha", R"({"rules":[{"times":"always","latency_ms":600000}]})");
    const client c = create(settings);
    for (int round = 0; round < 10; ++round) {
        asio::io_context loop{1};
        asio::cancellation_signal stop;
        std::optional<result<chat::reply>> got;
        std::latch runs(1);
        asio::post(loop, [&] { runs.count_down(); });
        asio::co_spawn(
            loop, ask_once(c, question()),
            asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr failure, result<chat::reply> r) {
                if (!failure) got = std::move(r);
            }));
        std::jthread runner([&] { loop.run(); });
        runs.wait();
        // The signal belongs to the loop's thread: a cancellation travels there like everything else.
        asio::post(loop, [&] { stop.emit(asio::cancellation_type::terminal); });
        runner.join();
        ASSERT_TRUE(got);
        ASSERT_FALSE(*got);
        EXPECT_EQ(got->error().code(), std::errc::operation_canceled);
    }
}

TEST_P(Loops, AStreamIsCanceledFromAnotherThread) {
    start("alpha", endless);
    const client c = create(settings);
    for (int round = 0; round < 5; ++round) {
        asio::io_context loop{1};
        asio::cancellation_signal stop;
        std::promise<void> begun;
        std::exception_ptr failure;
        asio::co_spawn(loop, read_on(c, question(), &begun),
                       asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e) { failure = e; }));
        std::jthread runner([&] { loop.run(); });
        begun.get_future().wait();
        asio::post(loop, [&] { stop.emit(asio::cancellation_type::terminal); });
        runner.join();
        ASSERT_TRUE(failure);
        try {
            std::rethrow_exception(failure);
        } catch (const error& e) {
            EXPECT_EQ(e.code(), std::errc::operation_canceled) << e.what();
        }
    }
}

} // namespace
} // namespace modelmesh::testing
