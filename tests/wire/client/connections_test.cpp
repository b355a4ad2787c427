// How a provider is connected to: which HTTP, how many requests at a time, and before the first call.
#include "fixture.hpp"
#include "support/scripted_server.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;
using support::script;
using support::scripted_server;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string answer(const std::string& text) {
    const std::string body =
        R"({"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":)"
        R"("stop","message":{"role":"assistant","content":")" +
        text + R"("}}]})";
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

constexpr std::chrono::seconds limit(15); // only a failing test waits so long

/// Waits for what others bring about.
template <class Condition> bool holds(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition())
        if (std::chrono::steady_clock::now() > end) return false;
    return true;
}
/// The same, while a loop runs.
template <class Condition> bool holds(asio::io_context& loop, Condition condition) {
    return holds([&] {
        loop.run_one_for(std::chrono::milliseconds(1));
        return condition();
    });
}
/// The loop runs until it has done everything; false when it never has.
bool finishes(asio::io_context& loop) {
    loop.restart();
    loop.run_for(limit);
    return loop.stopped();
}

class ClientConnections : public ClientFixture {
protected:
    provider_config& use(const std::string& name, const scripted_server& server) {
        provider_config provider;
        provider.connector = "openai.llm.v1";
        provider.base_url =
            (server.is_tls() ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(server.port());
        provider.api_key = "secret-key";
        provider.models = {"m"};
        provider.tls.ca_pem = server.certificate();
        provider.proxy = "none";
        settings.providers.emplace_back(name, provider);
        return settings.providers.back().second;
    }
    // To the provider "plain", which answers "one" and "two".
    void two_calls_take_one_connection() {
        client c = create(settings);
        {
            asio::io_context loop{1};
            auto first = asio::co_spawn(loop, ask_once(c, question()), asio::use_future);
            auto second = asio::co_spawn(loop, ask_once(c, question()), asio::use_future);
            ASSERT_TRUE(finishes(loop));
            EXPECT_EQ(first.get().value().text(), "one");
            EXPECT_EQ(second.get().value().text(), "two");
        }
        EXPECT_EQ(plain.accepted(), 1u);
        EXPECT_THAT(plain.finish(), IsEmpty());
    }

    scripted_server plain{scripted_server::transport::plain};
    scripted_server secure{scripted_server::transport::tls};
};
INSTANTIATE_TEST_SUITE_P(Engines, ClientConnections, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

struct opened_before_and_after {
    result<void> warm;
    std::vector<std::size_t> before;
    std::vector<std::size_t> after;
    result<chat::reply> reply;
};

task<opened_before_and_after> warm_up_and_ask(client c, chat::request request, std::size_t connections,
                                              std::vector<simulator*> servers) {
    const auto count = [&servers, connections] {
        std::vector<std::size_t> counts;
        for (const simulator* server : servers) { // who accepts a little later than we have connected
            (void)holds([&] { return server->connections() >= connections; });
            counts.push_back(server->connections());
        }
        return counts;
    };
    result<void> warm = co_await c.try_warm_up(connections);
    std::vector<std::size_t> before = count();
    result<chat::reply> reply = co_await c.chat.completions.try_create(request);
    co_return opened_before_and_after{std::move(warm), std::move(before), count(), std::move(reply)};
}

TEST_P(ClientConnections, AreThereBeforeTheFirstCallWhenWarmedUp) {
    simulator& alpha = start("alpha", {}, true);
    simulator& beta = start("beta");
    for (const std::size_t connections : {1u, 3u}) {
        const opened_before_and_after seen =
            run(warm_up_and_ask(create(settings), question(), connections, {&alpha, &beta}));
        EXPECT_TRUE(seen.warm) << seen.warm.error().message;
        EXPECT_THAT(seen.before, ::testing::Each(connections));
        EXPECT_EQ(seen.after, seen.before);
        EXPECT_TRUE(seen.reply);
        EXPECT_TRUE(holds([&] { return alpha.connections() + beta.connections() == 0; }));
    }
}

TEST_P(ClientConnections, ToOthersAreWarmedUpWhenOneFails) {
    start("alpha").stop();
    simulator& beta = start("beta");
    start("gamma").stop();
    const opened_before_and_after seen = run(warm_up_and_ask(create(settings), question(), 1, {&beta}));
    ASSERT_FALSE(seen.warm);
    EXPECT_EQ(seen.warm.error().kind(), errc::connect);
    EXPECT_THAT(seen.warm.error().message, AllOf(StartsWith("provider 'alpha': "),
                                                 HasSubstr("\nprovider 'gamma': "), Not(HasSubstr("beta"))));
    EXPECT_EQ(seen.before, std::vector<std::size_t>{1});
    const client c = create(settings);
    try {
        run([](client which) -> task<bool> {
            co_await which.warm_up();
            co_return true;
        }(c));
        FAIL() << "alpha is gone";
    } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::connect);
    }
}

