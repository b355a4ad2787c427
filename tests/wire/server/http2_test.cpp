// The server over HTTP/2: what its handlers do is the same, on the ring and on the reactor, plain and TLS.
#include "fixture.hpp"

#include "net/client.hpp"
#include "support/http2_caller.hpp"
#include "wire/transport/tls_peer.hpp"

#include <openssl/err.h>

#include <functional>
#include <tuple>
#include <vector>

namespace modelmesh::net::testing {
namespace {

using support::http2_caller;
using support::http2_fields;
using support::http2_head;

constexpr std::uint32_t refused_stream = 7, cancel = 8, internal_error = 2, enhance_your_calm = 11,
                        protocol_error = 1;

tls_server_settings secured(const identity& leaf) {
    tls_server_settings made;
    made.certificate_pem = leaf.pem();
    made.key_pem = leaf.key_pem();
    return made;
}

/// A blocking client: nghttp2's session on a socket, under TLS or not.
class caller {
public:
    caller(raw_socket link, bool is_tls, http2_caller::settings wanted = {})
        : session(wanted), link_(std::move(link)) {
        if (!is_tls) return;
        sigset_t broken_pipe;
        sigemptyset(&broken_pipe);
        sigaddset(&broken_pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
        context_ = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>("\x02h2"), 3);
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, link_.fd());
        EXPECT_EQ(again([this] { return SSL_connect(ssl_); }), 1);
    }
    caller(const caller&) = delete;
    caller& operator=(const caller&) = delete;
    ~caller() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }

    void send() { send(session.flush()); }
    void send(const std::string& bytes) {
        if (ssl_ == nullptr)
            link_.send(bytes);
        else if (!bytes.empty())
            again([&] { return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())); });
    }
    /// Until the condition holds. False: the server has ended the connection before.
    bool until(const std::function<bool()>& holds) {
        send();
        while (!holds()) {
            char buffer[16384];
            ssize_t size = 0;
            if (ssl_ != nullptr)
                size = again([&] { return SSL_read(ssl_, buffer, sizeof buffer); });
            else
                size = ::recv(link_.fd(), buffer, sizeof buffer, 0);
            if (size < 0 && ssl_ == nullptr && errno == EINTR) continue;
            if (size <= 0) return false;
            session.receive(std::string_view(buffer, static_cast<std::size_t>(size)));
            send();
        }
        return true;
    }
    /// The answer, as far as it came.
    http2_caller::answer& finish(std::int32_t id) {
        static_cast<void>(until([&] { return session.of(id).is_ended || session.of(id).is_closed; }));
        return session.of(id);
    }
    void expect(std::int32_t id, const std::string& body) {
        const http2_caller::answer& got = finish(id);
        EXPECT_EQ(got.status(), "200");
        EXPECT_EQ(got.body, body);
        EXPECT_TRUE(got.is_ended);
    }
    /// Everything until the server ends the connection.
    void to_the_end() {
        static_cast<void>(until([] { return false; }));
    }
    [[nodiscard]] const raw_socket& socket() const { return link_; }
    void close() { link_.close(); }

    http2_caller session;

private:
    /// A ring of this process may interrupt any system call.
    template <class Call> int again(Call call) {
        for (;;) {
            errno = 0;
            ERR_clear_error();
            const int done = call();
            if (done > 0 || errno != EINTR) return done;
        }
    }

    raw_socket link_;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
};

using parameters = std::tuple<engine_kind, bool>;

class Http2Server : public ::testing::TestWithParam<parameters> {
protected:
    void serve(server_limits limits = server_limits()) {
        std::optional<tls_server_settings> tls;
        if (is_tls()) tls = secured(leaf);
        on.emplace(std::get<0>(GetParam()), limits, tls);
    }
    [[nodiscard]] static bool is_tls() { return std::get<1>(GetParam()); }
    std::unique_ptr<caller> connect(http2_caller::settings wanted = {}, int receive_buffer = 0) {
        return std::make_unique<caller>(on->connect(receive_buffer), is_tls(), wanted);
    }
    /// A normal request succeeds, on this connection and on a new one, and nothing is left open.
    void expect_well(caller* old = nullptr) {
        if (old != nullptr) old->expect(old->session.get("/hello"), "hello");
        const auto fresh = connect();
        fresh->expect(fresh->session.get("/hello"), "hello");
        on->until([](const server_counters& c) { return c.handling == 0; });
    }

