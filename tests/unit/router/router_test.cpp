#include "router/typed_reply.hpp"

#include "router/attempt_hooks.hpp"
#include "scripted.hpp"

#include <modelmesh/api/chat.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/json/read.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <stdexcept>

namespace modelmesh::router {
namespace {

using namespace testing;

class Router : public ::testing::Test {
protected:
    scripted_transport via;
    std::shared_ptr<const snapshot> picture = make_snapshot({"a", "b", "c"});

    result<chat::reply> ask() {
        return modelmesh::run(complete_as<chat::reply>(via, nullptr, make_call(picture, via.now)));
    }

    // The whole text of a stream, or the fault that ended it.
    static task<result<std::string>> text_of(scripted_transport* via, call made) {
        result<served_stream> opened = co_await open_stream(*via, nullptr, std::move(made));
        if (!opened) co_return opened.error();
        std::string text = opened->route.model + ":";
        for (;;) {
            std::string_view json;
            const result<stream_state> state = opened->session->try_next(json);
            if (!state) {
                fault f = state.error();
                f.message = text + "|" + f.message;
                co_return f;
            }
            if (*state == stream_state::end) co_return text;
            if (*state == stream_state::pending) {
                const result<void> woken = co_await opened->session->wait();
                if (!woken) co_return woken.error();
                continue;
            }
            modelmesh::json::reader reader;
            chat::chunk chunk;
            const result<void> parsed = reader.read(json, chunk);
            if (!parsed) co_return parsed.error();
            text += chunk.text();
        }
    }
    result<std::string> stream() { return modelmesh::run(text_of(&via, make_call(picture, via.now, true))); }
};

TEST_F(Router, TheFirstModelAnswers) {
    via.script["a"] = {answers(200, good)};
    const auto reply = ask();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->text(), "4");
    EXPECT_EQ(reply->x_modelmesh->model, "a.m");
    EXPECT_EQ(reply->x_modelmesh->provider, "a");
    EXPECT_EQ(reply->x_modelmesh->pool, "chat");
    EXPECT_EQ(reply->x_modelmesh->attempts, 1);
    EXPECT_EQ(reply->x_modelmesh->engine, "scripted");
}

TEST_F(Router, AnUnreachableModelIsReplacedWithinTheRequestAndLeftAloneByTheNext) {
    via.script["a"] = {refuses(errc::connect)};
    via.script["b"] = {answers(200, good), answers(200, good)};
    EXPECT_EQ(ask()->x_modelmesh->attempts, 2);
    EXPECT_EQ(ask()->x_modelmesh->attempts, 1);
    EXPECT_EQ(via.asked, (std::vector<std::string>{"a", "b", "b"}));
}

TEST_F(Router, AnAttemptLeavesTimeForTheNextModel) {
    via.script["a"] = {refuses(errc::timed_out), answers(200, good)};
    via.script["b"] = {refuses(errc::timed_out)};
    via.script["c"] = {refuses(errc::timed_out)};
    call made = make_call(picture, via.now);
    made.deadline = via.now.now() + std::chrono::seconds(8);
    EXPECT_FALSE(modelmesh::run(complete_as<chat::reply>(via, nullptr, made)));
    EXPECT_EQ(via.asked, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(via.waits, (std::vector<duration>{std::chrono::seconds(4), std::chrono::seconds(4),
                                                std::chrono::seconds(60)}));
    via.waits.clear();
    EXPECT_TRUE(ask()) << "who was not given the usual time is not out of service";
    EXPECT_EQ(via.waits, (std::vector<duration>{std::chrono::seconds(60)})) << "there is time for both";
}

TEST_F(Router, AnAnswerThatIsNoReplyIsAFailureOfTheModel) {
    for (const char* body :
         {"", "{}", "[]", "{\"choices\":[]}", "{\"choices\":", "<html>", "{\"choices\":\"x\"}"}) {
        picture = make_snapshot({"a", "b"});
        via.script["a"] = {answers(200, body)};
        via.script["b"] = {answers(200, good)};
        const auto reply = ask();
        ASSERT_TRUE(reply) << body << ": " << reply.error().message;
        EXPECT_EQ(reply->x_modelmesh->provider, "b") << body;
    }
}

TEST_F(Router, EveryPrefixOfAReplyIsAFailureOfTheModel) {
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
        picture = make_snapshot({"a"});
        via.script["a"] = {answers(200, good.substr(0, cut))};
        EXPECT_FALSE(ask()) << "cut at byte " << cut;
    }
}

TEST_F(Router, TheCallersOwnFaultIsNotTriedElsewhere) {
    via.script["a"] = {answers(400, R"({"error":{"message":"n must be positive","param":"n"}})")};
    const auto reply = ask();
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind(), errc::bad_request);
    EXPECT_EQ(reply.error().param, "n");
    EXPECT_EQ(reply.error().http_status, 400);
    EXPECT_EQ(via.asked, (std::vector<std::string>{"a"}));
}

