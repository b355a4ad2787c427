#include "router/failover_stream.hpp"

#include "router/router.hpp"
#include "scripted.hpp"
#include "support/event_list.hpp"

#include <modelmesh/api/chat.hpp>
#include <modelmesh/api/responses.hpp>
#include <modelmesh/api/text_completions.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gmock/gmock.h>

namespace modelmesh::router {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// One event of the model "m-<provider>", with ids of its own.
std::string said(std::string_view by, std::string_view delta, std::string_view finish = "null") {
    return R"(data: {"id":"id-)" + std::string(by) + R"(","object":"chat.completion.chunk","created":)" +
           std::to_string(static_cast<int>(by.front())) + R"(,"model":"m-)" + std::string(by) +
           R"(","choices":[{"index":0,"delta":)" + std::string(delta) + R"(,"finish_reason":)" +
           std::string(finish) + "}]}\n\n";
}
std::string announced(std::string_view by) { return said(by, R"({"role":"assistant","content":""})"); }
std::string word(std::string_view by, std::string_view text) {
    return said(by, R"({"content":")" + std::string(text) + R"("})");
}
std::string finished(std::string_view by) { return said(by, "{}", R"("stop")"); }

// The events of a whole reply.
std::vector<std::string> reply_of(std::string_view by, const std::vector<std::string>& words) {
    std::vector<std::string> events{announced(by)};
    for (const std::string& each : words) events.push_back(word(by, each));
    events.push_back(finished(by));
    events.push_back(done);
    return events;
}

scripted_answer streams(std::vector<std::string> events) {
    scripted_answer answer;
    answer.slices = std::move(events);
    return answer;
}
scripted_answer breaks_after(std::vector<std::string> events, std::size_t count,
                             fault why = fault(errc::connect, "reset")) {
    events.resize(count);
    scripted_answer answer = streams(std::move(events));
    answer.cut = std::move(why);
    return answer;
}

streaming_plan mode(stream_failure_action action) {
    streaming_plan plan;
    plan.on_failure = action;
    return plan;
}

// What a reader has of a stream.
struct outcome {
    std::string text{};              ///< as the accumulator has it
    std::vector<std::string> seen{}; ///< every chunk
    std::optional<fault> failure{};
    std::string model{};
    int attempts = 0;
    int restarts = 0;
    chat::reply whole{};
};

class FailoverStream : public ::testing::Test {
protected:
    scripted_transport via;
    support::event_list log{{.least = severity::warning}};
    std::shared_ptr<const snapshot> picture;

    void pool_with(const streaming_plan& plan, const std::vector<std::string>& names = {"a", "b", "c"}) {
        picture = make_streaming(names, plan);
        via.asked.clear();
        via.bodies.clear();
        log.clear();
        via.script.clear();
    }

