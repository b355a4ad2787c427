// Requests behind each other on one HTTP/1.1 connection: who is answered from where when one of them fails.
#include "support/http_fixture.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::net {
namespace {

using support::script;

constexpr std::size_t depth = 8;

class HttpPipeline : public support::http_test {
protected:
    HttpPipeline() { to = endpoint(http2_use::automatic, depth); }

    static std::shared_ptr<const http::request> replayable(std::string target, std::string body = "") {
        auto made = std::make_shared<http::request>(*request(std::move(target), std::move(body)));
        made->is_replayable = true;
        return made;
    }
    auto begin(std::string target, exchange_limits limits = patient()) {
        return loop.start(client->exchange(to, replayable(std::move(target)), limits));
    }
    static std::string target(std::size_t i) { return "/" + std::to_string(i); }
    /// What support::script::echo_requests answers.
    static std::string answer(std::size_t i, std::string fields) {
        return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 2\r\n\r\n" + target(i);
    }
    /// How often a request has arrived, whole, since the last forget().
    std::size_t times(std::size_t i) const {
        const std::string line = "GET " + target(i) + " HTTP";
        const std::vector<std::string> all = server.requests();
        return static_cast<std::size_t>(
            std::count_if(all.begin() + static_cast<std::ptrdiff_t>(seen_), all.end(),
                          [&line](const std::string& each) { return each.starts_with(line); }));
    }
    void forget() { seen_ = server.requests().size(); }
    void expect_recovery() {
        loop.run_to_idle();
        EXPECT_EQ(client->counters().in_use, 0u);
        EXPECT_EQ(client->counters().waiting, 0u);
        EXPECT_EQ(loop.engine().counters().waiters, 0u);
        EXPECT_EQ(loop.engine().counters().lent_buffers, 0u);
        EXPECT_EQ(loop.engine().counters().open_streams, client->counters().idle);
        const result<http::response> got = exchange("/n");
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "/n");
    }

private:
    std::size_t seen_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Engines, HttpPipeline, support::http_combinations(), support::http_name);

TEST_P(HttpPipeline, AllAreAnsweredInTheirOrderOnOneConnection) {
    script s;
    for (std::size_t i = 0; i < depth; ++i) s.read_request();
    std::string answers;
    for (std::size_t i = 0; i < depth; ++i) answers += answer(i, "");
    server.add(std::move(s.pause("all").send_apart(answers, answers.size() / 2 + 7)));
    std::vector<support::running<result<http::response>>> all;
    for (std::size_t i = 0; i < depth; ++i) all.push_back(begin(target(i)));
    loop.run_until([&] { return server.is_paused("all"); });
    EXPECT_EQ(client->counters().in_use, depth);
    server.resume("all");
    loop.run_to_idle();
    for (std::size_t i = 0; i < depth; ++i) EXPECT_EQ(all[i].take().value().body, target(i));
    for (std::size_t i = 0; i < depth; ++i)
        EXPECT_TRUE(server.requests().at(i).starts_with("GET " + target(i) + " HTTP/1.1\r\n"));
    EXPECT_EQ(server.accepted(), 1u);
    EXPECT_EQ(client->counters().opened, 1u);
    EXPECT_EQ(client->counters().in_use, 0u);
    EXPECT_EQ(client->counters().idle, 1u) << "it serves anybody again";
}

TEST_P(HttpPipeline, NoMoreThanItsDepthAreUnderWay) {
    pool_limits limits;
    limits.connections = 2;
    make_client(limits);
    server.otherwise(script().echo_requests());
    std::vector<support::running<result<http::response>>> all;
    for (std::size_t i = 0; i < 100; ++i) all.push_back(begin(target(i)));
    loop.run_until([&] {
        EXPECT_LE(client->counters().in_use, 2 * depth);
        return client->counters().waiting != 0;
    });
    loop.run_to_idle();
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].take().value().body, target(i));
    EXPECT_LE(server.accepted(), 2u);
    expect_recovery();
}

