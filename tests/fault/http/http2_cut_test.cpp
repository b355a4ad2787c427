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
        ask(session, answer);
        http2_peer peer([](http2_peer& p, const http2_request& r) {
            p.interim(r.id, "103");
            p.answer(r.id, "data: one\n\n", {{"content-length", "11"}}, {{"x-sum", "1"}});
        });
        answered = peer.start();
        answered += peer.receive(asked);
        session.lose(fault(errc::connect, "the end"));
    }

    void ask(proto::http2_client_session& session, any_answer& answer) {
        proto::request_defaults defaults;
        const std::string host = address();
        defaults.host = host;
        defaults.user_agent = "modelmesh/0.1.0";
        EXPECT_TRUE(session.submit(answer, request(), defaults, server.is_tls() ? "https" : "http"));
        session.take_output(asked);
    }
    // Whether the head is among the first bytes of the server.
    bool has_head(std::size_t bytes) {
        any_answer answer;
        proto::http2_client_session session;
        ask(session, answer);
        EXPECT_TRUE(session.receive(std::string_view(answered).substr(0, bytes)));
        const bool has = answer.has_head();
        session.lose(fault(errc::connect, "the end"));
        return has;
    }

    std::string asked;
    std::string answered;
};
INSTANTIATE_TEST_SUITE_P(Engines, Http2Cut, support::http_combinations(), support::http_name);

TEST_P(Http2Cut, AtEveryByte) {
    for (std::size_t cut = 0; cut < answered.size(); ++cut) {
        for (const ending how : {ending::close, ending::cut, ending::reset}) {
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
        make_client(pool_limits()); // a stalled connection may be kept, and asked for a sign of life
        server.add(script().expect(asked).send(answered.substr(0, cut)).discard_rest());
        exchange_limits limits = patient();
        limits.first_byte = limits.gap = std::chrono::milliseconds(20);
        const result<http::response> got = loop.run(client->exchange(to, request(), limits));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::timed_out) << got.error().message;
        EXPECT_EQ(client->counters().in_use, 0u);
    }
    make_client(pool_limits());
    serve(&answer_ok);
    expect_ok();
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
