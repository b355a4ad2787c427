// HTTP/2 connections in the pool of a client: which of them carries a request, and when another is made.
#include "net/http2_connection.hpp"

#include "net/client.hpp"
#include "support/http2_memory.hpp"
#include "support/manual_clock.hpp"
#include "support/memory_stream.hpp"
#include "support/run.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::net {
namespace {

using support::http2_line;
using support::http2_peer;
using support::http2_request;

constexpr std::uint32_t internal_error = 2;
constexpr std::uint32_t refused_stream = 7;
constexpr std::uint32_t http_1_1_required = 13;

class ClientOverHttp2 : public testing::Test {
protected:
    ~ClientOverHttp2() override {
        through.reset();
        loop.run_to_idle();
    }

    /// The next connection that is dialed; without a line, one that cannot be made.
    std::shared_ptr<http2_line> serve(http2_peer::behaviour how, std::optional<std::uint32_t> streams = {}) {
        http2_peer::settings wanted;
        wanted.streams = streams;
        lines.push_back(std::make_shared<http2_line>(std::move(how), std::move(wanted)));
        return lines.back();
    }
    void refuse() { lines.push_back(nullptr); }
    /// Answers with the path of the request, except what begins with /hold.
    static void answer(http2_peer& p, const http2_request& r) {
        if (!r.field(":path").starts_with("/hold")) p.answer(r.id, r.field(":path"));
    }

    task<result<std::unique_ptr<stream>>> dial() {
        const std::size_t which = dialed++;
        do co_await boost::asio::post(boost::asio::use_awaitable);
        while (is_held);
        if (which >= lines.size() || lines[which] == nullptr)
            co_return fault(errc::connect, "connection refused");
        std::unique_ptr<stream> made = std::make_unique<support::http2_stream>(loop.engine(), lines[which]);
        co_return std::move(made);
    }
    /// A connection over HTTP/1.1 that answers two requests.
    task<result<std::unique_ptr<stream>>> dial_http1() {
        old_peers.push_back(std::make_shared<support::memory_peer>());
        for (int i = 0; i < 2; ++i)
            old_peers.back()->arrive("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n1.1!");
        std::unique_ptr<stream> made = std::make_unique<support::memory_stream>(old_peers.back());
        co_return std::move(made);
    }
    /// The request is answered over HTTP/1.1.
    void expect_http1() {
        const result<http::response> got = exchange("/old");
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "1.1!");
    }
    client& use() {
        if (!through)
            through.emplace(loop.engine(), limits, clock,
                            [this](std::shared_ptr<const endpoint> where, time_point) {
                                return where->http2() == http2_use::off ? dial_http1() : dial();
                            });
        return *through;
    }
    exchange_limits patient() const { return exchange_limits(clock.now() + std::chrono::minutes(1)); }
    static std::shared_ptr<const http::request> request(std::string target) {
        auto made = std::make_shared<http::request>();
        made->target = std::move(target);
        return made;
    }
    auto begin(std::string target) {
        return loop.start(use().exchange(to, request(std::move(target)), patient()));
    }
    template <class T> T await(task<T> work) {
        support::running<T> handle = loop.start(std::move(work));
        loop.run_until([&] { return handle.is_done(); });
        return handle.take();
    }
    result<http::response> exchange(std::string target) {
        return await(use().exchange(to, request(std::move(target)), patient()));
    }
    void expect_ok(std::string target = "/ok") {
        const result<http::response> got = exchange(target);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, target);
    }
    /// Has the one stream that the line allows taken.
    auto fill(http2_line& line) {
        expect_ok();
        auto held = begin("/hold");
        loop.run_until([&] { return line.peer.requests() == 2; });
        return held;
    }
    /// A request that has a second connection dialed, which does not come to its end while it is held.
    auto begin_dialing(std::string target) {
        is_held = true;
        auto begun = begin(std::move(target));
        loop.run_until([&] { return dialed == 2; });
        return begun;
    }
    response_stream open(std::string target) {
        return await(use().open(to, request(std::move(target)), patient())).value();
    }

    support::manual_clock clock;
    support::event_loop loop{engine_kind::epoll};
    pool_limits limits;
    std::vector<std::shared_ptr<http2_line>> lines;
    std::vector<std::shared_ptr<support::memory_peer>> old_peers;
    std::size_t dialed = 0;
    bool is_held = false; // every dial
    std::shared_ptr<const endpoint> to = std::make_shared<endpoint>(
        origin{false, "host.test", 8080}, tls_settings(), http2_use::prior_knowledge);
    std::optional<client> through;
};

