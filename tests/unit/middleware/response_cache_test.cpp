#include <modelmesh/middleware/response_cache.hpp>

#include "fixture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;

const std::string certain = R"({"model":"chat","messages":[],"temperature":0})";

class Cache : public MiddlewareFixture {
protected:
    std::shared_ptr<response_cache> with(response_cache_options options) {
        return response_cache::make(options, time);
    }
    std::shared_ptr<response_cache> cache = with({});

    std::string ask(const std::string& json = certain, operation what = operation::chat_completion) {
        const auto reply = call({cache}, make_context(false, json, what));
        return reply ? reply->body() : std::string(to_string(reply.error().kind()));
    }
    std::string ask_stream(const std::string& json = certain) {
        return stream({cache}, make_context(true, json)).value();
    }
};

TEST_F(Cache, TheSameRequestIsAnsweredOnce) {
    EXPECT_EQ(ask(), "mesh");
    EXPECT_EQ(ask(), "mesh");
    EXPECT_EQ(reached.size(), 1U);
    EXPECT_EQ(ask(R"({"model":"chat","messages":[1],"temperature":0})"), "mesh");
    EXPECT_EQ(reached.size(), 2U) << "another request";
    EXPECT_EQ(ask(certain, operation::text_completion), "mesh");
    EXPECT_EQ(reached.size(), 3U) << "another operation";
    EXPECT_EQ(cache->stats().hits, 1U);
    EXPECT_EQ(cache->stats().misses, 3U);
    EXPECT_EQ(cache->stats().entries, 3U);
    cache->clear();
    EXPECT_EQ(cache->stats().bytes, 0U);
    ask();
    EXPECT_EQ(reached.size(), 4U);
}

TEST_F(Cache, OnlyRepliesThatMayBeKeptAre) {
    for (const char* json :
         {R"({"model":"m"})", R"({"model":"m","temperature":0.1})", R"({"model":"m","seed":null})"}) {
        reached.clear();
        ask(json), ask(json);
        EXPECT_EQ(reached.size(), 2U) << json;
    }
    for (const char* json : {R"({"model":"m","temperature":0})", R"({"model":"m","temperature":0.0})",
                             R"({"model":"m","seed":7})"}) {
        reached.clear();
        ask(json), ask(json);
        EXPECT_EQ(reached.size(), 1U) << json;
    }
    for (const auto& [what, count] :
         {std::pair(operation::embedding, 1U), std::pair(operation::moderation, 1U),
          std::pair(operation::rerank, 1U), std::pair(operation::search, 2U),
          std::pair(operation::response, 2U), std::pair(operation::speech, 2U),
          std::pair(operation::image_generation, 2U)}) {
        reached.clear();
        ask(certain, what), ask(certain, what);
        EXPECT_EQ(reached.size(), count) << to_string(what);
    }
    cache = with([] {
        response_cache_options any;
        any.only_deterministic = false;
        return any;
    }());
    reached.clear();
    ask(R"({"model":"m"})"), ask(R"({"model":"m"})");
    EXPECT_EQ(reached.size(), 1U);
}

TEST_F(Cache, ACallMayStayOutOfIt) {
    ask();
    const auto context = make_context(false, certain);
    context->metadata["cache"] = "off";
    EXPECT_TRUE(call({cache}, context));
    EXPECT_EQ(reached.size(), 2U);
}

TEST_F(Cache, FailuresAreNotKept) {
    mesh = [](const request_context&) -> result<whole_reply> { return fault(errc::upstream, "down"); };
    EXPECT_EQ(ask(), "upstream");
    mesh = [](const request_context&) { return whole_reply("up"); };
    EXPECT_EQ(ask(), "up");
}

TEST_F(Cache, AReplyIsGivenUntilItsTimeIsOver) {
    ask();
    time.advance(std::chrono::seconds(300) - duration(1));
    ask();
    EXPECT_EQ(reached.size(), 1U);
    time.advance(duration(1));
    ask();
    EXPECT_EQ(reached.size(), 2U) << "and a hit has not made it younger";
}

