// Request bodies that are read while they are sent, over real sockets: what arrives, how far the source is
// read ahead of the server, and what is left when either side gives up.
#include "support/body_sources.hpp"
#include "support/http2_fixture.hpp"
#include "support/scratch_folder.hpp"

#include <modelmesh/http/body_source.hpp>

#include <string>
#include <utility>
#include <vector>

namespace modelmesh::net {
namespace {

using support::counted_source;
using support::http2_peer;
using support::http2_request;
using support::script;

constexpr std::size_t mebi = 1024 * 1024;

std::shared_ptr<const http::request> post(std::shared_ptr<http::body_source> source) {
    auto made = std::make_shared<http::request>();
    made->method = "POST";
    made->source = std::move(source);
    return made;
}

std::string body_of(const std::string& request) { return request.substr(request.find("\r\n\r\n") + 4); }

// The server reads nothing, and the kernel takes no more.
void run_until_full(support::event_loop& loop, const counted_source& source) {
    std::size_t before = 0;
    int still = 0;
    loop.run_until([&] {
        still = source.reads == before && source.reads != 0 ? still + 1 : 0;
        before = source.reads;
        return still > 20;
    });
}

class HttpUpload : public support::http_test {
protected:
    auto begin(std::shared_ptr<http::body_source> source) {
        return loop.start(client->exchange(to, post(std::move(source)), patient()));
    }
    result<http::response> send(std::shared_ptr<http::body_source> source) {
        return loop.run(client->exchange(to, post(std::move(source)), patient()));
    }
    void expect_recovery() {
        EXPECT_EQ(client->counters().in_use, 0u);
        EXPECT_EQ(client->counters().idle, 0u) << "its connection is not used again";
        EXPECT_EQ(loop.engine().counters().open_streams, 0u);
        server.add(script().read_request().send(ok));
        const result<http::response> got = exchange();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "ok");
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, HttpUpload, support::http_combinations(), support::http_name);

class Http2Upload : public support::http2_test {
protected:
    auto start(std::shared_ptr<http::body_source> source) {
        return loop.start(client->exchange(to, post(std::move(source)), patient()));
    }
    result<http::response> send(std::shared_ptr<http::body_source> source) {
        return await(client->exchange(to, post(std::move(source)), patient()));
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, Http2Upload, support::http_combinations(), support::http_name);

TEST_P(HttpUpload, AFileArrivesByteForByte) {
    const support::scratch_folder folder;
    const std::string content = counted_source::bytes(0, 8 * mebi);
    const auto source = http::file_source(folder.write("file", content));
    ASSERT_TRUE(source);
    server.add(script().read_request().send(ok).read_request().send(ok));
    const result<http::response> got = send(*source);
    ASSERT_TRUE(got) << got.error().message;
    const std::string arrived = server.requests().at(0);
    EXPECT_NE(arrived.find("\r\nContent-Length: 8388608\r\n"), std::string::npos);
    EXPECT_TRUE(body_of(arrived) == content);
    ASSERT_TRUE(exchange());
    EXPECT_EQ(server.accepted(), 1u) << "the connection serves again";
}

TEST_P(HttpUpload, ABodyOfUnknownLengthIsChunked) {
    for (const bool is_slow : {false, true}) {
        for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{300'000}}) {
            const auto source = std::make_shared<counted_source>(size, 7001);
            source->is_slow = is_slow;
            server.add(script().read_chunked_request().send(ok));
            const result<http::response> got = send(source);
            ASSERT_TRUE(got) << got.error().message;
            const std::string arrived = server.requests().back();
            EXPECT_EQ(arrived.find("Content-Length"), std::string::npos);
            EXPECT_TRUE(body_of(arrived) == counted_source::bytes(0, size)) << size;
            make_client(pool_limits());
        }
    }
}

TEST_P(HttpUpload, AShortBodyGoesOutWithItsHead) {
    server.add(script()
                   .expect("POST / HTTP/1.1\r\nHost: " + address() +
                           "\r\nUser-Agent: modelmesh/0.1.0\r\nAccept-Encoding: identity\r\n"
                           "Content-Length: 4\r\n\r\nbody")
                   .send(ok)
                   .expect("POST / HTTP/1.1\r\nHost: " + address() +
                           "\r\nUser-Agent: modelmesh/0.1.0\r\nAccept-Encoding: identity\r\n"
                           "Content-Length: 0\r\n\r\n")
                   .send(ok));
    ASSERT_TRUE(send(http::bytes_source("body")));
    const std::uint64_t before = loop.engine().counters().sends;
    ASSERT_TRUE(send(http::bytes_source("")));
    EXPECT_EQ(loop.engine().counters().sends - before, 1u);
}

TEST_P(HttpUpload, IsReadNoFasterThanTheServerTakesIt) {
    constexpr std::size_t size = 24 * mebi; // more than the kernel holds
    const auto source = std::make_shared<counted_source>(size);
    source->announced = size;
    server.add(script().pause("read").read_request().send(ok));
    auto under_way = begin(source);
    loop.run_until([&] { return server.is_paused("read"); });
    run_until_full(loop, *source);
    EXPECT_LT(source->reads, size / (64 * 1024) / 2);
    server.resume("read");
    loop.run_until([&] { return under_way.is_done(); });
    const result<http::response> got = under_way.take();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(body_of(server.requests().at(0)).size(), size);
}

TEST_P(HttpUpload, AnAnswerOtherThanSuccessEndsIt) {
    for (const bool is_stuck : {false, true}) {
        const std::string refuse = is_stuck ? "stuck" : "full";
        SCOPED_TRACE(refuse);
        const auto source = std::make_shared<counted_source>(24 * mebi);
        if (is_stuck) source->stuck_at = 3; // a source that has nothing to give now
        server.add(script()
                       .pause(refuse)
                       .send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge")
                       .discard_rest());
        auto under_way = begin(source);
        loop.run_until([&] { return server.is_paused(refuse); });
        if (is_stuck)
            loop.run_until([&] { return source->reads == 3; });
        else
            run_until_full(loop, *source);
        server.resume(refuse);
        loop.run_until([&] { return under_way.is_done(); });
        const result<http::response> got = under_way.take();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->status, 413);
        EXPECT_EQ(got->body, "large");
        loop.run_to_idle();
        expect_recovery();
        make_client(pool_limits());
    }
}

TEST_P(HttpUpload, AnAnswerOtherThanSuccessEndsThatOfABodyInMemoryToo) {
    auto request = std::make_shared<http::request>();
    request->method = "POST";
    request->body = counted_source::bytes(0, 24 * mebi);
    server.add(script()
                   .send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge")
                   .pause("answered")
                   .discard_rest());
    const result<http::response> got = loop.run(client->exchange(to, std::move(request), patient()));
    server.resume("answered"); // until then nothing was read
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->status, 413);
    EXPECT_EQ(got->body, "large");
    loop.run_to_idle();
    expect_recovery();
}

TEST_P(HttpUpload, GoesOnWithABodyInMemoryAfterAnEarlySuccess) {
    auto request = std::make_shared<http::request>();
    request->method = "POST";
    request->body = counted_source::bytes(0, 16 * mebi);
    server.add(script()
                   .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
                   .read_request()
                   .send("ok")
                   .read_request()
                   .send(ok));
    const result<http::response> got = loop.run(client->exchange(to, request, patient()));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "ok");
    EXPECT_TRUE(body_of(server.requests().at(0)) == request->body);
    ASSERT_TRUE(exchange());
    EXPECT_EQ(server.accepted(), 1u) << "the connection serves again";
}

