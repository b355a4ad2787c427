#include "router/catalogue.hpp"

#include "fixture.hpp"
#include "support/event_list.hpp"

#include <modelmesh/router/capability.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <stdexcept>
#include <thread>

namespace modelmesh::router {
namespace {

namespace asio = boost::asio;
using std::chrono::seconds;
using testing::virtual_clock;

// Holds every question until the test answers it. Providers are told apart by the key that they are sent.
class held_transport final : public transport {
public:
    explicit held_transport(virtual_clock& on) : clock_(&on) {}

    task<result<http::response>> exchange(std::shared_ptr<const endpoint>,
                                          std::shared_ptr<const http::request> request,
                                          patience limits) override {
        const std::string_view prefix = "Bearer key-of-";
        const std::string name(request->headers.get("Authorization").substr(prefix.size()));
        asked.push_back(name);
        deadlines.push_back(limits.deadline);
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        auto held = std::make_shared<question>(executor);
        pending[name] = held;
        (void)co_await held->alarm.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!held->answer) co_return fault(errc::canceled, "scripted");
        co_return *held->answer;
    }
    task<result<opened>> open(std::shared_ptr<const endpoint>, std::shared_ptr<const http::request>,
                              patience) override {
        co_return fault(errc::internal, "the catalogue opens no streams");
    }
    task<result<void>> sleep_until(time_point) override {
        co_return fault(errc::internal, "the catalogue does not sleep");
    }
    const clock& time() const noexcept override { return *clock_; }
    rng& random() noexcept override { return testing::even; }
    std::string_view engine_name() const noexcept override { return "held"; }

    void answer(const std::string& name, result<http::response> with) {
        const std::shared_ptr<question> held(pending.at(name));
        pending.erase(name);
        held->answer = std::move(with);
        held->alarm.cancel();
    }
    void list(const std::string& name, const std::string& model) {
        http::response r;
        r.status = 200;
        r.body = R"({"data":[{"id":")" + model + R"("}]})";
        answer(name, std::move(r));
    }
    void refuse(const std::string& name, errc kind) { answer(name, fault(kind, name + " is away")); }

    std::vector<std::string> asked;
    std::vector<time_point> deadlines;

private:
    struct question {
        explicit question(const asio::any_io_executor& on)
            : alarm(on, asio::steady_timer::time_point::max()) {}
        asio::steady_timer alarm;
        std::optional<result<http::response>> answer;
    };
    std::map<std::string, std::weak_ptr<question>> pending; // of the asking coroutine, and gone with its loop
    virtual_clock* clock_;
};

class Catalogue : public ::testing::Test {
protected:
    asio::io_context loop{1};
    virtual_clock time;
    held_transport via{time};

    static provider_plan provider(const std::string& name, std::vector<std::string> models = {}) {
        return testing::make_provider(name, name, std::move(models));
    }
    static mesh_plan plan_of(std::vector<provider_plan> providers) {
        std::vector<pool_plan> pools{pool_plan{"chat",
                                               capability::canonical("chat").value(),
                                               {},
                                               {1, seconds(60)},
                                               false,
                                               testing::rotates_by("stick-until-failure")}};
        return {std::move(providers), std::move(pools)};
    }
    static std::shared_ptr<catalogue> make(std::vector<provider_plan> providers, log_sink* log = nullptr) {
        return std::make_shared<catalogue>(plan_of(std::move(providers)), log);
    }

    // A caller of ready(): its outcome once there is one.
    struct caller {
        std::optional<result<void>> outcome;
        asio::cancellation_signal stop;
        std::string kind() const {
            if (!outcome) return "waits";
            return *outcome ? "ready" : std::string(to_string(outcome->error().kind()));
        }
    };
    std::shared_ptr<caller> call(const std::shared_ptr<catalogue>& of, duration timeout = seconds(300)) {
        auto made = std::make_shared<caller>();
        asio::co_spawn(
            loop, catalogue::ready(of, via, time.now() + timeout),
            asio::bind_cancellation_slot(made->stop.slot(), [made](std::exception_ptr e, result<void> r) {
                if (!e) made->outcome = std::move(r);
            }));
        poll();
        return made;
    }
    void refresh(const std::shared_ptr<catalogue>& of) {
        asio::co_spawn(loop, catalogue::refresh(of, via), [](std::exception_ptr e) { EXPECT_FALSE(e); });
        poll();
    }
    void poll() {
        loop.restart();
        loop.poll();
    }