TEST_F(ClientOverHttp2, AConnectionMoreThatCannotBeMadeFailsOnlyWhoWantedIt) {
    const auto line = serve(&answer, 1);
    refuse();
    auto first = fill(*line);
    auto second = begin_dialing("/2");
    auto third = begin("/3");
    auto fourth = begin("/4");
    loop.run_until([&] { return use().counters().waiting == 2; });
    is_held = false;
    loop.run_until([&] { return second.is_done(); });
    EXPECT_EQ(second.take().error().kind(), errc::connect);
    EXPECT_EQ(use().counters().waiting, 2u) << "a connection that works will serve them";
    EXPECT_EQ(dialed, 2u) << "and what has just failed is not tried again for each of them";
    line->peer.answer(3, "first");
    line->flush();
    loop.run_until([&] { return first.is_done() && third.is_done() && fourth.is_done(); });
    EXPECT_TRUE(first.take());
    EXPECT_TRUE(third.take());
    EXPECT_TRUE(fourth.take());
}

TEST_F(ClientOverHttp2, WhoWaitsHasAnotherConnectionTriedAfterThePause) {
    clock.advance(-std::chrono::seconds(5)); // behind the loop's timers, which do not wait for it
    const auto line = serve(&answer, 1);
    refuse();
    serve(&answer, 1);
    auto first = fill(*line);
    auto second = begin_dialing("/2");
    auto third = begin("/3");
    loop.run_until([&] { return use().counters().waiting == 1; });
    is_held = false;
    loop.run_until([&] { return second.is_done(); });
    EXPECT_FALSE(second.take());
    EXPECT_EQ(dialed, 2u);
    clock.advance(std::chrono::seconds(1));
    loop.run_until([&] { return third.is_done(); });
    EXPECT_TRUE(third.take()) << "although the one connection is as full as before";
    EXPECT_EQ(dialed, 3u);
    line->peer.answer(3, "first");
    line->flush();
    loop.run_until([&] { return first.is_done(); });
    EXPECT_TRUE(first.take());
}

TEST_F(ClientOverHttp2, WithoutAConnectionThatWorksAllWhoWaitLearnWhyThereIsNone) {
    refuse();
    is_held = true;
    auto first = begin("/1");
    auto second = begin("/2");
    loop.run_until([&] { return use().counters().waiting == 1; });
    is_held = false;
    loop.run_until([&] { return first.is_done() && second.is_done(); });
    EXPECT_EQ(first.take().error().kind(), errc::connect);
    EXPECT_EQ(second.take().error().kind(), errc::connect);
    EXPECT_EQ(dialed, 1u);
}

TEST_F(ClientOverHttp2, AServerThatAllowsNoStreamsIsReplaced) {
    for (const bool is_busy : {false, true}) {
        SCOPED_TRACE(is_busy);
        const auto first = serve(&answer);
        serve(&answer);
        expect_ok();
        std::optional<support::running<result<http::response>>> held;
        if (is_busy) {
            held.emplace(begin("/hold"));
            loop.run_until([&] { return first->peer.requests() == 2; });
        } else {
            loop.run_to_idle();
        }
        first->peer.set_streams(0);
        first->flush();
        if (is_busy) loop.run_until([&] { return first->arrivals.empty(); });
        expect_ok();
        EXPECT_EQ(first->peer.requests(), is_busy ? 2u : 1u);
        EXPECT_EQ(use().counters().opened, 2u);
        if (held) held->cancel();
        through.reset();
        loop.run_to_idle();
    }
}