TEST_F(Router, AKeyThatTheServerEchoesIsNotTold) {
    for (const char* name : {"a", "b", "c"})
        via.script[name] = {
            answers(401, R"({"error":{"message":"bad key: key-of-)" + std::string(name) + "\"}}")};
    const auto reply = ask();
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind(), errc::auth);
    EXPECT_EQ(reply.error().message, "all 3 attempts failed in pool 'chat'; the last: bad key: ***");
    for (const attempt& a : reply.error().attempts) EXPECT_EQ(a.message, "bad key: ***");
}

// A connector with a defect in one of its functions.
class defective final : public connector::openai_compatible {
public:
    enum class where { encode, decode, classify, open_stream, no_decoder, on_frame, on_end };
    explicit defective(where at) : at_(at) {}

    result<void> encode(const prepared_request& input, const connector::target& to,
                        http::request& output) const override {
        if (at_ == where::encode) fail();
        return openai_compatible::encode(input, to, output);
    }
    result<std::string> decode(const prepared_request& input, http::response&& answer) const override {
        if (at_ == where::decode) fail();
        return openai_compatible::decode(input, std::move(answer));
    }
    [[nodiscard]] fault classify(const http::response& answer,
                                 std::chrono::system_clock::time_point wall) const override {
        if (at_ == where::classify) fail();
        return openai_compatible::classify(answer, wall);
    }
    [[nodiscard]] std::unique_ptr<connector::stream_decoder> open_stream(
        const prepared_request&) const override {
        if (at_ == where::open_stream) fail();
        if (at_ == where::no_decoder) return nullptr;
        return std::make_unique<decoder>(at_);
    }

private:
    class decoder final : public connector::stream_decoder {
    public:
        explicit decoder(where at) : at_(at) {}
        result<void> on_frame(const connector::frame&, connector::frame_sink&) override {
            if (at_ == where::on_frame) fail();
            return {};
        }
        result<void> on_end(connector::frame_sink&) override {
            fail();
            return {};
        }

    private:
        where at_;
    };
    static void fail() { throw std::runtime_error("no key-of-a here"); }

    where at_;
};

TEST_F(Router, AConnectorThatThrowsIsReplacedWithinTheRequest) {
    using where = defective::where;
    for (const where at : {where::encode, where::decode, where::classify}) {
        picture = make_snapshot({"a", "b"});
        picture->providers[0]->codec = std::make_shared<defective>(at);
        via.script["a"] = {answers(at == where::classify ? 503 : 200, good)};
        via.script["b"] = {answers(503, "")};
        const auto reply = ask();
        ASSERT_FALSE(reply);
        ASSERT_EQ(reply.error().attempts.size(), 2u);
        EXPECT_EQ(reply.error().attempts[0].kind, errc::internal);
        EXPECT_EQ(reply.error().attempts[0].message, "the connector failed: no *** here");
        EXPECT_EQ(reply.error().attempts[1].kind, errc::overloaded);
    }
    for (const where at : {where::encode, where::classify, where::open_stream, where::no_decoder,
                           where::on_frame, where::on_end}) {
        picture = make_snapshot({"a", "b"});
        picture->providers[0]->codec = std::make_shared<defective>(at);
        via.script["a"] = {{std::nullopt, at == where::classify ? 503 : 200, {role}, {}}};
        via.script["b"] = {{std::nullopt, 200, {event(R"({"content":"fine"})"), done}, {}}};
        const auto text = stream();
        ASSERT_TRUE(text) << static_cast<int>(at) << ": " << text.error().message;
        EXPECT_EQ(*text, "b.m:fine");
    }
}

