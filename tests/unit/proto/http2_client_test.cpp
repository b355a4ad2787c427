#include "proto/http2_client.hpp"

#include "support/http2_peer.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace modelmesh::proto {
namespace {

using phase = http2_answer::phase;
using support::http2_peer;
using support::http2_request;

// Takes every byte of the body at once, unless told to leave them.
class answer final : public http2_answer {
public:
    std::string body;
    int changes = 0;

private:
    void body_arrived(std::string_view slice) override { body += slice; }
    void changed() noexcept override { ++changes; }
};

request_defaults defaults() {
    request_defaults made;
    made.host = "host.test";
    made.user_agent = "agent";
    return made;
}

std::shared_ptr<const http::request> request(std::string target = "/", std::string body = "",
                                             std::string method = "GET") {
    auto made = std::make_shared<http::request>();
    made->method = std::move(method);
    made->target = std::move(target);
    made->body = std::move(body);
    return made;
}

// Client and server joined without a network.
class Http2Client : public testing::Test {
protected:
    void serve(http2_peer::behaviour how, http2_peer::settings settings = {}) {
        peer = std::make_unique<http2_peer>(std::move(how), std::move(settings));
        session = std::make_unique<http2_client_session>(limits);
        to_client = peer->start();
    }
    result<void> ask(answer& into, std::shared_ptr<const http::request> what = request()) {
        return session->submit(into, std::move(what), defaults(), "https");
    }
    // Until neither has anything to say.
    result<void> talk() {
        for (;;) {
            std::string to_server;
            session->take_output(to_server);
            if (!to_server.empty()) to_client += peer->receive(to_server);
            to_client += peer->flush();
            if (to_client.empty() && to_server.empty()) return {};
            if (to_client.empty()) continue;
            const std::string arriving = std::exchange(to_client, "");
            if (const result<void> fed = session->receive(arriving); !fed) return fed;
        }
    }
    void finish(answer& one) {
        session->abandon(one);
        EXPECT_TRUE(talk());
    }

