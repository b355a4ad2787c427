// Clients that are slow, greedy or too many.
#include "fixture.hpp"

#include "support/http2_caller.hpp"

#include <sys/resource.h>

namespace modelmesh::net::testing {
namespace {

using ServerLimits = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, ServerLimits, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

TEST_P(ServerLimits, AHeadThatDoesNotGoOnIsAnsweredWith408) {
    server_limits limits;
    limits.head = prompt;
    running_server on(GetParam(), limits);
    const raw_socket silent = on.connect(), slow = on.connect(), later = on.connect();
    slow.send("GET / HTTP/1.1\r\nHost");
    later.send(get("/hello") + "GET ");
    EXPECT_EQ(rest(silent), "");
    EXPECT_EQ(rest(slow), last(408, "Request Timeout"));
    EXPECT_EQ(rest(later), ok("hello") + last(408, "Request Timeout"));
    EXPECT_EQ(on.counters().slow, 3u);
}

TEST_P(ServerLimits, AnIdleConnectionIsClosed) {
    server_limits limits;
    limits.idle = prompt;
    running_server on(GetParam(), limits);
    const raw_socket client = on.connect();
    client.send(get("/hello"));
    EXPECT_EQ(rest(client), ok("hello"));
    EXPECT_EQ(on.counters().slow, 0u);
}

TEST_P(ServerLimits, ABodyThatDoesNotGoOnIsAnsweredWith408) {
    server_limits limits;
    limits.body_gap = 30ms;
    running_server on(GetParam(), limits);
    const raw_socket client = on.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
    EXPECT_EQ(rest(client), last(408, "Request Timeout"));
    EXPECT_EQ(on.seen->failure, static_cast<int>(errc::timed_out));
    EXPECT_EQ(on.counters().slow, 1u);
    EXPECT_EQ(on.counters().failed, 0u);
}

TEST_P(ServerLimits, ABodyThatTakesTooLongInSumIsAnsweredWith408) {
    server_limits limits;
    limits.body = 30ms;
    running_server on(GetParam(), limits);
    const raw_socket client = on.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
    EXPECT_EQ(rest(client), last(408, "Request Timeout"));
}

TEST_P(ServerLimits, AnEmptyLineDoesNotMakeAnIdleConnectionBusy) {
    server_limits limits;
    limits.head = limits.idle = prompt;
    running_server on(GetParam(), limits);
    const raw_socket client = on.connect();
    client.send(get("/hello") + "\r\n");
    EXPECT_EQ(rest(client), ok("hello"));
    EXPECT_EQ(on.counters().slow, 0u);
}

TEST_P(ServerLimits, MayBeSwitchedOff) {
    server_limits limits;
    limits.handshake = limits.head = limits.idle = limits.body_gap = limits.body = limits.write =
        limits.linger = duration::max();
    running_server on(GetParam(), limits);
    const raw_socket client = on.connect();
    client.send(get("/hello"));
    EXPECT_EQ(client.receive(ok("hello").size()), ok("hello"));
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
    on.until([](const server_counters& c) { return c.handling == 1; });
    client.send("body");
    EXPECT_EQ(client.receive(ok("body").size()), ok("body"));
    on.drain(duration::max());
    EXPECT_EQ(rest(client), "");
    on.join();
}

/// What was done before the other client was served.
struct progress {
    std::size_t uploaded = 0;
    std::size_t answered = 0;
    bool is_other_served = false;
};

task<void> note(exchange& ex, progress* seen) {
    http::headers none;
    if (ex.target() == "/upload") {
        for (;;) {
            const auto slice = co_await ex.read();
            if (!slice || !*slice) break;
            if (!seen->is_other_served) seen->uploaded += (*slice)->size();
        }
    }
    if (!seen->is_other_served) ++seen->answered;
    if (ex.target() == "/other") seen->is_other_served = true;
    static_cast<void>(co_await ex.respond(200, none, ""));
}

TEST_P(ServerLimits, AClientThatAlwaysHasMoreSharesTheLoop) {
    std::string pipelined;
    for (int i = 0; i < 1000; ++i) pipelined += get("/");
    const std::string upload = post("/upload", pattern(1000000));
    support::http2_caller caller;
    for (int i = 0; i < 120; ++i)
        caller.ask(support::http2_head("GET", "/", {{"x", pattern(200) + std::to_string(i)}}));
    const std::string multiplexed = caller.flush();
    for (const std::string& much : {pipelined, upload, multiplexed}) {
        loop on(GetParam());
        progress seen;
        server ours(*on.io, [&seen](exchange& ex) { return note(ex, &seen); });
        ASSERT_TRUE(ours.listen(listen_settings()));
        // All of it is there before the server looks for the first time.
        const raw_socket greedy = connect_to(ours.port()), other = connect_to(ours.port());
        EXPECT_GT(greedy.send_some(much), 20000u);
        other.send(get("/other"));
        asio::co_spawn(on.context, ours.serve(), asio::detached);
        const auto limit = late();
        while (!seen.is_other_served && clock::system().now() < limit) on.context.run_one_for(1ms);
        EXPECT_TRUE(seen.is_other_served);
        EXPECT_GT(seen.answered + seen.uploaded, 1u) << "the other one was first by chance";
        EXPECT_LT(seen.answered, 100u);
        EXPECT_LT(seen.uploaded, 200'000u); // turns of 64 KB: one or two before the other's
        ours.stop();
        on.context.run_for(20s);
        EXPECT_EQ(ours.counters().open, 0u);
    }
}

TEST_P(ServerLimits, ABodyThatIsTooLongIsAnsweredWith413) {
    server_limits limits;
    limits.request.body = 10;
    running_server on(GetParam(), limits);
    const raw_socket announced = on.connect(), chunked = on.connect();
    announced.send(post("/echo", pattern(50000)));
    EXPECT_EQ(rest(announced), last(413, "Content Too Large"));
    chunked.send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    on.until([](const server_counters& c) { return c.handling == 1; });
    chunked.send("6\r\nworld!\r\n0\r\n\r\n");
    EXPECT_EQ(rest(chunked), last(413, "Content Too Large"));
    EXPECT_EQ(on.seen->failure, static_cast<int>(errc::protocol));
}

TEST_P(ServerLimits, AHeadThatIsTooLongIsAnsweredWith431Or414) {
    server_limits limits;
    limits.request.line = 100;
    running_server on(GetParam(), limits);
    const raw_socket field = on.connect(), target = on.connect();
    field.send(get("/", "A: " + std::string(200, 'x') + "\r\n"));
    EXPECT_EQ(rest(field), last(431, "Request Header Fields Too Large"));
    target.send(get("/" + std::string(200, 'x')));
    EXPECT_EQ(rest(target), last(414, "URI Too Long"));
}

TEST_P(ServerLimits, AClientThatReadsSlowlyButAlwaysIsServed) {
    server_limits limits;
    limits.write = slow_reader::limit;
    running_server on(GetParam(), limits);
    const raw_socket client = on.connect(4096);
    client.send(get("/heavy"));
    std::string got;
    slow_reader pace;
    while (pace.read() < slow_reader::enough) {
        const std::string part = client.receive(4096);
        ASSERT_EQ(part.size(), 4096u);
        pace.took(part.size());
        got += part;
    }
    EXPECT_EQ(on.counters().slow, 0u);
    EXPECT_EQ(on.counters().handling, 1u);
    const std::string body = pattern(8 << 20); // the rest is read at once
    const std::size_t head = got.find("\r\n\r\n") + 4;
    got += client.receive(head + body.size() - got.size());
    EXPECT_TRUE(got.substr(head) == body);
}

TEST_P(ServerLimits, AClientThatDoesNotReadIsGivenUp) {
    server_limits limits;
    limits.write = 50ms;
    running_server on(GetParam(), limits);
    const raw_socket client = on.connect(4096);
    client.send(get("/firehose"));
    on.until([](const server_counters& c) { return c.requests == 1 && c.open == 0; });
    EXPECT_EQ(on.counters().slow, 1u);
    EXPECT_EQ(on.counters().failed, 0u) << "the handler did nothing wrong";
    EXPECT_EQ(on.seen->write_failed, 1);
    EXPECT_EQ(on.seen->failure, static_cast<int>(errc::timed_out));
}

TEST_P(ServerLimits, ConnectionsBeyondTheLimitWaitForTheirTurn) {
    server_limits limits;
    limits.connections = 2;
    running_server on(GetParam(), limits);
    raw_socket first = on.connect();
    const raw_socket second = on.connect();
    on.until([](const server_counters& c) { return c.open == 2; });
    const raw_socket third = on.connect();
    third.send(get("/hello"));
    second.send(get("/hello"));
    EXPECT_EQ(second.receive(ok("hello").size()), ok("hello"));
    EXPECT_EQ(on.counters().accepted, 2u);
    first.close();
    EXPECT_EQ(third.receive(ok("hello").size()), ok("hello"));
}

TEST_P(ServerLimits, AcceptingGoesOnAfterDescriptorsRanOut) {
    server_limits limits;
    limits.connections =
        2; // accepting rests at first: the kernel looks at the process's limit when it is asked
    running_server on(GetParam(), limits);
    const raw_socket early = on.connect();
    raw_socket leaves = on.connect();
    on.until([](const server_counters& c) { return c.open == 2; });
    const raw_socket waits = on.connect();
    waits.send(get("/hello"));
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    leaves.close();
    on.until([](const server_counters& c) { return c.open == 1; });
    early.send(get("/hello")); // connections that are there already do not suffer
    EXPECT_EQ(early.receive(ok("hello").size()), ok("hello"));
    EXPECT_EQ(on.counters().accepted, 2u);
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(waits.receive(ok("hello").size()), ok("hello"));
}

} // namespace
} // namespace modelmesh::net::testing