TEST_P(HttpPipeline, AllThatQueueFollowOnTheConnectionThatBecomesFree) {
    pool_limits limits;
    limits.connections = 1;
    make_client(limits);
    script s;
    s.read_request().pause("held").send(ok);
    for (std::size_t i = 0; i < depth; ++i) s.read_request();
    std::string answers;
    for (std::size_t i = 0; i < depth; ++i) answers += answer(i, "");
    server.add(std::move(s.send(answers).echo_requests()));
    auto alone = loop.start(client->exchange(to, request("/alone"), patient()));
    loop.run_until([&] { return server.is_paused("held"); });
    std::vector<support::running<result<http::response>>> all;
    for (std::size_t i = 0; i < depth; ++i) all.push_back(begin(target(i)));
    loop.run_until([&] { return client->counters().waiting == depth; });
    server.resume("held");
    loop.run_to_idle();
    EXPECT_EQ(alone.take().value().body, "ok");
    for (std::size_t i = 0; i < depth; ++i) EXPECT_EQ(all[i].take().value().body, target(i));
    expect_recovery();
}

TEST_P(HttpPipeline, OnlyWhatMayBeSentTwiceAndIsReadAsAWholeShares) {
    server.otherwise(script().echo_requests());
    const result<http::response> first = loop.run(client->exchange(to, replayable("/0"), patient()));
    ASSERT_TRUE(first) << first.error().message;
    result<response_stream> stream = loop.run(client->open(to, replayable("/1"), patient()));
    ASSERT_TRUE(stream);
    EXPECT_EQ(client->counters().opened, 1u);
    auto beside = begin("/2");
    auto plain = loop.start(client->exchange(to, request("/3"), patient()));
    loop.run_to_idle();
    EXPECT_EQ(beside.take().value().body, "/2");
    EXPECT_EQ(plain.take().value().body, "/3");
    EXPECT_EQ(client->counters().opened, 3u) << "each had a connection of its own";
    EXPECT_EQ(**loop.run(stream->read()), "/1");
}

// Together more than the kernel takes, and none too large for a pipeline.
constexpr std::size_t many = 400;
const std::string part(60 * 1024, 'x');

TEST_P(HttpPipeline, RequestsWaitForEachOtherWhereTheConnectionIsFull) {
    to = endpoint(http2_use::automatic, many);
    script s;
    s.pause("read");
    std::string answers;
    for (std::size_t i = 0; i < many; ++i) {
        s.read_request();
        answers += answer(i % 10, "");
    }
    server.add(std::move(s.send(answers)));
    std::vector<support::running<result<http::response>>> all;
    for (std::size_t i = 0; i < many; ++i)
        all.push_back(loop.start(client->exchange(to, replayable(target(i % 10), part), patient())));
    loop.run_until([&] { return server.is_paused("read") && client->counters().in_use == many; });
    server.resume("read");
    loop.run_to_idle();
    for (std::size_t i = 0; i < many; ++i) {
        EXPECT_EQ(all[i].take().value().body, target(i % 10));
        const std::string arrived = server.requests().at(i);
        EXPECT_EQ(arrived.substr(arrived.find("\r\n\r\n") + 4).size(), part.size());
    }
    EXPECT_EQ(server.accepted(), 1u);
}

TEST_P(HttpPipeline, ARequestCutOffWhileItIsSentLetsThoseBeforeItEnd) {
    to = endpoint(http2_use::automatic, many + 2);
    server.add(script().read_request().pause("answer").send(answer(0, "")).discard_rest());
    server.otherwise(script().echo_requests());
    auto before = begin("/0");
    std::vector<support::running<result<http::response>>>
        cut; // one of them is under way when the kernel is full
    for (std::size_t i = 0; i < many; ++i)
        cut.push_back(loop.start(client->exchange(to, replayable("/1", part), patient())));
    auto behind = begin("/2");
    loop.run_until(
        [&] { return server.is_paused("answer") && loop.engine().counters().waiters == many + 2; });
    for (auto& each : cut) each.cancel();
    loop.run_until([&] { return behind.is_done(); });
    for (auto& each : cut) EXPECT_EQ(each.take().error().kind(), errc::canceled);
    EXPECT_EQ(behind.take().value().body, "/2") << "it never left, so another connection took it";
    EXPECT_FALSE(before.is_done());
    server.resume("answer");
    loop.run_to_idle();
    EXPECT_EQ(before.take().value().body, "/0");
    EXPECT_EQ(server.accepted(), 2u);
    expect_recovery();
}