TEST_P(HttpUpload, GoesOnAfterAnEarlySuccess) {
    const auto source = std::make_shared<counted_source>(16 * mebi);
    source->announced = 16 * mebi;
    server.add(script().send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").read_request().send("ok"));
    const result<http::response> got = send(source);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, "ok");
    EXPECT_EQ(body_of(server.requests().at(0)).size(), 16 * mebi);
}

TEST_P(HttpUpload, AServerThatLeavesIsAFault) {
    for (const bool is_reset : {true, false}) {
        const std::string leave = is_reset ? "reset" : "close";
        SCOPED_TRACE(leave);
        const auto source = std::make_shared<counted_source>(24 * mebi);
        script s;
        s.pause(leave);
        if (is_reset)
            s.reset();
        else
            s.close();
        server.add(std::move(s));
        auto under_way = begin(source);
        loop.run_until([&] { return server.is_paused(leave); });
        run_until_full(loop, *source);
        server.resume(leave);
        loop.run_to_idle();
        const result<http::response> got = under_way.take();
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::connect) << got.error().message;
        EXPECT_EQ(source->rewinds, 0u);
        expect_recovery();
        make_client(pool_limits());
    }
}

TEST_P(HttpUpload, IsCanceledWhereverItIs) {
    for (const std::size_t stuck_at : {std::size_t{0}, std::size_t{3}, counted_source::never}) {
        SCOPED_TRACE(stuck_at);
        const auto source = std::make_shared<counted_source>(24 * mebi);
        source->stuck_at = stuck_at;
        const std::string hold = "hold " + std::to_string(stuck_at);
        server.add(script().pause(hold).discard_rest());
        auto under_way = begin(source);
        loop.run_until([&] { return server.is_paused(hold); });
        if (stuck_at != counted_source::never)
            loop.run_until([&] { return source->reads == stuck_at; });
        else
            run_until_full(loop, *source);
        EXPECT_FALSE(under_way.is_done());
        under_way.cancel();
        loop.run_until([&] { return under_way.is_done(); });
        const result<http::response> got = under_way.take();
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::canceled) << got.error().message;
        server.resume(hold);
        loop.run_to_idle();
        expect_recovery();
        make_client(pool_limits());
    }
}