    /// A long answer to a client that gives this window, and no other.
    void read_slowly(std::int32_t window, duration limit) {
        server_limits limits;
        limits.write = limit;
        serve(limits);
        http2_caller::settings wanted;
        wanted.window = wanted.connection_window = window;
        const auto client = connect(wanted, 4096);
        http2_caller& session = client->session;
        static_cast<void>(session.get("/wait"));
        const std::int32_t id = session.get("/heavy");
        slow_reader pace;
        EXPECT_TRUE(client->until([&] {
            pace.took(session.of(id).body.size() - pace.read());
            return pace.read() >= slow_reader::enough;
        }));
        EXPECT_EQ(on->counters().slow, 0u);
        EXPECT_EQ(on->counters().handling, 2u);
        EXPECT_TRUE(pattern(8 << 20).starts_with(session.of(id).body));
    }

    identity root{"root", nullptr, nullptr};
    identity leaf{"server", "IP:127.0.0.1", &root};
    std::optional<running_server> on;
};

INSTANTIATE_TEST_SUITE_P(Link, Http2Server,
                         ::testing::Combine(::testing::Values(engine_kind::uring, engine_kind::epoll),
                                            ::testing::Bool()),
                         [](const ::testing::TestParamInfo<parameters>& which) {
                             return std::string(std::get<0>(which.param) == engine_kind::uring ? "uring"
                                                                                               : "epoll") +
                                    (std::get<1>(which.param) ? "_tls" : "_plain");
                         });

TEST_P(Http2Server, AnswersOneRequestAfterTheOther) {
    serve();
    const auto client = connect();
    http2_caller& session = client->session;
    for (int i = 0; i < 3; ++i) {
        const std::int32_t hello = session.get("/hello");
        client->expect(hello, "hello");
        EXPECT_EQ(session.of(hello).fields, (http2_fields{{":status", "200"},
                                                          {"date", "Sun, 06 Nov 1994 08:49:37 GMT"},
                                                          {"content-length", "5"}}));
        client->expect(session.post("/echo", "some text"), "some text");
        const std::int32_t stream = session.get("/stream");
        client->expect(stream, "onetwothree");
        EXPECT_EQ(session.of(stream).field("content-length"), "");
        const std::int32_t head = session.ask(http2_head("HEAD", "/hello"));
        client->expect(head, "");
        EXPECT_EQ(session.of(head).field("content-length"), "5");
        client->expect(session.ask(http2_head("HEAD", "/stream")), "");
        const std::int32_t empty = session.get("/empty");
        EXPECT_EQ(client->finish(empty).fields,
                  (http2_fields{{":status", "204"}, {"date", "Sun, 06 Nov 1994 08:49:37 GMT"}}));
        client->expect(session.post("/hello", "nobody reads this"), "hello");
    }
    const server_counters seen = on->counters();
    EXPECT_EQ(seen.accepted, 1u);
    EXPECT_EQ(seen.requests, 21u);
    EXPECT_EQ(seen.failed + seen.refused + seen.gone + seen.slow, 0u);
}

TEST_P(Http2Server, AnswersAHundredRequestsAtATime) {
    serve();
    const auto client = connect();
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 100; ++i)
        ids.push_back(client->session.post("/echo", pattern(static_cast<std::size_t>(i) * 37 + 1)));
    for (int i = 0; i < 100; ++i)
        client->expect(ids[static_cast<std::size_t>(i)], pattern(static_cast<std::size_t>(i) * 37 + 1));
    EXPECT_EQ(on->counters().requests, 100u);
    EXPECT_EQ(on->counters().accepted, 1u);
}