    static std::string models(const catalogue& of) {
        std::string text;
        for (const model_entry* model : of.current()->pools.front()->models) text += model->id + " ";
        return text;
    }
};

TEST_F(Catalogue, ProvidersWithModelsAreNotAsked) {
    const auto all = make({provider("a", {"m"})});
    EXPECT_TRUE(all->is_ready());
    EXPECT_EQ(call(all)->kind(), "ready");
    EXPECT_TRUE(via.asked.empty());
    EXPECT_FALSE(all->claim_refresh(time.now() + std::chrono::hours(1)));
}

TEST_F(Catalogue, AllProvidersAreAskedAtOnceAndKeepTheirOrder) {
    const auto all = make({provider("a"), provider("b", {"m"}), provider("c")});
    const auto first = call(all);
    EXPECT_EQ(via.asked, (std::vector<std::string>{"a", "c"}));
    via.list("c", "n");
    poll();
    EXPECT_EQ(first->kind(), "waits");
    via.list("a", "n");
    poll();
    EXPECT_EQ(first->kind(), "ready");
    EXPECT_EQ(models(*all), "a.n b.m c.n ");
}

TEST_F(Catalogue, AListIsWaitedForNoLongerThanItsLimitAndHalfTheCallsTime) {
    const time_point start = time.now();
    (void)call(make({provider("a")}), seconds(300));
    (void)call(make({provider("a")}), seconds(3));
    EXPECT_EQ(via.deadlines, (std::vector<time_point>{start + catalogue::list_limit,
                                                      start + std::chrono::milliseconds(1500)}));
}

TEST_F(Catalogue, ADeadlineThatHasPassedAsksNobody) {
    EXPECT_EQ(call(make({provider("a")}), seconds(0))->kind(), "timed_out");
    EXPECT_TRUE(via.asked.empty());
}

TEST_F(Catalogue, CallersShareOneQuestionAndItsAnswer) {
    const auto all = make({provider("a")});
    const auto first = call(all);
    const auto second = call(all);
    const auto third = call(all);
    EXPECT_EQ(via.asked.size(), 1u);
    via.refuse("a", errc::auth);
    poll();
    for (const auto& who : {first, second, third}) EXPECT_EQ(who->kind(), "auth");
    EXPECT_EQ(via.asked.size(), 1u);
}

TEST_F(Catalogue, ACanceledCallersQuestionIsAskedByTheNextInLine) {
    const auto all = make({provider("a")});
    const auto first = call(all);
    const auto second = call(all);
    first->stop.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_EQ(first->kind(), "canceled");
    EXPECT_EQ(via.asked.size(), 2u);
    via.list("a", "m");
    poll();
    EXPECT_EQ(second->kind(), "ready");
}

TEST_F(Catalogue, EveryTypeOfCancellationThatTheCallerLetsThroughArrives) {
    struct script {
        static task<result<void>> all_types(std::shared_ptr<catalogue> of, transport* via,
                                            time_point deadline) {
            co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
            co_return co_await catalogue::ready(of, *via, deadline);
        }
    };
    for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                            asio::cancellation_type::total}) {
        asio::cancellation_signal stop;
        std::string kind;
        asio::co_spawn(loop, script::all_types(make({provider("a")}), &via, time.now() + seconds(300)),
                       asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e, result<void> r) {
                           if (!e && !r) kind = to_string(r.error().kind());
                       }));
        poll();
        stop.emit(type);
        poll();
        EXPECT_EQ(kind, "canceled") << static_cast<unsigned>(type);
    }
}

TEST_F(Catalogue, ACallerWhoseLoopDiesLeavesItsTurnToOthers) {
    const auto all = make({provider("a")});
    {
        asio::io_context other{1};
        asio::co_spawn(other, catalogue::ready(all, via, time.now() + seconds(300)),
                       [](std::exception_ptr, result<void>) {});
        other.poll();
        EXPECT_EQ(via.asked.size(), 1u);
    }
    const auto next = call(all);
    EXPECT_EQ(via.asked.size(), 2u);
    via.list("a", "m");
    poll();
    EXPECT_EQ(next->kind(), "ready");
}