TEST_P(ClientConnections, WarmUpEndsWhenCanceled) {
    start("gone").stop(); // its failure is not what ended this
    secure.otherwise(script().hold_handshake("held"));
    use("alpha", secure);
    asio::io_context loop{1};
    asio::cancellation_signal cancel;
    client c = create(settings);
    std::future<result<void>> warm =
        asio::co_spawn(loop, c.try_warm_up(), asio::bind_cancellation_slot(cancel.slot(), asio::use_future));
    EXPECT_TRUE(holds(loop, [&] { return secure.is_paused("held"); }));
    cancel.emit(asio::cancellation_type::terminal);
    ASSERT_TRUE(finishes(loop));
    const result<void> ended = warm.get();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind(), errc::canceled);
    secure.resume("held");
}

TEST_P(ClientConnections, SpeakHttp1WhereTheServerWouldRatherSpeakHttp2) {
    secure.choose_by_alpn("h2");
    secure.add(script().read_request().send(answer("hello")));
    use("alpha", secure).http = http_version::http1;
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->text(), "hello");
    EXPECT_THAT(secure.finish(), IsEmpty());
}

TEST_P(ClientConnections, SpeakHttp2AtOnceWhereTheServerIsKnownTo) {
    plain.otherwise(script().expect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").close());
    use("alpha", plain).http = http_version::http2;
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_FALSE(reply);
    EXPECT_GT(plain.accepted(), 0u);
    EXPECT_THAT(plain.finish(), IsEmpty());
}

TEST_P(ClientConnections, AreNoMoreThanTheConfigurationSays) {
    plain.add(script().read_request().send(answer("one")).read_request().send(answer("two")));
    use("alpha", plain).connection_pool.max_connections = 1;
    two_calls_take_one_connection();
}

TEST_P(ClientConnections, AreWaitedForAsLongAsTheConfigurationSaysAndThenAnotherProviderIsAsked) {
    plain.add(script().read_request().pause("held").send(answer("one")));
    connection_pool_config& few = use("alpha", plain).connection_pool;
    few.max_connections = 1;
    few.timeout = std::chrono::milliseconds(1);
    simulator& beta = start("beta");
    ask_each_once();
    pool_config& pool = settings.pools.back().second;
    pool.failure_threshold = 1;
    pool.provider_deactivation = {provider_trigger::on_api_outage};
    pool.provider_outage.failures = 1;
    client c = create(settings);
    {
        asio::io_context loop{1};
        auto first = asio::co_spawn(loop, ask_once(c, question()), asio::use_future);
        ASSERT_TRUE(holds(loop, [&] { return plain.is_paused("held"); }));
        auto second = asio::co_spawn(loop, ask_once(c, question()), asio::use_future);
        ASSERT_TRUE(holds(
            loop, [&] { return second.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
        const auto reply = second.get();
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(reply->x_modelmesh->provider, "beta");
        EXPECT_EQ(c.pool_status().at(0).standby, 0u) << "nothing was asked of alpha in vain";
        EXPECT_EQ(c.active_providers(), (std::vector<std::string>{"alpha", "beta"}));
        plain.resume("held");
        ASSERT_TRUE(finishes(loop));
        EXPECT_EQ(first.get().value().text(), "one");
    }
    EXPECT_EQ(beta.requests().size(), 1u);
    EXPECT_THAT(plain.finish(), IsEmpty());
}

TEST_P(ClientConnections, AreKeptForAsLongAsTheConfigurationSays) {
    for (const char* text : {"one", "two"}) plain.add(script().read_request().send(answer(text)));
    use("alpha", plain).connection_pool.idle_timeout = std::chrono::milliseconds(0);
    const auto replies = run([](client c, chat::request asked) -> task<std::vector<result<chat::reply>>> {
        std::vector<result<chat::reply>> got;
        for (int i = 0; i < 2; ++i) got.push_back(co_await c.chat.completions.try_create(asked));
        co_return got;
    }(create(settings), question()));
    EXPECT_EQ(replies[0].value().text(), "one");
    EXPECT_EQ(replies[1].value().text(), "two");
    EXPECT_EQ(plain.accepted(), 2u);
    EXPECT_THAT(plain.finish(), IsEmpty());
}

TEST_P(ClientConnections, CarrySeveralRequestsAtATimeWhereTheConfigurationSaysSo) {
    plain.add(script().read_request().read_request().send(answer("one") + answer("two")));
    use("alpha", plain).pipeline_depth = 2;
    two_calls_take_one_connection();
}

TEST_P(ClientConnections, CarryOneRequestAtATimeOtherwise) {
    plain.otherwise(script().read_request().pause("asked").send(answer("one")));
    use("alpha", plain);
    client c = create(settings);
    asio::io_context loop{1};
    auto first = asio::co_spawn(loop, ask_once(c, question()), asio::use_future);
    auto second = asio::co_spawn(loop, ask_once(c, question()), asio::use_future);
    EXPECT_TRUE(holds(loop, [&] { return plain.requests().size() == 2; }));
    EXPECT_EQ(plain.accepted(), 2u);
    plain.resume("asked");
    ASSERT_TRUE(finishes(loop));
    EXPECT_TRUE(first.get());
    EXPECT_TRUE(second.get());
}

} // namespace
} // namespace modelmesh::testing
