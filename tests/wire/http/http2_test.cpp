// HTTP/2 over real sockets: which connection carries what, and what becomes of the exchanges on it when one
// of them, or the connection, does not go well.
#include "support/http2_fixture.hpp"

#include <latch>
#include <optional>
#include <string>
#include <vector>

namespace modelmesh::net {
namespace {

using support::http2_peer;
using support::http2_request;
using support::script;

class Http2Exchange : public support::http2_test {};
INSTANTIATE_TEST_SUITE_P(Engines, Http2Exchange, support::http_combinations(), support::http_name);

TEST_P(Http2Exchange, ExchangesOneAfterTheOtherShareAConnection) {
    const auto peer = serve([](http2_peer& p, const http2_request& r) {
        p.answer(r.id, r.field(":path") + " " + r.body, {{"x-a", "b"}});
    });
    for (const char* body : {"", "one", "two"}) {
        const result<http::response> got = exchange("/v1", body);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, std::string("/v1 ") + body);
        EXPECT_EQ(got->headers.get("x-a"), "b");
    }
    EXPECT_EQ(server.accepted(), 1u);
    EXPECT_EQ(client->counters().opened, 1u);
    EXPECT_EQ(client->counters().reused, 2u);
    EXPECT_EQ(client->counters().idle, 1u);
    EXPECT_EQ(client->counters().in_use, 0u);
    EXPECT_EQ(peer->requests(), 3u);
    EXPECT_EQ(peer->resets(), 0u);
}

TEST_P(Http2Exchange, CarriesLargeBodiesBothWays) {
    std::string big(1'500'000, '\0');
    for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 23);
    serve([](http2_peer& p, const http2_request& r) { p.answer(r.id, r.body); });
    const result<http::response> got = exchange("/", big);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(got->body == big);
}

TEST_P(Http2Exchange, AHundredAtATimeOnOneConnection) {
    constexpr std::size_t count = 100;
    const auto peer =
        serve([waiting = std::vector<std::int32_t>()](http2_peer& p, const http2_request& r) mutable {
            waiting.push_back(r.id);
            if (waiting.size() < count) return;
            for (const std::int32_t id : waiting) p.answer(id, std::to_string(id));
        });
    std::vector<support::running<result<http::response>>> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(begin());
    loop.run_to_idle();
    for (auto& one : all) {
        const result<http::response> got = one.take();
        ASSERT_TRUE(got) << got.error().message;
    }
    EXPECT_EQ(server.accepted(), 1u) << "who came during the first handshake waited for it";
    EXPECT_EQ(peer->most_open(), count);
}

TEST_P(Http2Exchange, OpensMoreConnectionsWhenTheServerAllowsFewStreams) {
    constexpr std::size_t streams = 3;
    constexpr std::size_t connections = 4;
    pool_limits limits;
    limits.connections = connections;
    make_client(limits);
    std::latch all_full(connections);
    std::vector<std::shared_ptr<http2_peer>> peers;
    for (std::size_t i = 0; i < connections; ++i) {
        http2_peer::settings settings;
        settings.streams = streams;
        peers.push_back(serve(
            [&all_full, held = std::vector<std::int32_t>()](http2_peer& p, const http2_request& r) mutable {
                held.push_back(r.id);
                if (held.size() < streams) return;
                if (held.size() > streams) return p.answer(r.id, "ok");
                all_full.arrive_and_wait(); // the others can only be served by other connections
                for (const std::int32_t id : held) p.answer(id, "ok");
            },
            std::move(settings)));
    }
    std::vector<support::running<result<http::response>>> all;
    for (int i = 0; i < 20; ++i) all.push_back(begin());
    loop.run_to_idle();
    for (auto& one : all) {
        const result<http::response> got = one.take();
        ASSERT_TRUE(got) << got.error().message;
    }
    EXPECT_EQ(server.accepted(), connections);
    for (const auto& peer : peers) EXPECT_LE(peer->most_open(), streams);
    EXPECT_EQ(client->counters().idle, connections);
    EXPECT_EQ(client->counters().waiting, 0u);
}