    http2_limits limits;
    std::unique_ptr<http2_peer> peer;
    std::unique_ptr<http2_client_session> session;
    std::string to_client;
};

TEST_F(Http2Client, SendsTheRequestAndReadsTheAnswer) {
    http2_request seen;
    serve([&](http2_peer& p, const http2_request& r) {
        seen = r;
        p.interim(r.id, "103");
        p.answer(r.id, "hello", {{"content-length", "5"}, {"x-a", "b"}}, {{"x-sum", "1"}});
    });
    auto post = std::make_shared<http::request>();
    post->method = "POST";
    post->target = "/v1/chat?x=1";
    post->headers.add("Authorization", "Bearer k");
    post->body = "{}";
    answer a;
    ASSERT_TRUE(ask(a, post));
    ASSERT_TRUE(talk());
    EXPECT_EQ(a.state(), phase::ended);
    EXPECT_EQ(a.status(), 200);
    EXPECT_EQ(a.body, "hello");
    EXPECT_EQ(a.headers().get("X-A"), "b");
    EXPECT_EQ(a.content_length(), 5u);
    EXPECT_EQ(a.trailers().get("x-sum"), "1");
    EXPECT_FALSE(a.headers().contains("x-sum")) << "a trailer is no header";
    EXPECT_EQ(a.headers().size(), 2u);
    const support::http2_fields want{{":method", "POST"},           {":scheme", "https"},
                                     {":authority", "host.test"},   {":path", "/v1/chat?x=1"},
                                     {"user-agent", "agent"},       {"accept-encoding", "identity"},
                                     {"authorization", "Bearer k"}, {"content-length", "2"}};
    EXPECT_EQ(seen.fields, want);
    EXPECT_EQ(seen.body, "{}");
    EXPECT_EQ(session->open_answers(), 0u);
}

TEST_F(Http2Client, OneSendTakesNoMoreThanItsLimit) {
    limits.output = 40'000;
    http2_request seen;
    http2_peer::settings settings;
    settings.window = 1 << 24;
    serve([&](http2_peer& p, const http2_request& r) { seen = r, p.answer(r.id, "ok"); }, settings);
    peer->add_window(0, 1 << 24);
    ASSERT_TRUE(talk());
    answer a;
    const std::string body(1'000'000, 'b');
    ASSERT_TRUE(ask(a, request("/", body, "POST")));
    while (session->wants_output()) {
        std::string sent;
        session->take_output(sent);
        EXPECT_GT(sent.size(), 0u);
        EXPECT_LE(sent.size(), limits.output + 16384 + 9) << "the frame that passes the limit is the last";
        to_client += peer->receive(sent);
    }
    ASSERT_TRUE(talk());
    EXPECT_EQ(seen.body, body);
    EXPECT_EQ(a.body, "ok");
}

TEST_F(Http2Client, EverySplitAndEveryCutOfAnAnswer) {
    std::string wire;
    const auto how = [](http2_peer& p, const http2_request& r) {
        p.interim(r.id, "100");
        p.answer(r.id, "data: one\n\n", {{"content-length", "11"}}, {{"x-sum", "1"}});
    };
    for (std::size_t cut = 0; cut == 0 || cut <= wire.size(); ++cut) {
        SCOPED_TRACE(cut);
        serve(how);
        answer a;
        ASSERT_TRUE(ask(a));
        std::string out;
        session->take_output(out);
        const std::string all = to_client + peer->receive(out);
        if (wire.empty()) wire = all;
        ASSERT_EQ(all, wire);
        ASSERT_TRUE(session->receive(std::string_view(wire).substr(0, cut)));
        EXPECT_EQ(a.state() == phase::ended, cut == wire.size());
        if (cut % 2 == 0) {
            ASSERT_TRUE(session->receive(std::string_view(wire).substr(cut)));
            EXPECT_EQ(a.state(), phase::ended);
            EXPECT_EQ(a.body, "data: one\n\n");
            continue;
        }
        const bool has_head = a.has_head();
        session->lose(fault(errc::connect, "lost"));
        if (cut == wire.size()) continue;
        ASSERT_EQ(a.state(), phase::failed);
        EXPECT_EQ(a.failure().kind(), has_head ? errc::protocol : errc::connect);
    }
}

TEST_F(Http2Client, OneRequestUntilTheServerHasSentItsSettings) {
    serve([](http2_peer& p, const http2_request& r) { p.answer(r.id, ""); }, {3, {}, {}});
    EXPECT_EQ(session->capacity(), 1u);
    ASSERT_TRUE(talk());
    EXPECT_EQ(session->capacity(), 3u);
    peer->set_streams(0);
    ASSERT_TRUE(talk());
    EXPECT_EQ(session->capacity(), 0u);
    EXPECT_TRUE(session->accepts());
}

TEST_F(Http2Client, WhatAResetMeans) {
    struct {
        std::uint32_t code;
        bool after_head;
        errc kind;
        bool is_unprocessed;
    } const cases[] = {
        {7, false, errc::connect, true},                                    // REFUSED_STREAM
        {2, false, errc::connect, false},                                   // INTERNAL_ERROR
        {2, true, errc::protocol, false}, {8, true, errc::protocol, false}, // CANCEL
        {0, true, errc::protocol, false}, // NO_ERROR, but the body has not ended
    };
    for (const auto& c : cases) {
        std::int32_t id = 0;
        serve([&](http2_peer& p, const http2_request& r) {
            id = r.id;
            if (c.after_head) p.head(r.id, {});
        });
        answer a;
        ASSERT_TRUE(ask(a));
        ASSERT_TRUE(talk());
        ASSERT_EQ(a.has_head(), c.after_head);
        peer->reset(id, c.code); // now: nghttp2 drops a head that waits behind a reset of its stream
        ASSERT_TRUE(talk());
        ASSERT_EQ(a.state(), phase::failed);
        EXPECT_EQ(a.failure().kind(), c.kind) << c.code;
        EXPECT_EQ(a.is_unprocessed(), c.is_unprocessed) << c.code;
        EXPECT_TRUE(session->accepts()) << "the connection goes on";
    }
}

TEST_F(Http2Client, ARequestThatCannotBeSentIsNotTheServersRefusal) {
    serve([](http2_peer& p, const http2_request& r) { p.answer(r.id, ""); });
    auto large = std::make_shared<http::request>();
    large->headers.add("x-large", std::string(2'000'000, 'x'));
    answer a, b;
    ASSERT_TRUE(talk());
    ASSERT_TRUE(ask(a, large));
    ASSERT_TRUE(talk());
    ASSERT_EQ(a.state(), phase::failed);
    EXPECT_EQ(a.failure().kind(), errc::config) << a.failure().message;
    EXPECT_FALSE(a.is_unprocessed());
    ASSERT_TRUE(ask(b));
    ASSERT_TRUE(talk());
    EXPECT_EQ(b.state(), phase::ended) << "the connection goes on";
}

TEST_F(Http2Client, AGoAwaySaysWhy) {
    serve([](http2_peer&, const http2_request&) {});
    ASSERT_TRUE(talk());
    peer->go_away(0, 11); // ENHANCE_YOUR_CALM
    static_cast<void>(talk());
    EXPECT_FALSE(session->accepts());
    EXPECT_EQ(session->end().kind(), errc::connect);
    EXPECT_NE(session->end().message.find("ENHANCE_YOUR_CALM"), std::string::npos) << session->end().message;
}

TEST_F(Http2Client, AnExceptionOfAReaderEndsTheConnectionAndNotTheProgram) {
    class throwing_answer final : public http2_answer {
        void body_arrived(std::string_view) override { throw std::length_error("no room"); }
        void changed() noexcept override {}
    };
    serve([](http2_peer& p, const http2_request& r) { p.answer(r.id, "hello"); });
    throwing_answer a;
    ASSERT_TRUE(session->submit(a, request(), defaults(), "https"));
    const result<void> end = talk();
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().kind(), errc::internal);
    EXPECT_NE(end.error().message.find("no room"), std::string::npos) << end.error().message;
    EXPECT_EQ(a.state(), phase::failed);
}