TEST_P(HttpUpload, MeetsItsDeadlineWhereverItIs) {
    for (const std::size_t stuck_at : {std::size_t{3}, counted_source::never}) {
        SCOPED_TRACE(stuck_at);
        const auto source = std::make_shared<counted_source>(24 * mebi);
        source->stuck_at = stuck_at;
        const std::string hold = "hold " + std::to_string(stuck_at);
        server.add(script().read_request().send(ok).pause(hold).discard_rest());
        ASSERT_TRUE(exchange()); // the handshake is not what is late
        const exchange_limits soon(std::chrono::steady_clock::now() + 10 * brief);
        const result<http::response> got = loop.run(client->exchange(to, post(source), soon));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::timed_out) << got.error().message;
        server.resume(hold);
        expect_recovery();
        make_client(pool_limits());
    }
}

TEST_P(HttpUpload, ASourceThatFailsEndsTheExchange) {
    for (std::size_t at = 0; at <= 5; ++at) {
        SCOPED_TRACE(at);
        for (const bool is_chunked : {true, false}) {
            const auto source = std::make_shared<counted_source>(5 * 70'000, 70'000);
            source->fails_at = at;
            if (!is_chunked) source->announced = 5 * 70'000;
            server.add(script().discard_rest());
            const result<http::response> got = send(source);
            // With all the bytes that were announced the request was complete; the answer is not waited for.
            ASSERT_FALSE(got);
            EXPECT_EQ(got.error().kind(), errc::storage);
            EXPECT_NE(got.error().message.find("reading the body of the request: the source failed"),
                      std::string::npos)
                << got.error().message;
            expect_recovery();
            make_client(pool_limits());
        }
    }
}

TEST_P(HttpUpload, ASourceThatThrowsIsHeardOf) {
    for (const std::size_t at : {0, 2}) {
        SCOPED_TRACE(at);
        const auto source = std::make_shared<counted_source>(5 * 70'000, 70'000);
        source->throws_at = at;
        server.add(script().discard_rest());
        EXPECT_THROW(static_cast<void>(send(source)), std::runtime_error);
        expect_recovery();
        make_client(pool_limits());
    }
}