TEST_P(Http2Exchange, WhoWaitsForAFullConnectionMeetsItsDeadline) {
    pool_limits limits;
    limits.connections = 1;
    make_client(limits);
    http2_peer::settings settings;
    settings.streams = 1;
    serve([](http2_peer& p, const http2_request& r) { p.head(r.id, {}); }, std::move(settings));
    result<response_stream> first = open();
    ASSERT_TRUE(first) << first.error().message;
    const exchange_limits soon(std::chrono::steady_clock::now() + brief);
    const result<http::response> second = await(client->exchange(to, request(), soon));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind(), errc::timed_out);
    EXPECT_EQ(client->counters().waiting, 0u);
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(Http2Exchange, TheFieldsBehindABodyAreThereOnceItsEndWasRead) {
    serve([](http2_peer& p, const http2_request& r) { p.answer(r.id, "ok", {}, {{"x-sum", "7"}}); });
    result<response_stream> opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    while (const auto slice = await(opened->read()).value()) EXPECT_EQ(*slice, "ok");
    EXPECT_EQ(opened->trailers().get("x-sum"), "7");
    EXPECT_EQ(opened->headers().get("x-sum"), "");
}

TEST_P(Http2Exchange, AStreamDroppedEarlyIsStoppedAndItsConnectionKept) {
    const auto peer = serve([](http2_peer& p, const http2_request& r) {
        if (r.field(":path") == "/ok") return answer_ok(p, r);
        p.head(r.id, {});
        p.data(r.id, "first");
    });
    {
        result<response_stream> opened = open();
        ASSERT_TRUE(opened) << opened.error().message;
        const auto slice = await(opened->read());
        ASSERT_TRUE(slice && *slice);
        EXPECT_EQ(**slice, "first");
        EXPECT_EQ(client->counters().in_use, 1u);
    }
    loop.run_to_idle();
    expect_ok("/ok");
    EXPECT_EQ(peer->resets(), 1u);
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(Http2Exchange, CancellingOneExchangeLeavesTheOthers) {
    const auto peer = serve([held = std::int32_t{0}](http2_peer& p, const http2_request& r) mutable {
        if (r.field(":path") == "/2") {
            held = r.id;
        } else if (r.field(":path") == "/ok") {
            if (held != 0) p.answer(std::exchange(held, 0), "ok");
            answer_ok(p, r);
        }
    });
    expect_ok("/ok");
    auto first = begin("/1");
    auto second = begin("/2");
    loop.run_until([&] { return peer->requests() == 3; });
    first.cancel();
    loop.run_until([&] { return first.is_done(); });
    EXPECT_EQ(first.take().error().kind(), errc::canceled);
    loop.run_until([&] { return peer->resets() == 1; });
    auto third = begin("/ok");
    loop.run_to_idle();
    EXPECT_EQ(second.take()->body, "ok");
    EXPECT_EQ(third.take()->body, "ok");
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(Http2Exchange, AnUploadThatIsCancelledLeavesTheOthers) {
    http2_peer::settings settings;
    settings.window = 1000;
    const auto peer = serve(&answer_ok, std::move(settings));
    expect_ok();
    auto upload = begin("/", std::string(1'000'000, 'x'));
    loop.run_until([&] { return peer->most_open() == 1 && loop.engine().counters().waiters >= 2; });
    upload.cancel();
    loop.run_to_idle();
    EXPECT_EQ(upload.take().error().kind(), errc::canceled);
    expect_ok();
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(Http2Exchange, AnUploadThatTheServerRefusesEndsWithItsAnswer) {
    http2_peer::settings settings;
    settings.window = 1000;
    settings.on_head = [](http2_peer& p, const http2_request& r) {
        if (r.field(":method") == "POST") p.answer(r.id, "large", {{":status", "413"}});
    };
    serve(&answer_ok, std::move(settings));
    const result<http::response> got = exchange("/", std::string(1'000'000, 'x'));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->status, 413);
    EXPECT_EQ(got->body, "large");
    expect_ok();
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(Http2Exchange, AnUploadGoesOnWhenTheServersWindowOpens) {
    http2_peer::settings settings;
    settings.window = 0;
    settings.on_head = [](http2_peer& p, const http2_request& r) {
        p.add_window(r.id, 1'000'000);
        p.add_window(0, 1'000'000);
    };
    serve([](http2_peer& p, const http2_request& r) { p.answer(r.id, std::to_string(r.body.size())); },
          std::move(settings));
    const result<http::response> got = exchange("/", std::string(500'000, 'x'));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "500000");
}

TEST_P(Http2Exchange, AServerSendsNoMoreThanItsReaderTakes) {
    pool_limits limits;
    limits.http2.limits.window = 100'000;
    make_client(limits);
    const std::string big(1'000'000, 'x');
    const auto peer = serve([big](http2_peer& p, const http2_request& r) {
        p.answer(r.id, r.field(":path") == "/ok" ? "ok" : big);
    });
    result<response_stream> slow = open();
    ASSERT_TRUE(slow) << slow.error().message;
    expect_ok("/ok"); // behind the other answer on the same connection
    const engine_counters now = loop.engine().counters();
    EXPECT_GT(now.copied_bytes, 0u) << "what was not taken is kept without the receive buffers";
    EXPECT_LE(now.copied_bytes, 100'000u);
    const support::drained all = await(support::drain(std::move(*slow)));
    EXPECT_FALSE(all.failure);
    EXPECT_TRUE(all.body == big);
}

task<support::drained> open_and_drain(client* through, std::shared_ptr<const endpoint> to,
                                      std::shared_ptr<const http::request> what, exchange_limits limits) {
    result<response_stream> opened = co_await through->open(std::move(to), std::move(what), limits);
    support::drained nothing;
    if (!opened) nothing.failure = opened.error();
    if (!opened) co_return nothing;
    co_return co_await support::drain(std::move(*opened));
}

TEST_P(Http2Exchange, ASliceThatIsTakenAtOnceIsNotCopied) {
    serve([](http2_peer& p, const http2_request& r) { p.answer(r.id, std::string(300'000, 'x')); });
    const support::drained all = await(open_and_drain(&*client, to, request(), patient()));
    EXPECT_FALSE(all.failure);
    EXPECT_EQ(all.body.size(), 300'000u);
    EXPECT_EQ(loop.engine().counters().copied_bytes, 0u);
}

TEST_P(Http2Exchange, AResetEndsOneAnswerAndNotTheConnection) {
    serve([](http2_peer& p, const http2_request& r) {
        if (r.field(":path") == "/ok") return answer_ok(p, r);
        if (r.field(":path") == "/early") return p.reset(r.id, 2);
        p.answer(r.id, "hello", {{"content-length", "6"}});
    });
    result<http::response> got = exchange("/early");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect);
    EXPECT_NE(got.error().message.find("INTERNAL_ERROR"), std::string::npos) << got.error().message;
    got = exchange("/length");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::protocol);
    expect_ok("/ok");
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(Http2Exchange, AResetInsideTheBodyIsATruncation) {
    serve([id = std::int32_t{0}](http2_peer& p, const http2_request& r) mutable {
        if (r.field(":path") == "/ok") {
            p.reset(id, 2);
            return answer_ok(p, r);
        }
        id = r.id;
        p.head(r.id, {});
        p.data(r.id, "first");
    });
    result<response_stream> opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    expect_ok("/ok");
    const support::drained all = await(support::drain(std::move(*opened)));
    EXPECT_EQ(all.body, "first");
    ASSERT_TRUE(all.failure);
    EXPECT_EQ(all.failure->kind(), errc::protocol);
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(Http2Exchange, ARefusedRequestIsSentOnceMore) {
    const auto peer = serve([times = 0](http2_peer& p, const http2_request& r) mutable {
        if (++times == 1) return p.reset(r.id, 7);
        answer_ok(p, r);
    });
    expect_ok();
    EXPECT_EQ(server.accepted(), 1u);
    EXPECT_EQ(peer->requests(), 2u);
}

TEST_P(Http2Exchange, ARequestThatIsRefusedTwiceFailsAndTheNextGoesElsewhere) {
    serve([](http2_peer& p, const http2_request& r) { p.reset(r.id, 7); });
    serve(&answer_ok);
    const result<http::response> got = exchange();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect);
    EXPECT_NE(got.error().message.find("did not take the request"), std::string::npos);
    expect_ok();
    EXPECT_EQ(server.accepted(), 2u);
}

TEST_P(Http2Exchange, AfterAGoAwayAnswersEndAndNewRequestsGoElsewhere) {
    serve([id = std::int32_t{0}](http2_peer& p, const http2_request& r) mutable {
        if (id != 0) { // not processed
            p.go_away(id);
            p.data(id, " last", true);
            return;
        }
        id = r.id;
        p.head(r.id, {});
        p.data(r.id, "first");
    });
    serve(&answer_ok);
    result<response_stream> opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    expect_ok();
    EXPECT_EQ(server.accepted(), 2u);
    const support::drained all = await(support::drain(std::move(*opened)));
    EXPECT_FALSE(all.failure) << all.failure->message;
    EXPECT_EQ(all.body, "first last");
}

TEST_P(Http2Exchange, AConnectionThatEndedAtRestIsReplaced) {
    for (const bool says_so : {false, true}) {
        serve([says_so](http2_peer& p, const http2_request& r) {
            answer_ok(p, r);
            if (says_so) p.go_away(r.id);
            p.close();
        });
        expect_ok();
    }
    serve(&answer_ok);
    expect_ok();
    EXPECT_EQ(server.accepted(), 3u);
}

TEST_P(Http2Exchange, AServerWithoutSettingsGetsNoSecondRequest) {
    server.add(script().discard_rest());
    serve(&answer_ok);
    exchange_limits soon = patient();
    soon.first_byte = brief;
    const result<http::response> got = await(client->exchange(to, request(), soon));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::timed_out);
    expect_ok();
    EXPECT_EQ(server.accepted(), 2u);
}

TEST_P(Http2Exchange, ASilentServerIsAskedForASignOfLife) {
    pool_limits limits;
    limits.http2.silence = brief;
    make_client(limits);
    const auto peer = serve([](http2_peer& p, const http2_request& r) { p.head(r.id, {}); });
    result<response_stream> opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    auto reading = loop.start(support::drain(std::move(*opened)));
    loop.run_until([&] { return peer->pings() >= 3; });
    EXPECT_FALSE(reading.is_done()) << "it answers";
    reading.cancel();
    loop.run_to_idle();
}

TEST_P(Http2Exchange, AServerThatDoesNotAnswerAPingIsGivenUp) {
    pool_limits limits;
    limits.http2.silence = brief;
    limits.http2.patience = brief;
    make_client(limits);
    server.add(script().discard_rest());
    const result<http::response> got = exchange();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect);
    EXPECT_NE(got.error().message.find("ping"), std::string::npos) << got.error().message;
}

TEST_P(Http2Exchange, WhatIsNotHttp2IsAProtocolFault) {
    server.add(script()
                   .expect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
                   .send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                   .discard_rest());
    const result<http::response> got = exchange();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::protocol) << got.error().message;
}

TEST_P(Http2Exchange, ALoopMayEndInTheMiddleOfEverything) {
    serve([](http2_peer& p, const http2_request& r) { p.head(r.id, {}); });
    std::optional<response_stream> outliving;
    {
        support::event_loop brief_loop(std::get<0>(GetParam()));
        net::client brief_client(brief_loop.engine());
        auto opened = brief_loop.start(brief_client.open(to, request(), patient()));
        brief_loop.run_until([&] { return opened.is_done(); });
        outliving.emplace(opened.take().value());
        auto under_way = brief_loop.start(brief_client.exchange(to, request(), patient()));
        brief_loop.run_until([&] { return brief_client.counters().in_use == 2; });
    }
    std::string_view slice;
    EXPECT_EQ(outliving->try_read(slice).error().kind(), errc::canceled);
}

} // namespace
} // namespace modelmesh::net
