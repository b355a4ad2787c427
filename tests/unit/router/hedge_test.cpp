#include "router/hedge.hpp"

#include "router/typed_reply.hpp"
#include "scripted.hpp"
#include "support/event_list.hpp"
#include "virtual_time.hpp"

#include <modelmesh/api/chat.hpp>
#include <modelmesh/core/random.hpp>

#include <gmock/gmock.h>

namespace modelmesh::router {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

timed_answer in(int ms) { return {milliseconds(ms), {}, 200, good}; }
timed_answer refuses_in(int ms, errc kind) { return {milliseconds(ms), fault(kind, "scripted"), 0, {}}; }
timed_answer says_in(int ms, int status, std::string body = {}) {
    return {milliseconds(ms), {}, status, std::move(body)};
}

class Hedge : public ::testing::Test {
protected:
    timed_transport via;
    // Not where each attempt goes, which is a detail.
    support::event_list log{{.least = severity::info, .shows = [](const log_field& each) {
                                 return each.key == "model" || each.key.ends_with("_model");
                             }}};
    std::shared_ptr<const snapshot> picture = pool_of({"a", "b", "c"});

    // "a" answers in 100 ms as a rule.
    static std::shared_ptr<const snapshot> pool_of(const std::vector<std::string>& names,
                                                   const hedging_plan& plan = usual()) {
        auto made = make_hedging(names, plan);
        for (int i = 0; i < 20; ++i) {
            made->models[0]->slot->total.add(milliseconds(100));
            made->models[0]->slot->first_token.add(milliseconds(100));
        }
        return made;
    }
    static hedging_plan usual() {
        hedging_plan plan;
        plan.is_enabled = true;
        return plan;
    }
    void again() {
        picture = pool_of({"a", "b", "c"});
        via.asked.clear();
        via.canceled.clear();
        log.clear();
    }

    result<chat::reply> ask(std::optional<duration> cancel_after = std::nullopt) {
        const time_point before = via.time().now();
        result<chat::reply> got =
            via.time_.run(core::canceled_as_fault(
                              complete_as<chat::reply>(via, &log, make_call(picture, via.time())), "ask"),
                          cancel_after);
        took = std::chrono::duration_cast<milliseconds>(via.time().now() - before);
        expect_nothing_under_way();
        return got;
    }
    void expect_nothing_under_way() const {
        EXPECT_TRUE(via.time_.is_quiet());
        for (const auto& model : picture->models) EXPECT_EQ(model->slot->in_flight.load(), 0) << model->id;
    }
    unsigned failures_of(std::size_t model) const {
        return picture->pools.front()->state->health[model]->load().failures;
    }

