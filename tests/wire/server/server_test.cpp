// What a server answers, byte for byte, on the ring and on the reactor.
#include "fixture.hpp"

namespace modelmesh::net::testing {
namespace {

using Server = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, Server, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

const std::string chunked = "HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\n\r\n";
const std::string streamed = chunked + "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n";

void expect_answer(const raw_socket& client, const std::string& request, const std::string& want) {
    client.send(request);
    EXPECT_EQ(client.receive(want.size()), want) << request;
}

TEST_P(Server, AnswersOneRequestAfterTheOtherOnOneConnection) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    for (int i = 0; i < 3; ++i) {
        expect_answer(client, get("/hello"), ok("hello"));
        expect_answer(client, post("/echo", "some text"), ok("some text"));
        expect_answer(client, get("/stream"), streamed);
        expect_answer(client, "HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n",
                      ok("hello").substr(0, ok("hello").size() - 5));
        expect_answer(client, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n", chunked);
        expect_answer(client, get("/empty"), "HTTP/1.1 204 No Content\r\n" + date + "\r\n");
        expect_answer(client, post("/hello", "nobody reads this"), ok("hello"));
    }
    const server_counters seen = on.counters();
    EXPECT_EQ(seen.accepted, 1u);
    EXPECT_EQ(seen.requests, 21u);
    EXPECT_EQ(seen.failed + seen.refused + seen.gone + seen.slow, 0u);
}

TEST_P(Server, AnswersPipelinedRequestsInOrder) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    std::string requests, want;
    for (int i = 0; i < 50; ++i) {
        const std::string body = pattern(static_cast<std::size_t>(i) * 37);
        requests += post("/echo", body) + get("/stream");
        want += ok(body) + streamed;
    }
    expect_answer(client, requests, want);
}

TEST_P(Server, ReadsChunkedBodies) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect_answer(client, head + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n", ok("hello world"));
    const std::string big = pattern(300000);
    expect_answer(client, head + "493e0\r\n" + big + "\r\n0\r\n\r\n", ok(big));
}

TEST_P(Server, AsksForABodyThatTheClientHoldsBack) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    const std::string head =
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    expect_answer(client, head, "HTTP/1.1 100 Continue\r\n\r\n");
    expect_answer(client, "body", ok("body"));
    // A handler that does not want it says so at once, and what follows could be body or request: it ends.
    const std::string unread =
        "POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    client.send(unread);
    EXPECT_EQ(rest(client),
              "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
}

TEST_P(Server, SpeaksToOldClients) {
    running_server on(GetParam());
    const std::string head = "HTTP/1.1 200 OK\r\n" + date;
    const raw_socket once = on.connect();
    once.send("GET /hello HTTP/1.0\r\n\r\n");
    EXPECT_EQ(rest(once), head + "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
    const raw_socket streaming = on.connect();
    streaming.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(rest(streaming), head + "Connection: close\r\n\r\nonetwothree");
    const raw_socket kept = on.connect();
    for (int i = 0; i < 2; ++i)
        expect_answer(kept, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                      head + "Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
}

TEST_P(Server, HandlersThatFailAreAnsweredWith500OrCutOff) {
    running_server on(GetParam());
    for (const std::string target : {"/throw", "/nothing"}) {
        const raw_socket client = on.connect();
        client.send(get(target));
        EXPECT_EQ(rest(client), last(500, "Internal Server Error")) << target;
    }
    const raw_socket late = on.connect();
    late.send(get("/throw_late"));
    EXPECT_EQ(rest(late), chunked + "5\r\nbegun\r\n") << "no last chunk";
    const raw_socket cut = on.connect();
    cut.send(get("/short")); // and ends in order: its length tells
    EXPECT_EQ(rest(cut), "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 10\r\n\r\n12345");
    const raw_socket field = on.connect();
    field.send(get("/bad_field"));
    EXPECT_EQ(rest(field), last(500, "Internal Server Error"));
    EXPECT_EQ(on.seen->failure, static_cast<int>(errc::config));
    EXPECT_EQ(on.counters().failed, 5u);
}

TEST_P(Server, RefusesWhatIsNotHttpWithoutLosingTheAnswer) {
    running_server on(GetParam());
    for (const auto& [request, want] :
         {std::pair{std::string("nonsense\r\n"), last(400, "Bad Request")},
          {get("/", "Host: again\r\n"), last(400, "Bad Request")},
          {std::string("GET / HTTP/3.0\r\n"), last(505, "HTTP Version Not Supported")},
          {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n" + pattern(100000),
           last(501, "Not Implemented")}}) {
        const raw_socket client = on.connect();
        client.send(request);
        EXPECT_EQ(rest(client), want);
    }
    EXPECT_EQ(on.counters().refused, 4u);
    EXPECT_EQ(on.counters().requests, 0u);
}

TEST_P(Server, EverySplitOfTwoRequestsGivesTheSameAnswers) {
    running_server on(GetParam());
    const std::string wire =
        post("/echo", "hello") +
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    const std::string want = ok("hello") + ok("abc");
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        const raw_socket client = on.connect();
        const int on_at_once = 1;
        ::setsockopt(client.fd(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on_at_once, sizeof on_at_once);
        client.send(wire.substr(0, cut));
        until_received(client);
        client.send(wire.substr(cut));
        EXPECT_EQ(client.receive(want.size()), want) << "cut at byte " << cut;
    }
}

TEST_P(Server, DrainFinishesWhatHasBegunAndThenEnds) {
    running_server on(GetParam());
    const raw_socket idle = on.connect(), busy = on.connect(), half = on.connect();
    idle.send(get("/hello"));
    EXPECT_EQ(idle.receive(ok("hello").size()), ok("hello"));
    busy.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
    half.send("GET /hello HT");
    on.until([](const server_counters& c) { return c.open == 3 && c.handling == 1; });
    on.drain(20s);
    EXPECT_EQ(rest(idle), "") << "idle connections close at once";
    busy.send("dy" + get("/hello"));
    EXPECT_EQ(rest(busy),
              "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 4\r\nConnection: close\r\n\r\nbody");
    half.send("TP/1.1\r\nHost: h\r\n\r\n");
    const std::string got = rest(half); // its first bytes may not have been seen when draining began
    if (!got.empty()) {
        EXPECT_EQ(got, "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
    }
    on.join();
}

TEST_P(Server, DrainCutsOffWhatTakesTooLong) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    client.send(get("/wait"));
    on.until([](const server_counters& c) { return c.handling == 1; });
    on.drain(20ms);
    EXPECT_EQ(rest(client), "");
    on.join();
    EXPECT_EQ(on.seen->canceled, 1);
}

TEST_P(Server, StopsWithConnectionsInEveryState) {
    running_server on(GetParam());
    const raw_socket fresh = on.connect(), idle = on.connect(), waiting = on.connect(), half = on.connect();
    idle.send(get("/hello"));
    EXPECT_EQ(idle.receive(5), "HTTP/");
    waiting.send(get("/wait_late"));
    half.send(post("/echo", "x").substr(0, 20));
    on.until([](const server_counters& c) { return c.open == 4 && c.handling == 1; });
    on.end();
}

} // namespace
} // namespace modelmesh::net::testing