TEST_F(ClientOverHttp2, AnswersThatNobodyReadsLeaveTheWindowToTheOthers) {
    limits.http2.limits.streams = 2;
    limits.http2.limits.window = 70'000;
    const std::string big(70'000, 'x');
    const auto first = serve([&](http2_peer& p, const http2_request& r) { p.answer(r.id, big); });
    const auto second = serve(&answer);
    {
        const response_stream a = open("/a");
        const response_stream b = open("/b");
        loop.run_until([&] { return first->arrivals.empty(); });
        expect_ok();
        EXPECT_EQ(first->peer.requests(), 2u);
        EXPECT_EQ(second->peer.requests(), 1u);
    }
}

TEST_F(ClientOverHttp2, AShortDeadlineCondemnsNoServerThatAnswersAPing) {
    const auto line = serve(&answer);
    expect_ok();
    exchange_limits hasty = patient();
    hasty.first_byte = std::chrono::milliseconds(1);
    EXPECT_EQ(await(use().exchange(to, request("/hold"), hasty)).error().kind(), errc::timed_out);
    loop.run_until([&] { return line->peer.pings() == 1; });
    expect_ok();
    EXPECT_EQ(use().counters().opened, 1u);
}

TEST_F(ClientOverHttp2, AServerThatAnswersNoPingGetsNoOtherRequest) {
    const auto silent = serve(&answer);
    serve(&answer);
    expect_ok();
    silent->is_deaf = true;
    exchange_limits hasty = patient();
    hasty.first_byte = std::chrono::milliseconds(1);
    EXPECT_EQ(await(use().exchange(to, request("/ok"), hasty)).error().kind(), errc::timed_out);
    loop.run_to_idle();
    expect_ok();
    EXPECT_EQ(use().counters().opened, 2u);
}

TEST_F(ClientOverHttp2, AServerThatAnswersNoPingInTimeGetsNoOtherRequestWhileItIsInUse) {
    limits.http2.patience = duration::zero();
    const auto silent = serve(&answer);
    serve(&answer);
    expect_ok();
    auto held = begin("/hold");
    loop.run_until([&] { return silent->peer.requests() == 2; });
    silent->is_deaf = true;
    exchange_limits hasty = patient();
    hasty.first_byte = std::chrono::milliseconds(1);
    EXPECT_EQ(await(use().exchange(to, request("/ok"), hasty)).error().kind(), errc::timed_out);
    expect_ok();
    EXPECT_EQ(use().counters().opened, 2u);
    held.cancel();
    loop.run_until([&] { return held.is_done(); });
}

TEST_F(ClientOverHttp2, AConnectionThatIsRunningOutCountsAsLongAsItIsInUse) {
    limits.connections = 1;
    const auto first = serve([](http2_peer& p, const http2_request& r) { p.head(r.id, {}); });
    const auto second = serve(&answer);
    response_stream draining = open("/hold");
    first->peer.go_away(1);
    first->flush();
    loop.run_until([&] { return first->arrivals.empty(); });
    auto next = begin("/next");
    loop.run_until([&] { return use().counters().waiting == 1 || dialed == 2; });
    EXPECT_EQ(dialed, 1u);
    first->peer.data(1, "end", true);
    first->flush();
    const result<std::optional<std::string_view>> slice = await(draining.read());
    ASSERT_TRUE(slice && *slice);
    EXPECT_EQ(**slice, "end");
    EXPECT_FALSE(await(draining.read()).value());
    loop.run_until([&] { return next.is_done(); });
    EXPECT_TRUE(next.take());
    EXPECT_EQ(second->peer.requests(), 1u);
}

TEST_F(ClientOverHttp2, OneRefusalCondemnsNoConnection) {
    const auto line = serve([times = 0](http2_peer& p, const http2_request& r) mutable {
        if (++times == 1) return p.reset(r.id, refused_stream);
        answer(p, r);
    });
    serve(&answer);
    expect_ok();
    EXPECT_EQ(line->peer.requests(), 2u);
    EXPECT_EQ(use().counters().opened, 1u);
    EXPECT_EQ(use().counters().stale, 0u) << "the connection was alive";
}

TEST_F(ClientOverHttp2, AServerThatRefusesAgainGetsNoOtherRequest) {
    const auto line = serve([](http2_peer& p, const http2_request& r) { p.reset(r.id, refused_stream); });
    serve(&answer);
    const result<http::response> got = exchange("/");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect);
    EXPECT_EQ(line->peer.requests(), 2u);
    expect_ok();
    EXPECT_EQ(use().counters().opened, 2u);
}

TEST_F(ClientOverHttp2, AConnectionThatIsDeadWhenItIsMadeSaysWhy) {
    for (const bool says_goodbye : {false, true}) {
        SCOPED_TRACE(says_goodbye);
        dialed = 0;
        lines.clear();
        const auto dead = serve(&answer);
        serve(&answer);
        if (says_goodbye) {
            dead->peer.go_away(0, internal_error);
            dead->flush();
        }
        dead->end();
        is_held = true;
        auto first = begin("/1");
        auto second = begin("/2");
        loop.run_until([&] { return use().counters().waiting == 1; });
        is_held = false;
        loop.run_until([&] { return first.is_done() && second.is_done(); });
        for (auto* const one : {&first, &second}) {
            const result<http::response> got = one->take();
            ASSERT_FALSE(got);
            EXPECT_EQ(got.error().kind(), errc::connect);
            const char* const reason = says_goodbye ? "INTERNAL_ERROR" : "closed the connection";
            EXPECT_NE(got.error().message.find(reason), std::string::npos) << got.error().message;
        }
        EXPECT_EQ(dialed, 1u) << "whether to try again is for the router to say";
        through.reset();
        loop.run_to_idle();
    }
}

