// What calls cost and what budgets do about it, over real sockets. The answers are written down here: their
// totals are what a provider says, not what our own types would.
#include "fixture.hpp"
#include "support/event_list.hpp"
#include "support/scratch_folder.hpp"
#include "support/scripted_server.hpp"

#include <modelmesh/api/audio.hpp>
#include <modelmesh/api/embeddings.hpp>
#include <modelmesh/api/images.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/log.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace modelmesh::testing {
namespace {

using support::script;
using support::scripted_server;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// gpt-4o: 2.50, 10 and, cached, 1.25 dollars for a million tokens. 1000 * 2.5 - 600 * 1.25 + 50 * 10 = 2250.
const std::string totals = R"("usage":{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,)"
                           R"("prompt_tokens_details":{"cached_tokens":600},)"
                           R"("completion_tokens_details":{"reasoning_tokens":20}})";
constexpr std::int64_t price_of_totals = 2250;
const std::string whole =
    answer(R"({"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},)"
           R"("finish_reason":"stop"}],)" +
           totals + "}");
const std::string first_chunk =
    R"({"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"12345678"}}],"usage":null})";
const std::string last_chunk =
    R"({"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null})";
const std::string streamed =
    events({first_chunk, last_chunk, R"({"id":"x","choices":[],)" + totals + "}", "[DONE]"});

struct counted {
    int chunks = 0;
    int with_totals = 0;
    std::optional<std::int64_t> cost{};
};
task<counted> read_all(client c, chat::request request) {
    chat::stream stream = co_await c.chat.completions.stream(request);
    counted seen;
    while (const std::optional<chat::chunk_view> chunk = co_await stream.next()) {
        ++seen.chunks;
        seen.with_totals += chunk->usage() != nullptr ? 1 : 0;
    }
    seen.cost = stream.route().cost_micro_usd;
    co_return seen;
}
task<void> read_one(client c, chat::request request) {
    chat::stream stream = co_await c.chat.completions.stream(request);
    (void)co_await stream.next();
}

class ClientBudget : public ClientFixture {
protected:
    void SetUp() override {
        ClientFixture::SetUp();
        for (scripted_server* server : {&alpha, &beta}) {
            provider_config provider;
            provider.connector = "openai.llm.v1";
            provider.base_url = "http://127.0.0.1:" + std::to_string(server->port()) + "/v1";
            provider.models = {"gpt-4o"};
            provider.proxy = "none";
            settings.providers.emplace_back(server == &alpha ? "alpha" : "beta", provider);
        }
        settings.pools.emplace_back("chat", pool_config{"chat-completion"});
    }
    void TearDown() override {
        EXPECT_THAT(alpha.finish(), ElementsAre());
        EXPECT_THAT(beta.finish(), ElementsAre());
        ClientFixture::TearDown();
    }
    // Reserves 10 * 10 micro-dollars for its output and a few for its input.
    static chat::request asked() {
        chat::request request = question();
        request.model = "chat";
        request.max_tokens = 10;
        return request;
    }
    void use(const std::string& model) {
        for (auto& [name, provider] : settings.providers) provider.models = {model};
        settings.pools.clear();
    }
    provider_config& provider(std::size_t index) { return settings.providers.at(index).second; }