    static task<outcome> read(scripted_transport* via, log_sink* log, call made) {
        outcome got;
        result<served_stream> opened = co_await open_stream(*via, log, std::move(made));
        if (!opened) {
            got.failure = opened.error();
            co_return got;
        }
        reply_stream& session = *opened->session;
        chat::accumulator whole;
        modelmesh::json::reader reader;
        chat::chunk chunk;
        for (;;) {
            std::string_view json;
            const result<stream_state> state = session.try_next(json);
            if (!state) {
                got.failure = state.error();
                break;
            }
            if (*state == stream_state::end) break;
            if (*state == stream_state::pending) {
                const result<void> woken = co_await session.wait();
                if (!woken) {
                    got.failure = session.fail(woken.error());
                    if (got.failure) break;
                }
                continue;
            }
            const result<void> parsed = reader.read(json, chunk, modelmesh::json::read_options::lenient());
            if (!parsed) {
                got.failure = session.fail(parsed.error());
                if (got.failure) break;
                continue;
            }
            got.seen.emplace_back(json);
            got.restarts += chunk.restarted() ? 1 : 0;
            whole.add(chunk);
            for (const chat::chunk_choice& choice : chunk.choices)
                if (choice.finish_reason) session.served();
        }
        got.whole = whole.take();
        got.text = got.whole.text();
        const modelmesh::route* const moved = session.moved_to();
        got.model = moved != nullptr ? moved->model : opened->route.model;
        got.attempts = moved != nullptr ? moved->attempts : opened->route.attempts;
        co_return got;
    }
    outcome stream() { return stream(make_call(picture, via.now, true)); }
    outcome stream(call made) { return modelmesh::run(read(&via, &log, std::move(made))); }
    outcome ask(operation what, std::string json) {
        call made = make_call(picture, via.now, true);
        made.request = prepared_request::parse(what, std::move(json), true).value();
        return stream(std::move(made));
    }
    unsigned failures_of(std::size_t model) const {
        return picture->pools.front()->state->health[model]->load().failures;
    }
};

const std::vector<std::string> words{"one ", "two ", "three ", "four"};
const std::string whole_text = "one two three four";

TEST_F(FailoverStream, RestartGivesTheWholeReplyOfTheNextModelWhereverTheFirstBreaksOff) {
    const std::vector<std::string> events = reply_of("a", words);
    for (std::size_t cut = 0; cut <= events.size() - 1; ++cut) {
        pool_with(mode(stream_failure_action::restart));
        via.script["a"] = {breaks_after(events, cut)};
        via.script["b"] = {streams(reply_of("b", {"other ", "text"}))};
        const outcome got = stream();
        if (cut == events.size() - 1) { // the reply is there, only its end mark is not
            EXPECT_EQ(got.text, whole_text);
            EXPECT_TRUE(got.failure) << "as with any pool";
            EXPECT_THAT(via.asked, ElementsAre("a"));
            continue;
        }
        ASSERT_FALSE(got.failure) << "cut after " << cut << ": " << got.failure->message;
        EXPECT_EQ(got.text, "other text") << cut;
        EXPECT_EQ(got.model, "b.m") << cut;
        EXPECT_EQ(got.attempts, 2) << cut;
        EXPECT_EQ(got.restarts, cut < 2 ? 0 : 1) << cut << ": before the first content nobody notices";
        EXPECT_EQ(failures_of(0), 1u) << cut;
        EXPECT_EQ(failures_of(1), 0u) << cut;
    }
}

TEST_F(FailoverStream, ContinueGivesOneReplyWhereverTheFirstModelBreaksOff) {
    const std::vector<std::string> events = reply_of("a", words);
    for (std::size_t cut = 2; cut < events.size() - 2; ++cut) {
        pool_with(mode(stream_failure_action::continue_));
        const std::size_t kept = cut - 1; // words
        via.script["a"] = {breaks_after(events, cut)};
        via.script["b"] = {streams(
            reply_of("b", std::vector<std::string>(words.begin() + static_cast<long>(kept), words.end())))};
        const outcome got = stream();
        ASSERT_FALSE(got.failure) << "cut after " << cut << ": " << got.failure->message;
        EXPECT_EQ(got.text, whole_text) << cut;
        EXPECT_EQ(got.restarts, 0) << cut;
        EXPECT_EQ(got.model, "b.m") << cut;
        EXPECT_EQ(got.whole.id, "id-a") << cut;
        EXPECT_EQ(got.whole.created, 'a') << cut;
        EXPECT_EQ(got.whole.model, "m-b") << cut << ": that much is true";
        EXPECT_EQ(got.whole.choices.front().finish_reason, "stop") << cut;
        std::string so_far;
        for (std::size_t i = 0; i < kept; ++i) so_far += words[i];
        EXPECT_THAT(via.bodies.at(1),
                    HasSubstr(R"([{"role":"user","content":"hi"},{"role":"assistant","content":")" + so_far +
                              R"("}])"))
            << cut;
        int announcements = 0;
        for (const std::string& chunk : got.seen) {
            announcements += chunk.find("\"role\"") != chunk.npos ? 1 : 0;
            EXPECT_THAT(chunk, HasSubstr(R"("id":"id-a")")) << cut;
        }
        EXPECT_EQ(announcements, 1) << cut;
    }
}