TEST_F(Catalogue, CallersOfOtherLoopsShareTheAnswerUnlessTheirLoopHasDied) {
    const auto all = make({provider("a")});
    const auto first = call(all);
    asio::io_context other{1};
    std::optional<result<void>> outcome;
    asio::co_spawn(other, catalogue::ready(all, via, time.now() + seconds(300)),
                   [&](std::exception_ptr, result<void> r) { outcome = std::move(r); });
    other.poll();
    {
        asio::io_context mortal{1};
        asio::co_spawn(mortal, catalogue::ready(all, via, time.now() + seconds(300)),
                       [](std::exception_ptr, result<void>) { ADD_FAILURE() << "it was never run again"; });
        mortal.poll();
    }
    EXPECT_EQ(via.asked.size(), 1u);
    via.list("a", "m");
    poll();
    EXPECT_EQ(first->kind(), "ready");
    EXPECT_FALSE(outcome) << "it resumes on its own loop";
    other.restart();
    other.poll();
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(*outcome);
}

TEST_F(Catalogue, CallersOnThreadsOfTheirOwnAllGetTheAnswer) {
    // A transport that answers at once, in the thread that asks.
    class prompt_transport final : public transport {
    public:
        task<result<http::response>> exchange(std::shared_ptr<const endpoint>,
                                              std::shared_ptr<const http::request>, patience) override {
            ++questions;
            http::response r;
            r.status = 200;
            r.body = R"({"data":[{"id":"m"}]})";
            co_return r;
        }
        task<result<opened>> open(std::shared_ptr<const endpoint>, std::shared_ptr<const http::request>,
                                  patience) override {
            co_return fault(errc::internal, "the catalogue opens no streams");
        }
        task<result<void>> sleep_until(time_point) override {
            co_return fault(errc::internal, "the catalogue does not sleep");
        }
        const clock& time() const noexcept override { return clock::system(); }
        rng& random() noexcept override { return testing::even; }
        std::string_view engine_name() const noexcept override { return "prompt"; }
        std::atomic<int> questions{0};
    };
    for (int round = 0; round < 50; ++round) {
        const auto all = make({provider("a"), provider("b")});
        prompt_transport prompt;
        std::atomic<int> served{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
                if (modelmesh::run(catalogue::ready(all, prompt, clock::system().now() + seconds(60))))
                    ++served;
            });
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(served, 4);
        EXPECT_EQ(prompt.questions, 2);
        EXPECT_EQ(models(*all), "a.m b.m ");
    }
}

TEST_F(Catalogue, ACanceledWaiterLeavesTheOthersAlone) {
    const auto all = make({provider("a")});
    const auto first = call(all);
    const auto second = call(all);
    second->stop.emit(asio::cancellation_type::terminal);
    poll();
    EXPECT_EQ(second->kind(), "canceled");
    EXPECT_EQ(first->kind(), "waits");
    via.list("a", "m");
    poll();
    EXPECT_EQ(first->kind(), "ready");
}

TEST_F(Catalogue, AShortDeadlineOfOneIsNotTheAnswerOfOthers) {
    const auto all = make({provider("a")});
    const auto hasty = call(all, seconds(2));
    const auto patient = call(all, seconds(300));
    time.advance(seconds(2));
    via.refuse("a", errc::timed_out);
    poll();
    EXPECT_EQ(hasty->kind(), "timed_out");
    EXPECT_EQ(patient->kind(), "waits");
    EXPECT_EQ(via.asked.size(), 2u);
    via.list("a", "m");
    poll();
    EXPECT_EQ(patient->kind(), "ready");
}

TEST_F(Catalogue, WhenAllFailAlikeTheErrorIsThatKindWithALineForEach) {
    const auto all = make({provider("a"), provider("b")});
    const auto who = call(all);
    http::response refused;
    refused.status = 401;
    refused.body = R"({"error":{"message":"bad key: key-of-a"}})";
    via.answer("a", refused);
    via.refuse("b", errc::auth);
    poll();
    ASSERT_EQ(who->kind(), "auth");
    EXPECT_EQ(who->outcome->error().message, "provider 'a' did not list its models: bad key: ***\n"
                                             "provider 'b' did not list its models: b is away");
    EXPECT_EQ(who->outcome->error().http_status, 401);
    EXPECT_FALSE(retryable(who->outcome->error()));
}