    scripted_server alpha{scripted_server::transport::plain};
    scripted_server beta{scripted_server::transport::plain};
};
INSTANTIATE_TEST_SUITE_P(Engines, ClientBudget, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(ClientBudget, APlainAndAStreamedCallCostTheSame) {
    const client c = create(settings);
    alpha.add(script().read_request().send(whole));
    const result<chat::reply> reply = run(ask_once(c, asked()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->x_modelmesh->cost_micro_usd, price_of_totals);
    const usage_totals plain = c.usage().all.total;
    EXPECT_EQ(plain.cost_micro_usd, price_of_totals);
    EXPECT_EQ(plain.input_tokens, 1000);
    EXPECT_EQ(plain.cached_tokens, 600);
    EXPECT_EQ(plain.output_tokens, 50);
    EXPECT_EQ(plain.reasoning_tokens, 20);

    alpha.add(script().read_request().send(streamed));
    EXPECT_EQ(run(read_all(c, asked())).cost, price_of_totals);
    const usage_report both = c.usage();
    EXPECT_EQ(both.all.total.cost_micro_usd, 2 * price_of_totals);
    EXPECT_EQ(both.all.total.total_tokens(), 2 * plain.total_tokens());
    EXPECT_EQ(both.all.total.reasoning_tokens, 40);
    EXPECT_EQ(both.all.total.requests, 2);
    EXPECT_EQ(both.all.total.failures, 0);
    EXPECT_EQ(both.by_model.at("alpha.gpt-4o"), both.all);
    EXPECT_EQ(both.by_provider.at("alpha"), both.all);
    EXPECT_EQ(both.by_pool.at("chat"), both.all);
}

TEST_P(ClientBudget, TotalsAreAskedForAndShownOnlyToWhoAskedForThem) {
    const client c = create(settings);
    alpha.add(script().read_request().send(streamed));
    counted seen = run(read_all(c, asked()));
    EXPECT_EQ(seen.chunks, 2);
    EXPECT_EQ(seen.with_totals, 0);
    EXPECT_THAT(
        alpha.requests().at(0),
        EndsWith("\r\n\r\n"
                 R"({"model":"gpt-4o","messages":[{"role":"user","content":"hello"}],"max_tokens":10,)"
                 R"("stream":true,"stream_options":{"include_usage":true}})"));
    chat::request request = asked();
    request.stream_options.emplace().include_usage = true;
    alpha.add(script().read_request().send(streamed));
    seen = run(read_all(c, request));
    EXPECT_EQ(seen.chunks, 3);
    EXPECT_EQ(seen.with_totals, 1);
    EXPECT_EQ(c.usage().all.total.cost_micro_usd, 2 * price_of_totals);
}

// "12345678" is two tokens at 10 micro-dollars; the prompt is estimated.
TEST_P(ClientBudget, AStreamThatEndsEarlyCostsWhatCame) {
    const client c = create(settings);
    alpha.add(script().read_request().send(events({first_chunk, last_chunk, "[DONE]"})));
    const std::int64_t without_totals = run(read_all(c, asked())).cost.value();
    EXPECT_GT(without_totals, 20);
    EXPECT_LT(without_totals, 100);
    EXPECT_EQ(c.usage().all.total.output_tokens, 2);

    alpha.add(script().read_request().send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                           "Transfer-Encoding: chunked\r\n\r\n" +
                                           std::string("0\r\n\r\n")));
    beta.add(script().read_request().send(streamed));
    EXPECT_EQ(run(read_all(c, asked())).cost, price_of_totals)
        << "a stream in which nothing came is not billed";
    EXPECT_EQ(c.usage().by_model.at("alpha.gpt-4o").total.cost_micro_usd, without_totals);
    EXPECT_EQ(c.usage().by_model.at("alpha.gpt-4o").total.failures, 1);

    beta.add(script().read_request().send(streamed));
    run(read_one(c, asked()));
    EXPECT_EQ(c.usage().all.total.requests, 4);
    EXPECT_EQ(c.usage().all.total.cost_micro_usd, 2 * without_totals + price_of_totals);
}

TEST_P(ClientBudget, AFailedAttemptGivesItsReservationBack) {
    settings.budget.daily_limit = 1;
    const client c = create(settings);
    alpha.add(
        script().read_request().send(answer(R"({"error":{"message":"later"}})", "503 Service Unavailable")));
    beta.add(script().read_request().send(whole));
    ASSERT_TRUE(run(ask_once(c, asked())));
    const usage_report r = c.usage();
    ASSERT_EQ(r.budgets.size(), 1u);
    EXPECT_EQ(r.budgets[0].scope, "global");
    EXPECT_EQ(r.budgets[0].limit_name, "daily_limit");
    EXPECT_EQ(r.budgets[0].spent_micro_usd, price_of_totals);
    EXPECT_EQ(r.budgets[0].reserved_micro_usd, 0);
    EXPECT_EQ(r.budgets[0].remaining_micro_usd, 1000000 - price_of_totals);
    EXPECT_GT(r.budgets[0].resets_at, std::chrono::system_clock::now());
    EXPECT_EQ(r.by_provider.at("alpha").total.failures, 1);
    EXPECT_EQ(r.by_provider.at("alpha").total.cost_micro_usd, 0);
}

TEST_P(ClientBudget, WhatIsAboveABudgetIsNotSent) {
    provider(0).budget.daily_limit = 0.0023;
    support::event_list log{{.events = "budget.alert"}};
    connector::registry connectors;
    connector::register_builtin(connectors);
    const client c = create(settings, connectors, &log);
    alpha.add(script().read_request().send(whole));
    ASSERT_TRUE(run(ask_once(c, asked())));
    EXPECT_THAT(log.lines(), ElementsAre("budget.alert request_id scope=provider name=alpha "
                                         "limit_name=daily_limit percent=50 limit=$0.0023 "
                                         "spent=$0.00225",
                                         "budget.alert request_id scope=provider name=alpha "
                                         "limit_name=daily_limit percent=80 limit=$0.0023 "
                                         "spent=$0.00225"));
    for (int again = 0; again < 5; ++again) {
        const result<chat::reply> refused = run(ask_once(c, asked()));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), errc::budget);
        EXPECT_THAT(
            refused.error().message,
            HasSubstr("the daily_limit of provider 'alpha' is $0.0023, of which $0.00225 are spent and "
                      "$0.00 reserved; this call may cost $0.0001"));
        EXPECT_THAT(refused.error().message, HasSubstr("; the limit resets at 20"));
        EXPECT_EQ(refused.error().budget->spent_micro_usd, price_of_totals);
        EXPECT_TRUE(refused.error().retry_after);
    }
    EXPECT_EQ(c.usage().all.total.requests, 1);
    EXPECT_THAT(c.describe(), Not(HasSubstr("standby"))) << "the model is not to blame";
}