TEST_F(ClientOverHttp2, OnlyARequestThatWokeAConnectionIsSentAgainWhenThatIsLost) {
    for (const bool is_awake : {false, true}) {
        SCOPED_TRACE(is_awake);
        dialed = 0;
        lines.clear();
        const auto first = serve(&answer);
        serve([](http2_peer& p, const http2_request& r) { p.answer(r.id, "again"); });
        expect_ok();
        loop.run_to_idle();
        auto awake = begin("/hold/1");
        loop.run_until([&] { return first->peer.requests() == 2; });
        if (is_awake) {
            first->peer.head(3, {});
            first->flush();
            loop.run_until([&] { return first->arrivals.empty(); });
        }
        auto late = begin("/hold/2");
        loop.run_until([&] { return first->peer.requests() == 3; });
        first->end();
        loop.run_until([&] { return awake.is_done() && late.is_done(); });
        const result<http::response> got = late.take();
        EXPECT_EQ(got.has_value(), !is_awake);
        EXPECT_EQ(dialed, is_awake ? 1u : 2u);
        through.reset();
        loop.run_to_idle();
    }
}

TEST_F(ClientOverHttp2, AFullConnectionHasRoomOnceAnswersThatWereLeftAreStopped) {
    const auto line = serve(
        [](http2_peer& p, const http2_request& r) {
            if (r.field(":path") == "/ok") return answer(p, r);
            p.head(r.id, {});
        },
        2);
    expect_ok();
    response_stream keeps_it_busy = open("/a");
    response_stream left = open("/b");
    left.done();
    expect_ok();
    EXPECT_EQ(line->peer.resets(), 1u);
    EXPECT_EQ(use().counters().opened, 1u);
}

TEST_F(ClientOverHttp2, AServerThatNeverPausesStopsNobodyElse) {
    const auto line = serve(&answer);
    expect_ok();
    auto held = begin("/hold");
    loop.run_until([&] { return line->peer.requests() == 2; });
    constexpr std::size_t frames = 1000;
    for (std::size_t i = 0; i < frames; ++i) {
        line->peer.add_window(0, 1);
        line->arrivals.push_back(line->peer.flush());
    }
    std::size_t left = 0;
    bool has_begun = false;
    line->on_receive = [&] {
        if (std::exchange(has_begun, true)) return;
        boost::asio::post(loop.context(), [&] { left = line->arrivals.size(); });
    };
    line->wake();
    loop.run_until([&] { return line->arrivals.empty(); });
    EXPECT_GT(left, frames / 2);
    held.cancel();
    loop.run_until([&] { return held.is_done(); });
}

TEST_F(ClientOverHttp2, ACanceledRequestLeavesNothingBehindWhereverItIs) {
    limits.connections = 1;
    const auto line = serve(
        [](http2_peer& p, const http2_request& r) {
            if (r.field(":path") == "/hold/head") p.head(r.id, {});
            if (r.field(":path") == "/hold/body") {
                p.head(r.id, {});
                p.data(r.id, "a part");
            }
            answer(p, r);
        },
        1);
    const auto cancel = [&](support::running<result<http::response>>& one) {
        EXPECT_FALSE(one.is_done());
        one.cancel();
        loop.run_until([&] { return one.is_done(); });
        EXPECT_EQ(one.take().error().kind(), errc::canceled);
    };
    is_held = true;
    auto dialing = begin("/ok");
    loop.run_until([&] { return dialed == 1; });
    auto queued = begin("/ok");
    loop.run_until([&] { return use().counters().waiting == 1; });
    cancel(queued);
    EXPECT_EQ(use().counters().waiting, 0u);
    is_held = false;
    loop.run_until([&] { return dialing.is_done(); });
    EXPECT_TRUE(dialing.take());
    std::size_t asked = 1;
    for (const char* target : {"/hold", "/hold/head", "/hold/body"}) {
        SCOPED_TRACE(target);
        auto under_way = begin(target);
        ++asked;
        loop.run_until([&] { return line->peer.requests() == asked; });
        cancel(under_way);
        expect_ok();
        ++asked;
    }
    EXPECT_EQ(line->peer.resets(), 3u);
    EXPECT_EQ(use().counters().opened, 1u);
}

