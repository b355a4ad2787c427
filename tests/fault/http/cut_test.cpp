// An answer cut at every byte, in every way a connection can end: always a fault, never a hang, never a clean
// end; and the next request is served.
#include "support/body_sources.hpp"
#include "support/http_fixture.hpp"

namespace modelmesh::net {
namespace {

using support::ended;
using support::ending;
using support::script;

class HttpCut : public support::http_test {
protected:
    // @param is_whole  whether the answer is complete after that many bytes.
    template <class Whole> void cut_everywhere(const std::string& answer, ending how, Whole is_whole) {
        make_client(pool_limits()); // without a connection at rest
        for (std::size_t cut = 0; cut < answer.size(); ++cut) {
            SCOPED_TRACE("cut at byte " + std::to_string(cut));
            server.add(ended(script().read_request().send(answer.substr(0, cut)), how));
            const result<http::response> got = exchange();
            if (is_whole(cut)) {
                EXPECT_TRUE(got);
                continue;
            }
            ASSERT_FALSE(got);
            // A reset discards what the client has not read yet, so it may look earlier than it was.
            const bool lost_early = cut == 0 || how == ending::reset;
            EXPECT_TRUE(got.error().kind() == errc::protocol ||
                        (lost_early && got.error().kind() == errc::connect))
                << got.error().message;
            EXPECT_NE(got.error().message.find(address()), std::string::npos) << got.error().message;
            EXPECT_EQ(client->counters().in_use + client->counters().idle, 0u);
        }
        server.add(script().read_request().send(ok));
        const result<http::response> got = exchange();
        EXPECT_TRUE(got) << got.error().message;
    }
    void cut_everywhere(const std::string& answer, ending how) {
        cut_everywhere(answer, how, [](std::size_t) { return false; });
    }

    // @param asked  the bytes of what `make` makes anew each time.
    template <class Make> void cut_request_everywhere(const std::string& asked, Make make) {
        std::size_t connections = 0;
        for (std::size_t cut = 0; cut <= asked.size(); ++cut) {
            for (const ending how : support::every_ending) {
                SCOPED_TRACE("cut at byte " + std::to_string(cut));
                server.add(ended(script().expect(asked.substr(0, cut)), how));
                const result<http::response> got = loop.run(client->exchange(to, make(), patient()));
                ASSERT_FALSE(got);
                EXPECT_EQ(got.error().kind(), errc::connect) << got.error().message;
                EXPECT_EQ(server.accepted(), ++connections);
                EXPECT_EQ(client->counters().in_use + client->counters().idle, 0u);
            }
        }
        server.add(script().read_request().send(ok));
        EXPECT_TRUE(exchange());
    }