    milliseconds took{};
};

TEST_F(Hedge, AnAttemptThatTakesUnusuallyLongGetsASecondOneBesideIt) {
    via.script["a"] = {in(10'000)};
    via.script["b"] = {in(30)};
    const auto reply = ask();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->x_modelmesh->model, "b.m");
    EXPECT_EQ(reply->x_modelmesh->attempts, 2);
    EXPECT_EQ(took, milliseconds(130));
    EXPECT_THAT(via.asked, ElementsAre("a", "b"));
    EXPECT_THAT(via.canceled, ElementsAre("a")) << "and has ended before the call";
    EXPECT_EQ(failures_of(0), 0u) << "nobody blames who was cancelled";
    EXPECT_THAT(log.lines(), ElementsAre("hedge.started model=b.m beside_model=a.m",
                                         "hedge.won model=b.m over_model=a.m"));
}

TEST_F(Hedge, IsOffByDefault) {
    picture = pool_of({"a", "b"}, hedging_plan());
    via.script["a"] = {in(10'000)};
    EXPECT_EQ(ask()->x_modelmesh->model, "a.m");
    EXPECT_THAT(via.asked, ElementsAre("a"));
}

TEST_F(Hedge, AnAttemptOfUsualLengthStaysAlone) {
    via.script["a"] = {in(99)};
    EXPECT_EQ(ask()->x_modelmesh->attempts, 1);
    EXPECT_THAT(via.asked, ElementsAre("a"));
}

TEST_F(Hedge, TheFirstAttemptMayStillWin) {
    via.script["a"] = {in(120)};
    via.script["b"] = {in(30)};
    EXPECT_EQ(ask()->x_modelmesh->model, "a.m");
    EXPECT_EQ(took, milliseconds(120));
    EXPECT_THAT(via.canceled, ElementsAre("b"));
    EXPECT_EQ(failures_of(1), 0u);
    EXPECT_THAT(log.lines(), ElementsAre("hedge.started model=b.m beside_model=a.m"));
}

TEST_F(Hedge, FewRepliesSayNothingAboutWhatIsUsual) {
    picture = make_hedging({"a", "b"}, usual());
    for (int i = 0; i < 19; ++i) picture->models[0]->slot->total.add(milliseconds(100));
    via.script["a"] = {in(10'000)};
    (void)ask();
    EXPECT_THAT(via.asked, ElementsAre("a"));
}

TEST_F(Hedge, ThePercentileIsOfTheModelsRecentReplies) {
    hedging_plan plan = usual();
    plan.percentile = 80;
    picture = make_hedging({"a", "b"}, plan);
    for (int i = 1; i <= 100; ++i) picture->models[0]->slot->total.add(milliseconds(i)); // the last 50 count
    via.script["a"] = {in(10'000)};
    via.script["b"] = {in(0)};
    (void)ask();
    EXPECT_EQ(took, milliseconds(90));
}

TEST_F(Hedge, NoSecondAttemptComesBeforeTheLeastDelay) {
    hedging_plan plan = usual();
    plan.min_delay = milliseconds(400);
    picture = pool_of({"a", "b"}, plan);
    via.script["a"] = {in(10'000)};
    via.script["b"] = {in(0)};
    (void)ask();
    EXPECT_EQ(took, milliseconds(400));
}

TEST_F(Hedge, ThereIsNoneWithoutAnotherModelOrBehindTheDeadline) {
    picture = pool_of({"a"});
    via.script["a"] = {in(1'000)};
    EXPECT_TRUE(ask());
    EXPECT_THAT(via.asked, ElementsAre("a"));

    again();
    call made = make_call(picture, via.time());
    made.deadline = via.time().now() + milliseconds(100);
    EXPECT_TRUE(via.time_.run(complete_as<chat::reply>(via, &log, made)));
    EXPECT_THAT(via.asked, ElementsAre("a"));
}

TEST_F(Hedge, WhoHasHadItsShareOfAMinuteIsNotAskedBesideAnother) {
    for (const std::size_t i : {1, 2}) {
        picture->models[i]->limit = std::make_shared<state::minute_limit>(state::minute_rule{1, 0});
        state::minute_limit::turn taken;
        ASSERT_TRUE(picture->models[i]->limit->take(via.time().now(), 0, false, taken));
    }
    picture->pools.front()->is_limited = true;
    via.script["a"] = {in(200)};
    for (int i = 0; i < 30; ++i) EXPECT_EQ(ask()->x_modelmesh->attempts, 1);
    EXPECT_THAT(via.asked, Each("a"));
    via.script["a"] = {in(10'000)};
    via.script["b"] = {in(30)};
    via.time_.now.advance(std::chrono::minutes(1));
    EXPECT_EQ(ask()->x_modelmesh->model, "b.m") << "and what was not used of their share is left";
    const std::chrono::milliseconds next = picture->models[1]->limit->free_at();
    via.script["a"] = {refuses_in(1, errc::upstream)};
    via.script["c"] = {refuses_in(1, errc::upstream)};
    EXPECT_EQ(ask()->x_modelmesh->model, "b.m") << "an attempt that has to be is made all the same";
    EXPECT_GT(picture->models[1]->limit->free_at(), next);
}

TEST_F(Hedge, AFailureBeforeTheSecondAttemptIsAnOrdinaryOne) {
    via.script["a"] = {refuses_in(50, errc::connect)};
    via.script["b"] = {in(30)};
    const auto reply = ask();
    EXPECT_EQ(reply->x_modelmesh->model, "b.m");
    EXPECT_EQ(took, milliseconds(80));
    EXPECT_THAT(log.lines(), ElementsAre("attempt.failed model=a.m", "model.rotated model=b.m"));
}

TEST_F(Hedge, TheFirstMayFailWhileTheSecondIsUnderWay) {
    via.script["a"] = {refuses_in(110, errc::connect)};
    via.script["b"] = {in(200)};
    const auto reply = ask();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->x_modelmesh->model, "b.m");
    EXPECT_EQ(reply->x_modelmesh->attempts, 2);
    EXPECT_EQ(took, milliseconds(300));
    EXPECT_EQ(failures_of(0), 1u);
    EXPECT_THAT(via.canceled, IsEmpty());
}

TEST_F(Hedge, TheSecondMayFailFirst) {
    via.script["a"] = {in(300)};
    via.script["b"] = {refuses_in(10, errc::connect)};
    const auto reply = ask();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->x_modelmesh->model, "a.m");
    EXPECT_EQ(took, milliseconds(300));
    EXPECT_EQ(failures_of(1), 1u);
    EXPECT_EQ(failures_of(0), 0u);
}

TEST_F(Hedge, WhenBothFailTheNextModelIsAskedInEitherOrder) {
    for (const int second : {20, 200}) {
        again();
        via.script["a"] = {refuses_in(200, errc::connect)};
        via.script["b"] = {says_in(second, 503)};
        via.script["c"] = {in(10)};
        const auto reply = ask();
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(reply->x_modelmesh->model, "c.m");
        EXPECT_EQ(reply->x_modelmesh->attempts, 3);
        EXPECT_THAT(via.asked, ElementsAre("a", "b", "c"));
        EXPECT_EQ(failures_of(0), 1u);
        EXPECT_EQ(failures_of(1), 1u);
    }
}

TEST_F(Hedge, WhenAllFailEveryAttemptIsListedInTheOrderOfTheirEnds) {
    for (const int second : {20, 200}) {
        again();
        via.script["a"] = {refuses_in(200, errc::connect)};
        via.script["b"] = {says_in(second, 503)};
        via.script["c"] = {says_in(0, 429)};
        const auto reply = ask();
        ASSERT_FALSE(reply);
        ASSERT_EQ(reply.error().attempts.size(), 3u);
        EXPECT_EQ(reply.error().attempts[0].model, second == 20 ? "b.m" : "a.m");
        EXPECT_EQ(reply.error().attempts[1].model, second == 20 ? "a.m" : "b.m");
        EXPECT_EQ(reply.error().attempts[2].model, "c.m");
    }
}

TEST_F(Hedge, AnAnswerThatCannotBeReadDoesNotWin) {
    via.script["a"] = {in(300)};
    via.script["b"] = {says_in(10, 200, R"({"choices":[]})")};
    auto reply = ask();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->text(), "4");
    EXPECT_EQ(reply->x_modelmesh->model, "a.m");
    EXPECT_EQ(failures_of(1), 1u);

    again();
    via.script["a"] = {says_in(110, 200, "<html>")};
    via.script["b"] = {in(200)};
    reply = ask();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->x_modelmesh->model, "b.m");
    EXPECT_EQ(failures_of(0), 1u);
}

TEST_F(Hedge, TwoAnswersAtTheSameMomentAreOneReply) {
    via.script["a"] = {says_in(130, 200, "of a")};
    via.script["b"] = {says_in(30, 200, "of b")};
    std::vector<std::string> taken;
    reply_reader read = [&taken](std::string&& body) {
        taken.push_back(std::move(body));
        return result<void>();
    };
    const auto served = via.time_.run(complete(via, &log, make_call(picture, via.time()), std::move(read)));
    ASSERT_TRUE(served);
    EXPECT_THAT(taken, ElementsAre("of " + served->provider));
    EXPECT_EQ(failures_of(0) + failures_of(1), 0u);
}

// What is told of attempts, and whom it refuses.
class attempts_told final : public attempt_hooks {
public:
    std::vector<std::string> seen;
    std::string refused{};
    result<void> begin(const attempt_place& at, http::headers&) override {
        seen.push_back("begin " + std::string(at.model) + " #" + std::to_string(at.number));
        if (at.model == refused) return fault(errc::permission, "not there");
        return {};
    }
    void end(const attempt_place& at, const fault* f) noexcept override {
        seen.push_back("end " + std::string(at.model) + " #" + std::to_string(at.number) + " " +
                       std::string(f == nullptr ? "ok" : to_string(f->kind())));
    }
};

TEST_F(Hedge, EveryAttemptKeepsItsNumber) {
    via.script["a"] = {in(300)};
    via.script["b"] = {refuses_in(10, errc::connect)};
    const auto hooks = std::make_shared<attempts_told>();
    call made = make_call(picture, via.time());
    made.hooks = hooks;
    const auto reply = via.time_.run(complete_as<chat::reply>(via, &log, made));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->x_modelmesh->attempts, 2);
    EXPECT_THAT(hooks->seen,
                ElementsAre("begin a.m #1", "begin b.m #2", "end b.m #2 connect", "end a.m #1 ok"));
}

TEST_F(Hedge, ARefusedSecondAttemptSaysNothingOfTheFirst) {
    via.script["a"] = {refuses_in(300, errc::connect)};
    via.script["c"] = {in(10)};
    const auto hooks = std::make_shared<attempts_told>();
    hooks->refused = "b.m";
    call made = make_call(picture, via.time());
    made.hooks = hooks;
    const auto reply = via.time_.run(complete_as<chat::reply>(via, &log, made));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->x_modelmesh->model, "c.m");
    EXPECT_THAT(via.asked, ElementsAre("a", "c"));
    EXPECT_EQ(failures_of(0), 1u);
    EXPECT_EQ(failures_of(1), 0u) << "nobody has asked it";
}

TEST_F(Hedge, AStreamWhoseContentIsHeldBackIsAnswering) {
    pool_plan chat = chat_plan();
    chat.hedging = usual();
    chat.streaming.hold_back = std::chrono::seconds(2);
    picture = make_snapshot_by({{"a", {"m"}}, {"b", {"m"}}}, std::move(chat));
    for (int i = 0; i < 20; ++i) picture->models[0]->slot->first_token.add(milliseconds(100));
    timed_answer usual_one = says_in(90, 200, role + event(R"({"content":"one"})"));
    usual_one.rest_after = std::chrono::seconds(3);
    usual_one.rest = event(R"({"content":" two"})") + done;
    via.script["a"] = {usual_one};
    result<served_stream> opened =
        via.time_.run(open_stream(via, &log, make_call(picture, via.time(), true)));
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->route.attempts, 1);
    EXPECT_THAT(via.asked, ElementsAre("a"));
}

TEST_F(Hedge, TheCallersOwnFaultOfTheFirstEndsBoth) {
    via.script["a"] = {says_in(120, 400)};
    via.script["b"] = {in(500)};
    const auto reply = ask();
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind(), errc::bad_request);
    EXPECT_EQ(took, milliseconds(120));
    EXPECT_THAT(via.canceled, ElementsAre("b"));
}

TEST_F(Hedge, WhatTheSecondAloneRefusesIsNoAnswer) {
    via.script["a"] = {in(300)};
    via.script["b"] = {says_in(10, 400)};
    EXPECT_EQ(ask()->x_modelmesh->model, "a.m");
}

TEST_F(Hedge, CancellationAtAnyMomentEndsBothAndBlamesNobody) {
    for (int at = 0; at < 320; at += 10) {
        for (const int first : {150, 300}) {
            again();
            via.script["a"] = {first == 150 ? refuses_in(150, errc::connect) : in(1'000)};
            via.script["b"] = {in(200)};
            const auto reply = ask(milliseconds(at));
            EXPECT_EQ(took, milliseconds(std::min(at, 300))) << "nothing is waited for";
            if (at > 300) {
                EXPECT_TRUE(reply);
                continue;
            }
            ASSERT_FALSE(reply) << at;
            EXPECT_EQ(reply.error().kind(), errc::canceled) << at;
            EXPECT_EQ(failures_of(0), first == 150 && at > 150 ? 1u : 0u) << at;
            EXPECT_EQ(failures_of(1), 0u) << at;
        }
    }
}

TEST_F(Hedge, SecondAttemptsAreABoundedShareOfTheRequests) {
    picture = pool_of({"a", "b"});
    via.script["a"] = {in(10'000)};
    via.script["b"] = {in(1)};
    constexpr int requests = 400;
    for (int i = 0; i < requests; ++i) {
        EXPECT_TRUE(ask());
        // Or such a reply would become what is usual.
        for (int more = 0; more < 50; ++more) picture->models[0]->slot->total.add(milliseconds(100));
    }
    const auto hedged = std::count(via.asked.begin(), via.asked.end(), "b");
    EXPECT_EQ(hedged, 10 + requests * 5 / 100);
}

TEST_F(Hedge, WhoIsOutrunIsNotTakenForFasterThanItIs) {
    via.script["a"] = {in(10'000)};
    via.script["b"] = {in(30)};
    (void)ask();
    EXPECT_EQ(picture->models[0]->slot->total.quantile(1, 1), milliseconds(130))
        << "it took that long at least";
}

// The first content of a stream, and its end.
std::string whole_stream(std::string_view text) {
    return role + event(R"({"content":")" + std::string(text) + R"("})") + done;
}

TEST_F(Hedge, AStreamIsHedgedUntilItsFirstContent) {
    via.script["a"] = {says_in(10'000, 200, whole_stream("slow"))};
    via.script["b"] = {says_in(30, 200, whole_stream("fast"))};
    result<served_stream> opened =
        via.time_.run(open_stream(via, &log, make_call(picture, via.time(), true)));
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->route.model, "b.m");
    EXPECT_EQ(opened->route.attempts, 2);
    EXPECT_THAT(via.canceled, ElementsAre("a"));
    EXPECT_EQ(picture->models[0]->slot->in_flight.load(), 0);
    EXPECT_EQ(picture->models[1]->slot->in_flight.load(), 1) << "it is being read";
    opened->session.reset();
    expect_nothing_under_way();
    EXPECT_EQ(failures_of(0), 0u);

    again();
    via.script["a"] = {says_in(130, 200, whole_stream("both"))};
    via.script["b"] = {says_in(30, 200, whole_stream("both"))};
    opened = via.time_.run(open_stream(via, &log, make_call(picture, via.time(), true)));
    ASSERT_TRUE(opened);
    opened->session.reset();
    expect_nothing_under_way();
}

TEST_F(Hedge, FilesAreReadByOneAttemptOnly) {
    call made = make_call(picture, via.time());
    http::attachment file = http::attach_bytes("x.wav", "sound");
    made.request =
        prepared_request::parse(operation::transcription, R"({"model":"chat"})", false, {{"file", file}})
            .value();
    attempt_plan plan(made, via.time(), even);
    ASSERT_TRUE(plan.next());
    EXPECT_EQ(hedge_time(plan), std::nullopt);
}

// Whatever happens when: the reply is there exactly if some model that was asked gave one, nothing stays under way,
// and the same seed does the same.
TEST_F(Hedge, AnyOrderOfEventsEndsWell) {
    std::string before;
    for (int round = 0; round < 2; ++round) {
        std::string trace;
        xoshiro256 random(42);
        for (int i = 0; i < 2'000; ++i) {
            again();
            for (const char* name : {"a", "b", "c"}) {
                const int ms = static_cast<int>(random.next() % 40) * 10;
                switch (random.next() % 4) {
                case 0:
                    via.script[name] = {refuses_in(ms, errc::connect)};
                    break;
                case 1:
                    via.script[name] = {says_in(ms, 200, "{}")};
                    break;
                default:
                    via.script[name] = {in(ms)};
                    break;
                }
            }
            std::optional<duration> cancel;
            if (random.next() % 4 == 0) cancel = milliseconds(random.next() % 500);
            const auto reply = ask(cancel);
            const bool is_any_good = std::any_of(via.script.begin(), via.script.end(), [](const auto& each) {
                return !each.second.front().refusal && each.second.front().body == good;
            });
            if (cancel)
                EXPECT_TRUE(reply || reply.error().kind() == errc::canceled || !is_any_good) << i;
            else
                EXPECT_EQ(reply.has_value(), is_any_good) << i;
            trace += reply ? reply->x_modelmesh->model : std::string(to_string(reply.error().kind()));
            trace += " " + std::to_string(took.count()) + "\n";
        }
        if (round == 0) before = trace;
        EXPECT_EQ(trace, before);
    }
}

} // namespace
} // namespace modelmesh::router