TEST_P(HttpUpload, ASourceThatThrowsAfterAnEarlyAnswerLeavesNoConnection) {
    const auto source = std::make_shared<counted_source>(16 * mebi);
    source->throws_at = 200; // more than the kernel takes before the server, which has answered, reads
    server.add(script().expect("POST").send("HTTP/1.1 204 No Content\r\n\r\n").discard_rest());
    EXPECT_THROW(static_cast<void>(send(source)), std::runtime_error);
    expect_recovery();
}

TEST_P(HttpUpload, AWrongLengthIsTheSourcesFault) {
    for (const std::size_t announced : {std::size_t{99'999}, std::size_t{100'001}, std::size_t{0}}) {
        SCOPED_TRACE(announced);
        const auto source = std::make_shared<counted_source>(100'000, 50'000);
        source->announced = announced;
        server.add(script().discard_rest());
        const result<http::response> got = send(source);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::bad_request);
        EXPECT_NE(got.error().message.find(announced > 100'000 ? "fewer" : "more"), std::string::npos);
        expect_recovery();
        make_client(pool_limits());
    }
}

TEST_P(HttpUpload, IsSentAgainWhenAUsedConnectionWasDead) {
    for (const bool may_rewind : {true, false}) {
        const std::string leave = may_rewind ? "with" : "without";
        SCOPED_TRACE(leave);
        const auto source = std::make_shared<counted_source>(24 * mebi);
        source->may_rewind = may_rewind;
        server.add(script().read_request().send(ok).pause(leave).reset());
        ASSERT_TRUE(exchange());
        if (may_rewind) server.add(script().read_chunked_request().send(ok));
        auto under_way = begin(source);
        loop.run_until([&] { return server.is_paused(leave); });
        run_until_full(loop, *source);
        server.resume(leave);
        loop.run_until([&] { return under_way.is_done(); });
        const result<http::response> got = under_way.take();
        EXPECT_EQ(got.has_value(), may_rewind);
        EXPECT_EQ(source->rewinds, 1u);
        if (may_rewind) {
            EXPECT_EQ(body_of(server.requests().back()).size(), 24 * mebi);
        }
        loop.run_to_idle();
        make_client(pool_limits());
    }
}

TEST_P(Http2Upload, BodiesArriveByteForByte) {
    const auto peer = serve([](http2_peer& p, const http2_request& r) {
        p.answer(r.id, r.body, {{"x-length", r.field("content-length")}});
    });
    const support::scratch_folder folder;
    const std::string content = counted_source::bytes(0, 8 * mebi);
    const auto file = http::file_source(folder.write("file", content));
    ASSERT_TRUE(file);
    result<http::response> got = send(*file);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(got->body == content);
    EXPECT_EQ(got->headers.get("x-length"), "8388608");
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{300'000}}) {
        for (const bool is_slow : {false, true}) {
            const auto source = std::make_shared<counted_source>(size, 7001);
            source->is_slow = is_slow;
            got = send(source);
            ASSERT_TRUE(got) << got.error().message;
            EXPECT_TRUE(got->body == counted_source::bytes(0, size)) << size;
            EXPECT_EQ(got->headers.get("x-length"), "") << "it is not known";
        }
    }
    EXPECT_EQ(server.accepted(), 1u);
    EXPECT_EQ(peer->resets(), 0u);
}

TEST_P(Http2Upload, IsReadNoFasterThanTheWindow) {
    const auto source = std::make_shared<counted_source>(4 * mebi);
    server.add(script().pause("read").serve(std::make_shared<http2_peer>(
        [](http2_peer& p, const http2_request& r) { p.answer(r.id, std::to_string(r.body.size())); })));
    auto under_way = start(source);
    loop.run_until([&] { return server.is_paused("read"); });
    run_until_full(loop, *source);
    EXPECT_LE(source->reads, 2u) << "of 64 KiB, which is one byte more than the window";
    server.resume("read");
    loop.run_until([&] { return under_way.is_done(); });
    const result<http::response> got = under_way.take();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->body, std::to_string(4 * mebi));
}