TEST_F(FailoverStream, ErrorIsTheDefaultAndKeepsTheTextSoFar) {
    const std::vector<std::string> events = reply_of("a", words);
    for (std::size_t cut = 2; cut < events.size(); ++cut) {
        pool_with(streaming_plan());
        via.script["a"] = {breaks_after(events, cut)};
        via.script["b"] = {streams(reply_of("b", words))};
        const outcome got = stream();
        ASSERT_TRUE(got.failure) << cut;
        EXPECT_EQ(got.failure->kind(), errc::connect) << cut;
        EXPECT_EQ(got.seen.size(), cut);
        EXPECT_THAT(via.asked, ElementsAre("a")) << cut;
    }
}

TEST_F(FailoverStream, AFailureThatTheWaitTellsIsRepairedAsWell) {
    for (const auto action : {stream_failure_action::restart, stream_failure_action::continue_}) {
        pool_with(mode(action));
        scripted_answer silent =
            breaks_after(reply_of("a", words), 3, fault(errc::timed_out, "no chunk for 30 s"));
        silent.is_cut_in_wait = true;
        via.script["a"] = {silent};
        via.script["b"] = {streams(reply_of("b", {"three ", "four"}))};
        const outcome got = stream();
        ASSERT_FALSE(got.failure) << got.failure->message;
        EXPECT_EQ(got.text, action == stream_failure_action::restart ? "three four" : whole_text);
        EXPECT_EQ(failures_of(0), 1u) << "counted once";
    }
}

TEST_F(FailoverStream, AChunkThatIsNoneIsRepairedAsWell) {
    for (const auto action : {stream_failure_action::restart, stream_failure_action::continue_}) {
        pool_with(mode(action));
        via.script["a"] = {
            streams({announced("a"), word("a", "one "), "data: {\"id\":7}\n\n", word("a", "two")})};
        via.script["b"] = {streams(reply_of("b", {"fine"}))};
        const outcome got = stream();
        ASSERT_FALSE(got.failure) << got.failure->message;
        EXPECT_EQ(got.text, action == stream_failure_action::restart ? "fine" : "one fine");
        EXPECT_EQ(failures_of(0), 1u);
    }
}

TEST_F(FailoverStream, TheMarkOfARestartIsAChunkOfTheReplysKind) {
    pool_with(mode(stream_failure_action::restart));
    via.script["a"] = {breaks_after(reply_of("a", words), 3)};
    via.script["b"] = {streams(reply_of("b", {"x"}))};
    const outcome got = stream();
    EXPECT_EQ(
        got.seen.at(3),
        R"({"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":[],"x_modelmesh":{"pool":"chat","provider":"b","model":"b.m","attempts":2,"engine":"scripted","latency_ms":0,"request_id":"00000000000000000000000000000000","restarted":true}})");

    pool_with(mode(stream_failure_action::restart));
    via.script["a"] = {breaks_after({"data: {\"choices\":[{\"index\":0,\"text\":\"x\"}]}\n\n"}, 1)};
    via.script["b"] = {streams({"data: {\"choices\":[{\"index\":0,\"text\":\"y\"}]}\n\n", done})};
    const outcome texts = ask(operation::text_completion, R"({"model":"chat","prompt":"p"})");
    ASSERT_EQ(texts.seen.size(), 3u);
    const auto mark = modelmesh::json::read<text_completions::reply>(texts.seen[1]).value();
    EXPECT_TRUE(mark.restarted());
    EXPECT_EQ(mark.object, "text_completion");
    EXPECT_EQ(mark.x_modelmesh->model, "b.m");

    pool_with(mode(stream_failure_action::restart));
    via.script["a"] = {
        breaks_after({"data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n"}, 1)};
    via.script["b"] = {streams({"data: {\"type\":\"response.output_text.delta\",\"delta\":\"y\"}\n\n",
                                "data: {\"type\":\"response.completed\"}\n\n"})};
    const outcome events = ask(operation::response, R"({"model":"chat","input":"p"})");
    ASSERT_EQ(events.seen.size(), 4u);
    modelmesh::json::reader reader;
    responses::event event;
    ASSERT_TRUE(reader.read(events.seen[1], event));
    EXPECT_TRUE(event.restarted());
    EXPECT_EQ(event.type, "x_modelmesh.restarted");
    EXPECT_FALSE(event.is_last());
    ASSERT_TRUE(reader.read(events.seen[2], event));
    EXPECT_FALSE(event.restarted());
}