TEST_P(HttpPipeline, ALargeBodyGoesOnAConnectionOfItsOwn) {
    server.add(script().read_request().pause("answer").send(answer(0, "")));
    server.add(script().send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n").discard_rest());
    auto first = begin("/0");
    loop.run_until([&] { return server.is_paused("answer"); });
    const std::string large(24 * 1024 * 1024, 'x');
    auto refused = loop.start(client->exchange(to, replayable("/1", large), patient()));
    loop.run_until([&] { return refused.is_done(); });
    EXPECT_EQ(refused.take().value().status, 413);
    server.resume("answer");
    loop.run_to_idle();
    EXPECT_EQ(first.take().value().body, "/0");
    EXPECT_EQ(server.accepted(), 2u);
}

TEST_P(HttpPipeline, TheFirstOnAFreshConnectionIsNotSentAgain) {
    script s;
    for (std::size_t i = 0; i < 3; ++i) s.read_request();
    server.add(std::move(s.close()));
    server.otherwise(script().echo_requests());
    std::vector<support::running<result<http::response>>> all;
    for (std::size_t i = 0; i < 3; ++i) all.push_back(begin(target(i)));
    loop.run_to_idle();
    EXPECT_EQ(all[0].take().error().kind(), errc::connect) << "it may have been its fault";
    EXPECT_EQ(all[1].take().value().body, "/1");
    EXPECT_EQ(all[2].take().value().body, "/2");
    expect_recovery();
}

TEST_P(HttpPipeline, AServerThatLeavesAnswersOutIsSparedItForAWhile) {
    script s;
    for (std::size_t i = 0; i < 3; ++i) s.read_request();
    server.add(std::move(s.send(answer(0, "")).close()));
    // Two requests, on a connection each: behind each other the second would not be read.
    for (int i = 0; i < 2; ++i)
        server.add(script().read_request().send(ok).read_request().pause("all").send(ok));
    std::vector<support::running<result<http::response>>> all;
    for (std::size_t i = 0; i < 3; ++i) all.push_back(begin(target(i)));
    loop.run_to_idle();
    for (auto& one : all) EXPECT_TRUE(one.take());
    all.clear();
    for (std::size_t i = 0; i < 2; ++i) all.push_back(begin(target(i)));
    loop.run_until([&] { return server.requests().size() == 3 + 2 + 2; });
    server.resume("all");
    loop.run_to_idle();
    for (auto& one : all) EXPECT_TRUE(one.take());
}

TEST_P(HttpPipeline, ManyAreCanceledWhereverTheyAre) {
    script s;
    for (std::size_t i = 0; i < 4; ++i) s.read_request();
    server.add(std::move(s.pause("answer").discard_rest()));
    server.otherwise(script().echo_requests());
    std::vector<support::running<result<http::response>>> all;
    for (std::size_t i = 0; i < 4; ++i) all.push_back(begin(target(i)));
    loop.run_until([&] { return server.is_paused("answer"); });
    for (const std::size_t i : {2u, 0u, 3u, 1u}) {
        all[i].cancel();
        loop.run_until([&] { return all[i].is_done(); });
        EXPECT_EQ(all[i].take().error().kind(), errc::canceled);
    }
    loop.run_to_idle();
    EXPECT_EQ(loop.engine().counters().open_streams, 0u) << "nobody is left to read";
    server.resume("answer");
    expect_recovery();
}

enum class failure { reset, end, cut_in_head, cut_in_body, malformed, stall, cancel, cancel_long, close };

struct failure_case {
    failure kind;
    const char* name;
    std::string bytes; // of the k-th answer
    errc reported;     // of the k-th request, unless it is sent again
    bool is_final;     // it is not sent again: a byte of its answer came, or the caller's time is over
};

const std::string long_head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
const std::vector<failure_case> failures{
    {failure::reset, "reset", "", errc::connect, false},
    {failure::end, "end", "", errc::connect, false},
    {failure::cut_in_head, "cut in head", "HTTP/1.1 200 OK\r\nConte", errc::protocol, true},
    {failure::cut_in_body, "cut in body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", errc::protocol,
     true},
    {failure::malformed, "malformed", "HTTP/9 what\r\n\r\n", errc::protocol, true},
    {failure::stall, "stall", "", errc::timed_out, true},
    {failure::cancel, "cancel", "", errc::canceled, true},
    {failure::cancel_long, "cancel of a long answer", "", errc::canceled, true},
    {failure::close, "Connection: close", "", errc::internal, true},
};

// The first connection reads all requests, answers those before the k-th, and fails.
script failing(const failure_case& how, const std::string& pause, std::size_t k,
               const std::function<std::string(std::size_t, std::string)>& answer) {
    std::string before;
    std::string behind;
    for (std::size_t i = 0; i < k; ++i) before += answer(i, "");
    for (std::size_t i = k + 1; i < depth; ++i) behind += answer(i, "");
    script s;
    s.read_request().send(answer(0, "")); // the handshake is not what is late
    for (std::size_t i = 0; i < depth; ++i) s.read_request();
    if (!before.empty()) s.send(before);
    s.pause(pause);
    if (!how.bytes.empty()) s.send(how.bytes);
    switch (how.kind) {
    case failure::reset:
        s.reset();
        break;
    case failure::end:
        s.close();
        break;
    case failure::cut_in_head:
    case failure::cut_in_body:
        s.cut();
        break;
    case failure::malformed:
    case failure::stall:
        break;
    case failure::cancel:
        s.send(answer(k, "") + behind).echo_requests();
        break;
    case failure::cancel_long:
        s.send_until_gone(long_head + std::string(100'000, 'x')).discard_rest();
        break;
    case failure::close:
        s.send(answer(k, "Connection: close\r\n"));
        break;
    }
    return s;
}

TEST_P(HttpPipeline, WhicheverFailsTheOthersAreAnswered) {
    server.otherwise(script().echo_requests());
    for (const failure_case& how : failures) {
        for (std::size_t k = 0; k < depth; ++k) {
            SCOPED_TRACE(std::string(how.name) + " at " + std::to_string(k));
            const std::string fail = how.name + std::to_string(k);
            const bool is_canceled = how.kind == failure::cancel || how.kind == failure::cancel_long;
            server.add(failing(how, fail, k, &answer));
            make_client(pool_limits());
            ASSERT_TRUE(exchange("/0"));
            forget();
            const std::size_t connections = server.accepted();

            std::vector<support::running<result<http::response>>> all;
            for (std::size_t i = 0; i < depth; ++i) {
                exchange_limits limits = patient();
                if (how.kind == failure::stall && i == k)
                    limits.deadline = std::chrono::steady_clock::now() + 10 * brief;
                all.push_back(begin(target(i), limits));
            }
            loop.run_until([&] {
                return server.is_paused(fail) &&
                       std::all_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k),
                                   [](const auto& each) { return each.is_done(); });
            });
            if (is_canceled) {
                all[k].cancel();
                loop.run_until([&] { return all[k].is_done(); });
            }
            if (how.kind == failure::stall) loop.run_to_idle();
            server.resume(fail);
            loop.run_to_idle();

            for (std::size_t i = 0; i < depth; ++i) {
                const result<http::response> got = all[i].take();
                const bool is_twice = i > k ? how.kind != failure::cancel : i == k && !how.is_final;
                EXPECT_EQ(times(i), is_twice ? 2u : 1u) << i;
                if (i == k && how.is_final && how.kind != failure::close) {
                    EXPECT_EQ(got.has_error() ? got.error().kind() : errc::internal, how.reported);
                } else if (!got) {
                    ADD_FAILURE() << i << ": " << got.error().message;
                } else {
                    EXPECT_EQ(got->body, target(i));
                }
            }
            if (how.kind == failure::cancel) {
                EXPECT_EQ(server.accepted(), connections);
            }
            expect_recovery();
        }
    }
}

} // namespace
} // namespace modelmesh::net
