// Whole exchanges over real sockets: what goes out byte for byte, what comes back, which connection carries
// it.
#include "support/http_fixture.hpp"

#include "proto/sse.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

namespace modelmesh::net {
namespace {

using support::script;

class HttpExchange : public support::http_test {};
INSTANTIATE_TEST_SUITE_P(Engines, HttpExchange, support::http_combinations(), support::http_name);

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST_P(HttpExchange, SendsTheExactBytes) {
    const std::string host = "Host: " + address() + "\r\n";
    const std::string common = host + "User-Agent: modelmesh/0.1.0\r\nAccept-Encoding: identity\r\n";
    server.add(script()
                   .expect("POST /v1/chat HTTP/1.1\r\n" + common +
                           "Authorization: Bearer k\r\nContent-Length: 9\r\n\r\n{\"a\": 1}\n")
                   .send(ok)
                   .expect("GET /v1/models?x=1 HTTP/1.1\r\n" + common + "\r\n")
                   .send(ok));
    auto post = std::make_shared<http::request>();
    post->method = "POST";
    post->target = "/v1/chat";
    post->headers.add("Authorization", "Bearer k");
    post->body = "{\"a\": 1}\n";
    const result<http::response> first = loop.run(client->exchange(to, post, patient()));
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->body, "ok");
    const result<http::response> second = exchange("/v1/models?x=1");
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(server.accepted(), 1u);
    EXPECT_EQ(client->counters().reused, 1u);
}

TEST_P(HttpExchange, ReadsEveryFraming) {
    server.add(script()
                   .read_request()
                   .send("HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello")
                   .read_request()
                   .send(chunked_head + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n")
                   .read_request()
                   .send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
                   .read_request()
                   .send("HTTP/1.1 200 OK\r\n\r\nto the end")
                   .close());
    result<http::response> got = exchange();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->status, 201);
    EXPECT_EQ(got->headers.get("x-a"), "b");
    EXPECT_EQ(got->body, "hello");
    got = exchange();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "hello world");
    got = exchange();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->status, 204);
    got = exchange();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "to the end");
    EXPECT_EQ(server.accepted(), 1u);
    EXPECT_EQ(client->counters().idle, 0u) << "the last answer ended with its connection";
}

TEST_P(HttpExchange, CarriesLargeBodiesBothWays) {
    std::string big(700'000, '\0');
    for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 23);
    server.add(script().read_request().send("HTTP/1.1 200 OK\r\nContent-Length: 700000\r\n\r\n" + big));
    const result<http::response> got = exchange("/", big);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(got->body == big);
    const std::string sent = server.requests().at(0);
    EXPECT_TRUE(std::string_view(sent).substr(sent.size() - big.size()) == big);
}