TEST_F(Http2Client, AfterAGoAwayLowerRequestsGoOnAndHigherOnesWereNotProcessed) {
    std::vector<std::int32_t> ids;
    serve([&](http2_peer& p, const http2_request& r) {
        ids.push_back(r.id);
        if (ids.size() == 3) p.go_away(ids[1]);
    });
    ASSERT_TRUE(talk());
    answer a, b, c;
    for (answer* const one : {&a, &b, &c}) ASSERT_TRUE(ask(*one));
    ASSERT_TRUE(talk());
    EXPECT_FALSE(session->accepts());
    ASSERT_EQ(c.state(), phase::failed);
    EXPECT_TRUE(c.is_unprocessed());
    EXPECT_EQ(c.failure().kind(), errc::connect);
    EXPECT_EQ(a.state(), phase::head);
    answer d;
    EXPECT_EQ(ask(d).error().kind(), errc::connect);
    EXPECT_TRUE(d.is_unprocessed());
    EXPECT_EQ(d.state(), phase::failed) << "nobody must wait for it";
    peer->answer(ids[0], "first");
    peer->answer(ids[1], "second");
    const result<void> end = talk();
    EXPECT_FALSE(end) << "that was all of this connection";
    EXPECT_EQ(a.body + b.body, "firstsecond");
    EXPECT_EQ(b.state(), phase::ended);
}

TEST_F(Http2Client, ARequestThatMeetsAGoAwayBeforeItIsSentWasNotProcessed) {
    serve([](http2_peer& p, const http2_request& r) { p.head(r.id, {}); });
    answer a, b;
    ASSERT_TRUE(ask(a));
    ASSERT_TRUE(talk());
    peer->go_away(1);
    ASSERT_TRUE(ask(b)); // queued, while the GOAWAY is on its way
    const std::string arriving = peer->flush();
    ASSERT_TRUE(session->receive(arriving));
    ASSERT_TRUE(talk());
    ASSERT_EQ(b.state(), phase::failed);
    EXPECT_TRUE(b.is_unprocessed());
    EXPECT_EQ(session->open_answers(), 1u);
    finish(a);
}

