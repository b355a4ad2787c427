// Calls from executors that the library cannot run on itself: pools, strands, loops without the one-thread
// promise.
#include "fixture.hpp"

#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/log.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <thread>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;

class Executor : public ClientFixture {};
INSTANTIATE_TEST_SUITE_P(Engines, Executor, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Executor, APoolOfThreadsMayShareAClient) {
    start("alpha", R"({"rules":[{"times":"always","text":"one two"}]})");
    client c = create(settings);
    asio::thread_pool pool(4);
    std::vector<std::future<result<std::string>>> answers;
    for (int i = 0; i < 40; ++i)
        answers.push_back(asio::co_spawn(pool, stream_text(c, question()), asio::use_future));
    for (auto& answer : answers) EXPECT_EQ(answer.get().value(), "one two");
    pool.join();
}

TEST_P(Executor, ACallCompletesOnTheExecutorThatAwaitsIt) {
    start("alpha");
    struct script {
        static task<bool> same_thread(client c, chat::request request, std::thread::id owner) {
            (void)co_await c.chat.completions.create(request);
            const bool after_create = std::this_thread::get_id() == owner;
            auto stream = co_await c.chat.completions.stream(request);
            (void)co_await stream.next();
            co_return after_create&& std::this_thread::get_id() == owner;
        }
    };
    client c = create(settings);
    asio::io_context unpromised; // no hint: the library must not run on it
    auto done = asio::co_spawn(unpromised, script::same_thread(c, question(), std::this_thread::get_id()),
                               asio::use_future);
    unpromised.run();
    EXPECT_TRUE(done.get());

    asio::io_context promised{1};
    done = asio::co_spawn(promised, script::same_thread(c, question(), std::this_thread::get_id()),
                          asio::use_future);
    promised.run();
    EXPECT_TRUE(done.get());
}

TEST_P(Executor, StrandsAreServedByTheLibrarysThread) {
    start("alpha", R"({"rules":[{"times":"always","text":"ok"}]})");
    client c = create(settings);
    asio::thread_pool pool(2);
    auto strand = asio::make_strand(pool);
    auto text = asio::co_spawn(strand, stream_text(c, question()), asio::use_future);
    EXPECT_EQ(text.get().value(), "ok");
    pool.join();
}

TEST_P(Executor, SeveralLoopsOnSeveralThreadsShareAClient) {
    start("alpha", R"({"rules":[{"times":"always","text":"ok"}]})");
    client c = create(settings);
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 5; ++i)
                if (const auto reply = run(ask_once(c, question())); reply && reply->text() == "ok") ++good;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, 20);
}

TEST_P(Executor, TheLastClientMayDieWhileAStreamFromElsewhereLives) {
    start("alpha", R"({"rules":[{"times":"always","tokens":50,"pace_ms":1}]})");
    struct script {
        static task<std::size_t> read_on(config settings, chat::request request) {
            std::optional<client> c = create(settings);
            auto stream = co_await c->chat.completions.stream(request);
            c.reset();
            std::size_t chunks = 0;
            while (auto chunk = co_await stream.next()) ++chunks;
            co_return chunks;
        }
    };
    asio::thread_pool pool(1);
    EXPECT_GE(asio::co_spawn(pool, script::read_on(settings, question()), asio::use_future).get(), 50u);
    pool.join();
}

// Words half a second apart: whoever has read one waits for the next.
constexpr const char* slow_words = R"({"rules":[{"times":"always","tokens":10000,"pace_ms":500}]})";

// Reads such a stream: tells when it waits for the second word, returns what ended it.
task<result<void>> read_past_first(client c, chat::request request,
                                   std::shared_ptr<std::promise<void>> waiting) {
    auto opened = co_await c.chat.completions.try_stream(request);
    if (!opened) co_return opened.error();
    bool told = false;
    for (;;) {
        const auto chunk = co_await opened->try_read();
        if (!chunk) co_return chunk.error();
        if (!*chunk) co_return result<void>();
        if (!told && !(*chunk)->text().empty()) {
            told = true;
            waiting->set_value();
        }
    }
}

TEST_P(Executor, CancellationReachesAReadThatWaitsOnTheLibrarysThread) {
    start("alpha", slow_words);
    client c = create(settings);
    for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                            asio::cancellation_type::total}) {
        asio::thread_pool pool(2);
        auto strand = asio::make_strand(pool);
        asio::cancellation_signal stop;
        auto waiting = std::make_shared<std::promise<void>>();
        std::promise<result<void>> ended;
        struct script {
            // Only a coroutine that asks for it receives the milder types.
            static task<result<void>> all_types(task<result<void>> work) {
                co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
                co_return co_await std::move(work);
            }
        };
        asio::co_spawn(strand, script::all_types(read_past_first(c, question(), waiting)),
                       asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e, result<void> r) {
                           if (e)
                               ended.set_exception(e);
                           else
                               ended.set_value(std::move(r));
                       }));
        waiting->get_future().wait();
        asio::post(strand, [&] { stop.emit(type); });
        const result<void> failure = ended.get_future().get();
        ASSERT_FALSE(failure);
        EXPECT_EQ(failure.error().code(), errc::canceled) << failure.error().message;
        pool.join();
    }
}

