#include <modelmesh/middleware/limits.hpp>

#include "fixture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <limits>
#include <stdexcept>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RateLimit : public MiddlewareFixture {
protected:
    static rate_limit_options each_second() {
        rate_limit_options options;
        options.requests_per_minute = 60;
        options.burst = 1s;
        return options;
    }
};

TEST_F(RateLimit, CallsWaitForTheirTurn) {
    const layers limit{make_rate_limit(each_second())};
    const auto context = make_context();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(call(limit, context));
    EXPECT_THAT(context->slept, ElementsAre(1s, 1s)) << "on the call's clock";
}

TEST_F(RateLimit, WhoWouldWaitTooLongIsToldHowLong) {
    rate_limit_options options = each_second();
    options.longest_wait = 1500ms;
    const layers limit{make_rate_limit(options)};
    const auto one = [&] { return call(limit); };
    const time_point began = time.now();
    ASSERT_TRUE(one());
    ASSERT_TRUE(one());
    EXPECT_EQ(time.now() - began, 1s);
    time.advance(-1s); // as two that came at once
    const result<whole_reply> refused = one();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::rate_limit);
    EXPECT_EQ(refused.error().retry_after, 2000ms);
    EXPECT_TRUE(retryable(refused.error()));
    EXPECT_EQ(reached.size(), 2U);
    EXPECT_EQ(one().error().retry_after, 2000ms) << "who is refused has not used a turn";
}

TEST_F(RateLimit, NobodyWaitsBeyondItsDeadline) {
    rate_limit_options options = each_second();
    options.requests_per_minute = 1;
    options.burst = 60s;
    const layers limit{make_rate_limit(options)};
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(call(limit)); // the context's deadline is after 300 s
    time.advance(-4min);
    EXPECT_EQ(call(limit).error().retry_after, 5min);
}

TEST_F(RateLimit, TokensAreEstimatedAndMadeGood) {
    rate_limit_options options;
    options.tokens_per_minute = 60000; // one in a millisecond
    options.burst = 10s;
    const layers limit{make_rate_limit(options)};
    const std::string json = R"({"model":"chat","max_tokens":9000})"; // and 8 of its own
    mesh = [](const request_context&) {
        whole_reply reply("{}");
        reply.route.input_tokens = 8;
        reply.route.output_tokens = 92;
        return reply;
    };
    const auto context = make_context(false, json);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(call(limit, context));
    EXPECT_THAT(context->slept, IsEmpty()) << "a tenth of a second's worth each";
    ASSERT_TRUE(call(limit, context));
    EXPECT_EQ(context->slept.size(), 1U) << "1000 of 10000 are used, and 9008 do not fit any more";
}

TEST_F(RateLimit, WhoIsCanceledWhileItWaitsGivesItsTurnAndItsTokensBack) {
    rate_limit_options options = each_second();
    options.tokens_per_minute = 600000; // ten in a millisecond
    const layers limit{make_rate_limit(options)};
    ASSERT_TRUE(call(limit));
    for (int i = 0; i < 5; ++i) {
        for (const bool stream : {false, true}) {
            const auto impatient = make_context(stream, R"({"model":"chat","max_tokens":9000})");
            impatient->is_canceled = true;
            if (stream)
                EXPECT_EQ(open(limit, impatient).error().kind(), errc::canceled);
            else
                EXPECT_EQ(call(limit, impatient).error().kind(), errc::canceled);
        }
    }
    EXPECT_EQ(reached.size(), 1U);
    const auto next = make_context();
    ASSERT_TRUE(call(limit, next));
    EXPECT_THAT(next->slept, ElementsAre(1s)) << "as if they had not been";
}

TEST_F(RateLimit, WhoWasLetThroughHasUsedItsTurnAndItsTokensAlsoWhenItFails) {
    rate_limit_options options;
    options.tokens_per_minute = 60000; // one in a millisecond
    options.burst = 10s;
    const layers limit{make_rate_limit(options)};
    mesh = [](const request_context&) { return fault(errc::connect, "nobody is there"); };
    const std::string json = R"({"model":"chat","max_tokens":9000})";
    EXPECT_FALSE(call(limit, make_context(false, json)));
    const auto next = make_context(false, json);
    EXPECT_FALSE(call(limit, next));
    EXPECT_EQ(next->slept.size(), 1U);
}