TEST_P(Http2Server, CarriesBigBodiesBothWays) {
    serve();
    const auto client = connect();
    const std::string big = pattern(1 << 20);
    client->expect(client->session.post("/echo", big), big);
    const std::int32_t first = client->session.post("/echo", big);
    const std::int32_t second = client->session.post("/echo", pattern(300000));
    client->expect(second, pattern(300000));
    client->expect(first, big);
}

TEST_P(Http2Server, AsksForABodyThatTheClientHoldsBack) {
    serve();
    const auto client = connect();
    http2_caller& session = client->session;
    const std::int32_t id = session.ask(http2_head("POST", "/echo", {{"expect", "100-continue"}}), "", false);
    ASSERT_TRUE(client->until([&] { return !session.of(id).interim.empty(); }));
    EXPECT_EQ(session.of(id).interim, std::vector<std::string>{"100"});
    session.more(id, "body", true);
    client->expect(id, "body");
}

TEST_P(Http2Server, HandlersThatFailAreAnsweredWith500OrCutOff) {
    serve();
    const auto client = connect();
    http2_caller& session = client->session;
    for (const char* const target : {"/throw", "/nothing", "/bad_field"}) {
        const http2_caller::answer& got = client->finish(session.get(target));
        EXPECT_EQ(got.status(), "500") << target;
        EXPECT_TRUE(got.is_ended);
    }
    for (const char* const target : {"/throw_late", "/short"}) {
        const http2_caller::answer& got = client->finish(session.get(target));
        EXPECT_EQ(got.status(), "200") << target;
        EXPECT_FALSE(got.is_ended);
        EXPECT_EQ(got.error, internal_error);
    }
    EXPECT_EQ(on->counters().failed, 5u);
    expect_well(client.get());
}

TEST_P(Http2Server, AHandlerMayReadAndWriteInAnyOrder) {
    serve();
    const auto client = connect();
    http2_caller& session = client->session;
    const std::int32_t late = session.post("/late_read", "and this");
    client->expect(late, "xand this");
    client->expect(session.get("/wait_first"), "waited");
    client->expect(session.get("/twice"), "hello");
    EXPECT_EQ(client->finish(session.get("/unknown")).status(), "404");
    on->until([](const server_counters& c) { return c.handling == 0; });
    EXPECT_EQ(on->seen->wrong_uses, 2);
}

TEST_P(Http2Server, AResetCancelsTheHandlerAndNothingElse) {
    serve();
    const auto client = connect();
    http2_caller& session = client->session;
    const std::int32_t silent = session.get("/wait"), begun = session.get("/wait_late"),
                       reading = session.ask(http2_head("POST", "/echo"), "a part", false);
    ASSERT_TRUE(client->until([&] { return session.of(begun).body == "begun"; }));
    on->until([](const server_counters& c) { return c.handling == 3; });
    for (const std::int32_t id : {silent, begun, reading}) session.reset(id);
    client->send();
    on->until([](const server_counters& c) { return c.handling == 0; });
    EXPECT_EQ(on->seen->canceled, 2);
    EXPECT_EQ(on->seen->failure, static_cast<int>(errc::canceled));
    EXPECT_EQ(on->counters().gone, 3u);
    EXPECT_EQ(on->counters().failed, 0u);
    expect_well(client.get());
}

TEST_P(Http2Server, AResetInMidAnswerEndsTheWriting) {
    serve();
    http2_caller::settings wanted;
    wanted.reads = false;
    const auto client = connect(wanted);
    http2_caller& session = client->session;
    const std::int32_t id = session.get("/firehose");
    ASSERT_TRUE(client->until([&] { return session.of(id).body.size() == 65535; }));
    session.reset(id);
    client->send();
    on->until([](const server_counters& c) { return c.handling == 0; });
    EXPECT_EQ(on->seen->write_failed, 1);
    EXPECT_EQ(on->seen->failure, static_cast<int>(errc::canceled));
    session.read(id);
    expect_well(client.get());
}

