// What handlers may do with an exchange, in the less usual orders.
#include "fixture.hpp"

namespace modelmesh::net::testing {
namespace {

using Exchange = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, Exchange, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

const std::string expecting = "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n";

TEST_P(Exchange, NothingIsPutIntoAnAnswerThatIsUnderWay) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    const std::string begun =
        "HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n";
    client.send("POST /late_read HTTP/1.1\r\nHost: h\r\n" + expecting);
    EXPECT_EQ(client.receive(begun.size()), begun);
    client.send("body");
    EXPECT_EQ(rest(client), "4\r\nbody\r\n0\r\n\r\n");
}

TEST_P(Exchange, AnAnswerThatIsCompleteIsNotGoneOnWith) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    const std::string once =
        "HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    client.send(get("/twice") + get("/hello"));
    EXPECT_EQ(client.receive(once.size()), once);
    EXPECT_EQ(client.receive(ok("hello").size()), ok("hello"));
    EXPECT_EQ(on.seen->wrong_uses, 2);
    EXPECT_EQ(on.counters().failed, 0u);
}

TEST_P(Exchange, WaitingEndsWhereThereIsSomethingToReadOrNothingToCome) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    client.send(get("/wait_first"));
    EXPECT_EQ(client.receive(ok("waited").size()), ok("waited"));
    client.send(post("/wait_first", "came with the head"));
    EXPECT_EQ(client.receive(ok("waited").size()), ok("waited"));
    const std::string asked = "HTTP/1.1 100 Continue\r\n\r\n";
    client.send("POST /wait_first HTTP/1.1\r\nHost: h\r\n" + expecting);
    EXPECT_EQ(client.receive(asked.size()), asked);
    client.send("body");
    EXPECT_EQ(client.receive(ok("waited").size()), ok("waited"));
    EXPECT_EQ(on.counters().slow, 0u);
}

TEST_P(Exchange, HandlersThatWaitHoldNoBuffers) {
    running_server on(GetParam());
    std::vector<raw_socket> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(on.connect());
        clients.back().send(i % 2 == 0 ? get("/wait") : post("/read_and_wait", "text"));
    }
    on.until([](const server_counters& c) { return c.handling == 8; });
    while (on.seen->waiting != 8) std::this_thread::yield();
    EXPECT_EQ(on.transport().lent_buffers, 0u);
}

TEST_P(Exchange, AHandlerThatStopsReadingAtTheLengthIsCancelledWhenItsClientLeaves) {
    running_server on(GetParam());
    raw_socket client = on.connect();
    client.send(post("/exact", "0123456789"));
    while (on.seen->waiting != 1) std::this_thread::yield();
    client.close();
    on.until([](const server_counters& c) { return c.open == 0; });
    EXPECT_EQ(on.seen->canceled, 1);
    EXPECT_EQ(on.counters().gone, 1u);
}

TEST_P(Exchange, AClientMayLeaveOnceItHasItsAnswer) {
    running_server on(GetParam());
    for (const std::string& request : {get("/linger"), post("/linger", "unread")}) {
        on.seen->may_go = false;
        raw_socket client = on.connect();
        client.send(request);
        EXPECT_EQ(client.receive(ok("hello").size()), ok("hello"));
        client.close();
        const raw_socket next = on.connect(); // when it is answered, the end was seen before
        next.send(get("/hello"));
        EXPECT_EQ(next.receive(ok("hello").size()), ok("hello"));
        on.seen->may_go = true;
        on.until([](const server_counters& c) { return c.handling == 0; });
    }
    EXPECT_EQ(on.seen->canceled, 0);
    EXPECT_EQ(on.counters().gone, 0u);
}

TEST_P(Exchange, AConnectionThatWasPromisedToGoOnDoesSo) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    client.send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
    EXPECT_EQ(client.receive(ok("hello").size()), ok("hello"));
    client.send("body" + get("/hello")); // what nobody waited for came late
    EXPECT_EQ(client.receive(ok("hello").size()), ok("hello"));
}

TEST_P(Exchange, ABodyThatNobodyReadsIsPassedOverOnlySoFar) {
    server_limits limits;
    limits.linger = 30ms;
    running_server hasty(GetParam(), limits), on(GetParam());
    const raw_socket slow = hasty.connect(), large = on.connect();
    slow.send("POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
    EXPECT_EQ(rest(slow), ok("hello"));
    large.send(post("/hello", pattern(100000)));
    EXPECT_EQ(rest(large), ok("hello"));
}

TEST_P(Exchange, WhateverIsThrownIsAnsweredWith500) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    client.send(get("/throw_number"));
    EXPECT_EQ(rest(client), last(500, "Internal Server Error"));
    EXPECT_EQ(on.counters().handling, 0u);
    EXPECT_EQ(on.counters().failed, 1u);
}

TEST_P(Exchange, AnAnswerCutOffDoesNotLookWholeToOldClients) {
    running_server on(GetParam());
    const raw_socket client = on.connect();
    client.send("GET /throw_late HTTP/1.0\r\n\r\n");
    const remainder got = to_the_end(client);
    EXPECT_EQ(got.how, ending::reset);
    const raw_socket stopped = on.connect();
    stopped.send("GET /wait_late HTTP/1.0\r\n\r\n");
    while (on.seen->waiting != 1) std::this_thread::yield();
    on.end();
    EXPECT_EQ(to_the_end(stopped).how, ending::reset);
}

} // namespace
} // namespace modelmesh::net::testing
