// Middlewares around real calls: what providers get, what is asked and billed, and whom failures speak against.
#include "fixture.hpp"

#include <modelmesh/api/embeddings.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/middleware.hpp>
#include <modelmesh/middleware/correlation.hpp>
#include <modelmesh/middleware/response_cache.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>

namespace modelmesh::testing {
namespace {

using support::script;
using support::scripted_server;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string whole = answer(
    R"({"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}})");
const std::string streamed =
    events(event(R"({"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"one"}}]})") +
           event(R"({"id":"x","choices":[{"index":0,"delta":{"content":" two"},"finish_reason":"stop"}]})") +
           event("[DONE]"));

/// Every event as one line; fields by key.
class all_events final : public log_sink {
public:
    using fields_of_event = std::map<std::string, std::string>;
    bool wants(severity) const noexcept override { return true; }
    void write(severity, std::string_view event, std::span<const log_field> fields) noexcept override {
        const std::lock_guard lock(mutex_);
        fields_of_event& seen = seen_.emplace_back(std::string(event), fields_of_event()).second;
        for (const log_field& each : fields) seen.emplace(each.key, each.value);
    }
    std::vector<std::string> names() {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> all;
        for (const auto& [name, fields] : seen_) all.push_back(name);
        return all;
    }
    /// The last event of this name.
    fields_of_event last(const std::string& name) {
        const std::lock_guard lock(mutex_);
        for (auto each = seen_.rbegin(); each != seen_.rend(); ++each)
            if (each->first == name) return each->second;
        return {};
    }

private:
    std::mutex mutex_;
    std::vector<std::pair<std::string, fields_of_event>> seen_;
};

class hooked final : public middleware {
public:
    explicit hooked(hook_failure when = hook_failure::fail_open) : when_(when) {}
    std::string_view name() const noexcept override { return "hooked"; }
    hook_failure on_hook_failure() const noexcept override { return when_; }
    result<void> on_request(request_context& c) override { return request ? request(c) : result<void>(); }
    result<void> on_reply(request_context&, whole_reply& r) override {
        return reply ? reply(r) : result<void>();
    }
    std::optional<whole_reply> on_error(request_context&, const fault&) override { return fallback; }
    std::unique_ptr<stream_watcher> watcher_of(request_context&) override {
        return watcher ? watcher() : nullptr;
    }
    bool sees_attempts() const noexcept override { return before || after; }
    result<void> before_attempt(attempt_context& a) override { return before ? before(a) : result<void>(); }
    void after_attempt(attempt_context& a, const fault* f) override {
        if (after) after(a, f);
    }

    std::function<result<void>(request_context&)> request;
    std::function<result<void>(whole_reply&)> reply;
    std::optional<whole_reply> fallback;
    std::function<std::unique_ptr<stream_watcher>()> watcher;
    std::function<result<void>(attempt_context&)> before;
    std::function<void(attempt_context&, const fault*)> after;

private:
    hook_failure when_;
};

class shouting final : public stream_watcher {
public:
    result<void> on_chunk(stream_chunk& chunk) override {
        std::string text(chunk.data());
        if (const std::size_t at = text.find("one"); at != text.npos) text.replace(at, 3, "ONE");
        chunk.replace(std::move(text));
        return {};
    }
};