TEST_F(Catalogue, WhenAllFailDifferentlyThereIsNoActiveModel) {
    const auto all = make({provider("a"), provider("b"), provider("c")});
    const auto who = call(all);
    via.refuse("a", errc::connect);
    via.refuse("b", errc::auth);
    http::response empty;
    empty.status = 200;
    empty.body = R"({"data":[]})";
    via.answer("c", empty);
    poll();
    EXPECT_EQ(who->kind(), "no_active_model");
    EXPECT_TRUE(retryable(who->outcome->error()));
}

// A connector with a defect.
class throwing_codec : public connector::openai_compatible {
public:
    result<std::vector<connector::model_info>> decode_list_models(http::response&&) const override {
        throw std::runtime_error("no key-of-a here");
    }
};

TEST_F(Catalogue, AConnectorThatThrowsTakesNothingFromTheOthers) {
    provider_plan broken = provider("a");
    broken.entry.codec = std::make_shared<throwing_codec>();
    const auto alone = make({broken});
    const auto with_another = make({broken, provider("b")});
    const auto first = call(alone);
    via.list("a", "m");
    poll();
    ASSERT_EQ(first->kind(), "internal");
    EXPECT_EQ(first->outcome->error().message,
              "provider 'a' did not list its models: the connector failed: no *** here");
    const auto second = call(with_another);
    via.list("a", "m");
    via.list("b", "n");
    poll();
    EXPECT_EQ(second->kind(), "ready");
    EXPECT_EQ(models(*with_another), "b.n ");
}

TEST_F(Catalogue, WithoutAnyModelEveryCallAsksAnew) {
    const auto all = make({provider("a")});
    (void)call(all);
    via.refuse("a", errc::connect);
    poll();
    const auto second = call(all);
    EXPECT_EQ(second->kind(), "waits");
    via.list("a", "m");
    poll();
    EXPECT_EQ(second->kind(), "ready");
}

TEST_F(Catalogue, AFailedProviderIsAskedAgainAfterItsCooldownAndNobodyWaits) {
    const auto all = make({provider("a"), provider("b", {"m"})});
    (void)call(all);
    via.refuse("a", errc::connect);
    poll();
    EXPECT_EQ(models(*all), "b.m ");

    time.advance(catalogue::cooldown - seconds(1));
    EXPECT_EQ(call(all)->kind(), "ready");
    EXPECT_FALSE(all->claim_refresh(time.now()));
    time.advance(seconds(1));
    EXPECT_EQ(call(all)->kind(), "ready");
    EXPECT_TRUE(all->claim_refresh(time.now()));
    EXPECT_FALSE(all->claim_refresh(time.now())) << "one caller does it";

    refresh(all);
    EXPECT_EQ(call(all)->kind(), "ready") << "nobody waits for the second answer";
    via.refuse("a", errc::connect);
    poll();
    time.advance(catalogue::cooldown);
    EXPECT_TRUE(all->claim_refresh(time.now()));
    refresh(all);
    via.list("a", "m");
    poll();
    EXPECT_EQ(models(*all), "a.m b.m ");
    EXPECT_EQ(via.asked, (std::vector<std::string>{"a", "a", "a"}));
    time.advance(catalogue::cooldown);
    refresh(all);
    EXPECT_EQ(via.asked.size(), 3u) << "who has answered is left alone";
}

TEST_F(Catalogue, AProviderThatDoesNotSayWhatItHasIsAnEvent) {
    support::event_list log;
    const auto all = make({provider("a"), provider("b", {"m"})}, &log);
    (void)call(all);
    via.refuse("a", errc::connect);
    poll();
    ASSERT_EQ(log.lines().size(), 1u);
    EXPECT_TRUE(log.lines()[0].starts_with("provider.models_unknown provider=a kind=connect reason="))
        << log.lines()[0];
}