TEST_F(Router, WhenAllFailTheErrorListsEveryAttempt) {
    via.script["a"] = {answers(503, "")};
    via.script["b"] = {refuses(errc::timed_out)};
    via.script["c"] = {answers(429, "")};
    const auto reply = ask();
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind(), errc::exhausted);
    ASSERT_EQ(reply.error().attempts.size(), 3u);
    EXPECT_EQ(reply.error().attempts[0].kind, errc::overloaded);
    EXPECT_EQ(reply.error().attempts[1].kind, errc::timed_out);
    EXPECT_EQ(reply.error().attempts[2].kind, errc::rate_limit);
    EXPECT_EQ(reply.error().attempts[2].http_status, 429);
}

TEST_F(Router, AStreamGivesEveryChunkOnceAndInOrder) {
    via.script["a"] = {
        {std::nullopt, 200, {role, event(R"({"content":"one "})"), event(R"({"content":"two"})"), done}, {}}};
    EXPECT_EQ(stream().value(), "a.m:one two");
}

TEST_F(Router, AStreamThatFailsBeforeItsFirstContentIsReplacedUnnoticed) {
    const std::vector<scripted_answer> failures{
        refuses(errc::connect),
        answers(500, ""),
        {std::nullopt, 200, {}, {}},                                // ends at once
        {std::nullopt, 200, {role}, fault(errc::connect, "reset")}, // cut after the role
        {std::nullopt, 200, {event(R"({"content":"","reasoning_details":[],"audio":{},"x":null})")}, {}},
        {std::nullopt, 200, {role, "data: {\"error\":{\"message\":\"x\"}}\n\n"}, {}}, // says so itself
        {std::nullopt, 200, {role, "data: {\"id\":\n\n"}, {}},                        // breaks its JSON
    };
    for (std::size_t i = 0; i < failures.size(); ++i) {
        picture = make_snapshot({"a", "b", "c"});
        via.script["a"] = {failures[i]};
        via.script["b"] = {{std::nullopt, 200, {role, event(R"({"content":"fine"})"), done}, {}}};
        const auto text = stream();
        ASSERT_TRUE(text) << i << ": " << text.error().message;
        EXPECT_EQ(*text, "b.m:fine") << i;
    }
}

TEST_F(Router, AStreamThatIsCutAfterItsFirstContentFailsAndIsNeverRepeated) {
    via.script["a"] = {{std::nullopt, 200, {role, event(R"({"content":"half"})")}, {}}};
    const auto text = stream();
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().kind(), errc::protocol);
    EXPECT_EQ(text.error().model, "a.m");
    EXPECT_EQ(text.error().message.substr(0, 9), "a.m:half|");
    EXPECT_EQ(via.asked, (std::vector<std::string>{"a"}));
}

TEST_F(Router, AModelThatKeepsBreakingOffGoesOutOfService) {
    picture = make_snapshot({"a", "b"}, 2);
    const pool& chat = *picture->pools.front();
    const scripted_answer broken{std::nullopt, 200, {event(R"({"content":"half"})")}, {}};
    const scripted_answer whole{std::nullopt, 200, {event(R"({"content":"all"})"), done}, {}};
    via.script["a"] = {broken, broken};
    via.script["b"] = {whole};
    EXPECT_FALSE(stream());
    EXPECT_EQ(chat.state->health[0]->load().failures, 1u);
    EXPECT_EQ(chat.state->cursor.load(), 1u) << "the next request begins elsewhere";
    chat.state->cursor.store(0);
    EXPECT_FALSE(stream()) << "the first content was no success";
    EXPECT_TRUE(chat.state->health[0]->load().is_out());
    EXPECT_EQ(stream().value(), "b.m:all");
}

