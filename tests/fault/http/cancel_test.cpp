// A request canceled in every phase: it ends as canceled, leaves nothing behind, and the next request is
// served.
#include "support/http_fixture.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>

namespace modelmesh::net {
namespace {

using support::script;

class HttpCancel : public support::http_test {
protected:
    template <class T> static errc outcome(support::running<result<T>>& under_way) {
        try {
            const result<T> got = under_way.take();
            return got ? errc::internal : got.error().kind();
        } catch (const boost::system::system_error& e) {
            // Asio's own answer when it had not begun.
            return e.code() == boost::asio::error::operation_aborted ? errc::canceled : errc::internal;
        }
    }
    template <class T> void expect_canceled(support::running<result<T>>& under_way) {
        EXPECT_FALSE(under_way.is_done());
        under_way.cancel();
        loop.run_until([&] { return under_way.is_done(); });
        EXPECT_EQ(outcome(under_way), errc::canceled);
    }
    void expect_recovery() {
        EXPECT_EQ(client->counters().in_use, 0u);
        EXPECT_EQ(client->counters().idle, 0u);
        server.add(script().read_request().send(ok));
        const result<http::response> got = exchange();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "ok");
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, HttpCancel, support::http_combinations(), support::http_name);

class HttpsCancel : public HttpCancel {};
INSTANTIATE_TEST_SUITE_P(Engines, HttpsCancel, support::https_combinations(), support::http_name);

// Cancels itself and then asks, with Asio's own exception for that on or off.
task<result<http::response>> ask_when_canceled(net::client* through, std::shared_ptr<const endpoint> to,
                                               std::shared_ptr<const http::request> request,
                                               exchange_limits limits, std::function<void()>* cancel,
                                               bool throws) {
    // Boost 1.81 throws out of io_context::run() when a coroutine ends as canceled that has never been
    // suspended.
    co_await boost::asio::post(boost::asio::use_awaitable);
    co_await boost::asio::this_coro::throw_if_cancelled(throws);
    (*cancel)();
    co_return co_await through->exchange(std::move(to), std::move(request), limits);
}

TEST_P(HttpCancel, BeforeItBegins) {
    for (const bool throws : {true, false}) {
        std::function<void()> cancel;
        auto under_way = loop.start(ask_when_canceled(&*client, to, request(), patient(), &cancel, throws));
        cancel = [&] { under_way.cancel(); };
        loop.run_to_idle();
        EXPECT_EQ(outcome(under_way), errc::canceled);
    }
    EXPECT_EQ(server.accepted(), 0u);
    expect_recovery();
}

TEST_P(HttpsCancel, InTheHandshake) {
    server.add(script().hold_handshake("handshake"));
    auto under_way = loop.start(client->exchange(to, request(), patient()));
    loop.run_until([&] { return server.is_paused("handshake"); });
    expect_canceled(under_way);
    server.resume("handshake");
    expect_recovery();
}

TEST_P(HttpCancel, WhileTheAnswerIsAwaited) {
    server.add(script().read_request().pause("answer"));
    auto under_way = loop.start(client->exchange(to, request(), patient()));
    loop.run_until([&] { return server.is_paused("answer"); });
    expect_canceled(under_way);
    server.resume("answer");
    expect_recovery();
}

TEST_P(HttpCancel, InsideTheHead) {
    server.add(script().read_request().send("HTTP/1.1 200 OK\r\nConte").pause("head"));
    auto under_way = loop.start(client->open(to, request(), patient()));
    loop.run_until([&] { return server.is_paused("head"); });
    expect_canceled(under_way);
    server.resume("head");
    expect_recovery();
}

TEST_P(HttpCancel, InsideTheBody) {
    server.add(script().read_request().send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").pause("body"));
    auto under_way = loop.start(client->exchange(to, request(), patient()));
    loop.run_until([&] { return server.is_paused("body"); });
    expect_canceled(under_way);
    server.resume("body");
    expect_recovery();
}

TEST_P(HttpCancel, InsideAStream) {
    server.add(script().read_request().send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"));
    result<response_stream> opened = loop.run(client->open(to, request(), patient()));
    ASSERT_TRUE(opened) << opened.error().message;
    {
        auto under_way = loop.start(support::drain(std::move(*opened)));
        loop.run_until([&] { return loop.engine().counters().waiters == 1; });
        under_way.cancel();
        loop.run_to_idle();
        const support::drained all = under_way.take();
        ASSERT_TRUE(all.failure);
        EXPECT_EQ(all.failure->kind(), errc::canceled);
    }
    expect_recovery();
}

TEST_P(HttpCancel, WhileTheRequestIsSent) {
    server.add(script().pause("read").discard_rest());
    auto under_way =
        loop.start(client->exchange(to, request("/", std::string(32 * 1024 * 1024, 'x')), patient()));
    loop.run_until([&] { // both to send more and for the answer
        return server.is_paused("read") && loop.engine().counters().waiters == 2;
    });
    expect_canceled(under_way);
    server.resume("read");
    expect_recovery();
}

TEST_P(HttpCancel, InTheQueueForAConnection) {
    pool_limits limits;
    limits.connections = 1;
    make_client(limits);
    server.add(script().read_request().pause("answer").send(ok));
    auto first = loop.start(client->exchange(to, request(), patient()));
    loop.run_until([&] { return server.is_paused("answer"); });
    auto second = loop.start(client->exchange(to, request(), patient()));
    loop.run_until([&] { return client->counters().waiting == 1; });
    expect_canceled(second);
    EXPECT_EQ(client->counters().waiting, 0u);
    server.resume("answer");
    loop.run_to_idle();
    EXPECT_TRUE(first.take());
}

TEST_P(HttpCancel, DestroyingAStreamClosesItsConnectionAtOnce) {
    server.add(script().read_request().send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"));
    {
        result<response_stream> opened = loop.run(client->open(to, request(), patient()));
        ASSERT_TRUE(opened) << opened.error().message;
        EXPECT_EQ(client->counters().in_use, 1u);
    }
    expect_recovery();
}

TEST_P(HttpCancel, ALoopMayEndInTheMiddleOfEverything) {
    server.add(script().read_request().pause("end"));
    {
        support::event_loop brief_loop(std::get<0>(GetParam()));
        net::client brief_client(brief_loop.engine());
        auto under_way = brief_loop.start(brief_client.exchange(to, request(), patient()));
        brief_loop.run_until([&] { return server.is_paused("end"); });
    }
    server.resume("end");
}

} // namespace
} // namespace modelmesh::net