TEST_F(Catalogue, HealthAndPositionOutliveANewSnapshot) {
    const auto all = make({provider("a"), provider("b", {"m", "n"})});
    (void)call(all);
    via.refuse("a", errc::connect);
    poll();
    const std::shared_ptr<const snapshot> before = all->current();
    EXPECT_TRUE(note_failure(*before->pools.front(), 0, {errc::connect, 0}, time.now(),
                             testing::even)); // b.m; the pool moves on to b.n
    refresh(all);
    via.list("a", "m");
    poll();
    const pool& after = *all->current()->pools.front();
    ASSERT_EQ(models(*all), "a.m b.m b.n ");
    EXPECT_FALSE(after.state->health[0]->load().is_out());
    EXPECT_TRUE(after.state->health[1]->load().is_out());
    EXPECT_EQ(after.state->cursor.load(), 2u);
    // Requests that are still on the way with the old picture count as well.
    EXPECT_TRUE(note_failure(*before->pools.front(), 1, {errc::connect, 0}, time.now(), testing::even));
    EXPECT_TRUE(after.state->health[2]->load().is_out());
}

TEST_F(Catalogue, WhatDoesNotChatAnswersOnlyThoseWhoNameIt) {
    const auto all = make({provider("a")});
    (void)call(all);
    http::response list;
    list.status = 200;
    list.body = R"({"data":[{"id":"text-embedding-3"},{"id":"gpt"},{"id":"gpt"}]})";
    via.answer("a", list);
    poll();
    EXPECT_EQ(models(*all), "a.gpt ") << "and a model that is listed twice is one";
    EXPECT_TRUE(all->current()->resolve("a.text-embedding-3"));
    EXPECT_TRUE(all->current()->resolve("text-embedding-3"));
}

// Says what the test tells it to, after having asked the server when it is told that too.
class told_discovery final : public connector::discovery {
public:
    task<result<std::vector<connector::model_info>>> models_of(
        connector::discovered_provider& provider) override {
        const std::string name(provider.name());
        asked.push_back(name);
        if (throws) throw std::runtime_error("a defect");
        std::vector<connector::model_info> models;
        for (const std::string& model : lists[name])
            models.push_back({model, provider.capabilities_of(model)});
        if (lists[name].empty()) co_return fault(errc::connect, "nothing told");
        co_return models;
    }
    std::map<std::string, std::vector<std::string>> lists;
    std::vector<std::string> asked;
    bool throws = false;
};

// Takes of the server's list what begins with "good", for chats.
class good_ones final : public connector::server_discovery {
protected:
    bool take(const connector::discovered_provider& of, connector::model_info& listed) const override {
        listed.capabilities = of.capabilities_of("gpt");
        return listed.name.starts_with("good");
    }
};

class Discovery : public Catalogue {
protected:
    std::shared_ptr<told_discovery> told = std::make_shared<told_discovery>();
    support::event_list log;

    mesh_plan plan_with(std::vector<provider_plan> providers, std::shared_ptr<connector::discovery> from,
                        duration interval = std::chrono::hours(1)) {
        mesh_plan plan = plan_of(std::move(providers));
        plan.discovery.from = std::move(from);
        plan.discovery.interval = interval;
        return plan;
    }
    std::shared_ptr<catalogue> discovering(std::vector<provider_plan> providers,
                                           std::shared_ptr<connector::discovery> from,
                                           duration interval = std::chrono::hours(1)) {
        return std::make_shared<catalogue>(plan_with(std::move(providers), std::move(from), interval), &log);
    }
};

TEST_F(Discovery, TheConnectorSaysWhichModelsProvidersHaveThatAreConfiguredWithoutAny) {
    told->lists = {{"a", {"n", "m"}}};
    const auto all = discovering({provider("a"), provider("b", {"k"})}, told);
    EXPECT_EQ(call(all)->kind(), "ready");
    EXPECT_EQ(models(*all), "a.n a.m b.k ");
    EXPECT_EQ(told->asked, std::vector<std::string>{"a"});
    EXPECT_TRUE(via.asked.empty()) << "the server was not asked";
}

TEST_F(Discovery, AConnectorMayGoByTheServersOwnList) {
    const auto all = discovering({provider("a")}, std::make_shared<good_ones>());
    const auto who = call(all);
    http::response list;
    list.status = 200;
    list.body = R"({"data":[{"id":"bad"},{"id":"good-embedding"},{"id":"good"}]})";
    via.answer("a", list);
    poll();
    EXPECT_EQ(who->kind(), "ready");
    EXPECT_EQ(models(*all), "a.good-embedding a.good ") << "for what the connector says";
}

