// An HTTP/2 answer cut and split at every byte: always a fault where it is cut, never a hang, never a clean
// end; and the next request is served.
#include "support/http2_fixture.hpp"

#include "proto/http2_client.hpp"

namespace modelmesh::net {
namespace {

using support::ended;
using support::ending;
using support::http2_peer;
using support::http2_request;
using support::script;

class Http2Cut : public support::http2_test {
protected:
    class any_answer final : public proto::http2_answer {
        void body_arrived(std::string_view) override {}
        void changed() noexcept override {}
    };

    // What client and server say to each other, found without a network.
    Http2Cut() {
        any_answer answer;
        proto::http2_client_session session;
        ask(session, answer, request(), asked);
        http2_peer peer([](http2_peer& p, const http2_request& r) {
            p.interim(r.id, "103");
            p.answer(r.id, "data: one\n\n", {{"content-length", "11"}}, {{"x-sum", "1"}});
        });
        answered = peer.start();
        answered += peer.receive(asked);
        session.lose(fault(errc::connect, "the end"));
    }

    void ask(proto::http2_client_session& session, any_answer& answer,
             const std::shared_ptr<const http::request>& what, std::string& into) {
        proto::request_defaults defaults;
        const std::string host = address();
        defaults.host = host;
        defaults.user_agent = "modelmesh/0.1.0";
        EXPECT_TRUE(session.submit(answer, what, defaults, server.is_tls() ? "https" : "http"));
        session.take_output(into);
    }
    // Whether the head is among the first bytes of the server.
    bool has_head(std::size_t bytes) {
        any_answer answer;
        proto::http2_client_session session;
        std::string same;
        ask(session, answer, request(), same);
        EXPECT_TRUE(session.receive(std::string_view(answered).substr(0, bytes)));
        const bool has = answer.has_head();
        session.lose(fault(errc::connect, "the end"));
        return has;
    }

    // Where the server's frames end (RFC 9113, section 4.1).
    std::vector<std::size_t> ends_of_frames() const {
        constexpr std::size_t head = 9;
        std::vector<std::size_t> ends;
        for (std::size_t at = 0; at < answered.size(); ends.push_back(at)) {
            std::size_t length = 0;
            for (std::size_t i = at; i < at + 3; ++i)
                length = length << 8 | static_cast<unsigned char>(answered[i]);
            at += head + length;
        }
        return ends;
    }

    const std::string go_away{"\0\0\10\7\0\0\0\0\0\0\0\0\1\0\0\0\0", 17}; // NO_ERROR, the last stream is 1
    std::string asked;
    std::string answered;
};
INSTANTIATE_TEST_SUITE_P(Engines, Http2Cut, support::http_combinations(), support::http_name);

TEST_P(Http2Cut, AtEveryByte) {
    for (std::size_t cut = 0; cut < answered.size(); ++cut) {
        for (const ending how : support::every_ending) {
            SCOPED_TRACE("cut at byte " + std::to_string(cut));
            server.add(ended(script().expect(asked).send(answered.substr(0, cut)), how));
            const result<http::response> got = exchange();
            ASSERT_FALSE(got);
            const bool is_truncated = got.error().message.find("truncated") != std::string::npos;
            EXPECT_EQ(got.error().kind(), is_truncated ? errc::protocol : errc::connect)
                << got.error().message;
            // A reset may destroy what was sent before it.
            if (how != ending::reset || is_truncated) {
                EXPECT_EQ(is_truncated, has_head(cut)) << got.error().message;
            }
            EXPECT_NE(got.error().message.find(address()), std::string::npos) << got.error().message;
            EXPECT_EQ(client->counters().in_use, 0u);
        }
    }
    serve(&answer_ok);
    expect_ok();
}

TEST_P(Http2Cut, AStallTimesOutAtEveryByte) {
    for (std::size_t cut = 0; cut < answered.size(); ++cut) {
        SCOPED_TRACE("stalls at byte " + std::to_string(cut));
        make_client(pool_limits()); // without a connection at rest
        server.add(script().expect(asked).send_until_gone(answered.substr(0, cut)).discard_rest());
        exchange_limits limits = patient();
        limits.first_byte = limits.gap = std::chrono::milliseconds(20);
        const result<http::response> got = loop.run(client->exchange(to, request(), limits));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::timed_out) << got.error().message;
        EXPECT_EQ(client->counters().in_use, 0u);
        serve(&answer_ok);
        expect_ok(); // elsewhere: the silent server is asked for a sign of life first, and gives none
    }
}

TEST_P(Http2Cut, ARequestThatIsCutAnywhereIsAFaultAndIsNotSentTwice) {
    any_answer answer;
    proto::http2_client_session session;
    std::string posted;
    ask(session, answer, request("/", "body"), posted);
    session.lose(fault(errc::connect, "the end"));
    std::size_t connections = 0;
    for (std::size_t cut = 0; cut <= posted.size(); ++cut) {
        for (const ending how : support::every_ending) {
            SCOPED_TRACE("cut at byte " + std::to_string(cut));
            server.add(ended(script().expect(posted.substr(0, cut)), how));
            const result<http::response> got = exchange("/", "body");
            ASSERT_FALSE(got);
            EXPECT_EQ(got.error().kind(), errc::connect) << got.error().message;
            EXPECT_EQ(server.accepted(), ++connections);
            EXPECT_EQ(client->counters().in_use, 0u);
        }
    }
    serve(&answer_ok);
    expect_ok();
}

TEST_P(Http2Cut, ByteByByteItIsTheSameAnswer) {
    script all;
    all.expect(asked);
    for (const char byte : answered) all.send(std::string(1, byte));
    server.add(std::move(all.discard_rest()));
    const result<http::response> got = exchange();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "data: one\n\n");
}