class ClientMiddleware : public ScriptedFixture {
protected:
    client made_with(std::vector<std::shared_ptr<middleware>> layers) {
        (void)with({"gpt-4o"}); // the settings of both
        client_options options;
        options.log = &log;
        options.middlewares = std::move(layers);
        return create(settings, std::move(options));
    }
    static chat::request certain() {
        chat::request request = question();
        request.temperature = 0;
        request.max_tokens = 10;
        return request;
    }
    static bool is_in_service(const client& c, const std::string& provider) {
        return c.describe().find("[" + provider + "] (active)") != std::string::npos;
    }
    all_events log;
};
INSTANTIATE_TEST_SUITE_P(Engines, ClientMiddleware, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(ClientMiddleware, ChangesWhatProvidersGetAndWhatCallersSee) {
    auto layer = std::make_shared<hooked>();
    layer->request = [](request_context& c) {
        std::string json(c.request().json());
        json.replace(json.find("hello"), 5, "good bye");
        return c.change_request(std::move(json));
    };
    layer->reply = [](whole_reply& r) -> result<void> {
        std::string body = r.body();
        body.replace(body.find("hi"), 2, "ciao");
        r.change_body(std::move(body));
        return {};
    };
    layer->watcher = [] { return std::make_unique<shouting>(); };
    const client c = made_with({layer});
    alpha.add(script().read_request().send(whole));
    const auto reply = run(ask_once(c, question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->text(), "ciao");
    EXPECT_EQ(reply->x_modelmesh->model, "alpha.gpt-4o");
    EXPECT_EQ(reply->x_modelmesh->output_tokens, 5);
    EXPECT_THAT(body_of(alpha), HasSubstr("good bye"));
    alpha.add(script().read_request().send(streamed));
    EXPECT_EQ(*run(stream_text(c, question())), "ONE two");
}

TEST_P(ClientMiddleware, EveryCallHasAnIdInItsRouteAndItsEvents) {
    const client c = made_with({});
    alpha.add(script().read_request().send(whole));
    const auto reply = run(ask_once(c, question()));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->x_modelmesh->request_id.size(), 32U);
    EXPECT_EQ(reply->x_modelmesh->request_id.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_THAT(log.names(), ElementsAre("request.routed", "request.success"));
    auto told = log.last("request.success");
    EXPECT_EQ(told["request_id"], reply->x_modelmesh->request_id);
    EXPECT_EQ(told["operation"] + told["delivery"] + told["name"], "chat_completionsyncchat-completion");
    EXPECT_EQ(told["pool"] + " " + told["provider"] + " " + told["model"],
              "chat-completion alpha alpha.gpt-4o");
    EXPECT_EQ(told["input_tokens"] + " " + told["output_tokens"] + " " + told["cost_micro_usd"], "10 5 75");
    EXPECT_EQ(told["attempts"], "1");
    EXPECT_EQ(log.last("request.routed")["request_id"], told["request_id"]);
    alpha.add(script().read_request().send(streamed));
    EXPECT_EQ(*run(stream_text(c, question())), "one two");
    told = log.last("request.success");
    EXPECT_EQ(told["delivery"], "stream");
    EXPECT_NE(told["request_id"], reply->x_modelmesh->request_id);
    EXPECT_EQ(told.count("first_content_ms"), 1U);
    EXPECT_GT(std::stoi(told["output_tokens"]), 0) << "nobody said it: estimated";
}

TEST_P(ClientMiddleware, AFailedCallIsToldOnceWithItsIdAndSoAreItsAttempts) {
    ask_each_once();
    const client c = made_with({});
    alpha.add(script().read_request().send(answer("{}", "500 Oops")));
    beta.add(script().read_request().send(answer("{}", "500 Oops")));
    EXPECT_FALSE(run(ask_once(c, question())));
    EXPECT_THAT(log.names(),
                ElementsAre("request.routed", "attempt.failed", "model.rotated", "request.routed",
                            "attempt.failed", "pool.exhausted", "request.failure"));
    auto told = log.last("request.failure");
    EXPECT_EQ(told["kind"], "upstream");
    EXPECT_EQ(told["attempts"], "2");
    EXPECT_EQ(told["request_id"], log.last("attempt.failed")["request_id"]);
    EXPECT_EQ(told["request_id"].size(), 32U);
}

TEST_P(ClientMiddleware, ACacheHitAsksNobodyAndSpendsNoBudget) {
    const auto cache = response_cache::make();
    const client c = made_with({cache});
    alpha.add(script().read_request().send(whole));
    const auto first = run(ask_once(c, certain()));
    ASSERT_TRUE(first) << first.error().message;
    const usage_report after_one = c.usage();
    EXPECT_EQ(after_one.all.total.cost_micro_usd, 75);
    const auto second = run(ask_once(c, certain()));
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_EQ(second->text(), "hi");
    EXPECT_EQ(second->x_modelmesh->model, "");
    EXPECT_EQ(second->x_modelmesh->attempts, 0);
    EXPECT_FALSE(second->x_modelmesh->cost_micro_usd);
    EXPECT_NE(second->x_modelmesh->request_id, first->x_modelmesh->request_id);
    EXPECT_EQ(c.usage().all, after_one.all);
    EXPECT_EQ(alpha.requests().size(), 1U);

    alpha.add(script().read_request().send(streamed));
    EXPECT_EQ(*run(stream_text(c, certain())), "one two");
    const usage_report after_stream = c.usage();
    EXPECT_EQ(*run(stream_text(c, certain())), "one two");
    EXPECT_EQ(c.usage().all, after_stream.all);
    EXPECT_EQ(alpha.requests().size(), 2U);
    EXPECT_EQ(cache->stats().hits, 2U);
}

TEST_P(ClientMiddleware, ACacheServesOtherOperations) {
    client c = made_with({response_cache::make()});
    embeddings::request request;
    request.model = "gpt-4o";
    request.input = std::string("a");
    alpha.add(script().read_request().send(answer(
        R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,2]}],"model":"m"})")));
    for (int i = 0; i < 2; ++i) {
        const embeddings::reply got = run(c.embeddings.create(request));
        EXPECT_EQ(got.data.size(), 1U);
    }
    EXPECT_EQ(alpha.requests().size(), 1U);
}

TEST_P(ClientMiddleware, AFallbackTakesThePlaceOfAFailure) {
    ask_each_once();
    auto layer = std::make_shared<hooked>();
    layer->fallback = whole_reply(
        R"({"id":"f","choices":[{"index":0,"message":{"role":"assistant","content":"later"},"finish_reason":"stop"}]})");
    const client c = made_with({layer});
    alpha.add(script().read_request().send(answer("{}", "500 Oops")));
    beta.add(script().read_request().send(answer("{}", "500 Oops")));
    const auto reply = run(ask_once(c, question()));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->text(), "later");
}