    const std::string chunked =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        "b\r\ndata: one\n\n\r\n1;x=y\r\n:\r\n14\r\n\n\ndata: \xC3\xA4\ndata: 2\n\n\r\n0\r\n\r\n";
    const std::string counted = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\ndata: one\n\n\n";
};
INSTANTIATE_TEST_SUITE_P(Engines, HttpCut, support::http_combinations(), support::http_name);

TEST_P(HttpCut, AChunkedAnswerThatCloses) { cut_everywhere(chunked, ending::close); }
TEST_P(HttpCut, AChunkedAnswerThatIsCut) { cut_everywhere(chunked, ending::cut); }
TEST_P(HttpCut, AChunkedAnswerThatIsReset) { cut_everywhere(chunked, ending::reset); }
TEST_P(HttpCut, AChunkedAnswerThatIsHalfClosed) { cut_everywhere(chunked, ending::half_close); }
TEST_P(HttpCut, ACountedAnswerThatCloses) { cut_everywhere(counted, ending::close); }
TEST_P(HttpCut, ACountedAnswerThatIsCut) { cut_everywhere(counted, ending::cut); }
TEST_P(HttpCut, ACountedAnswerThatIsReset) { cut_everywhere(counted, ending::reset); }
TEST_P(HttpCut, ACountedAnswerThatIsHalfClosed) { cut_everywhere(counted, ending::half_close); }

// Only the end of the connection ends such a body, so under TLS the end must be the peer's word.
TEST_P(HttpCut, AnEndlessAnswerIsWholeOnlyWithAnOrderlyEnd) {
    const std::string endless = "HTTP/1.1 200 OK\r\n\r\nbody";
    const std::size_t head = endless.find("body");
    for (const ending how : {ending::close, ending::half_close})
        cut_everywhere(endless, how, [&](std::size_t cut) { return cut >= head; });
    const bool is_tls = server.is_tls();
    cut_everywhere(endless, ending::cut, [&](std::size_t cut) { return !is_tls && cut >= head; });
}

TEST_P(HttpCut, EverySplitOfTheAnswerIsTheSameAnswer) {
    script all;
    for (std::size_t cut = 1; cut < chunked.size(); ++cut) all.read_request().send_apart(chunked, cut);
    server.add(std::move(all));
    for (std::size_t cut = 1; cut < chunked.size(); ++cut) {
        SCOPED_TRACE("split at byte " + std::to_string(cut));
        const result<http::response> got = exchange();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "data: one\n\n:\n\ndata: \xC3\xA4\ndata: 2\n\n");
    }
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(HttpCut, ByteByByteItIsTheSameAnswer) {
    script all;
    all.read_request();
    for (const char byte : chunked) all.send(std::string(1, byte));
    server.add(std::move(all));
    const result<http::response> got = exchange();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "data: one\n\n:\n\ndata: \xC3\xA4\ndata: 2\n\n");
}

// What is left of another answer, at once or while the connection is at rest, is never taken for the next one.
TEST_P(HttpCut, BytesBehindAnAnswerAreNobodys) {
    const std::string other = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (std::size_t size = 1; size <= other.size(); ++size) {
        const std::string left = other.substr(0, size);
        const std::string name = "rest" + std::to_string(size);
        for (const bool is_late : {false, true}) {
            SCOPED_TRACE(std::to_string(size) + (is_late ? " bytes at rest" : " bytes at once"));
            make_client(pool_limits());
            const std::size_t before = server.accepted();
            script dirty;
            dirty.read_request();
            if (is_late)
                dirty.send(ok).pause(name).send(left).delivered().pause(name + " sent");
            else
                dirty.send(ok + left);
            server.add(std::move(dirty));
            server.add(script().read_request().send(ok));
            ASSERT_TRUE(exchange("/1"));
            if (is_late) {
                server.resume(name);
                loop.run_until([&] { return server.is_paused(name + " sent"); });
            }
            const result<http::response> got = exchange("/2");
            if (is_late) server.resume(name + " sent");
            ASSERT_TRUE(got) << got.error().message;
            EXPECT_EQ(got->body, "ok");
            EXPECT_EQ(server.accepted(), before + 2);
        }
    }
}

TEST_P(HttpCut, AWrongContentLengthHarmsNobodyElse) {
    const std::string body = "data: one\n\n\n";
    for (std::size_t length = 0; length <= body.size() + 2; ++length) {
        SCOPED_TRACE("said to be " + std::to_string(length));
        make_client(pool_limits());
        const bool is_short = length > body.size();
        script wrong;
        wrong.read_request().send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) +
                                  "\r\n\r\n" + body);
        if (is_short) wrong.close();
        if (length == body.size()) wrong.read_request().send(ok);
        server.add(std::move(wrong));
        const result<http::response> got = exchange("/1");
        EXPECT_EQ(got.has_value(), !is_short);
        if (got) {
            EXPECT_EQ(got->body, body.substr(0, length));
        } else {
            EXPECT_EQ(got.error().kind(), errc::protocol) << got.error().message;
        }
        if (length != body.size()) server.add(script().read_request().send(ok));
        const result<http::response> next = exchange("/2");
        ASSERT_TRUE(next) << next.error().message;
        EXPECT_EQ(next->body, "ok");
    }
}

TEST_P(HttpCut, AnAnswerThatStallsTimesOutWhereverItDoes) {
    for (std::size_t cut = 0; cut < chunked.size(); ++cut) {
        SCOPED_TRACE("stalls at byte " + std::to_string(cut));
        server.add(script()
                       .read_request()
                       .send(ok)
                       .read_request()
                       .send_until_gone(chunked.substr(0, cut))
                       .discard_rest());
        ASSERT_TRUE(exchange()); // the handshake, which takes long under a sanitizer on a busy machine
        exchange_limits limits = patient();
        limits.first_byte = limits.gap = std::chrono::milliseconds(20);
        const result<http::response> got = loop.run(client->exchange(to, request(), limits));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::timed_out) << got.error().message;
        EXPECT_EQ(client->counters().in_use + client->counters().idle, 0u);
    }
    server.add(script().read_request().send(ok));
    EXPECT_TRUE(exchange());
}

TEST_P(HttpCut, ARequestThatIsCutAnywhereIsAFaultAndIsNotSentTwice) {
    const std::string asked = "POST / HTTP/1.1\r\nHost: " + address() +
                              "\r\nUser-Agent: modelmesh/0.1.0\r\nAccept-Encoding: identity\r\n"
                              "Content-Length: 4\r\n\r\nbody";
    cut_request_everywhere(asked, [] { return request("/", "body"); });
}

TEST_P(HttpCut, AnUploadThatIsCutAnywhereIsAFaultAndIsNotSentTwice) {
    const std::string asked = "POST / HTTP/1.1\r\nHost: " + address() +
                              "\r\nUser-Agent: modelmesh/0.1.0\r\nAccept-Encoding: identity\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n2\r\n" +
                              support::counted_source::bytes(0, 2) + "\r\n1\r\n" +
                              support::counted_source::bytes(2, 1) + "\r\n0\r\n\r\n";
    cut_request_everywhere(asked, [] {
        auto upload = std::make_shared<http::request>();
        upload->method = "POST";
        upload->source = std::make_shared<support::counted_source>(3, 2);
        return upload;
    });
}

TEST_P(HttpCut, AMalformedAnswerIsAFaultAndClosesTheConnection) {
    for (const char* wire :
         {"SSH-2.0\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n"}) {
        server.add(script().read_request().send(wire));
        const result<http::response> got = exchange();
        ASSERT_FALSE(got) << wire;
        EXPECT_EQ(got.error().kind(), errc::protocol) << got.error().message;
    }
    server.add(script().read_request().send(ok));
    EXPECT_TRUE(exchange());
}

} // namespace
} // namespace modelmesh::net
