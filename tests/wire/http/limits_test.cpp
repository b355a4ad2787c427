// Deadlines of every phase and the limits of the pool. Deadlines are short where the script makes sure that
// nothing comes; only the outcome is looked at, never how long it took.
#include "support/http_fixture.hpp"

#include <vector>

namespace modelmesh::net {
namespace {

using support::script;

class HttpLimits : public support::http_test {
protected:
    void expect_timeout(const result<http::response>& got, std::string_view phase) {
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::timed_out) << got.error().message;
        EXPECT_NE(got.error().message.find(address()), std::string::npos) << got.error().message;
        EXPECT_NE(got.error().message.find(phase), std::string::npos) << got.error().message;
        EXPECT_EQ(client->counters().in_use, 0u);
    }
    // The next request is served as if nothing had happened.
    void expect_recovery() {
        server.add(script().read_request().send(ok));
        const result<http::response> got = exchange();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "ok");
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, HttpLimits, support::http_combinations(), support::http_name);

class HttpsLimits : public HttpLimits {};
INSTANTIATE_TEST_SUITE_P(Engines, HttpsLimits, support::https_combinations(), support::http_name);

TEST_P(HttpsLimits, AHandshakeThatStalls) {
    server.add(script().hold_handshake("handshake"));
    exchange_limits limits = patient();
    limits.connect = brief;
    expect_timeout(loop.run(client->exchange(to, request(), limits)), "connect to");
    server.resume("handshake");
    expect_recovery();
}

TEST_P(HttpLimits, AnAnswerThatDoesNotBegin) {
    server.add(script().read_request());
    exchange_limits limits = patient();
    limits.first_byte = brief;
    expect_timeout(loop.run(client->exchange(to, request(), limits)), "waiting for the answer");
    expect_recovery();
}

TEST_P(HttpLimits, AHeadThatStopsInTheMiddle) {
    server.add(script().read_request().send_until_gone("HTTP/1.1 200 OK\r\nContent-"));
    exchange_limits limits = patient();
    limits.first_byte = brief;
    expect_timeout(loop.run(client->exchange(to, request(), limits)), "waiting for the answer");
    expect_recovery();
}

TEST_P(HttpLimits, ABodyThatStopsInTheMiddle) {
    server.add(script().read_request().send_until_gone("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"));
    exchange_limits limits = patient();
    limits.gap = brief;
    expect_timeout(loop.run(client->exchange(to, request(), limits)), "reading the body");
    expect_recovery();
}

TEST_P(HttpLimits, TheDeadlineOfTheWhole) {
    server.add(script().read_request().send(ok).read_request().send(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"));
    ASSERT_TRUE(exchange()); // the handshake, which takes long under a sanitizer on a busy machine
    // Long enough to get as far as the body, so that it is the whole that ends.
    const exchange_limits limits(std::chrono::steady_clock::now() + std::chrono::milliseconds(500));
    expect_timeout(loop.run(client->exchange(to, request(), limits)), "reading the body");
    expect_recovery();
}

TEST_P(HttpLimits, ARequestThatTheServerDoesNotRead) {
    server.add(script().read_request().send(ok).pause("read").discard_rest());
    ASSERT_TRUE(exchange());                                            // the handshake, as above
    const auto huge = request("/", std::string(32 * 1024 * 1024, 'x')); // more than the kernel takes
    const exchange_limits limits(std::chrono::steady_clock::now() + std::chrono::milliseconds(500));
    expect_timeout(loop.run(client->exchange(to, huge, limits)), "sending the request");
    server.resume("read");
    expect_recovery();
}

TEST_P(HttpLimits, AServerThatTakesNothingOfARequest) {
    server.add(script().read_request().send(ok).pause("read").discard_rest());
    ASSERT_TRUE(exchange());
    const auto huge = request("/", std::string(32 * 1024 * 1024, 'x'));
    exchange_limits limits(time_point::max()); // without another limit it waits for ever
    limits.gap = std::chrono::milliseconds(500);
    expect_timeout(loop.run(client->exchange(to, huge, limits)), "sending the request");
    server.resume("read");
    expect_recovery();
}

TEST_P(HttpLimits, TheQueueForAConnection) {
    pool_limits limits;
    limits.connections = 1;
    make_client(limits);
    server.add(script().read_request().pause("answer").send(ok).read_request().send(ok));
    auto first = loop.start(client->exchange(to, request("/1"), patient()));
    loop.run_until([&] { return server.is_paused("answer"); });
    auto second = loop.start(client->exchange(to, request("/2"), patient()));
    auto late = loop.start(
        client->exchange(to, request("/3"), exchange_limits(std::chrono::steady_clock::now() + brief)));
    loop.run_until([&] { return late.is_done(); });
    const result<http::response> too_late = late.take();
    ASSERT_FALSE(too_late);
    EXPECT_EQ(too_late.error().kind(), errc::timed_out);
    EXPECT_NE(too_late.error().message.find("getting a connection"), std::string::npos)
        << too_late.error().message;
    EXPECT_EQ(client->counters().waiting, 1u);
    server.resume("answer");
    loop.run_to_idle();
    EXPECT_TRUE(first.take());
    EXPECT_TRUE(second.take());
    EXPECT_EQ(server.accepted(), 1u);
}

} // namespace
} // namespace modelmesh::net