TEST_P(ClientMiddleware, AFallbackThatIsNoReplyIsAnError) {
    auto layer = std::make_shared<hooked>();
    layer->reply = [](whole_reply& r) -> result<void> {
        r.change_body("[]");
        return {};
    };
    const client c = made_with({layer});
    alpha.add(script().read_request().send(whole));
    EXPECT_EQ(run(ask_once(c, question())).error().kind(), errc::protocol);
    EXPECT_TRUE(is_in_service(c, "alpha"));
}

TEST_P(ClientMiddleware, SendsHeadersThatItAddsToAttempts) {
    client c = made_with({make_correlation()});
    alpha.add(script().read_request().send(whole));
    call_options options;
    options.metadata("correlation_id", "order-7");
    const chat::request request = question();
    ASSERT_TRUE(run(c.chat.completions.try_create(request, options)));
    EXPECT_THAT(alpha.requests().at(0), HasSubstr("X-Correlation-ID: order-7\r\n"));
}

TEST_P(ClientMiddleware, AttemptsAreSeenOneByOne) {
    auto layer = std::make_shared<hooked>();
    std::vector<std::string> seen;
    layer->before = [&seen](attempt_context& a) -> result<void> {
        seen.push_back("> " + std::to_string(a.number) + " " + std::string(a.model));
        return {};
    };
    layer->after = [&seen](attempt_context& a, const fault* f) {
        seen.push_back("< " + std::to_string(a.number) + " " +
                       (f == nullptr ? "ok" : std::string(to_string(f->kind()))));
    };
    const client c = made_with({layer});
    alpha.add(script().read_request().send(answer("{}", "500 Oops")));
    beta.add(script().read_request().send(whole));
    ASSERT_TRUE(run(ask_once(c, question())));
    EXPECT_THAT(seen, ElementsAre("> 1 alpha.gpt-4o", "< 1 upstream", "> 2 beta.gpt-4o", "< 2 ok"));
}

TEST_P(ClientMiddleware, FailuresOfHooksSpeakAgainstNoModel) {
    for (const bool is_attempt : {false, true}) {
        for (const bool throws : {false, true}) {
            auto layer = std::make_shared<hooked>(hook_failure::fail_closed);
            const auto hook = [throws](auto&) -> result<void> {
                if (throws) throw std::runtime_error("oops");
                return fault(errc::connect, "not today");
            };
            if (is_attempt)
                layer->before = hook;
            else
                layer->request = hook;
            const client c = made_with({layer});
            for (int i = 0; i < 5; ++i) {
                const auto plain = run(ask_once(c, question()));
                ASSERT_FALSE(plain);
                EXPECT_EQ(plain.error().kind(), throws ? errc::internal : errc::connect);
                if (throws) {
                    EXPECT_THAT(plain.error().message, HasSubstr("'hooked' failed: oops"));
                }
                EXPECT_FALSE(run(stream_text(c, question())));
            }
            EXPECT_TRUE(is_in_service(c, "alpha")) << "more failures than take a model out of service";
            EXPECT_TRUE(is_in_service(c, "beta"));
            EXPECT_EQ(c.usage().all.total.requests, 0) << "nothing was sent";
        }
    }
    EXPECT_THAT(alpha.requests(), IsEmpty());
}

TEST_P(ClientMiddleware, AWatcherThatFailsAStreamSpeaksAgainstNoModel) {
    class refusing final : public stream_watcher {
        result<void> on_chunk(stream_chunk&) override { throw std::runtime_error("oops"); }
    };
    auto layer = std::make_shared<hooked>(hook_failure::fail_closed);
    layer->watcher = [] { return std::make_unique<refusing>(); };
    const client c = made_with({layer});
    for (int i = 0; i < 5; ++i) {
        alpha.add(script().read_request().send(streamed));
        const auto text = run(stream_text(c, question()));
        ASSERT_FALSE(text);
        EXPECT_EQ(text.error().kind(), errc::internal);
    }
    EXPECT_TRUE(is_in_service(c, "alpha"));
}

TEST_P(ClientMiddleware, RunsAlsoWhereTheCallIsOnTheLibrarysThread) {
    auto layer = std::make_shared<hooked>();
    layer->watcher = [] { return std::make_unique<shouting>(); };
    const client c = made_with({layer, response_cache::make()});
    alpha.add(script().read_request().send(streamed));
    boost::asio::io_context loop; // promises nothing about its threads
    auto text = boost::asio::co_spawn(loop, stream_text(c, certain()), boost::asio::use_future);
    loop.run();
    EXPECT_EQ(*text.get(), "ONE two");
}

TEST_P(ClientMiddleware, ANullMiddlewareIsRefused) { EXPECT_THROW((void)made_with({nullptr}), error); }

} // namespace
} // namespace modelmesh::testing
