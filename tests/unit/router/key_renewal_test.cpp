// A key that a provider refuses and that is another one by now where it is written.
#include "router/key_renewal.hpp"

#include "router/catalogue.hpp"
#include "router/object_request.hpp"
#include "router/router.hpp"
#include "scripted.hpp"
#include "support/event_list.hpp"
#include "virtual_time.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <gmock/gmock.h>

#include <stdexcept>

namespace modelmesh::router {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// Where the key of provider "a" is written, and what asks there: at once, or when somebody says so.
class key_place {
public:
    result<std::string> key{std::string("key-of-old")};
    int readings = 0;
    bool is_slow = false;
    std::vector<std::function<void()>> waiting;

    std::shared_ptr<key_renewal> renewal() {
        return std::make_shared<key_renewal>(
            [this] {
                ++readings;
                return key;
            },
            [this](std::function<void()> work) {
                if (is_slow) return waiting.push_back(std::move(work));
                work();
            });
    }
};

class KeyRenewal : public ::testing::Test {
protected:
    timed_transport via;
    support::event_list log;
    key_place place;
    provider_rule rule{};
    retry_config retry = tried_once();
    std::shared_ptr<catalogue> mesh;

    KeyRenewal() {
        via.script["old"] = {says(401)};
        via.script["new"] = {says(200, good)};
        via.script["b"] = {says(200, good)};
    }
    static timed_answer says(int status, std::string body = {}) {
        return {milliseconds(1), {}, status, std::move(body)};
    }
    // Providers "a", whose key is written elsewhere, and "b", which is asked after it.
    mesh_plan two() {
        mesh_plan plan;
        plan.providers = {make_provider("a", "old"), make_provider("b", "b")};
        plan.providers[0].entry.renewal = place.renewal();
        pool_plan chat = chat_plan(3, rotates_by("priority-selection"), retry);
        chat.rotation.provider_priority = {"a", "b"};
        chat.provider_actions = rule;
        plan.pools = {chat};
        return plan;
    }
    void open() { mesh = std::make_shared<catalogue>(two(), &log); }