TEST_F(FailoverStream, WhatCannotBeMarkedOrGoneOnWithEndsWithTheError) {
    struct sample {
        stream_failure_action action;
        operation what;
        std::string request;
    };
    const std::string head = R"({"model":"chat","messages":[{"role":"user","content":"hi"}],)";
    const std::vector<sample> samples{
        {stream_failure_action::restart, operation::transcription, R"({"model":"chat"})"},
        {stream_failure_action::restart, operation::speech, R"({"model":"chat","input":"x"})"},
        {stream_failure_action::continue_, operation::text_completion, R"({"model":"chat","prompt":"p"})"},
        {stream_failure_action::continue_, operation::response, R"({"model":"chat","input":"p"})"},
        {stream_failure_action::continue_, operation::chat_completion, head + R"("n":2})"},
        {stream_failure_action::continue_, operation::chat_completion,
         head + R"("response_format":{"type":"json_object"}})"},
    };
    for (const sample& each : samples) {
        pool_with(mode(each.action));
        call made = make_call(picture, via.now, true);
        made.request = prepared_request::parse(each.what, each.request, true).value();
        EXPECT_FALSE(failover_stream::is_for(made)) << each.request;
    }
    for (const char* harmless : {R"("n":1})", R"("n":null})", R"("response_format":{"type":"text"}})",
                                 R"("response_format":null})", R"("tools":[]})"}) {
        pool_with(mode(stream_failure_action::continue_));
        call made = make_call(picture, via.now, true);
        made.request = prepared_request::parse(operation::chat_completion, head + harmless, true).value();
        EXPECT_TRUE(failover_stream::is_for(made)) << harmless;
    }
}

TEST_F(FailoverStream, ContinueNeedsAReplyOfNothingButText) {
    const std::vector<std::string> others{
        said("a", R"({"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":""}}]})"),
        said("a", R"({"refusal":"no"})"),
        said("a", R"({"reasoning_content":"hm"})"),
        said("a", R"({"audio":{"data":"AA=="}})"),
        R"(data: {"id":"i","choices":[{"index":1,"delta":{"content":"second"}}]})"
        "\n\n",
        word("a", std::string(continuation::longest_text, 'x')),
    };
    for (const std::string& other : others) {
        pool_with(mode(stream_failure_action::continue_));
        via.script["a"] = {breaks_after({announced("a"), word("a", "text"), other}, 3)};
        via.script["b"] = {streams(reply_of("b", {"never"}))};
        const outcome got = stream();
        ASSERT_TRUE(got.failure) << other.substr(0, 200);
        EXPECT_EQ(got.failure->kind(), errc::connect);
        EXPECT_THAT(via.asked, ElementsAre("a")) << other.substr(0, 200);
    }
}

TEST_F(FailoverStream, AReplyThatSaidWhyItEndedIsNotBegunAgain) {
    for (const auto action : {stream_failure_action::restart, stream_failure_action::continue_}) {
        pool_with(mode(action));
        const std::vector<std::string> events = reply_of("a", words);
        via.script["a"] = {breaks_after(events, events.size() - 1)};
        via.script["b"] = {streams(reply_of("b", {"never"}))};
        const outcome got = stream();
        EXPECT_EQ(got.text, whole_text);
        EXPECT_TRUE(got.failure);
        EXPECT_THAT(via.asked, ElementsAre("a"));
    }
}