TEST_P(Http2Cut, AResetBehindEveryFrame) {
    const std::string reset("\0\0\4\3\0\0\0\0\1\0\0\0\2", 13); // of stream 1, INTERNAL_ERROR
    const std::string end_of_all = reset + go_away;            // so that the next request goes elsewhere
    std::vector<std::size_t> ends = ends_of_frames();
    ends.pop_back(); // behind the last one the answer is whole
    for (const std::size_t end : ends) {
        SCOPED_TRACE("behind byte " + std::to_string(end));
        make_client(pool_limits());
        server.add(script().expect(asked).send(answered.substr(0, end) + end_of_all).discard_rest());
        const result<http::response> got = exchange();
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), has_head(end) ? errc::protocol : errc::connect) << got.error().message;
        EXPECT_EQ(client->counters().in_use, 0u);
        serve(&answer_ok);
        expect_ok();
    }
}

TEST_P(Http2Cut, AGoAwayBehindEveryFrameLetsTheAnswerEnd) {
    for (const std::size_t end : ends_of_frames()) {
        SCOPED_TRACE("behind byte " + std::to_string(end));
        make_client(pool_limits());
        const std::size_t before = server.accepted();
        server.add(script()
                       .expect(asked)
                       .send(answered.substr(0, end) + go_away + answered.substr(end))
                       .discard_rest());
        const result<http::response> got = exchange();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "data: one\n\n");
        serve(&answer_ok);
        expect_ok();
        EXPECT_EQ(server.accepted(), before + 2) << "the next request goes elsewhere";
    }
}

TEST_P(Http2Cut, AWrongContentLengthHarmsNobodyElse) {
    serve([](http2_peer& p, const http2_request& r) {
        p.answer(r.id, "data: one\n\n", {{"content-length", r.field(":path").substr(1)}});
    });
    for (int length = 0; length <= 13; ++length) {
        SCOPED_TRACE("said to be " + std::to_string(length));
        const result<http::response> got =
            await(client->exchange(to, request("/" + std::to_string(length)), patient()));
        EXPECT_EQ(got.has_value(), length == 11);
        if (!got) {
            EXPECT_EQ(got.error().kind(), errc::protocol) << got.error().message;
        }
    }
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(Http2Cut, SplitAtEveryByte) {
    for (std::size_t cut = 0; cut <= answered.size(); ++cut) {
        SCOPED_TRACE("split at byte " + std::to_string(cut));
        make_client(pool_limits()); // without a connection at rest
        server.add(script().expect(asked).send_apart(answered, cut).discard_rest());
        const result<http::response> got = exchange();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "data: one\n\n");
    }
}

} // namespace
} // namespace modelmesh::net