    call make(seconds limit = seconds(300), bool stream = false) {
        if (!mesh) open();
        call made = make_call(mesh->current(), via.time(), stream);
        made.deadline = via.time().now() + limit;
        made.keys = mesh;
        return made;
    }
    static task<result<route>> ask(timed_transport* via, log_sink* log, call made) {
        reply_reader read = [](std::string&&) { return result<void>(); };
        co_return co_await complete(*via, log, std::move(made), std::move(read));
    }
    // Who answers, and at which attempt; or how the request fails.
    static std::string told(const result<route>& got) {
        return got ? got->provider + "/" + std::to_string(got->attempts)
                   : "(" + std::string(to_string(got.error().kind())) + ")";
    }
    std::string asked(call made, std::optional<duration> cancel_after = std::nullopt) {
        return told(via.time_.run(ask(&via, &log, std::move(made)), cancel_after));
    }
    std::string asked() { return asked(make()); }
    [[nodiscard]] exclusion why_not_a() const {
        const std::shared_ptr<const snapshot> now = mesh->current();
        return why_not(*now->pools.front(), 0, {}, since_epoch(via.time().now()));
    }
};

TEST_F(KeyRenewal, ARefusedKeyIsReadAgainAndTheRequestRepeatedOnceAtTheSameModel) {
    place.key = std::string("key-of-new");
    EXPECT_EQ(asked(), "a/2");
    EXPECT_THAT(via.asked, ElementsAre("old", "new"));
    EXPECT_EQ(why_not_a(), exclusion::none);
    EXPECT_THAT(log.lines("key."), ElementsAre("key.renewed request_id provider=a"));
    EXPECT_THAT(log.lines("attempt.failed"),
                ElementsAre("attempt.failed request_id model=a.m provider=a attempt=1 kind=auth status=401"));
    EXPECT_THAT(
        log.lines("retry."),
        ElementsAre(
            "retry.attempted request_id pool=chat model=a.m provider=a attempt=2 delay_ms=0 reason=auth"));
    EXPECT_THAT(log.lines(), Each(Not(HasSubstr("key-of"))));
    EXPECT_THAT(log.lines(), Not(Contains(StartsWith("model.rotated"))));
    EXPECT_THAT(log.lines(), Not(Contains(StartsWith("provider."))));
    EXPECT_EQ(asked(), "a/1") << "the next request has the new key";
    EXPECT_EQ(place.readings, 1);
}

TEST_F(KeyRenewal, ForStreamsToo) {
    place.key = std::string("key-of-new");
    via.script["new"] = {says(200, event(R"({"content":"4"})") + done)};
    const auto opened = [](timed_transport* over, log_sink* to, call made) -> task<std::string> {
        result<served_stream> got = co_await open_stream(*over, to, std::move(made));
        if (!got) co_return std::string(to_string(got.error().kind()));
        co_return got->route.provider + "/" + std::to_string(got->route.attempts);
    };
    EXPECT_EQ(via.time_.run(opened(&via, &log, make(seconds(300), true))), "a/2");
    EXPECT_THAT(via.asked, ElementsAre("old", "new"));
}

TEST_F(KeyRenewal, A403MayBeOfAKeyThatIsReplaced) {
    via.script["old"] = {says(403)};
    place.key = std::string("key-of-new");
    EXPECT_EQ(asked(), "a/2");
}

TEST_F(KeyRenewal, AMiddlewaresOwn401IsNoWordOfTheProvider) {
    class guard final : public attempt_hooks {
        result<void> begin(const attempt_place&, http::headers&) override {
            fault f(errc::auth, "not for you");
            f.http_status = 401;
            return f;
        }
        void end(const attempt_place&, const fault*) noexcept override {}
    };
    place.key = std::string("key-of-new");
    call made = make();
    made.hooks = std::make_shared<guard>();
    EXPECT_EQ(asked(made), "(auth)");
    EXPECT_EQ(place.readings, 0);
    EXPECT_THAT(via.asked, IsEmpty());
    EXPECT_EQ(why_not_a(), exclusion::none);
}

TEST_F(KeyRenewal, WithTheSameKeyTheProviderGoesOutAndTheRequestGoesOnElsewhere) {
    EXPECT_EQ(asked(), "b/2");
    EXPECT_THAT(via.asked, ElementsAre("old", "b"));
    EXPECT_EQ(why_not_a(), exclusion::provider_out);
    EXPECT_EQ(place.readings, 1);
    EXPECT_THAT(log.lines("key."), IsEmpty());
}

TEST_F(KeyRenewal, AKeyOfPlainTextIsNotReadAgain) {
    mesh_plan plan = two();
    plan.providers[0].entry.renewal = nullptr;
    mesh = std::make_shared<catalogue>(std::move(plan), &log);
    EXPECT_EQ(asked(), "b/2");
    EXPECT_EQ(why_not_a(), exclusion::provider_out);
}

TEST_F(KeyRenewal, APlaceThatCannotBeReadCountsAsTheSameKey) {
    place.key = fault(errc::config, "the store is sealed");
    EXPECT_EQ(asked(), "b/2");
    EXPECT_EQ(why_not_a(), exclusion::provider_out);
    EXPECT_THAT(log.lines("key."), IsEmpty());
}

TEST_F(KeyRenewal, APlaceThatThrowsCountsAsTheSameKey) {
    mesh_plan plan = two();
    plan.providers[0].entry.renewal =
        std::make_shared<key_renewal>([]() -> result<std::string> { throw std::runtime_error("no"); },
                                      [](const std::function<void()>& work) { work(); });
    mesh = std::make_shared<catalogue>(std::move(plan), &log);
    EXPECT_EQ(asked(), "b/2");
}

TEST_F(KeyRenewal, AThreadThatCannotBeHadCountsAsTheSameKey) {
    mesh_plan plan = two();
    plan.providers[0].entry.renewal = std::make_shared<key_renewal>(
        []() -> result<std::string> { return std::string("key-of-new"); },
        [](const std::function<void()>&) { throw std::runtime_error("no thread"); });
    mesh = std::make_shared<catalogue>(std::move(plan), &log);
    EXPECT_EQ(asked(), "b/2");
}

TEST_F(KeyRenewal, ANewKeyThatIsRefusedAsWellTakesTheProviderOut) {
    via.script["new"] = {says(401)};
    place.key = std::string("key-of-new");
    EXPECT_EQ(asked(), "b/3");
    EXPECT_THAT(via.asked, ElementsAre("old", "new", "b")) << "repeated once";
    EXPECT_EQ(why_not_a(), exclusion::provider_out);
    EXPECT_EQ(place.readings, 1);
}

TEST_F(KeyRenewal, ADeadKeyIsNotReadForEachRequest) {
    rule.on_auth_failure = false; // it is asked again and again
    for (int i = 0; i < 3; ++i) {
        call made = make();
        made.asked.only = made.picture->providers.front().get();
        EXPECT_EQ(asked(made), "(auth)");
    }
    EXPECT_EQ(place.readings, 1);
}

TEST_F(KeyRenewal, AfterAWhileItIsReadAgain) {
    EXPECT_EQ(asked(), "b/2");
    place.key = std::string("key-of-new");
    via.time_.now.advance(seconds(60)); // the provider may have its probe
    EXPECT_EQ(asked(), "a/2");
    EXPECT_EQ(place.readings, 2);
}

TEST_F(KeyRenewal, WhoFailsLaterWithTheOldKeyTakesTheNewOneAtOnce) {
    call late = make();
    place.key = std::string("key-of-new");
    EXPECT_EQ(asked(), "a/2");
    place.key = fault(errc::config, "not read again");
    EXPECT_EQ(asked(late), "a/2");
    EXPECT_THAT(via.asked, ElementsAre("old", "new", "old", "new"));
    EXPECT_EQ(place.readings, 1);
}

TEST_F(KeyRenewal, ARequestThatHasHadAllItsAttemptsIsNotRepeated) {
    retry.max_total_attempts = 1;
    place.key = std::string("key-of-new");
    EXPECT_EQ(asked(), "(auth)");
    EXPECT_EQ(asked(), "a/1") << "but the next one has the new key";
}

TEST_F(KeyRenewal, ARequestWhosePoolIsAnotherByNowGoesOnAsBefore) {
    call made = make();
    place.key = std::string("key-of-new");
    EXPECT_EQ(asked(), "a/2");
    mesh_plan other = two();
    other.providers[0].entry.api_key = "key-of-new";
    other.providers[0].models = {"m", "n"};
    mesh->replace(std::move(other), {}, {});
    EXPECT_EQ(asked(made), "b/2");
}

// A program that has its configuration in hand reloads with what it began with.
class KeyRenewalReload : public KeyRenewal {
protected:
    std::shared_ptr<const key_source> where = std::make_shared<const key_source>();