TEST_F(FailoverStream, TheSearchGoesOnUntilSomeModelHasContent) {
    for (const auto action : {stream_failure_action::restart, stream_failure_action::continue_}) {
        pool_with(mode(action), {"a", "b", "c", "d"});
        via.script["a"] = {breaks_after(reply_of("a", words), 3)};
        via.script["b"] = {answers(503, "")};
        via.script["c"] = {breaks_after(reply_of("c", words), 1)};
        via.script["d"] = {streams(reply_of("d", {"three ", "four"}))};
        const outcome got = stream();
        ASSERT_FALSE(got.failure) << got.failure->message;
        EXPECT_EQ(got.text, action == stream_failure_action::restart ? "three four" : whole_text);
        EXPECT_THAT(via.asked, ElementsAre("a", "b", "c", "d"));
        EXPECT_EQ(got.attempts, 4);
        EXPECT_EQ(got.restarts, action == stream_failure_action::restart ? 1 : 0);
    }
}

TEST_F(FailoverStream, AStreamMayMoveOnAsOftenAsThePoolSays) {
    streaming_plan plan = mode(stream_failure_action::continue_);
    plan.max_failovers = 2;
    pool_with(plan, {"a", "b", "c", "d"});
    for (const char* name : {"a", "b", "c", "d"})
        via.script[name] = {breaks_after(reply_of(name, {std::string(name) + " "}), 2)};
    const outcome got = stream();
    ASSERT_TRUE(got.failure);
    EXPECT_EQ(got.text, "a b c ");
    EXPECT_EQ(got.failure->model, "c.m");
    EXPECT_THAT(via.asked, ElementsAre("a", "b", "c"));
    EXPECT_THAT(via.bodies.back(), HasSubstr(R"({"role":"assistant","content":"a b "})"));
}