TEST_P(ClientBudget, APoolThatRotatesAsksTheNextModel) {
    provider(0).budget.per_request_limit = 0.00001;
    settings.pools[0].second.on_budget_exceeded = budget_action::rotate;
    const client c = create(settings);
    for (int again = 0; again < 4; ++again) {
        beta.add(script().read_request().send(whole));
        const result<chat::reply> reply = run(ask_once(c, asked()));
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(reply->x_modelmesh->provider, "beta");
    }
    EXPECT_THAT(c.describe(), HasSubstr("→ alpha.gpt-4o [alpha] (active)"));
    settings.providers.pop_back();
    const result<chat::reply> refused = run(ask_once(create(settings), asked()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::budget);
    EXPECT_EQ(refused.error().budget->limit_name, "per_request_limit");
    EXPECT_THAT(refused.error().message, HasSubstr("the per_request_limit of provider 'alpha' is $0.00001"));
}

TEST_P(ClientBudget, AModelWithoutAPriceIsRefusedPricedOrAssumed) {
    use("my-model");
    settings.budget.monthly_limit = 10;
    chat::request request = asked();
    request.model = "alpha.my-model";
    const result<chat::reply> refused = run(ask_once(create(settings), request));
    ASSERT_FALSE(refused);
    EXPECT_THAT(
        refused.error().message,
        HasSubstr("no price of model 'alpha.my-model' is known, and a budget is enforced on it: set its "
                  "pricing, or unknown_price"));
    EXPECT_EQ(refused.error().kind(), errc::budget);
    EXPECT_FALSE(refused.error().budget) << "no limit was met";
    // It does not keep its pool from serving.
    settings.providers[0].second.models = {"my-model", "gpt-4o"};
    alpha.add(script().read_request().send(whole));
    const result<chat::reply> other = run(ask_once(create(settings), asked()));
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_EQ(other->x_modelmesh->model, "alpha.gpt-4o");
    EXPECT_EQ(other->x_modelmesh->cost_micro_usd, price_of_totals);
    // Nor does the long form of a connector's id hide what its models cost.
    settings.providers[0].second.connector = "provider." + settings.providers[0].second.connector;
    alpha.add(script().read_request().send(whole));
    EXPECT_EQ(run(ask_once(create(settings), asked()))->x_modelmesh->cost_micro_usd, price_of_totals);
    use("my-model");

    // The same prices as gpt-4o's, for 1,000 tokens.
    pricing_config pricing;
    pricing.input_per_1k_tokens = 0.0025;
    pricing.output_per_1k_tokens = 0.01;
    pricing.cached_input_per_1k_tokens = 0.00125;
    settings.models.emplace_back("alpha.my-model", model_config()).second.pricing = pricing;
    client c = create(settings);
    alpha.add(script().read_request().send(whole));
    EXPECT_EQ(run(ask_once(c, request))->x_modelmesh->cost_micro_usd, price_of_totals);

    settings.models.clear();
    settings.unknown_price = unknown_price_action::assume;
    settings.assumed_pricing = pricing;
    c = create(settings);
    alpha.add(script().read_request().send(whole));
    EXPECT_FALSE(run(ask_once(c, request))->x_modelmesh->cost_micro_usd) << "nobody knows";
    EXPECT_EQ(c.usage().budgets.at(0).spent_micro_usd, price_of_totals);
    EXPECT_EQ(c.usage().all.total.unpriced, 1);
}

TEST_P(ClientBudget, OtherOperationsAreBilledByWhatTheyReport) {
    use("text-embedding-3-small");
    client c = create(settings);
    alpha.add(script().read_request().send(answer(
        R"({"data":[{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":1000000,"total_tokens":1000000}})")));
    embeddings::request numbers;
    numbers.model = "text-embeddings";
    numbers.input = "one";
    EXPECT_EQ(run(c.embeddings.create(numbers)).x_modelmesh->cost_micro_usd, 20000);

    use("dall-e-3");
    c = create(settings);
    alpha.add(script().read_request().send(answer(R"({"created":1,"data":[{"url":"u"},{"url":"v"}]})")));
    images::request pictures;
    pictures.model = "text-to-image";
    pictures.prompt = "cats";
    EXPECT_EQ(run(c.images.generate(pictures)).x_modelmesh->cost_micro_usd, 80000);

    use("tts-1");
    c = create(settings);
    alpha.add(script().read_request().send(answer("bytes")));
    audio::speech_request speech;
    speech.model = "text-to-speech";
    speech.input = "12345678";
    (void)run(c.audio.speech.create(speech));
    EXPECT_EQ(c.usage().all.total.cost_micro_usd, 150)
        << "ten characters, quotes and all, at 15 micro-dollars";
}

TEST_P(ClientBudget, WhatIsWrongInAConfigurationIsNamed) {
    settings.budget.daily_limit = -1;
    settings.budget.alert_thresholds = {0.5, 1.5};
    provider(1).pricing.per_image = 1e9;
    settings.pools[0].second.budget.monthly_limit = 1e300;
    settings.models.emplace_back("gamma.gpt-4o", model_config());
    settings.unknown_price = unknown_price_action::assume;
    EXPECT_EQ(
        refusal(settings),
        "model 'gamma.gpt-4o': begins with no provider's name; an id is <provider>.<vendor's name>, or the "
        "model has a provider\n"
        "budget.daily_limit: must be an amount of US dollars from 0 to 100,000,000\n"
        "budget.alert_thresholds: 1.500000 is not above 0 and at most 1\n"
        "provider 'beta': pricing.per_image: must be an amount of US dollars from 0 to 1,000\n"
        "pool 'chat': budget.monthly_limit: must be an amount of US dollars from 0 to 100,000,000\n"
        "unknown_price: assume needs assumed_pricing");
}

TEST_P(ClientBudget, WithAStorageTheNextClientGoesOnWithWhatWasSpent) {
    const support::scratch_folder folder;
    settings.budget.daily_limit = 1;
    settings.storage.connector = "modelmesh.sqlite.v1";
    settings.storage.options =
        json::raw(R"({"path":")" + folder.file("mesh.db") + R"(","busy_timeout":"0s"})");
    usage_report before;
    for (const sync_policy policy : {sync_policy::immediate, sync_policy::periodic}) {
        settings.storage.sync_policy = policy;
        client c = create(settings);
        EXPECT_EQ(c.usage().all, before.all);
        alpha.add(script().read_request().send(whole));
        EXPECT_TRUE(run(ask_once(c, asked())));
        alpha.add(script().read_request().send(streamed));
        EXPECT_EQ(run(read_all(c, asked())).cost, price_of_totals);
        EXPECT_TRUE(run(c.try_flush()));
        before = c.usage();
        try {
            (void)create(settings);
            ADD_FAILURE() << "two clients on one file";
        } catch (const error& refused) {
            EXPECT_EQ(refused.info().message, "storage: " + folder.file("mesh.db") +
                                                  ": in use by another client; each needs a file of its own");
        }
    }
    EXPECT_EQ(create(settings).usage().all, before.all);
    EXPECT_EQ(create(settings).usage().budgets.at(0).spent_micro_usd, 4 * price_of_totals);
    settings.storage.sync_policy = sync_policy::in_memory;
    EXPECT_EQ(create(settings).usage().all.total.requests, 0);
}

TEST_P(ClientBudget, WithAStorageTheNextClientLeavesOutWhoHadFailedOrProbesIt) {
    const support::scratch_folder folder;
    settings.storage.connector = "modelmesh.sqlite.v1";
    settings.storage.options = json::raw(R"({"path":")" + folder.file("mesh.db") + R"("})");
    settings.pools[0].second.failure_threshold = 1;
    settings.pools[0].second.model_priority = {"alpha.gpt-4o", "beta.gpt-4o"};
    settings.pools[0].second.strategy = "priority-selection";
    // Who is asked, and how often: each has as many answers, and is to have given them all.
    alpha.add(script().read_request().send(answer("{}", "503 Service Unavailable")));
    for (int i = 0; i < 2; ++i) beta.add(script().read_request().send(whole));
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(run(ask_once(create(settings), asked())));
    settings.pools[0].second.probe_on_start = true;
    alpha.add(script().read_request().send(whole));
    EXPECT_TRUE(run(ask_once(create(settings), asked())));
}

// The client and the stream end together, while the stream's session lives on the library's own thread.
TEST_P(ClientBudget, AStreamThatIsGivenUpIsInTheLastWriteToTheStorage) {
    const support::scratch_folder folder;
    settings.storage.connector = "modelmesh.sqlite.v1";
    settings.storage.options =
        json::raw(R"({"path":")" + folder.path() + R"(/mesh.db","busy_timeout":"0s"})");
    settings.storage.sync_policy = sync_policy::sync_on_boundary;
    for (int lives = 1; lives <= 10; ++lives) {
        alpha.add(script().read_request().send(streamed));
        boost::asio::thread_pool elsewhere(1);
        boost::asio::co_spawn(elsewhere, read_one(create(settings), asked()), boost::asio::use_future).get();
        elsewhere.join();
        ASSERT_EQ(create(settings).usage().all.total.requests, lives);
    }
}

} // namespace
} // namespace modelmesh::testing