TEST_F(ClientOverHttp2, NoMoreRestThanAllowedTheOldestGoes) {
    for (const std::size_t allowed : {0u, 1u, 2u, 3u}) {
        through.reset();
        loop.run_to_idle();
        lines.clear();
        dialed = 0;
        limits.idle = allowed;
        std::vector<std::shared_ptr<http2_line>> mine;
        std::vector<support::running<result<http::response>>> asked;
        for (int i = 0; i < 3; ++i) mine.push_back(serve(&answer, 1));
        for (int i = 0; i < 3; ++i) {
            asked.push_back(begin("/hold"));
            loop.run_until([&] { return mine[static_cast<std::size_t>(i)]->peer.requests() == 1; });
        }
        for (const auto& line : mine) {
            line->peer.answer(1, "done");
            line->flush();
            clock.advance(std::chrono::seconds(1));
            loop.run_until([&] { return asked[static_cast<std::size_t>(&line - mine.data())].is_done(); });
        }
        loop.run_to_idle();
        EXPECT_EQ(use().counters().idle, allowed);
        for (std::size_t i = 0; i < 3; ++i)
            EXPECT_EQ(mine[i]->is_closed, i < 3 - allowed) << i << " with " << allowed << " allowed";
    }
}

TEST_F(ClientOverHttp2, AServerThatWantsHttp1GetsItFromThenOn) {
    for (const bool ends_connection : {false, true}) {
        through.reset();
        loop.run_to_idle();
        lines.clear();
        old_peers.clear();
        dialed = 0;
        const auto line = serve([&](http2_peer& p, const http2_request& r) {
            if (ends_connection)
                p.go_away(0, http_1_1_required);
            else
                p.reset(r.id, http_1_1_required);
        });
        expect_http1();
        expect_http1();
        loop.run_to_idle();
        EXPECT_EQ(line->peer.requests(), 1u);
        EXPECT_EQ(dialed, 1u) << "HTTP/2 was tried once";
        ASSERT_EQ(old_peers.size(), 1u) << "both on one connection";
        EXPECT_NE(old_peers[0]->sent.find("GET /old HTTP/1.1\r\nHost: host.test:8080\r\n"),
                  std::string::npos);
        EXPECT_TRUE(line->is_closed) << "nobody will ask for that connection again";
        EXPECT_EQ(use().counters().idle, 1u);
        EXPECT_EQ(use().counters().in_use, 0u);
    }
}

TEST_F(ClientOverHttp2, AServerMayWantHttp1BeforeItSeesARequest) {
    const auto line = serve(&answer);
    line->peer.go_away(0, http_1_1_required);
    line->flush();
    expect_http1();
    EXPECT_EQ(dialed, 1u);
    EXPECT_EQ(line->peer.requests(), 0u);
    EXPECT_EQ(use().counters().in_use, 0u);
}

TEST_F(ClientOverHttp2, AnAnswerThatHasBegunIsNotAskedForAgainOverHttp1) {
    const auto line =
        serve([](http2_peer& p, const http2_request& r) { p.head(r.id, {{":status", "200"}}); });
    response_stream cut = open("/cut");
    line->peer.reset(1, http_1_1_required);
    line->flush();
    const auto got = await(cut.read());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::protocol) << got.error().message;
    EXPECT_TRUE(old_peers.empty());
}

TEST_F(ClientOverHttp2, WarmingUpMakesOneConnectionForAll) {
    const auto line = serve(&answer);
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(loop.run(use().warm_up(to, 5, std::chrono::seconds(10))));
        EXPECT_EQ(use().counters().opened, 1u);
        EXPECT_EQ(use().counters().idle, 1u);
        EXPECT_EQ(use().counters().in_use, 0u);
    }
    expect_ok("/1");
    expect_ok("/2");
    EXPECT_EQ(line->peer.requests(), 2u);
    EXPECT_EQ(dialed, 1u);
}

TEST_F(ClientOverHttp2, AConnectionThatWasWarmedUpAndLostIsReplacedUnseen) {
    const auto line = serve(&answer);
    serve(&answer);
    EXPECT_TRUE(loop.run(use().warm_up(to, 1, std::chrono::seconds(10))));
    line->is_deaf = true;
    line->on_receive = [&] { line->is_ended = line->arrivals.empty(); };
    expect_ok();
    EXPECT_EQ(dialed, 2u);
}

TEST_F(ClientOverHttp2, WarmingUpAServerThatWantsHttp1) {
    serve(&answer)->peer.go_away(0, http_1_1_required);
    lines.back()->flush();
    EXPECT_TRUE(loop.run(use().warm_up(to, 2, std::chrono::seconds(10))));
    EXPECT_EQ(old_peers.size(), 2u) << "the attempt that told so is not one of the two";
    expect_http1();
    EXPECT_EQ(old_peers.size(), 2u);
}

} // namespace
} // namespace modelmesh::net