TEST_F(Discovery, ListsThatAreTooOldAreMadeAnewAndNobodyWaits) {
    told->lists = {{"a", {"n", "m"}}, {"b", {"k"}}};
    const auto all = discovering({provider("a"), provider("b")}, told);
    (void)call(all);
    time.advance(std::chrono::hours(1) - seconds(1));
    EXPECT_FALSE(all->claim_refresh(time.now()));
    time.advance(seconds(1));
    told->lists = {{"a", {"o", "m"}}, {"b", {}}};
    EXPECT_EQ(call(all)->kind(), "ready");
    EXPECT_EQ(told->asked.size(), 2u);
    EXPECT_TRUE(all->claim_refresh(time.now()));
    refresh(all);
    EXPECT_EQ(models(*all), "a.o a.m b.k ") << "who gives no list keeps the models that it had";
    EXPECT_EQ(log.lines(),
              (std::vector<std::string>{
                  "discovery.models_updated provider=a models_added=1 models_removed=1 models_changed=0",
                  "provider.models_unknown provider=b kind=connect reason=nothing told"}));
    EXPECT_FALSE(all->claim_refresh(time.now() + std::chrono::minutes(59)));
    EXPECT_TRUE(all->claim_refresh(time.now() + std::chrono::hours(1)));
}

TEST_F(Discovery, AListThatIsTheSameChangesNothing) {
    told->lists = {{"a", {"n"}}};
    const auto all = discovering({provider("a")}, told);
    (void)call(all);
    const auto before = all->current();
    time.advance(std::chrono::hours(1));
    refresh(all);
    EXPECT_EQ(told->asked.size(), 2u);
    EXPECT_EQ(all->current(), before);
    EXPECT_TRUE(log.lines().empty());
}

TEST_F(Discovery, WithoutAnIntervalListsAreMadeOnce) {
    told->lists = {{"a", {"n"}}};
    const auto all = discovering({provider("a")}, told, duration::zero());
    (void)call(all);
    EXPECT_FALSE(all->claim_refresh(time.now() + std::chrono::hours(10000)));
}

TEST_F(Discovery, AConnectorThatThrowsFailsAsAProviderDoes) {
    told->throws = true;
    const auto all = discovering({provider("a"), provider("b", {"m"})}, told);
    EXPECT_EQ(call(all)->kind(), "ready");
    EXPECT_EQ(models(*all), "b.m ");
    EXPECT_EQ(log.lines(),
              std::vector<std::string>{
                  "provider.models_unknown provider=a kind=internal reason=the connector failed: a defect"});
}

TEST_F(Discovery, AnotherConnectorIsAskedAtOnceWhileTheOldListsServe) {
    told->lists = {{"a", {"n"}}};
    const auto all = discovering({provider("a")}, told);
    (void)call(all);
    all->replace(plan_with({provider("a")}, told), {}, {});
    EXPECT_FALSE(all->claim_refresh(time.now())) << "it is the same";
    const auto other = std::make_shared<told_discovery>();
    other->lists = {{"a", {"m"}}};
    all->replace(plan_with({provider("a")}, other), {}, {});
    EXPECT_EQ(models(*all), "a.n ");
    EXPECT_EQ(call(all)->kind(), "ready");
    EXPECT_TRUE(all->claim_refresh(time.now()));
    refresh(all);
    EXPECT_EQ(models(*all), "a.m ");
}

TEST_F(Discovery, WithoutAProviderThatIsDiscoveredNobodyIsAsked) {
    told->lists = {{"a", {"n"}}};
    const auto all = discovering({provider("a")}, told);
    (void)call(all);
    all->replace(plan_with({provider("a", {"m"})}, told), {}, {});
    EXPECT_FALSE(all->claim_refresh(time.now() + std::chrono::hours(2)));
    all->replace(plan_with({provider("a")}, told), {}, {});
    const auto who = call(all);
    EXPECT_EQ(who->kind(), "ready");
    EXPECT_EQ(models(*all), "a.n ");
    EXPECT_TRUE(all->claim_refresh(time.now() + std::chrono::hours(1)));
}