TEST_P(Http2Upload, AnAnswerOtherThanSuccessEndsItAndTheConnectionStays) {
    http2_peer::settings settings;
    settings.on_head = [](http2_peer& p, const http2_request& r) {
        if (r.field(":method") == "POST") p.answer(r.id, "large", {{":status", "413"}});
    };
    const auto peer = serve(&answer_ok, std::move(settings));
    for (const std::size_t stuck_at : {std::size_t{0}, std::size_t{2}, counted_source::never}) {
        SCOPED_TRACE(stuck_at);
        const auto source = std::make_shared<counted_source>(256 * mebi);
        source->stuck_at = stuck_at;
        const result<http::response> got = send(source);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->status, 413);
        EXPECT_EQ(got->body, "large");
        EXPECT_LT(source->reads, 256 * mebi / (64 * 1024));
        expect_ok();
    }
    EXPECT_EQ(server.accepted(), 1u);
    EXPECT_EQ(peer->resets(), 3u) << "the server was told that no more comes";
}

TEST_P(Http2Upload, WhatFailsOrIsCanceledResetsItsStreamOnly) {
    const auto peer = serve(&answer_ok);
    expect_ok();
    std::size_t resets = 0;
    for (std::size_t at = 0; at <= 5; ++at) {
        SCOPED_TRACE(at);
        const auto failing = std::make_shared<counted_source>(5 * 70'000, 70'000);
        failing->fails_at = at;
        const result<http::response> got = send(failing);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::storage) << got.error().message;
        expect_ok();
        const auto stuck = std::make_shared<counted_source>(5 * 70'000, 70'000);
        stuck->stuck_at = at;
        auto under_way = start(stuck);
        loop.run_until([&] { return stuck->reads == at; });
        under_way.cancel();
        loop.run_until([&] { return under_way.is_done(); });
        EXPECT_EQ(under_way.take().error().kind(), errc::canceled);
        expect_ok();
        resets += 2;
    }
    for (const std::size_t announced : {std::size_t{99'999}, std::size_t{100'001}}) {
        const auto source = std::make_shared<counted_source>(100'000, 50'000);
        source->announced = announced;
        EXPECT_EQ(send(source).error().kind(), errc::bad_request);
        expect_ok();
        ++resets;
    }
    EXPECT_EQ(server.accepted(), 1u);
    EXPECT_LE(peer->resets(), resets);
    EXPECT_EQ(client->counters().in_use, 0u);
}

TEST_P(Http2Upload, AServerThatEndsTheConnectionIsAFault) {
    http2_peer::settings settings;
    settings.on_head = [](http2_peer& p, const http2_request&) { p.close(); };
    serve(&answer_ok, std::move(settings));
    serve(&answer_ok);
    const result<http::response> got = send(std::make_shared<counted_source>(24 * mebi));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect) << got.error().message;
    loop.run_to_idle();
    expect_ok();
}

TEST_P(Http2Upload, ARefusedStreamIsSentAgain) {
    constexpr std::uint32_t refused = 7;
    for (const bool may_rewind : {true, false}) {
        http2_peer::settings settings;
        settings.on_head = [](http2_peer& p, const http2_request& r) {
            if (r.id == 1) p.reset(r.id, refused);
        };
        serve([](http2_peer& p, const http2_request& r) { p.answer(r.id, std::to_string(r.body.size())); },
              std::move(settings));
        const auto source = std::make_shared<counted_source>(3 * mebi);
        source->may_rewind = may_rewind;
        const result<http::response> got = send(source);
        EXPECT_EQ(got.has_value(), may_rewind);
        if (got) {
            EXPECT_EQ(got->body, std::to_string(3 * mebi));
        }
        EXPECT_EQ(source->rewinds, 1u);
        loop.run_to_idle();
        make_client(pool_limits());
    }
}

} // namespace
} // namespace modelmesh::net