    mesh_plan plan_at(std::shared_ptr<const key_source> written) {
        mesh_plan plan = two();
        plan.providers[0].key_from = std::move(written);
        return plan;
    }
    [[nodiscard]] const provider_entry& a() const { return **mesh->current()->find_provider("a"); }

    void SetUp() override {
        mesh = std::make_shared<catalogue>(plan_at(where), &log);
        place.key = std::string("key-of-new");
        ASSERT_EQ(asked(), "a/2");
    }
};

TEST_F(KeyRenewalReload, KeepsTheKeyThatWasReadAndWhatIsKnownOfIt) {
    const auto slot = a().slot;
    const auto health = mesh->current()->pools.front()->state->health.front();
    mesh->replace(plan_at(where), {}, {});
    EXPECT_EQ(a().slot, slot);
    EXPECT_EQ(mesh->current()->pools.front()->state->health.front(), health);
    EXPECT_EQ(asked(), "a/1");
    EXPECT_THAT(via.asked, ElementsAre("old", "new", "new"));
    EXPECT_EQ(place.readings, 1);
}

TEST_F(KeyRenewalReload, ANextRenewalGoesOnFromThere) {
    via.script["newest"] = {says(200, good)};
    call before = make();
    mesh->replace(plan_at(where), {}, {});
    via.script["new"] = {says(401)};
    place.key = std::string("key-of-newest");
    via.time_.now.advance(seconds(60));
    before.deadline = via.time().now() + seconds(300);
    EXPECT_EQ(asked(before), "a/2") << "also for requests of the time before";
    EXPECT_EQ(asked(), "a/1");
    EXPECT_EQ(place.readings, 2);
}

TEST_F(KeyRenewalReload, WhereTheKeyIsWrittenAtAnotherPlaceTakesWhatThatSays) {
    mesh->replace(plan_at(std::make_shared<const key_source>()), {}, {});
    EXPECT_EQ(a().api_key, "key-of-old");
}

// Two requests at once, beside whom the place is asked after a while, if at all.
task<std::vector<std::string>> race_of(timed_transport* via, std::vector<task<result<route>>> requests,
                                       key_place* place, std::optional<duration> after,
                                       std::string (*told)(const result<route>&)) {
    namespace asio = boost::asio;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto clerk = [](timed_transport* over, key_place* at, duration pause) -> task<result<route>> {
        (void)co_await virtual_time::sleep(&over->time_, over->time_.now.now() + pause);
        for (const std::function<void()>& work : std::exchange(at->waiting, {})) work();
        co_return route();
    };
    const std::size_t count = requests.size();
    if (after) requests.push_back(clerk(via, place, *after));
    using lane = decltype(asio::co_spawn(executor, std::move(requests[0]), asio::deferred));
    std::vector<lane> lanes;
    for (task<result<route>>& each : requests)
        lanes.push_back(asio::co_spawn(executor, std::move(each), asio::deferred));
    auto group = asio::experimental::make_parallel_group(std::move(lanes));
    auto done = co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    auto& [order, thrown, got] = done;
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(thrown[i] ? "thrown" : told(got[i]));
    co_return all;
}

TEST_F(KeyRenewal, RequestsThatFailMeanwhileShareOneReading) {
    place.is_slow = true;
    place.key = std::string("key-of-new");
    open();
    std::vector<task<result<route>>> requests;
    for (int i = 0; i < 3; ++i) requests.push_back(ask(&via, &log, make()));
    const time_point began = via.time().now();
    EXPECT_THAT(via.time_.run(race_of(&via, std::move(requests), &place, milliseconds(500), told)),
                ElementsAre("a/2", "a/2", "a/2"));
    EXPECT_EQ(place.readings, 1);
    EXPECT_THAT(log.lines("key."), ElementsAre("key.renewed request_id provider=a"));
    EXPECT_LE(via.time().now() - began, milliseconds(600));
}

TEST_F(KeyRenewal, APlaceThatHangsTakesHalfOfTheTimeAtMost) {
    place.is_slow = true;
    const time_point began = via.time().now();
    EXPECT_EQ(asked(make(seconds(8))), "b/2");
    EXPECT_GE(via.time().now() - began, seconds(4));
    EXPECT_LE(via.time().now() - began, milliseconds(4010));
}

TEST_F(KeyRenewal, APlaceThatHangsTakesTenSecondsAtMost) {
    place.is_slow = true;
    const time_point began = via.time().now();
    EXPECT_EQ(asked(make(seconds(300))), "b/2");
    EXPECT_LE(via.time().now() - began, milliseconds(10010));
}

// A 403 leaves the provider in service: each request would wait for the same reading.
TEST_F(KeyRenewal, APlaceThatHangsHoldsUpThoseOnlyWhoComeInItsFirstTenSeconds) {
    via.script["old"] = {says(403)};
    place.is_slow = true;
    EXPECT_EQ(asked(), "b/2");
    const time_point began = via.time().now();
    EXPECT_EQ(asked(), "b/2");
    EXPECT_LE(via.time().now() - began, milliseconds(10));
    EXPECT_THAT(via.asked, ElementsAre("old", "b", "old", "b"));
    place.key = std::string("key-of-new");
    for (const std::function<void()>& work : std::exchange(place.waiting, {})) work();
    place.is_slow = false;
    EXPECT_EQ(asked(), "a/2") << "once it says something that is taken";
}

TEST_F(KeyRenewal, WhatComesTooLateForOneRequestIsThereForTheNext) {
    place.is_slow = true;
    place.key = std::string("key-of-new");
    EXPECT_EQ(asked(make(seconds(8))), "b/2");
    for (const std::function<void()>& work : std::exchange(place.waiting, {})) work();
    via.time_.now.advance(seconds(60));
    place.is_slow = false;
    EXPECT_EQ(asked(), "a/2");
}

TEST_F(KeyRenewal, WhoIsCanceledWhileItWaitsHasEnded) {
    place.is_slow = true;
    EXPECT_EQ(asked(make(), seconds(1)), "(canceled)");
    EXPECT_TRUE(via.time_.is_quiet());
    EXPECT_EQ(why_not_a(), exclusion::none) << "nobody knows whether the key is dead";
}

TEST_F(KeyRenewal, WhatWasReadForWhoIsGoneIsThereForTheNext) {
    place.is_slow = true;
    EXPECT_EQ(asked(make(), seconds(1)), "(canceled)");
    place.key = std::string("key-of-new");
    for (const std::function<void()>& work : std::exchange(place.waiting, {})) work();
    EXPECT_EQ(asked(), "a/2") << "though it is too early to read it again";
    EXPECT_EQ(place.readings, 1);
}

TEST_F(KeyRenewal, ASecondAttemptBesideAnotherIsRepeated) {
    mesh_plan plan = two();
    plan.pools[0].rotation.provider_priority = {"b", "a"};
    plan.pools[0].hedging.is_enabled = true;
    mesh = std::make_shared<catalogue>(std::move(plan), &log);
    for (int i = 0; i < 20; ++i)
        mesh->current()->pools.front()->models[1]->slot->total.add(milliseconds(100));
    via.script["b"] = {{seconds(20), {}, 200, good}};
    place.key = std::string("key-of-new");
    EXPECT_EQ(asked(), "a/3");
    EXPECT_THAT(via.asked, ElementsAre("b", "old", "new"));
    EXPECT_THAT(via.canceled, ElementsAre("b"));
}

TEST_F(KeyRenewal, ModelsAreListedWithTheNewKey) {
    via.script["new"] = {says(200, R"({"data":[{"id":"gpt-4o"}]})")};
    place.key = std::string("key-of-new");
    mesh_plan plan = two();
    plan.providers[0].models.clear();
    plan.providers.pop_back();
    mesh = std::make_shared<catalogue>(std::move(plan), &log);
    const result<void> ready = via.time_.run(catalogue::ready(mesh, via, via.time().now() + seconds(30)));
    EXPECT_TRUE(ready) << ready.error().message;
    EXPECT_TRUE(mesh->current()->resolve("a.gpt-4o"));
    EXPECT_THAT(via.asked, ElementsAre("old", "new"));
    EXPECT_THAT(log.lines("key."), ElementsAre("key.renewed provider=a"));
}

TEST_F(KeyRenewal, ObjectsAreAskedForWithTheNewKey) {
    via.script["new"] = {says(200, "{}")};
    place.key = std::string("key-of-new");
    open();
    connector::object_call list;
    list.path = {"files"};
    const auto request = [&] {
        object_request made;
        made.picture = mesh->current();
        made.provider = made.picture->find_provider("a").value();
        made.call = std::make_shared<const connector::object_call>(list);
        made.deadline = via.time().now() + seconds(30);
        made.keys = mesh;
        return made;
    };
    EXPECT_TRUE(via.time_.run(ask_provider(via, &log, request())));
    EXPECT_THAT(via.asked, ElementsAre("old", "new"));
    via.script["new"] = {says(401)};
    const auto refused = via.time_.run(ask_provider(via, &log, request()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::auth);
    EXPECT_EQ(place.readings, 1);
}

} // namespace
} // namespace modelmesh::router