TEST_F(Discovery, OneThatWasMadeOfTheSameSettingsIsKept) {
    told->lists = {{"a", {"n"}}};
    mesh_plan plan = plan_with({provider("a")}, told);
    plan.discovery.settings = "acme.list.v1 {}";
    const auto all = std::make_shared<catalogue>(std::move(plan));
    (void)call(all);
    mesh_plan next = plan_with({provider("a")}, std::make_shared<told_discovery>());
    next.discovery.settings = "acme.list.v1 {}";
    all->replace(std::move(next), {}, {});
    EXPECT_FALSE(all->claim_refresh(time.now()));
    time.advance(std::chrono::hours(1));
    refresh(all);
    EXPECT_EQ(told->asked.size(), 2u);
}

// Another configuration takes the place of one.
class Replacement : public Catalogue {
protected:
    catalogue::replacement replace(const std::shared_ptr<catalogue>& in,
                                   std::vector<provider_plan> providers) {
        return in->replace(plan_of(std::move(providers)), {}, {});
    }
};

TEST_F(Replacement, ListsOfProvidersThatAreTheSameAreKeptAndNewOnesAreAsked) {
    const auto all = make({provider("a"), provider("b", {"m"})});
    (void)call(all);
    via.list("a", "n");
    poll();
    via.asked.clear();
    replace(all, {provider("c"), provider("a")});
    EXPECT_EQ(models(*all), "a.n ");
    EXPECT_EQ(call(all)->kind(), "ready") << "nobody waits while there is a model";
    EXPECT_TRUE(via.asked.empty());
    EXPECT_TRUE(all->claim_refresh(time.now()));
    refresh(all);
    EXPECT_EQ(via.asked, std::vector<std::string>{"c"});
    via.list("c", "k");
    poll();
    EXPECT_EQ(models(*all), "c.k a.n ");
}

TEST_F(Replacement, AProviderWithAnotherKeyIsAskedAgain) {
    const auto all = make({provider("a"), provider("b", {"m"})});
    (void)call(all);
    via.list("a", "n");
    poll();
    provider_plan other = provider("a");
    other.entry.api_key = "key-of-other";
    replace(all, {other, provider("b", {"m"})});
    EXPECT_EQ(models(*all), "b.m ");
    refresh(all);
    EXPECT_EQ(via.asked, (std::vector<std::string>{"a", "other"}));
    via.list("other", "k");
    poll();
    EXPECT_EQ(models(*all), "a.k b.m ");
}

TEST_F(Replacement, ProvidersThatAreTheSameKeepTheirEndpointAndConnector) {
    const auto all = make({provider("a", {"m"})});
    const catalogue::replacement made = replace(all, {provider("a", {"m", "n"})});
    EXPECT_EQ(made.after->providers[0]->where, made.before->providers[0]->where);
    EXPECT_EQ(made.after->providers[0]->codec, made.before->providers[0]->codec);
    EXPECT_EQ(made.after->models[0]->slot, made.before->models[0]->slot);
    EXPECT_EQ(models(*all), "a.m a.n ");
}

TEST_F(Replacement, AServerWhoseConnectionsAreUsedOtherwiseIsTheSameAccount) {
    class server final : public endpoint {
    public:
        explicit server(int use) : use_(use) {}
        bool is_same(const endpoint&) const noexcept override { return true; }
        bool is_used_as(const endpoint& other) const noexcept override {
            return static_cast<const server&>(other).use_ == use_;
        }

    private:
        int use_;
    };
    const auto used = [](int use) {
        provider_plan plan = provider("a", {"m"});
        plan.entry.where = std::make_shared<server>(use);
        return plan;
    };
    const auto all = make({used(1)});
    const catalogue::replacement same = replace(all, {used(1)});
    EXPECT_EQ(same.after->providers[0]->where, same.before->providers[0]->where);
    const provider_plan other = used(2);
    const catalogue::replacement made = replace(all, {other});
    EXPECT_EQ(made.after->providers[0]->where, other.entry.where) << "or the new settings would be lost";
    EXPECT_EQ(made.after->providers[0]->slot, made.before->providers[0]->slot);
    EXPECT_EQ(made.after->models[0]->slot, made.before->models[0]->slot);
}