TEST_P(Executor, CancellationMayRaceWithCompletion) {
    start("alpha", R"({"rules":[{"times":"always","text":"ok"}]})");
    client c = create(settings);
    asio::thread_pool pool(2);
    for (int i = 0; i < 100; ++i) {
        auto strand = asio::make_strand(pool);
        asio::cancellation_signal stop;
        std::promise<result<chat::reply>> ended;
        asio::co_spawn(
            strand, ask_once(c, question()),
            asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e, result<chat::reply> r) {
                if (e)
                    ended.set_exception(e);
                else
                    ended.set_value(std::move(r));
            }));
        // A different moment each time: after as many turns of the pool as there were rounds.
        std::atomic<int> turns{i};
        struct spin {
            static void turn(asio::strand<asio::thread_pool::executor_type>& on, std::atomic<int>& left,
                             asio::cancellation_signal& stop, std::promise<void>& emitted) {
                asio::post(on, [&] {
                    if (left.fetch_sub(1) > 0) return turn(on, left, stop, emitted);
                    stop.emit(asio::cancellation_type::terminal);
                    emitted.set_value();
                });
            }
        };
        std::promise<void> emitted;
        spin::turn(strand, turns, stop, emitted);
        const result<chat::reply> reply = ended.get_future().get();
        if (reply)
            EXPECT_EQ(reply->text(), "ok");
        else
            EXPECT_EQ(reply.error().code(), errc::canceled) << reply.error().message;
        emitted.get_future().wait();
    }
    pool.join();
}

TEST_P(Executor, TheCallersContextMayEndDuringACall) {
    start("alpha", R"({"rules":[{"times":"always","latency_ms":3600000}]})");
    client c = create(settings);
    for (int polls = 0; polls < 6; ++polls) {
        asio::io_context mortal; // no hint: calls run on the library's thread
        bool ended = false;
        asio::co_spawn(mortal, ask_once(c, question()),
                       [&](std::exception_ptr, const result<chat::reply>&) { ended = true; });
        for (int i = 0; i < polls; ++i) mortal.poll_one();
        EXPECT_FALSE(ended);
    }
    for (int round = 0; round < 20; ++round) {
        asio::thread_pool mortal(1);
        asio::co_spawn(mortal, ask_once(c, question()),
                       [](std::exception_ptr, const result<chat::reply>&) {});
        mortal.stop();
    }
}

TEST_P(Executor, NothingReachesTheLogOnceTheCallersContextHasEnded) {
    class counting_sink final : public log_sink {
    public:
        bool wants(severity) const noexcept override { return true; }
        void write(severity, std::string_view, std::span<const log_field>) noexcept override { ++events; }
        std::atomic<int> events{0};
    };
    simulator& alpha = start("alpha", R"({"rules":[{"times":"always","latency_ms":3600000}]})");
    connector::registry connectors;
    connector::register_builtin(connectors);
    auto sink = std::make_unique<counting_sink>();
    {
        asio::thread_pool mortal(1);
        asio::co_spawn(mortal, ask_once(create(settings, connectors, sink.get()), question()),
                       [](std::exception_ptr, const result<chat::reply>&) {});
        while (alpha.requests().empty()) std::this_thread::yield();
        mortal.stop();
    }
    EXPECT_GE(sink->events, 1); // that the attempt was cancelled; sanitizers see whoever comes too late
    sink.reset();
}

TEST_P(Executor, TheCallersContextMayEndDuringARead) {
    simulator& alpha = start("alpha", slow_words);
    {
        asio::thread_pool mortal(1);
        auto waiting = std::make_shared<std::promise<void>>();
        asio::co_spawn(mortal, read_past_first(create(settings), question(), waiting),
                       [](std::exception_ptr, const result<void>&) {});
        waiting->get_future().wait();
        mortal.stop();
    } // destroys the coroutine, its stream and the last client
    EXPECT_EQ(alpha.requests().size(), 1u);
}

TEST_P(Executor, TheCallersContextMayEndWhileAnswersArrive) {
    start("alpha", R"({"rules":[{"times":"always","text":"ok"}]})");
    client c = create(settings);
    std::atomic<int> answers{0};
    for (int round = 0; round < 100; ++round) {
        const int seen = answers; // before any call: all may be over before this thread runs again
        asio::thread_pool mortal(2);
        for (int i = 0; i < 4; ++i)
            asio::co_spawn(mortal, ask_once(c, question()),
                           [&answers](std::exception_ptr, const result<chat::reply>&) { ++answers; });
        while (answers == seen) std::this_thread::yield(); // some have arrived, the rest are on their way
    }
    EXPECT_GE(answers, 100);
}

TEST_P(Executor, AMalformedMemberIsAFaultAndNotAnException) {
    start("alpha");
    chat::request request = question();
    request.extra.add("broken", "{");
    const auto reply = run(ask_once(create(settings), request));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), errc::bad_request) << reply.error().message;
}

} // namespace
} // namespace modelmesh::testing