TEST_F(FailoverStream, WhenNobodyCanGoOnTheFirstFailureListsEveryAttempt) {
    for (const auto action : {stream_failure_action::restart, stream_failure_action::continue_}) {
        pool_with(mode(action));
        via.script["a"] = {breaks_after(reply_of("a", words), 3)};
        via.script["b"] = {answers(503, "")};
        via.script["c"] = {answers(400, R"({"error":{"message":"the last message must be the user's"}})")};
        const outcome got = stream();
        ASSERT_TRUE(got.failure);
        EXPECT_EQ(got.failure->kind(), errc::connect) << "not the caller's fault";
        EXPECT_EQ(got.failure->model, "a.m");
        ASSERT_EQ(got.failure->attempts.size(), 3u);
        EXPECT_EQ(got.failure->attempts[0].model, "a.m");
        EXPECT_EQ(got.failure->attempts[1].kind, errc::overloaded);
        EXPECT_EQ(got.failure->attempts[2].kind, errc::bad_request);
        EXPECT_EQ(got.text, "one two ") << "stays valid, and no mark was shown";
        EXPECT_EQ(got.restarts, 0);
    }
}

TEST_F(FailoverStream, AFailureThatNoModelCanRepairEndsTheStream) {
    for (const errc kind : {errc::content_filter, errc::bad_request, errc::context_length}) {
        pool_with(mode(stream_failure_action::restart));
        via.script["a"] = {breaks_after(reply_of("a", words), 3, fault(kind, "no"))};
        via.script["b"] = {streams(reply_of("b", {"never"}))};
        const outcome got = stream();
        ASSERT_TRUE(got.failure);
        EXPECT_EQ(got.failure->kind(), kind);
        EXPECT_THAT(via.asked, ElementsAre("a"));
        EXPECT_EQ(failures_of(0), 0u);
    }
}

TEST_F(FailoverStream, TheCallHasOneDeadline) {
    pool_with(mode(stream_failure_action::restart));
    scripted_answer slow = breaks_after(reply_of("a", words), 3, fault(errc::timed_out, "deadline"));
    slow.pace = std::chrono::seconds(120);
    slow.is_cut_in_wait = true;
    via.script["a"] = {slow};
    via.script["b"] = {streams(reply_of("b", {"never"}))};
    const outcome got = stream();
    ASSERT_TRUE(got.failure);
    EXPECT_EQ(got.failure->kind(), errc::timed_out);
    EXPECT_THAT(via.asked, ElementsAre("a"));
    EXPECT_EQ(failures_of(0), 0u) << "a deadline that passes while the model talks speaks against nobody";
}

TEST_F(FailoverStream, ADeadlineThatPassesDuringTheSearchIsTheEnd) {
    pool_with(mode(stream_failure_action::restart));
    via.script["a"] = {breaks_after(reply_of("a", words), 3)};
    scripted_answer slow = streams({announced("b"), announced("b"), announced("b")});
    slow.pace = std::chrono::seconds(150);
    slow.cut = fault(errc::timed_out, "deadline");
    via.script["b"] = {slow};
    const outcome got = stream();
    ASSERT_TRUE(got.failure);
    EXPECT_EQ(got.failure->kind(), errc::timed_out);
    EXPECT_EQ(got.failure->attempts.size(), 2u);
    EXPECT_THAT(via.asked, ElementsAre("a", "b"));
}

task<void> wait_once(reply_stream* on, std::optional<fault>* failed) {
    const result<void> woken = co_await on->wait();
    if (!woken) *failed = on->fail(woken.error());
}

TEST_F(FailoverStream, ACanceledReadEndsTheSearchAndTheNextReadGoesOnWithIt) {
    pool_with(mode(stream_failure_action::restart));
    via.script["a"] = {breaks_after({word("a", "half")}, 1)};
    via.script["b"] = {refuses(errc::canceled)};
    via.script["c"] = {streams(reply_of("c", {"fine"}))};
    served_stream opened = modelmesh::run(open_stream(via, &log, make_call(picture, via.now, true))).value();
    reply_stream& session = *opened.session;
    std::string_view json;
    std::optional<fault> failed;
    EXPECT_EQ(session.try_next(json).value(), stream_state::chunk);
    for (int i = 0; i < 2 && !failed; ++i) { // for the end of the body, and for the next model
        EXPECT_EQ(session.try_next(json).value(), stream_state::pending);
        modelmesh::run(wait_once(&session, &failed));
    }
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->kind(), errc::canceled);
    EXPECT_EQ(failures_of(1), 0u);
    failed.reset();
    EXPECT_EQ(session.try_next(json).value(), stream_state::pending);
    modelmesh::run(wait_once(&session, &failed));
    EXPECT_FALSE(failed);
    EXPECT_EQ(session.try_next(json).value(), stream_state::chunk);
    EXPECT_THAT(std::string(json), HasSubstr("restarted"));
    EXPECT_EQ(session.moved_to()->model, "c.m");
}

TEST_F(FailoverStream, NothingStaysUnderWayWhateverTheReaderDoes) {
    for (std::size_t reads = 0; reads < 12; ++reads) {
        pool_with(mode(stream_failure_action::continue_));
        via.script["a"] = {breaks_after(reply_of("a", words), 3)};
        via.script["b"] = {streams(reply_of("b", {"three ", "four"}))};
        {
            served_stream opened =
                modelmesh::run(open_stream(via, &log, make_call(picture, via.now, true))).value();
            std::optional<fault> failed;
            for (std::size_t i = 0; i < reads; ++i) {
                std::string_view json;
                const auto state = opened.session->try_next(json);
                ASSERT_TRUE(state);
                if (*state == stream_state::pending) modelmesh::run(wait_once(opened.session.get(), &failed));
            }
            EXPECT_FALSE(failed);
        }
        for (const auto& model : picture->models) EXPECT_EQ(model->slot->in_flight.load(), 0) << reads;
    }
}

TEST_F(FailoverStream, TheLogSaysWhoTookOver) {
    pool_with(mode(stream_failure_action::continue_));
    const std::vector<std::string> events{word("a", "one ")};
    via.script["a"] = {breaks_after(events, 1)};
    via.script["b"] = {streams(reply_of("b", {"two"}))};
    (void)stream();
    const std::string bytes = std::to_string(events[0].size() - std::string("data: \n\n").size());
    EXPECT_THAT(
        log.lines(),
        Contains("stream.failover request_id pool=chat mode=continue from_model=a.m model=b.m provider=b "
                 "attempt=2 kind=connect received_bytes=" +
                 bytes));
    pool_with(mode(stream_failure_action::restart));
    via.script["a"] = {breaks_after(events, 1)};
    via.script["b"] = {streams(reply_of("b", {"two"}))};
    (void)stream();
    EXPECT_THAT(log.lines(), Contains(AllOf(StartsWith("stream.failover "), HasSubstr("mode=restart"))));
    for (const std::string& line : log.lines())
        EXPECT_EQ(line.find("one"), line.npos) << "no text of the reply";
}

TEST_F(FailoverStream, ARestartOfAMeshBehindThisOneBeginsTheTextAnew) {
    pool_with(mode(stream_failure_action::continue_));
    via.script["a"] = {breaks_after({word("a", "old "),
                                     R"(data: {"choices":[],"x_modelmesh":{"model":"z.m","restarted":true}})"
                                     "\n\n",
                                     word("a", "new ")},
                                    3)};
    via.script["b"] = {streams(reply_of("b", {"end"}))};
    const outcome got = stream();
    EXPECT_EQ(got.text, "new end");
    EXPECT_THAT(via.bodies.at(1), HasSubstr(R"({"role":"assistant","content":"new "})"));
}

// The hold-back window: a chunk comes every 100 ms.
class HoldBack : public FailoverStream {
protected:
    void hold(std::chrono::milliseconds time) {
        streaming_plan plan;
        plan.hold_back = time;
        pool_with(plan);
    }
    static scripted_answer paced(scripted_answer answer) {
        answer.pace = std::chrono::milliseconds(100);
        return answer;
    }
};

TEST_F(HoldBack, AStreamThatBreaksOffWithinTheWindowIsReplacedUnnoticed) {
    const std::vector<std::string> events = reply_of("a", words);
    for (std::size_t cut = 0; cut < events.size() - 2; ++cut) {
        hold(std::chrono::milliseconds(250));
        via.script["a"] = {paced(breaks_after(events, cut))};
        via.script["b"] = {paced(streams(reply_of("b", {"fine"})))};
        const outcome got = stream();
        // The content begins with the second event; that of 300 ms later is the first one not to be kept.
        const bool is_kept = cut < 2 + 3;
        EXPECT_EQ(got.failure.has_value(), !is_kept) << cut;
        EXPECT_EQ(got.text, is_kept ? "fine" : whole_text) << cut;
        EXPECT_EQ(got.attempts, is_kept ? 2 : 1) << cut;
        EXPECT_EQ(got.restarts, 0) << cut;
    }
}

TEST_F(HoldBack, CostsTheWindowAndComesAtOnceWhenTheReplyIsOver) {
    hold(std::chrono::milliseconds(250));
    via.script["a"] = {paced(streams(reply_of("a", words)))};
    time_point before = via.now.now();
    (void)modelmesh::run(open_stream(via, &log, make_call(picture, via.now, true))).value();
    EXPECT_EQ(via.now.now() - before, std::chrono::milliseconds(500)) << "200 to the content, 300 from there";
    EXPECT_EQ(picture->models[0]->slot->first_token.mean(), 200'000) << "which no model is to blame for";

    via.script["a"] = {paced(streams(reply_of("a", {"short"})))};
    before = via.now.now();
    (void)modelmesh::run(open_stream(via, &log, make_call(picture, via.now, true))).value();
    EXPECT_EQ(via.now.now() - before, std::chrono::milliseconds(400)) << "its end mark";
}

TEST_F(HoldBack, KeepsABoundedNumberOfBytes) {
    hold(std::chrono::minutes(1));
    std::vector<std::string> events;
    for (int i = 0; i < 100; ++i) events.push_back(word("a", std::string(1024, 'x')));
    via.script["a"] = {breaks_after(events, events.size())};
    via.script["b"] = {streams(reply_of("b", {"never"}))};
    const outcome got = stream();
    EXPECT_TRUE(got.failure);
    EXPECT_THAT(via.asked, ElementsAre("a"));
}

} // namespace
} // namespace modelmesh::router