TEST_F(Http2Client, AServerSendsNoMoreThanWasRead) {
    limits.window = 70'000;
    const std::string big(100'000, 'x');
    serve([&](http2_peer& p, const http2_request& r) { p.answer(r.id, big); });
    answer a, b;
    ASSERT_TRUE(talk());
    ASSERT_TRUE(ask(a));
    ASSERT_TRUE(ask(b));
    ASSERT_TRUE(talk());
    EXPECT_EQ(a.body.size(), 70'000u);
    EXPECT_EQ(b.body.size(), 70'000u) << "a reader that is slow stops nobody else";
    session->consumed(a, 70'000);
    ASSERT_TRUE(talk());
    EXPECT_EQ(a.body.size(), big.size());
    EXPECT_EQ(a.state(), phase::ended);
    EXPECT_EQ(b.state(), phase::body);
    finish(b);
}

TEST_F(Http2Client, AnUploadWaitsForTheServersWindow) {
    const std::string big(200'000, 'x');
    std::int32_t id = 0;
    std::string got;
    http2_peer::settings settings;
    settings.window = 0;
    settings.on_head = [&](http2_peer&, const http2_request& r) { id = r.id; };
    serve(
        [&](http2_peer& p, const http2_request& r) {
            got = r.body;
            p.answer(r.id, "");
        },
        std::move(settings));
    answer a;
    ASSERT_TRUE(talk());
    ASSERT_TRUE(ask(a, request("/", big, "POST")));
    ASSERT_TRUE(talk());
    EXPECT_FALSE(a.is_sent());
    EXPECT_EQ(a.state(), phase::head);
    peer->add_window(id, 1'000'000);
    peer->add_window(0, 1'000'000);
    ASSERT_TRUE(talk());
    EXPECT_TRUE(a.is_sent());
    EXPECT_EQ(a.state(), phase::ended);
    EXPECT_TRUE(got == big);
}

TEST_F(Http2Client, ABodyThatContradictsItsLengthIsAProtocolFault) {
    for (const char* length : {"4", "6"}) {
        serve([&](http2_peer& p, const http2_request& r) {
            p.answer(r.id, "hello", {{"content-length", length}});
        });
        answer a;
        ASSERT_TRUE(ask(a));
        ASSERT_TRUE(talk());
        ASSERT_EQ(a.state(), phase::failed);
        EXPECT_EQ(a.failure().kind(), errc::protocol);
        EXPECT_TRUE(session->accepts());
    }
}

TEST_F(Http2Client, HeadAnd204And304HaveNoBody) {
    serve([&](http2_peer& p, const http2_request& r) {
        const std::string status = r.field(":path") == "/head" ? "200" : r.field(":path").substr(1);
        p.head(r.id, {{":status", status}, {"x-a", "b"}}, true);
    });
    for (const char* target : {"/head", "/204", "/304"}) {
        answer a;
        ASSERT_TRUE(talk());
        ASSERT_TRUE(ask(a, request(target, "", std::string(target) == "/head" ? "HEAD" : "GET")));
        ASSERT_TRUE(talk());
        EXPECT_EQ(a.state(), phase::ended) << target;
    }
}

TEST_F(Http2Client, LimitsOfAHead) {
    limits.response.line = 64;
    limits.response.head_bytes = 256;
    limits.response.head_fields = 6;
    limits.response.interim = 2;
    const std::vector<http2_peer::behaviour> wrong{
        [](http2_peer& p, const http2_request& r) { p.answer(r.id, "", {{"a", std::string(64, 'x')}}); },
        [](http2_peer& p, const http2_request& r) {
            p.answer(r.id, "", support::http2_fields(5, {"a", std::string(60, 'x')}));
        },
        [](http2_peer& p, const http2_request& r) {
            p.answer(r.id, "", support::http2_fields(7, {"a", "b"}));
        },
        [](http2_peer& p, const http2_request& r) {
            p.answer(r.id, "x", {}, support::http2_fields(7, {"a", "b"}));
        },
        [](http2_peer& p, const http2_request& r) {
            for (int i = 0; i < 3; ++i) p.interim(r.id, "103");
        },
        [](http2_peer& p, const http2_request& r) { p.answer(r.id, "", {{"Connection", "close"}}); },
        [](http2_peer& p, const http2_request& r) { p.answer(r.id, "", {{":status", "101"}}); },
    };
    for (std::size_t i = 0; i < wrong.size(); ++i) {
        serve(wrong[i]);
        answer a;
        ASSERT_TRUE(ask(a));
        ASSERT_TRUE(talk()) << i;
        ASSERT_EQ(a.state(), phase::failed) << i;
        EXPECT_EQ(a.failure().kind(), errc::protocol) << i << a.failure().message;
        EXPECT_TRUE(session->accepts());
        EXPECT_EQ(session->open_answers(), 0u);
    }
}

TEST_F(Http2Client, AbandonedAnswersAreStoppedAndTheOthersGoOn) {
    std::vector<std::int32_t> ids;
    serve([&](http2_peer& p, const http2_request& r) {
        ids.push_back(r.id);
        p.head(r.id, {});
        p.data(r.id, "first");
    });
    ASSERT_TRUE(talk());
    answer a, b;
    ASSERT_TRUE(ask(a));
    ASSERT_TRUE(ask(b));
    ASSERT_TRUE(talk());
    session->abandon(a);
    peer->data(ids[0], "more");
    ASSERT_TRUE(talk());
    EXPECT_EQ(peer->resets(), 1u);
    EXPECT_EQ(a.body, "first");
    peer->data(ids[1], "last", true);
    ASSERT_TRUE(talk());
    EXPECT_EQ(b.body, "firstlast");
    EXPECT_EQ(b.state(), phase::ended);
    EXPECT_EQ(session->open_answers(), 0u);
}

TEST_F(Http2Client, AnAnswerThatWasLeftMayEndButNotGoOn) {
    for (const bool goes_on : {false, true}) {
        std::int32_t id = 0;
        serve([&](http2_peer& p, const http2_request& r) {
            id = r.id;
            p.head(r.id, {});
        });
        answer a;
        ASSERT_TRUE(ask(a));
        ASSERT_TRUE(talk());
        session->leave(a);
        EXPECT_EQ(session->left_answers(), 1u);
        peer->data(id, goes_on ? "more" : "", !goes_on);
        ASSERT_TRUE(talk());
        EXPECT_EQ(session->left_answers(), 0u);
        EXPECT_EQ(session->open_answers(), 0u);
        EXPECT_EQ(peer->resets(), goes_on ? 1u : 0u);
    }
}

TEST_F(Http2Client, WhatIsNotHttp2EndsTheConnection) {
    serve([](http2_peer&, const http2_request&) {});
    answer a;
    ASSERT_TRUE(ask(a));
    const result<void> fed = session->receive("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().kind(), errc::protocol);
    EXPECT_EQ(a.state(), phase::failed);
    EXPECT_FALSE(session->accepts());
}

TEST_F(Http2Client, FieldsThatHttp2ForbidsAreNamed) {
    serve([](http2_peer&, const http2_request&) {});
    auto bad = std::make_shared<http::request>();
    bad->headers.add("Keep-Alive", "secret");
    answer a;
    const result<void> asked = ask(a, bad);
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().kind(), errc::config);
    EXPECT_NE(asked.error().message.find("Keep-Alive"), std::string::npos);
    EXPECT_EQ(asked.error().message.find("secret"), std::string::npos);
}

} // namespace
} // namespace modelmesh::proto
