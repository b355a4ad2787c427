// Calls from executors that the library cannot run on itself: pools, strands, loops without the one-thread
// promise.
#include "fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
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

} // namespace
} // namespace modelmesh::testing