TEST_F(Replacement, CallersWaitWhenNobodyElseHasAModel) {
    const auto all = make({provider("a", {"m"})});
    replace(all, {provider("b")});
    const auto who = call(all);
    EXPECT_EQ(who->kind(), "waits");
    via.list("b", "n");
    poll();
    EXPECT_EQ(who->kind(), "ready");
}

TEST_F(Replacement, ThoseWhoWaitForTheOldProvidersAskTheNewOnes) {
    const auto all = make({provider("a"), provider("gone")});
    const auto first = call(all);
    const auto second = call(all);
    replace(all, {provider("b"), provider("a")});
    via.list("a", "n"); // as good as if it had been asked now
    via.refuse("gone", errc::connect);
    poll();
    EXPECT_EQ(via.asked, (std::vector<std::string>{"a", "gone", "b"}));
    EXPECT_EQ(first->kind(), "waits");
    via.list("b", "m");
    poll();
    EXPECT_EQ(first->kind(), "ready");
    EXPECT_EQ(second->kind(), "ready");
    EXPECT_EQ(models(*all), "b.m a.n ");
}

TEST_F(Replacement, WhenTheLastStepThrowsEverythingIsAsBefore) {
    const auto ledger = std::make_shared<budget::book>(budget::plan());
    mesh_plan first = plan_of({provider("a", {"m"})});
    const auto all = std::make_shared<catalogue>(std::move(first), nullptr, ledger);
    const std::shared_ptr<const snapshot> before = all->current();
    budget::plan money;
    money.global.daily = 7;
    const auto fails = [&](const catalogue::replacement& by) {
        EXPECT_EQ(by.before, before);
        EXPECT_EQ(by.after->models.size(), 2u);
        EXPECT_EQ(ledger->report({}).budgets.size(), 1u);
        throw std::runtime_error("no thread");
    };
    EXPECT_THROW(all->replace(plan_of({provider("a", {"m"}), provider("b", {"n"})}), money, {}, fails),
                 std::runtime_error);
    EXPECT_EQ(all->current(), before);
    EXPECT_TRUE(ledger->report({}).budgets.empty());
    EXPECT_EQ(ledger->lines().size(), before->pools.size());
    EXPECT_EQ(all->replace(plan_of({provider("a", {"m"})}), {}, {}).before, before);
}

TEST_F(Replacement, AConnectorThatThrowsWhenItIsAskedForCapabilitiesChangesNothing) {
    class odd final : public connector::openai_compatible {
        std::vector<std::string> capabilities_of(std::string_view) const override {
            throw std::runtime_error("no list");
        }
    };
    const auto all = make({provider("a", {"m"})});
    const std::shared_ptr<const snapshot> before = all->current();
    provider_plan broken = provider("b", {"n"});
    broken.entry.codec = std::make_shared<odd>();
    try {
        replace(all, {provider("a", {"m"}), broken});
        ADD_FAILURE() << "nothing was thrown";
    } catch (const error& e) {
        EXPECT_EQ(e.info().message, "provider 'b': the connector failed: no list");
    }
    EXPECT_EQ(all->current(), before);
}

// Only another configuration has other limits; a list of models, or another key, says nothing of what is spent.
TEST_F(Replacement, WhoHasSpentTooMuchIsBackWithTheNextConfigurationAndNotBefore) {
    const auto all = make({provider("a", {"m"}), provider("b")});
    state::health_slot& health = *all->current()->pools.front()->state->health.front();
    ASSERT_TRUE(health.stand_by(since_epoch(time.now()), state::health_slot::never - std::chrono::seconds(1),
                                connector::standby_reason::budget_exceeded, {errc::budget, 0}));
    (void)call(all);
    via.list("b", "n");
    poll();
    EXPECT_EQ(models(*all), "a.m b.n ");
    EXPECT_EQ(health.load().phase, state::health_slot::phase::standby);
    const auto fails = [](const catalogue::replacement&) { throw std::runtime_error("no thread"); };
    EXPECT_THROW(all->replace(plan_of({provider("a", {"m"})}), {}, {}, fails), std::runtime_error);
    EXPECT_EQ(health.load().phase, state::health_slot::phase::standby);
    replace(all, {provider("a", {"m"})});
    EXPECT_EQ(health.load().phase, state::health_slot::phase::active);
}

} // namespace
} // namespace modelmesh::router