TEST_F(Router, AStreamThatEndsWellForgetsItsModelsFailures) {
    note_failure(*picture->pools.front(), 0, {errc::connect, 0}, via.now.now(), testing::even);
    picture->pools.front()->state->cursor.store(0);
    via.script["a"] = {{std::nullopt, 200, {event(R"({"content":"all"})"), done}, {}}};
    EXPECT_EQ(stream().value(), "a.m:all");
    EXPECT_EQ(picture->pools.front()->state->health[0]->load().failures, 0u);
}

TEST_F(Router, AFailureInsideAStreamIsCountedOnceAndTellsNoKey) {
    via.script["a"] = {
        {std::nullopt,
         200,
         {event(R"({"content":"half"})"), "data: {\"error\":{\"message\":\"bad key-of-a\"}}\n\n"},
         {}}};
    result<served_stream> opened =
        modelmesh::run(open_stream(via, nullptr, make_call(picture, via.now, true)));
    ASSERT_TRUE(opened);
    reply_stream& session = *opened->session;
    std::string_view json;
    EXPECT_EQ(session.try_next(json).value(), stream_state::chunk);
    while (session.try_next(json).has_value()) (void)modelmesh::run(session.wait());
    for (int i = 0; i < 3; ++i) {
        const auto again = session.try_next(json);
        ASSERT_FALSE(again);
        EXPECT_EQ(again.error().message, "bad ***");
        EXPECT_EQ(again.error().model, "a.m");
        EXPECT_EQ(session.fail(fault(errc::protocol, "later"))->message, "bad ***") << "the first one stays";
    }
    EXPECT_EQ(picture->pools.front()->state->health[0]->load().failures, 1u);
}

TEST_F(Router, WhatTheReaderMeetsEndsTheStreamUnlessItIsItsOwnCancellation) {
    via.script["a"] = {
        {std::nullopt, 200, {event(R"({"content":"x"})"), event(R"({"content":"y"})"), done}, {}}};
    result<served_stream> opened =
        modelmesh::run(open_stream(via, nullptr, make_call(picture, via.now, true)));
    ASSERT_TRUE(opened);
    reply_stream& session = *opened->session;
    std::string_view json;
    EXPECT_EQ(session.fail(fault(errc::canceled, "stop"))->model, "a.m");
    EXPECT_EQ(session.try_next(json).value(), stream_state::chunk) << "the next read goes on";
    EXPECT_EQ(picture->pools.front()->state->health[0]->load().failures, 0u);
    EXPECT_EQ(session.fail(fault(errc::protocol, "no JSON"))->provider, "a");
    EXPECT_EQ(session.try_next(json).error().message, "no JSON");
    EXPECT_EQ(picture->pools.front()->state->health[0]->load().failures, 1u);
}

TEST_F(Router, AStreamThatNeverSaysAnythingIsReplacedWithinBounds) {
    const std::string empty = event(R"({"content":"","padding":""})");
    std::string much;
    while (much.size() < 1024 * 1024) much += empty;
    via.script["a"] = {{std::nullopt, 200, {much, event(R"({"content":"late"})"), done}, {}}};
    via.script["b"] = {refuses(errc::connect)};
    via.script["c"] = {refuses(errc::connect)};
    const auto text = stream();
    ASSERT_FALSE(text);
    ASSERT_EQ(text.error().attempts.size(), 3u);
    EXPECT_EQ(text.error().attempts[0].kind, errc::protocol);
    EXPECT_NE(text.error().attempts[0].message.find("without any content"), std::string::npos);
}

TEST_F(Router, AStreamCutAtEveryByteNeverEndsCleanly) {
    const std::string whole =
        role + event(R"({"content":"text"})") +
        R"(data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})" + "\n\n" + done;
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        picture = make_snapshot({"a"});
        via.script["a"] = {{std::nullopt, 200, {whole.substr(0, cut)}, {}}};
        EXPECT_FALSE(stream()) << "cut at byte " << cut;
    }
    for (std::size_t split = 0; split <= whole.size(); ++split) {
        picture = make_snapshot({"a"});
        via.script["a"] = {{std::nullopt, 200, {whole.substr(0, split), whole.substr(split)}, {}}};
        const auto text = stream();
        ASSERT_TRUE(text) << "split at byte " << split << ": " << text.error().message;
        EXPECT_EQ(*text, "a.m:text") << "split at byte " << split;
    }
}