TEST_P(Http2Server, AClientThatLeavesCancelsAllHandlers) {
    serve();
    auto client = connect();
    for (int i = 0; i < 5; ++i) static_cast<void>(client->session.get("/wait"));
    client->send();
    on->until([](const server_counters& c) { return c.handling == 5; });
    client.reset();
    on->until([](const server_counters& c) { return c.open == 0; });
    EXPECT_EQ(on->seen->canceled, 5);
    EXPECT_EQ(on->counters().gone, 5u);
    expect_well();
}

TEST_P(Http2Server, WritingWaitsForTheWindow) {
    serve();
    http2_caller::settings wanted;
    wanted.reads = false;
    wanted.window = 1000;
    const auto client = connect(wanted);
    http2_caller& session = client->session;
    const std::string big = pattern(20000);
    const std::int32_t id = session.post("/echo", big);
    ASSERT_TRUE(client->until([&] { return session.of(id).body.size() == 1000; }));
    client->expect(session.get("/hello"), "hello"); // others go on
    EXPECT_EQ(session.of(id).body.size(), 1000u);
    while (!session.of(id).is_ended) {
        const std::size_t before = session.of(id).body.size();
        session.read(id);
        ASSERT_TRUE(client->until([&] { return session.of(id).body.size() > before; }));
        if (session.of(id).body.size() == big.size()) client->finish(id);
    }
    EXPECT_EQ(session.of(id).body, big);
}

TEST_P(Http2Server, AClientThatOpensNoWindowIsGivenUpAlone) {
    server_limits limits;
    limits.write = 50ms;
    serve(limits);
    http2_caller::settings wanted;
    wanted.reads = false;
    const auto client = connect(wanted);
    http2_caller& session = client->session;
    const std::int32_t id = session.get("/firehose");
    EXPECT_FALSE(client->finish(id).is_ended);
    EXPECT_EQ(session.of(id).error, internal_error);
    on->until([](const server_counters& c) { return c.handling == 0; });
    EXPECT_EQ(on->seen->failure, static_cast<int>(errc::timed_out));
    EXPECT_EQ(on->counters().slow, 1u);
    EXPECT_EQ(on->counters().failed, 0u);
    session.read(id);
    expect_well(client.get());
}

TEST_P(Http2Server, StreamsGivenUpTogetherLeaveTheOthersOfTheirConnectionAlone) {
    server_limits limits;
    limits.write = 50ms;
    serve(limits);
    http2_caller::settings wanted;
    wanted.reads = false;
    wanted.connection_window = 1 << 20; // each stream stops at its own
    const auto client = connect(wanted);
    http2_caller& session = client->session;
    static_cast<void>(session.get("/wait"));
    const std::int32_t one = session.get("/firehose"), other = session.get("/firehose");
    for (const std::int32_t id : {one, other}) {
        EXPECT_FALSE(client->finish(id).is_ended);
        EXPECT_EQ(session.of(id).error, internal_error);
    }
    EXPECT_EQ(on->counters().slow, 2u);
    EXPECT_EQ(on->counters().handling, 1u) << "the one that waits was not given up with them";
    client->close();
    on->until([](const server_counters& c) { return c.handling == 0; });
    expect_well();
}

TEST_P(Http2Server, WhatAbandonedRequestsSentIsGivenBackToTheWindow) {
    server_limits limits;
    limits.body_gap = 3s;
    serve(limits);
    const auto client = connect();
    http2_caller& session = client->session;
    client->expect(session.get("/hello"), "hello");
    // Each in one piece with its end, so that most are over before their handler would begin: more in all than
    // the connection's window.
    for (int round = 0; round < 30; ++round) {
        std::string wire;
        for (int i = 0; i < 15; ++i) {
            const std::int32_t id = session.ask(http2_head("POST", "/echo"), pattern(4000), false);
            wire += session.flush();
            session.reset(id);
            wire += session.flush();
        }
        client->send(wire);
        // They make up for those that were reset, and read what windows the server gives.
        std::vector<std::int32_t> well;
        for (int i = 0; i < 15; ++i) well.push_back(session.get("/hello"));
        for (const std::int32_t id : well) client->expect(id, "hello");
    }
    const std::string big = pattern(1'500'000);
    client->expect(session.post("/echo", big), big);
}