TEST_F(Cache, WhatWasNotUsedForLongestGoesFirst) {
    response_cache_options small;
    small.max_bytes = 900; // of entries of 332 bytes, two
    cache = with(small);
    const auto number = [](int i) { return R"({"model":"m","seed":)" + std::to_string(i) + "}"; };
    ask(number(1));
    ask(number(2));
    ask(number(1));
    ask(number(3)); // takes the place of 2
    EXPECT_EQ(cache->stats().evictions, 1U);
    EXPECT_LE(cache->stats().bytes, 900U);
    reached.clear();
    ask(number(1));
    ask(number(3));
    EXPECT_EQ(reached.size(), 0U);
    ask(number(2));
    EXPECT_THAT(reached, ElementsAre(number(2)));
}

TEST_F(Cache, AReplyThatIsTooLargeIsNotKept) {
    response_cache_options small;
    small.max_entry_bytes = 500;
    cache = with(small);
    mesh = [](const request_context&) { return whole_reply(std::string(500, 'x')); };
    ask(), ask();
    EXPECT_EQ(reached.size(), 2U);
    streaming_mesh = [](const request_context&) {
        return streamed_reply::of(std::make_shared<const std::vector<std::string>>(10, std::string(60, 'x')));
    };
    EXPECT_EQ(ask_stream(), ask_stream());
    EXPECT_EQ(reached.size(), 4U);
    EXPECT_EQ(cache->stats().entries, 0U);
}

TEST_F(Cache, AStreamIsGivenAgainChunkByChunk) {
    EXPECT_EQ(ask_stream(), "a|b");
    EXPECT_EQ(ask_stream(), "a|b");
    EXPECT_EQ(reached.size(), 1U);
    ask();
    EXPECT_EQ(reached.size(), 2U) << "a whole reply is another one";
}

TEST_F(Cache, AStreamThatWasNotReadToItsEndIsNotKept) {
    {
        const auto got = open({cache}, make_context(true, certain));
        std::string_view piece;
        (void)(*got)->try_next(piece);
        (*got)->served();
    }
    EXPECT_EQ(cache->stats().entries, 0U);
}

// Equal calls at the same time: the mesh is asked once, and answers when the test lets it.
class SingleFlight : public Cache {
protected:
    static task<result<whole_reply>> slow(SingleFlight* self) {
        ++self->asked_mesh;
        (void)co_await self->gate.async_wait(asio::as_tuple(asio::use_awaitable));
        if (self->fails) co_return fault(errc::upstream, "down");
        co_return whole_reply("slow");
    }
    static task<void> one(SingleFlight* self, std::shared_ptr<request_context> c, const detail::onion* all) {
        function<task<result<whole_reply>>()> innermost = [self] { return slow(self); };
        detail::onion_run<whole_reply> run(*all, *c, std::move(innermost));
        const result<whole_reply> reply = co_await run.from(0);
        self->answers.push_back(reply ? reply->body() : std::string(to_string(reply.error().kind())));
    }
    void start(int count) {
        for (int i = 0; i < count; ++i)
            asio::co_spawn(loop, one(this, make_context(false, certain), &all), [](std::exception_ptr) {});
        loop.poll();
    }
    void let_go() {
        gate.cancel();
        loop.restart();
        loop.poll();
    }

    asio::io_context loop{1};
    asio::steady_timer gate{loop, std::chrono::steady_clock::time_point::max()};
    const detail::onion all{{cache}, nullptr};
    int asked_mesh = 0;
    bool fails = false;
    std::vector<std::string> answers;
};

TEST_F(SingleFlight, EqualCallsAtTheSameTimeAreOne) {
    start(3);
    EXPECT_EQ(asked_mesh, 1);
    EXPECT_EQ(cache->stats().joined, 2U);
    let_go();
    EXPECT_THAT(answers, ElementsAre("slow", "slow", "slow"));
    EXPECT_EQ(asked_mesh, 1);
}

TEST_F(SingleFlight, WhenItFailsTheOthersAskForThemselvesAtOnce) {
    fails = true;
    start(3);
    let_go();
    EXPECT_THAT(answers, ElementsAre("upstream"));
    EXPECT_EQ(asked_mesh, 3) << "none waits behind another again";
    fails = false;
    let_go();
    EXPECT_THAT(answers, ElementsAre("upstream", "slow", "slow"));
}

} // namespace
} // namespace modelmesh::testing