TEST_P(HttpExchange, AnAnswerThatSaysCloseIsNotReused) {
    server.add(
        script().read_request().send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    server.add(script().read_request().send(ok));
    ASSERT_TRUE(exchange());
    ASSERT_TRUE(exchange());
    EXPECT_EQ(server.accepted(), 2u);
}

TEST_P(HttpExchange, AConnectionThatTheServerClosedAtRestIsReplaced) {
    server.add(script().read_request().send(ok).close());
    server.add(script().read_request().send(ok));
    ASSERT_TRUE(exchange());
    const result<http::response> got = exchange();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(server.accepted(), 2u);
}

TEST_P(HttpExchange, AReusedConnectionThatDiesUnderTheRequestIsReplaced) {
    server.add(script().read_request().send(ok).read_request().reset());
    server.add(script().read_request().send(ok));
    ASSERT_TRUE(exchange("/1"));
    const result<http::response> got = exchange("/2", "body");
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(client->counters().stale, 1u);
    EXPECT_EQ(server.requests().size(), 3u);
}

TEST_P(HttpExchange, BytesThatNobodyAskedForEndTheConnection) {
    server.add(
        script().read_request().send(std::string(ok) + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
    server.add(script().read_request().send(ok));
    ASSERT_TRUE(exchange());
    const result<http::response> got = exchange();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "ok");
    EXPECT_EQ(server.accepted(), 2u);
}

TEST_P(HttpExchange, TheFieldsBehindABodyAreThereOnceItsEndWasRead) {
    server.add(script()
                   .read_request()
                   .send(chunked_head + "2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n")
                   .read_request()
                   .send(chunked_head + "2\r\nok\r\n0\r\n\r\n"));
    for (const std::string_view sum : {"7", ""}) {
        result<response_stream> opened = loop.run(client->open(to, request(), patient()));
        ASSERT_TRUE(opened) << opened.error().message;
        const auto slice = loop.run(opened->read());
        ASSERT_TRUE(slice && *slice);
        EXPECT_EQ(opened->trailers().size(), 0u);
        const auto end = loop.run(opened->read());
        ASSERT_TRUE(end);
        EXPECT_FALSE(*end);
        EXPECT_EQ(opened->trailers().get("x-sum"), sum);
        EXPECT_EQ(opened->headers().get("x-sum"), "");
    }
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(HttpExchange, BytesBehindTheEndOfAStreamEndTheConnection) {
    server.add(script()
                   .read_request()
                   .send(chunked_head + "2\r\nok\r\n")
                   .pause("end")
                   .send("0\r\n\r\n")
                   .pause("more")
                   .send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                   .delivered()
                   .pause("sent"));
    server.add(script().read_request().send(ok));
    {
        result<response_stream> opened = loop.run(client->open(to, request(), patient()));
        ASSERT_TRUE(opened) << opened.error().message;
        const auto slice = loop.run(opened->read());
        ASSERT_TRUE(slice && *slice);
        opened->done();
        EXPECT_EQ(client->counters().idle, 1u);
    }
    // Each in a buffer of its own, where the engine receives ahead of its reader.
    server.resume("end");
    loop.run_until([&] { return server.is_paused("more"); });
    loop.engine().reap();
    server.resume("more");
    loop.run_until([&] { return server.is_paused("sent"); });
    const result<http::response> got = exchange();
    server.resume("sent");
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "ok");
    EXPECT_EQ(server.accepted(), 2u);
}

TEST_P(HttpExchange, AnAnswerInTheMiddleOfAnUploadIsTheAnswer) {
    const std::string huge(32 * 1024 * 1024, 'x'); // more than the kernel takes
    for (const bool is_reused : {false, true}) {
        const std::string refuse = is_reused ? "refuse reused" : "refuse fresh";
        SCOPED_TRACE(refuse);
        script s;
        if (is_reused) s.read_request().send(ok);
        server.add(std::move(s.pause(refuse)
                                 .send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge")
                                 .close()));
        if (is_reused) {
            ASSERT_TRUE(exchange());
        }
        auto under_way = loop.start(client->exchange(to, request("/", huge), patient()));
        loop.run_until([&] { // both to send more and for the answer
            return server.is_paused(refuse) && loop.engine().counters().waiters == 2;
        });
        server.resume(refuse);
        loop.run_to_idle();
        const result<http::response> got = under_way.take();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->status, 413);
        EXPECT_EQ(got->body, "large");
        EXPECT_EQ(client->counters().in_use + client->counters().idle, 0u);
    }
}

TEST_P(HttpExchange, StreamsEventsAsTheyArrive) {
    server.add(script()
                   .read_request()
                   .send(chunked_head)
                   .pause("first")
                   .send("b\r\ndata: one\n\n\r\n")
                   .pause("second")
                   .send("b\r\ndata: two\n\n\r\n0\r\n\r\n")
                   .read_request()
                   .send(ok));
    result<response_stream> opened = loop.run(client->open(to, request(), patient()));
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->status(), 200);
    EXPECT_EQ(opened->headers().get("transfer-encoding"), "chunked");

    proto::sse_decoder events;
    std::vector<std::string> seen;
    const auto next_event = [&]() -> bool {
        for (;;) {
            proto::sse_event event;
            if (events.next(event).value()) {
                seen.emplace_back(event.data);
                return true;
            }
            std::string_view slice;
            const result<read_status> got = opened->try_read(slice);
            EXPECT_TRUE(got);
            if (!got || *got == read_status::end) return false;
            if (*got == read_status::slice)
                events.feed(slice);
            else
                EXPECT_TRUE(loop.run(opened->wait()));
        }
    };
    std::string_view slice;
    EXPECT_EQ(opened->try_read(slice).value(), read_status::would_block);
    server.resume("first");
    EXPECT_TRUE(next_event());
    EXPECT_EQ(opened->try_read(slice).value(), read_status::would_block);
    server.resume("second");
    EXPECT_TRUE(next_event());
    EXPECT_FALSE(next_event());
    EXPECT_EQ(seen, (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(client->counters().idle, 1u) << "back in the pool while the stream still exists";
    ASSERT_TRUE(exchange());
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(HttpExchange, RequestsInFlightHaveConnectionsOfTheirOwn) {
    for (int i = 0; i < 8; ++i) server.add(script().read_request().pause("all").send(ok));
    std::vector<support::running<result<http::response>>> under_way;
    for (int i = 0; i < 8; ++i) under_way.push_back(loop.start(client->exchange(to, request(), patient())));
    loop.run_until([&] { return server.requests().size() == 8; });
    server.resume("all");
    loop.run_to_idle();
    for (auto& one : under_way) EXPECT_TRUE(one.take());
    EXPECT_EQ(client->counters().opened, 8u);
    EXPECT_EQ(client->counters().idle, 8u);
}

// A port on which nobody listens, and nobody else can meanwhile.
class silent_port {
public:
    silent_port() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address_), size), 0);
        EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
    }
    ~silent_port() { ::close(socket_); }
    silent_port(const silent_port&) = delete;
    silent_port& operator=(const silent_port&) = delete;
    [[nodiscard]] std::uint16_t number() const { return ntohs(address_.sin_port); }

private:
    int socket_;
    sockaddr_in address_{};
};

TEST_P(HttpExchange, NoServerIsAConnectFault) {
    const silent_port port;
    auto nobody = std::make_shared<net::endpoint>(origin{false, "127.0.0.1", port.number()});
    const result<http::response> got = loop.run(client->exchange(nobody, request(), patient()));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect);
    const std::string name = "127.0.0.1:" + std::to_string(port.number());
    EXPECT_NE(got.error().message.find(name), std::string::npos) << got.error().message;
}

} // namespace
} // namespace modelmesh::net