TEST_P(Http2Server, AClientThatDoesNotReadIsGivenUp) {
    server_limits limits;
    limits.write = 50ms;
    serve(limits);
    http2_caller::settings wanted;
    wanted.window = wanted.connection_window = 1 << 30; // so it is the socket that is full
    const auto client = connect(wanted, 4096);
    http2_caller& session = client->session;
    static_cast<void>(session.get("/wait"));
    for (int i = 0; i < 2; ++i) static_cast<void>(session.get("/firehose"));
    client->send();
    on->until([](const server_counters& c) { return c.requests == 3 && c.open == 0; });
    EXPECT_EQ(on->counters().slow, 1u);
    EXPECT_EQ(on->counters().failed + on->counters().gone, 0u);
    EXPECT_EQ(on->seen->write_failed, 2);
    EXPECT_EQ(on->seen->failure, static_cast<int>(errc::timed_out));
    EXPECT_EQ(on->seen->canceled, 1);
    expect_well();
}

TEST_P(Http2Server, ManyRequestsAreAnsweredWhileLongAnswersFillTheSocket) {
    serve();
    http2_caller::settings wanted;
    wanted.window = wanted.connection_window = 1 << 30; // so it is the socket that is full
    const auto client = connect(wanted, 4096);
    http2_caller& session = client->session;
    for (int i = 0; i < 3; ++i) static_cast<void>(session.get("/firehose"));
    for (int round = 0; round < 4; ++round) {
        std::vector<std::int32_t> ids;
        for (int i = 0; i < 100; ++i) ids.push_back(session.get("/hello"));
        for (const std::int32_t id : ids) client->expect(id, "hello");
    }
    EXPECT_EQ(on->counters().requests, 403u);
}

TEST_P(Http2Server, AClientThatReadsSlowlyButAlwaysIsServed) { read_slowly(1 << 30, slow_reader::limit); }

// The whole window lies in the socket before the second limit begins.
TEST_P(Http2Server, AClientWhoseWindowIsOnItsWayIsServed) { read_slowly(2 << 20, slow_reader::limit / 2); }

TEST_P(Http2Server, ReadingWaitsForTheHandler) {
    serve();
    const auto client = connect();
    http2_caller& session = client->session;
    // Nobody reads this body: it stops where the window ends, and others go on.
    const std::int32_t id = session.post("/wait", pattern(2 << 20));
    client->send();
    on->until([](const server_counters& c) { return c.handling == 1; });
    client->expect(session.get("/hello"), "hello");
    const engine_counters held = on->transport();
    EXPECT_LE(held.copied_bytes, 300u * 1024);
    session.reset(id);
    client->send();
    on->until([](const server_counters& c) { return c.handling == 0; });
    // What it held is given back: more than the connection's window passes.
    const std::string big = pattern(3 << 20);
    client->expect(session.post("/echo", big), big);
}

TEST_P(Http2Server, WhatAHandlerDidNotReadIsStopped) {
    serve();
    const auto client = connect();
    http2_caller& session = client->session;
    const std::int32_t id = session.ask(http2_head("POST", "/hello"), "unfinished", false);
    client->expect(id, "hello");
    ASSERT_TRUE(client->until([&] { return session.of(id).is_closed; }));
    EXPECT_EQ(session.of(id).error, 0u);
    expect_well(client.get());
}

TEST_P(Http2Server, DrainFinishesWhatHasBegunAndThenEnds) {
    serve();
    const auto client = connect(), idle = connect();
    http2_caller& session = client->session;
    idle->expect(idle->session.get("/hello"), "hello");
    const std::int32_t begun = session.ask(http2_head("POST", "/echo"), "bo", false);
    client->send();
    on->until([](const server_counters& c) { return c.requests == 2 && c.handling == 1; });
    on->drain(20s);
    idle->to_the_end();
    EXPECT_FALSE(idle->session.goodbyes.empty());
    ASSERT_TRUE(client->until([&] { return session.goodbyes.size() == 2; }));
    EXPECT_EQ(session.goodbyes[0], (std::pair<std::uint32_t, std::int32_t>(0, INT32_MAX)));
    EXPECT_EQ(session.goodbyes[1], (std::pair<std::uint32_t, std::int32_t>(0, 1)));
    session.more(begun, "dy", true);
    client->expect(begun, "body");
    client->to_the_end();
    idle->close();
    client->close();
    on->join();
    EXPECT_EQ(on->counters().gone + on->counters().failed, 0u);
}

