// Streams that break off, in pools that go on with them elsewhere.
#include "fixture.hpp"

#include <modelmesh/api/responses.hpp>
#include <modelmesh/api/text_completions.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What a reader makes of a stream.
struct outcome {
    std::string text{};
    int restarts = 0;
    std::optional<fault> failure{};
    std::string model{};
    int attempts = 0;
    std::optional<std::int64_t> cost{};
};

task<outcome> read(client c, chat::request request) {
    outcome got;
    auto stream = co_await c.chat.completions.stream(request);
    chat::accumulator whole;
    for (;;) {
        auto chunk = co_await stream.try_read();
        if (!chunk) {
            got.failure = chunk.error();
            break;
        }
        if (!*chunk) break;
        got.restarts += (*chunk)->restarted() ? 1 : 0;
        whole.add((*chunk)->value());
    }
    got.text = whole.take().text();
    got.model = stream.route().model;
    got.attempts = stream.route().attempts;
    got.cost = stream.route().cost_micro_usd;
    co_return got;
}

// Every text that next_text() gives, with its failures between them.
task<std::vector<std::string>> read_texts(client c, chat::request request) {
    std::vector<std::string> seen;
    auto stream = co_await c.chat.completions.stream(request);
    for (int failures = 0; failures < 3;) {
        const auto text = co_await stream.try_read_text();
        if (!text) {
            ++failures;
            seen.push_back("failed: " + text.error().param);
        } else if (*text) {
            seen.emplace_back(**text);
        } else {
            break;
        }
    }
    co_return seen;
}

constexpr const char* breaking = R"({"rules":[{"text":"one two three four","cut":{"after_events":3}}]})";