// What is around attempts

class recorded_hooks final : public attempt_hooks {
public:
    explicit recorded_hooks(std::string& seen) : seen_(&seen) {}
    result<void> begin(const attempt_place& at, http::headers&) override {
        seen_->append(">").append(at.provider);
        return {};
    }
    void end(const attempt_place& at, const fault* f) noexcept override {
        seen_->append("<").append(at.provider).append(":").append(f == nullptr ? "ok" : to_string(f->kind()));
    }

private:
    std::string* seen_;
};

class Hooks : public Router {
protected:
    call watched(bool stream) {
        call made = make_call(picture, via.now, stream);
        made.hooks = std::make_shared<recorded_hooks>(seen);
        return made;
    }
    static task<void> run_whole(transport* via, call made) {
        reply_reader read = [](std::string&&) -> result<void> { return {}; };
        (void)co_await complete(*via, nullptr, std::move(made), std::move(read));
    }
    static task<void> run_stream(transport* via, call made) {
        (void)co_await open_stream(*via, nullptr, std::move(made));
    }
    static task<void> run_one(transport* via, call made, bool stream) {
        return stream ? run_stream(via, std::move(made)) : run_whole(via, std::move(made));
    }

    std::string seen;
};

// Waits for an answer that never comes.
class silent_transport : public scripted_transport {
public:
    task<result<http::response>> exchange(std::shared_ptr<const endpoint>,
                                          std::shared_ptr<const http::request>, patience) override {
        co_await wait();
        co_return fault(errc::internal, "it came");
    }
    task<result<opened>> open(std::shared_ptr<const endpoint>, std::shared_ptr<const http::request>,
                              patience) override {
        co_await wait();
        co_return fault(errc::internal, "it came");
    }

private:
    static task<void> wait() {
        boost::asio::steady_timer never(co_await boost::asio::this_coro::executor,
                                        std::chrono::steady_clock::time_point::max());
        co_await never.async_wait(boost::asio::use_awaitable); // throws when it is canceled
    }
};

TEST_F(Hooks, EveryAttemptThatBeginsEnds) {
    for (const bool stream : {false, true}) {
        seen.clear();
        via.script["a"] = {refuses(errc::connect)};
        via.script["b"] = {answers(200, stream ? event(R"({"content":"x"})") + done : good)};
        modelmesh::run(run_one(&via, watched(stream), stream));
        EXPECT_EQ(seen, ">a<a:connect>b<b:ok");
        picture = make_snapshot({"a", "b", "c"});
    }
}

TEST_F(Hooks, AnAttemptThatIsEndedByAnExceptionOfItsCancellationIsSeenToEnd) {
    for (const bool stream : {false, true}) {
        seen.clear();
        silent_transport silent;
        boost::asio::io_context loop{1};
        boost::asio::cancellation_signal cancel;
        bool is_over = false;
        boost::asio::co_spawn(loop, run_one(&silent, watched(stream), stream),
                              boost::asio::bind_cancellation_slot(
                                  cancel.slot(), [&is_over](std::exception_ptr) { is_over = true; }));
        loop.poll();
        EXPECT_EQ(seen, ">a");
        cancel.emit(boost::asio::cancellation_type::terminal);
        loop.restart();
        loop.poll();
        EXPECT_TRUE(is_over);
        EXPECT_EQ(seen, ">a<a:canceled");
    }
}

TEST_F(Hooks, AnAttemptWhoseLoopIsDestroyedIsSeenToEnd) {
    for (const bool stream : {false, true}) {
        seen.clear();
        silent_transport silent;
        {
            boost::asio::io_context loop{1};
            boost::asio::co_spawn(loop, run_one(&silent, watched(stream), stream), [](std::exception_ptr) {});
            loop.poll();
            EXPECT_EQ(seen, ">a");
        }
        EXPECT_EQ(seen, ">a<a:canceled");
    }
}

} // namespace
} // namespace modelmesh::router