TEST_P(Http2Server, ARequestThatIsUnderWayWhenDrainingBeginsIsAnswered) {
    serve();
    const auto client = connect();
    http2_caller& session = client->session;
    client->expect(session.get("/hello"), "hello");
    on->drain(20s);
    const std::int32_t late = session.get("/hello"); // the client has not looked yet
    client->expect(late, "hello");
    client->to_the_end();
    client->close();
    on->join();
}

TEST_P(Http2Server, DrainEndsConnectionsWhosePrefaceIsArriving) {
    for (const std::size_t cut : {1, 8, 16, 18, 23, 24, 30}) {
        SCOPED_TRACE(cut);
        serve();
        const auto client = connect();
        const std::int32_t id = client->session.get("/hello");
        const std::string wire = client->session.flush();
        client->send(wire.substr(0, cut));
        on->until([](const server_counters& c) { return c.open == 1; });
        on->drain(duration::max());
        client->send(wire.substr(cut));
        EXPECT_FALSE(client->until([] { return false; }));
        // Its first bytes may not have been seen when draining began.
        const http2_caller::answer& got = client->session.of(id);
        if (!got.fields.empty()) {
            EXPECT_EQ(got.body, "hello");
            EXPECT_FALSE(client->session.goodbyes.empty());
        }
        client->close();
        on->join();
        on.reset();
    }
}

TEST_P(Http2Server, DrainCutsOffWhatTakesTooLong) {
    serve();
    const auto client = connect();
    static_cast<void>(client->session.get("/wait"));
    client->send();
    on->until([](const server_counters& c) { return c.handling == 1; });
    on->drain(20ms);
    client->to_the_end();
    on->join();
    EXPECT_EQ(on->seen->canceled, 1);
}

TEST_P(Http2Server, StopsWithRequestsInEveryState) {
    serve();
    const auto client = connect(), silent = connect();
    http2_caller& session = client->session;
    client->expect(session.get("/hello"), "hello");
    static_cast<void>(session.get("/wait"));
    static_cast<void>(session.get("/wait_late"));
    static_cast<void>(session.get("/linger"));
    static_cast<void>(session.get("/firehose"));
    static_cast<void>(session.post("/hold", "a slice"));
    static_cast<void>(session.ask(http2_head("POST", "/echo"), "a part", false));
    client->send();
    on->until([](const server_counters& c) { return c.handling == 6; });
    while (on->seen->waiting != 4) std::this_thread::yield();
    on->end();
    EXPECT_EQ(on->seen->canceled, 4);
    EXPECT_EQ(on->seen->held, "a slice");
}

TEST_P(Http2Server, LimitsAreThoseOfHttp1) {
    server_limits limits;
    limits.request.line = 100;
    limits.request.head_fields = 10;
    limits.request.body = 10;
    serve(limits);
    const auto client = connect();
    http2_caller& session = client->session;
    const auto status = [&](std::int32_t id) { return client->finish(id).status(); };
    EXPECT_EQ(status(session.ask(http2_head("GET", "/", {{"a", std::string(200, 'x')}}))), "431");
    EXPECT_EQ(status(session.get("/" + std::string(200, 'x'))), "414");
    EXPECT_EQ(status(session.ask(http2_head("GET", "/", http2_fields(20, {"a", "b"})))), "431");
    EXPECT_EQ(status(session.ask(http2_head("POST", "/echo", {{"content-length", "11"}}), "hello world")),
              "413");
    EXPECT_EQ(status(session.post("/echo", "hello world")), "413"); // by the session: no handler sees it
    const std::int32_t grows = session.ask(http2_head("POST", "/echo"), "hello", false);
    client->send();
    on->until([](const server_counters& c) { return c.handling == 1; });
    session.more(grows, " world", true);
    EXPECT_EQ(status(grows), "413");
    EXPECT_EQ(on->seen->failure, static_cast<int>(errc::protocol));
    EXPECT_EQ(status(session.ask({{":method", "CONNECT"}, {":authority", "host.test:80"}})), "501");
    EXPECT_EQ(on->counters().refused, 7u);
    EXPECT_EQ(on->counters().slow + on->counters().failed, 0u);
    expect_well(client.get());
}