class Failover : public ClientFixture {
protected:
    void pool_that(stream_failure_action action) {
        settings = config();
        pool_config pool;
        pool.capability = "chat-completion";
        pool.streaming.on_failure = action;
        settings.pools.emplace_back("chat", pool);
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, Failover, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Failover, RestartBeginsTheReplyAgainBehindAMark) {
    for (const bool tls : {false, true}) {
        pool_that(stream_failure_action::restart);
        start("alpha", breaking, tls);
        start("beta", R"({"rules":[{"text":"from beta"}]})", tls);
        const outcome got = run(read(create(settings), question()));
        ASSERT_FALSE(got.failure) << got.failure->message;
        EXPECT_EQ(got.text, "from beta");
        EXPECT_EQ(got.restarts, 1);
        EXPECT_EQ(got.model, "beta.beta-model");
        EXPECT_EQ(got.attempts, 2);
    }
}

TEST_P(Failover, ContinueGivesTheNextModelTheTextSoFar) {
    for (const bool tls : {false, true}) {
        pool_that(stream_failure_action::continue_);
        start("alpha", breaking, tls);
        simulator& beta = start("beta", R"({"rules":[{"text":"THREE FOUR"}]})", tls);
        const outcome got = run(read(create(settings), question()));
        ASSERT_FALSE(got.failure) << got.failure->message;
        EXPECT_EQ(got.restarts, 0);
        EXPECT_EQ(got.model, "beta.beta-model");
        ASSERT_EQ(beta.requests().size(), 1u);
        const std::string kept = got.text.substr(0, got.text.find("THREE"));
        EXPECT_EQ(got.text, kept + "THREE FOUR");
        EXPECT_EQ(kept.find("one"), 0u) << kept;
        EXPECT_THAT(beta.requests()[0].body,
                    HasSubstr(R"({"role":"assistant","content":")" + kept + R"("}])"));
    }
}

TEST_P(Failover, EveryWayToBreakOffIsRepaired) {
    for (const char* script :
         {R"({"rules":[{"text":"one two three","cut":{"after_events":3,"how":"fin"}}]})",
          R"({"rules":[{"text":"one two three","cut":{"after_events":3,"how":"close"}}]})",
          R"({"rules":[{"text":"one two three","error_after_events":3}]})",
          R"({"rules":[{"text":"one two three","cut":{"after_bytes":900}}]})"}) {
        for (const auto action : {stream_failure_action::restart, stream_failure_action::continue_}) {
            pool_that(action);
            start("alpha", script);
            start("beta", R"({"rules":[{"text":"fine"}]})");
            const outcome got = run(read(create(settings), question()));
            ASSERT_FALSE(got.failure) << script << ": " << got.failure->message;
            EXPECT_THAT(got.text, ::testing::EndsWith("fine")) << script;
            EXPECT_EQ(got.model, "beta.beta-model") << script;
        }
    }
}

TEST_P(Failover, AReaderOnAnotherExecutorSeesTheSame) {
    for (const auto action : {stream_failure_action::restart, stream_failure_action::continue_}) {
        pool_that(action);
        start("alpha", breaking);
        start("beta", R"({"rules":[{"text":"fine"}]})");
        client c = create(settings);
        asio::thread_pool pool(2);
        const outcome got = asio::co_spawn(pool, read(c, question()), asio::use_future).get();
        pool.join();
        ASSERT_FALSE(got.failure) << got.failure->message;
        EXPECT_EQ(got.restarts, action == stream_failure_action::restart ? 1 : 0);
        EXPECT_THAT(got.text, ::testing::EndsWith("fine"));
        EXPECT_EQ(got.model, "beta.beta-model");
    }
}

TEST_P(Failover, AReaderOfTextsCannotOverlookARestart) {
    pool_that(stream_failure_action::restart);
    start("alpha", breaking);
    start("beta", R"({"rules":[{"text":"from beta"}]})");
    const std::vector<std::string> seen = run(read_texts(create(settings), question()));
    EXPECT_THAT(seen, ElementsAre("one", " two", "failed: restarted", "from", " beta"));
}

struct place {
    std::string city{};
    std::vector<int> years{};
};

TEST_P(Failover, AParsedStreamFillsAgainFromTheBeginning) {
    struct script {
        static task<std::vector<std::string>> fill(client c, chat::request request) {
            std::vector<std::string> seen;
            auto stream = co_await c.chat.completions.parse_stream<place>(request);
            while (const place* so_far = co_await stream.next()) seen.push_back(json::write(*so_far));
            const auto whole = co_await stream.finish();
            seen.push_back(json::write(whole.value) + " " + whole.reply.x_modelmesh->model);
            co_return seen;
        }
    };
    pool_that(stream_failure_action::restart);
    start("alpha", R"({"rules":[{"json":{"city":"Old Town","years":[1, 2]},"cut":{"after_events":3}}]})");
    start("beta", R"({"rules":[{"json":{"city":"New","years":[3]}}]})");
    const std::vector<std::string> seen = run(script::fill(create(settings), question()));
    ASSERT_GE(seen.size(), 2u);
    EXPECT_THAT(seen.front(), HasSubstr("Old"));
    EXPECT_EQ(seen.back(), R"({"city":"New","years":[3]} beta.beta-model)");
}

// The text of a stream from its last beginning on, and who gave it.
template <class Item> task<std::string> text_since_restart(task<item_stream<Item>> opening) {
    std::string text;
    auto stream = co_await std::move(opening);
    while (auto item = co_await stream.next()) {
        if (item->restarted()) text = "again: ";
        if constexpr (std::is_same_v<Item, responses::event>)
            text += item->text_delta();
        else if (!item->choices.empty())
            text += item->choices.front().text;
    }
    co_return text + " by " + stream.route().model;
}

TEST_P(Failover, AResponseBeginsAgainBehindAMark) {
    pool_that(stream_failure_action::restart);
    start("alpha", R"({"rules":[{"text":"one two three four","cut":{"after_events":6}}]})");
    start("beta", R"({"rules":[{"text":"from beta"}]})");
    client c = create(settings);
    responses::request asked;
    asked.model = "chat-completion";
    asked.input = "hello";
    EXPECT_EQ(run(text_since_restart(c.responses.stream(asked))), "again: from beta by beta.beta-model");
}

TEST_P(Failover, ATextCompletionBeginsAgainBehindAMark) {
    pool_that(stream_failure_action::restart);
    settings.pools.front().second.capability = "text-completion";
    start("babbage-a", R"({"rules":[{"text":"one two three four","cut":{"after_events":2}}]})");
    start("babbage-b", R"({"rules":[{"text":"from beta"}]})");
    client c = create(settings);
    text_completions::request asked;
    asked.model = "text-completion";
    asked.prompt = "hello";
    EXPECT_EQ(run(text_since_restart(c.completions.stream(asked))),
              "again: from beta by babbage-b.babbage-b-model");
}

TEST_P(Failover, EachAttemptIsBilledByItself) {
    pool_that(stream_failure_action::continue_);
    start("alpha", breaking);
    start("beta", R"({"rules":[{"text":"three four"}]})");
    for (auto& [name, provider] : settings.providers) {
        provider.pricing.input_per_1k_tokens = 1;
        provider.pricing.output_per_1k_tokens = 1;
    }
    client c = create(settings);
    const outcome got = run(read(c, question()));
    ASSERT_FALSE(got.failure);
    const usage_report spent = c.usage();
    const usage_totals& alpha = spent.by_model.at("alpha.alpha-model").total;
    const usage_totals& beta = spent.by_model.at("beta.beta-model").total;
    EXPECT_EQ(alpha.requests, 1);
    EXPECT_EQ(alpha.failures, 1);
    EXPECT_GT(alpha.cost_micro_usd, 0) << "an estimate of what was asked and of what came";
    EXPECT_EQ(beta.failures, 0);
    EXPECT_GT(beta.cost_micro_usd, 0);
    EXPECT_EQ(got.cost, alpha.cost_micro_usd + beta.cost_micro_usd);
}

TEST_P(Failover, HeldBackContentHidesAnEarlyBreak) {
    settings = config();
    pool_config pool;
    pool.capability = "chat-completion";
    pool.streaming.hold_back = std::chrono::minutes(1);
    settings.pools.emplace_back("chat", pool);
    start("alpha", breaking);
    start("beta", R"({"rules":[{"text":"from beta"}]})");
    const outcome got = run(read(create(settings), question()));
    ASSERT_FALSE(got.failure) << got.failure->message;
    EXPECT_EQ(got.text, "from beta");
    EXPECT_EQ(got.restarts, 0);
    EXPECT_EQ(got.attempts, 2);
}

TEST_P(Failover, ASlowModelIsOutrunByTheNext) {
    settings = config();
    pool_config pool;
    pool.capability = "chat-completion";
    pool.hedging.enabled = true;
    settings.pools.emplace_back("chat", pool);
    for (const bool is_streamed : {false, true}) {
        settings.providers.clear();
        start("alpha", R"({"rules":[{"times":20,"text":"usual"},{"text":"slow","latency_ms":60000}]})");
        start("beta", R"({"rules":[{"text":"from beta"}]})");
        client c = create(settings);
        for (int i = 0; i < 20; ++i) {
            if (is_streamed)
                EXPECT_EQ(run(read(c, question())).model, "alpha.alpha-model");
            else
                EXPECT_EQ(run(ask_once(c, question())).value().x_modelmesh->model, "alpha.alpha-model");
        }
        if (is_streamed) {
            const outcome got = run(read(c, question()));
            EXPECT_EQ(got.text, "from beta");
            EXPECT_EQ(got.attempts, 2);
        } else {
            const auto reply = run(ask_once(c, question()));
            ASSERT_TRUE(reply) << reply.error().message;
            EXPECT_EQ(reply->text(), "from beta");
            EXPECT_EQ(reply->x_modelmesh->attempts, 2);
        }
        EXPECT_EQ(c.usage().by_model.at("alpha.alpha-model").total.requests, 21) << "the loser was one, too";
    }
}

TEST_P(Failover, WrongHedgingIsNamed) {
    pool_that(stream_failure_action::error);
    start("alpha");
    hedging_config& hedging = settings.pools[0].second.hedging;
    hedging.enabled = true;
    hedging.percentile = 49;
    hedging.min_delay = std::chrono::milliseconds(-1);
    hedging.max_extra_load = 1.1;
    settings.pools[0].second.latency_window = 19;
    EXPECT_EQ(refusal(settings), "pool 'chat': hedging.percentile must be between 50 and 99.9\n"
                                 "pool 'chat': hedging.min_delay must be between 0 and 1 h\n"
                                 "pool 'chat': hedging.max_extra_load must be between 0 and 1\n"
                                 "pool 'chat': hedging needs a latency_window of at least 20");
}

TEST_P(Failover, WrongSettingsAreNamed) {
    pool_that(stream_failure_action::restart);
    start("alpha");
    settings.pools[0].second.streaming.max_failovers = 0;
    settings.pools[0].second.streaming.hold_back = std::chrono::minutes(2);
    EXPECT_EQ(refusal(settings),
              "pool 'chat': streaming.hold_back must be between 0 and 60 s\n"
              "pool 'chat': streaming.max_failovers must be between 1 and 100; for none set "
              "streaming.on_failure to error");
}

} // namespace
} // namespace modelmesh::testing
