// An HTTP/2 answer cut and split at every byte: always a fault where it is cut, never a hang, never a clean
// end; and the next request is served.
#include "support/http2_fixture.hpp"

#include "proto/http2_client.hpp"

namespace modelmesh::net {
namespace {

using support::http2_peer;
using support::http2_request;
using support::script;

class Http2Cut : public support::http2_test {
protected:
    // What client and server say to each other, found without a network.
    Http2Cut() {
        class : public proto::http2_answer {
            void body_arrived(std::string_view) override {}
            void changed() noexcept override {}
        } answer;
        proto::http2_client_session session;
        proto::request_defaults defaults;
        const std::string host = address();
        defaults.host = host;
        defaults.user_agent = "modelmesh/0.1.0";
        EXPECT_TRUE(session.submit(answer, request(), defaults, server.is_tls() ? "https" : "http"));
        session.take_output(asked);
        http2_peer peer([](http2_peer& p, const http2_request& r) {
            p.interim(r.id, "103");
            p.answer(r.id, "data: one\n\n", {{"content-length", "11"}}, {{"x-sum", "1"}});
        });
        answered = peer.start();
        answered += peer.receive(asked);
        session.lose(fault(errc::connect, "the end"));
    }

    std::string asked;
    std::string answered;
};
INSTANTIATE_TEST_SUITE_P(Engines, Http2Cut, support::http_combinations(), support::http_name);

TEST_P(Http2Cut, AtEveryByte) {
    for (std::size_t cut = 0; cut < answered.size(); ++cut) {
        SCOPED_TRACE("cut at byte " + std::to_string(cut));
        script so_far = script().expect(asked).send(answered.substr(0, cut));
        server.add(cut % 3 == 0 ? so_far.close() : cut % 3 == 1 ? so_far.cut() : so_far.reset());
        const result<http::response> got = exchange();
        ASSERT_FALSE(got);
        EXPECT_TRUE(got.error().kind() == errc::protocol || got.error().kind() == errc::connect)
            << got.error().message;
        EXPECT_NE(got.error().message.find(address()), std::string::npos) << got.error().message;
        EXPECT_EQ(client->counters().in_use, 0u);
    }
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