TEST_P(Http2Server, ABodyThatDoesNotGoOnIsAnsweredWith408) {
    server_limits limits;
    limits.body_gap = 50ms;
    serve(limits);
    const auto client = connect();
    const std::int32_t id = client->session.ask(http2_head("POST", "/echo"), "bo", false);
    EXPECT_EQ(client->finish(id).status(), "408");
    EXPECT_EQ(on->seen->failure, static_cast<int>(errc::timed_out));
    EXPECT_EQ(on->counters().slow, 1u);
    EXPECT_EQ(on->counters().failed, 0u);
    expect_well(client.get());
}

TEST_P(Http2Server, AHeadThatDoesNotGoOnIsCutOff) {
    server_limits limits;
    limits.head = prompt;
    serve(limits);
    const auto silent = connect(), slow = connect();
    http2_caller& session = slow->session;
    slow->expect(session.get("/hello"), "hello");
    static_cast<void>(session.ask(http2_head("GET", "/", {{"a", std::string(200, 'x')}})));
    const std::string request = session.flush();
    slow->send(request.substr(0, request.size() - 1));
    slow->to_the_end();
    silent->to_the_end();
    EXPECT_EQ(on->counters().slow, 2u);
}

TEST_P(Http2Server, AnIdleConnectionIsClosedInOrder) {
    server_limits limits;
    limits.idle = prompt;
    serve(limits);
    const auto client = connect();
    client->expect(client->session.get("/hello"), "hello");
    client->to_the_end();
    ASSERT_EQ(client->session.goodbyes.size(), 1u);
    EXPECT_EQ(client->session.goodbyes[0], (std::pair<std::uint32_t, std::int32_t>(0, 1)));
    EXPECT_EQ(on->counters().slow, 0u);
}

TEST_P(Http2Server, AClientThatResetsAgainAndAgainIsSentAway) {
    server_limits limits;
    limits.linger = 50ms; // it does not leave by itself
    serve(limits);
    const auto client = connect();
    http2_caller& session = client->session;
    for (int i = 0; i < 300; ++i) {
        const std::int32_t id = session.get("/wait");
        client->send();
        session.reset(id);
    }
    client->to_the_end();
    ASSERT_EQ(session.goodbyes.size(), 1u);
    EXPECT_EQ(session.goodbyes[0].first, enhance_your_calm);
    on->until([](const server_counters& c) { return c.open == 0; });
    EXPECT_EQ(on->counters().refused, 1u);
    expect_well();
}

TEST_P(Http2Server, AClientThatBreaksTheRulesIsToldWhy) {
    serve();
    const auto client = connect();
    http2_caller& session = client->session;
    static_cast<void>(session.get("/wait"));
    client->send();
    on->until([](const server_counters& c) { return c.handling == 1; });
    client->send(std::string("\0\0\4\x8\0\0\0\0\0\0\0\0\0", 13)); // a window update of nothing
    client->to_the_end();
    ASSERT_EQ(session.goodbyes.size(), 1u);
    EXPECT_EQ(session.goodbyes[0].first, protocol_error);
    client->close();
    on->until([](const server_counters& c) { return c.open == 0; });
    EXPECT_EQ(on->seen->canceled, 1);
    expect_well();
}