TEST_F(RateLimit, TokensOfAStreamAreMadeGoodWhenItEnds) {
    rate_limit_options options;
    options.tokens_per_minute = 60000;
    options.burst = 10s;
    const layers limit{make_rate_limit(options)};
    const auto context = make_context(true, R"({"model":"chat","max_tokens":9000})");
    EXPECT_EQ(*stream(limit, context), "a|b");
    EXPECT_EQ(*stream(limit, context), "a|b");
    EXPECT_EQ(context->slept.size(), 1U) << "nobody has counted these: the estimate stands";
}

TEST_F(RateLimit, EachNameMayHaveItsOwn) {
    rate_limit_options options = each_second();
    options.per_name = true;
    const layers limit{make_rate_limit(options)};
    const auto other = make_context(false, R"({"model":"other"})");
    const auto context = make_context();
    ASSERT_TRUE(call(limit, context));
    ASSERT_TRUE(call(limit, other));
    EXPECT_THAT(other->slept, IsEmpty());
    ASSERT_TRUE(call(limit, context));
    EXPECT_EQ(context->slept.size(), 1U);
}

TEST_F(RateLimit, ANameThatACallStillHasToSettleWithIsNotForgottenHoweverManyThereAre) {
    rate_limit_options options;
    options.tokens_per_minute = 60000; // one in a millisecond
    options.burst = 10s;
    options.per_name = true;
    const layers limit{make_rate_limit(options)};
    streaming_mesh = [](const request_context&) {
        streamed_reply reply = streamed_reply::of(
            std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a"}));
        modelmesh::route& route = detail::stream_content::of(reply)->route;
        route.input_tokens = 30000; // much more than was expected
        route.output_tokens = 0;
        return reply;
    };
    auto held = open(limit).value();
    time.advance(1min); // by which its turn is long over
    for (int i = 0; i < 1100; ++i)
        ASSERT_TRUE(call(limit, make_context(false, R"({"model":"other-)" + std::to_string(i) + R"("})")));
    EXPECT_EQ(read(*held), "a");
    const auto next = make_context();
    ASSERT_TRUE(call(limit, next));
    EXPECT_EQ(next->slept.size(), 1U) << "what the stream used is owed";
}

TEST_F(RateLimit, AServerMaySayAnyNumberOfTokens) {
    rate_limit_options options;
    options.tokens_per_minute = 60000;
    options.burst = 10s;
    const layers limit{make_rate_limit(options)};
    mesh = [](const request_context&) {
        whole_reply reply("{}");
        reply.route.input_tokens = std::numeric_limits<std::int64_t>::max();
        reply.route.output_tokens = std::numeric_limits<std::int64_t>::max();
        return reply;
    };
    ASSERT_TRUE(call(limit));
    const auto next = make_context();
    ASSERT_TRUE(call(limit, next));
    ASSERT_EQ(next->slept.size(), 1U);
    EXPECT_GT(next->slept.front(), 59s);
    EXPECT_LT(next->slept.front(), 71s) << "a minute is owed, and no more";
}

TEST_F(RateLimit, RefusesOptionsThatMeanNothing) {
    rate_limit_options negative;
    negative.requests_per_minute = -1;
    EXPECT_THROW((void)make_rate_limit(negative), std::invalid_argument);
    rate_limit_options none;
    none.burst = 0s;
    EXPECT_THROW((void)make_rate_limit(none), std::invalid_argument);
    EXPECT_THROW((void)make_concurrency_limit({0, 1}), std::invalid_argument);
}

// ---------------------------------------------------------------------------------------------- concurrency

// Calls that last until the test lets them end.
class Concurrency : public MiddlewareFixture {
protected:
    struct one_call {
        explicit one_call(asio::io_context& loop)
            : gate(loop, std::chrono::steady_clock::time_point::max()) {}
        asio::steady_timer gate;
        asio::cancellation_signal cancel;
        std::string state = "waiting";
    };
    static task<result<whole_reply>> until_let_go(std::shared_ptr<one_call> self) {
        self->state = "running";
        (void)co_await self->gate.async_wait(asio::as_tuple(asio::use_awaitable));
        co_return whole_reply("done");
    }
    static task<void> run(std::shared_ptr<one_call> self, std::shared_ptr<request_context> c,
                          const detail::onion* all) {
        function<task<result<whole_reply>>()> innermost = [self] { return until_let_go(self); };
        detail::onion_run<whole_reply> through(*all, *c, std::move(innermost));
        const result<whole_reply> reply = co_await through.from(0);
        self->state = reply ? reply->body() : std::string(to_string(reply.error().kind()));
    }
    std::shared_ptr<one_call> start() {
        auto made = std::make_shared<one_call>(loop);
        asio::co_spawn(loop, run(made, make_context(), &all),
                       asio::bind_cancellation_slot(made->cancel.slot(), [made](std::exception_ptr e) {
                           if (e) made->state = "thrown";
                       }));
        poll();
        return made;
    }
    void poll() {
        loop.restart();
        loop.poll();
    }
    void let_go(one_call& which) {
        which.gate.cancel();
        poll();
    }

    asio::io_context loop{1};
    const detail::onion all{{make_concurrency_limit({1, 2})}, nullptr};
};

TEST_F(Concurrency, CallsWaitInTheOrderInWhichTheyCame) {
    const auto first = start();
    const auto second = start();
    const auto third = start();
    EXPECT_EQ(first->state + " " + second->state + " " + third->state, "running waiting waiting");
    let_go(*first);
    EXPECT_EQ(first->state + " " + second->state + " " + third->state, "done running waiting");
    let_go(*second);
    let_go(*third);
    EXPECT_EQ(second->state + " " + third->state, "done done");
    EXPECT_EQ(start()->state, "running") << "the place is free again";
}

TEST_F(Concurrency, AQueueThatIsFullRefuses) {
    const auto first = start();
    const auto second = start();
    const auto third = start();
    EXPECT_EQ(start()->state, "overloaded");
    let_go(*first);
    EXPECT_EQ(start()->state, "waiting");
}

TEST_F(Concurrency, WhoIsCanceledLeavesTheQueue) {
    const auto first = start();
    const auto second = start();
    const auto third = start();
    second->cancel.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_EQ(second->state, "canceled");
    EXPECT_EQ(start()->state, "waiting") << "there is room in the queue again";
    let_go(*first);
    EXPECT_EQ(third->state, "running");
}

TEST_F(Concurrency, APlaceGivenToACallThatIsJustCanceledGoesToTheNext) {
    const auto first = start();
    const auto second = start();
    const auto third = start();
    first->gate.cancel();
    while (first->state != "done") loop.restart(), loop.poll_one();
    second->cancel.emit(asio::cancellation_type::terminal); // has the place, and has not heard of it
    poll();
    EXPECT_EQ(second->state, "canceled");
    EXPECT_EQ(third->state, "running");
}

TEST_F(Concurrency, ALoopThatIsDestroyedGivesItsPlacesBack) {
    const layers limit{make_concurrency_limit({1, 2})};
    const detail::onion shared(limit, nullptr);
    {
        asio::io_context other{1};
        auto made = std::make_shared<one_call>(other);
        auto waiting = std::make_shared<one_call>(other);
        for (const auto& each : {made, waiting})
            asio::co_spawn(other, run(each, make_context(), &shared), [](std::exception_ptr) {});
        other.poll();
        EXPECT_EQ(made->state + " " + waiting->state, "running waiting");
    }
    EXPECT_TRUE(call(limit));
}

TEST_F(Concurrency, AStreamCountsUntilItHasEnded) {
    const layers limit{make_concurrency_limit({1, 0})};
    auto opened = open(limit).value();
    EXPECT_EQ(call(limit).error().kind(), errc::overloaded);
    EXPECT_EQ(read(*opened), "a|b");
    EXPECT_TRUE(call(limit)) << "it was read to its end";
    auto dropped = open(limit).value();
    dropped.reset();
    EXPECT_TRUE(call(limit));
}

} // namespace
} // namespace modelmesh::testing