TEST_P(Http2Server, MoreRequestsThanAllowedAreRefusedOneByOne) {
    server_limits limits;
    limits.streams = 2;
    serve(limits);
    const auto client = connect();
    http2_caller& session = client->session;
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 4; ++i) ids.push_back(session.get("/wait")); // before the server's settings are known
    client->send();
    EXPECT_EQ(client->finish(ids[3]).error, refused_stream);
    EXPECT_EQ(client->finish(ids[2]).error, refused_stream);
    EXPECT_EQ(session.settings_seen[3], 2u);
    for (const std::int32_t id : {ids[0], ids[1]}) session.reset(id, cancel);
    expect_well(client.get());
}

TEST_P(Http2Server, OurOwnClientSpeaksItToo) {
    serve();
    loop near(std::get<0>(GetParam()));
    {
        net::client ours(*near.io);
        tls_settings trust;
        trust.ca_pem = root.pem();
        origin where;
        where.tls = is_tls();
        where.host = "127.0.0.1";
        where.port = on->port();
        const auto to = std::make_shared<endpoint>(
            where, trust, is_tls() ? http2_use::automatic : http2_use::prior_knowledge);
        for (int i = 0; i < 3; ++i) {
            auto request = std::make_shared<http::request>();
            request->method = "POST";
            request->target = "/echo";
            request->body = pattern(1 << 20);
            const auto got = near.run(ours.exchange(to, request, exchange_limits(late())));
            ASSERT_TRUE(got) << got.error().message;
            EXPECT_EQ(got->status, 200);
            EXPECT_EQ(got->body, request->body);
        }
    }
    near.drive();
    EXPECT_EQ(on->counters().accepted, 1u);
    EXPECT_EQ(on->counters().requests, 3u);
}

using Http2Choice = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, Http2Choice, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

TEST_P(Http2Choice, ThePrefaceMayComeInAnyTwoPieces) {
    running_server on(GetParam());
    http2_caller model;
    static_cast<void>(model.get("/hello"));
    const std::string wire = model.flush();
    for (std::size_t cut = 1; cut < wire.size(); ++cut) {
        caller client(on.connect(), false);
        const int on_at_once = 1;
        ::setsockopt(client.socket().fd(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on_at_once, sizeof on_at_once);
        const std::int32_t id = client.session.get("/hello");
        EXPECT_EQ(client.session.flush(), wire);
        client.send(wire.substr(0, cut));
        until_received(client.socket());
        client.send(wire.substr(cut));
        client.expect(id, "hello");
    }
}

TEST_P(Http2Choice, WhatOnlyBeginsLikeThePrefaceIsHttp1) {
    running_server on(GetParam());
    for (const char* const request :
         {"PRI * HTTP/1.1\r\n", "PRI * HTTP/2.1\r\n", "PRI /x HTTP/2.0\r\n", "\r\nPRI * HTTP/2.0\r\n"}) {
        const raw_socket client = on.connect();
        client.send(request);
        EXPECT_EQ(rest(client).substr(0, 9), "HTTP/1.1 ") << request;
    }
    const raw_socket half = on.connect();
    half.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    EXPECT_NE(to_the_end(half).how, ending::never);
    const raw_socket used = on.connect();
    used.send(get("/hello") + "PRI * HTTP/2.0\r\n");
    EXPECT_NE(rest(used).find("505"), std::string::npos) << "only a connection begins with it";
    EXPECT_EQ(on.counters().refused, 6u);
}

TEST_P(Http2Choice, MayBeSwitchedOff) {
    server_limits limits;
    limits.http2 = false;
    {
        running_server on(GetParam(), limits);
        const raw_socket client = on.connect();
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        EXPECT_EQ(rest(client), last(505, "HTTP Version Not Supported"));
    }
    const identity root("root", nullptr, nullptr);
    const identity leaf("server", "IP:127.0.0.1", &root);
    running_server on(GetParam(), limits, secured(leaf));
    loop near(GetParam());
    tls_settings trust;
    trust.ca_pem = root.pem();
    trust.offer_http2 = true;
    origin where;
    where.tls = true;
    where.host = "127.0.0.1";
    where.port = on.port();
    const auto made = near.run(net::connect(*near.io, where, trust, late()));
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ((*made)->alpn(), "http/1.1");
}

} // namespace
} // namespace modelmesh::net::testing
