// Sinks and middlewares that a configuration names, around real calls and over reloads.
#include "fixture.hpp"
#include "support/scratch_folder.hpp"

#include <modelmesh/connector/registry.hpp>
#include <modelmesh/event_hub.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

namespace modelmesh::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// A sink in memory: names of events, and the fields of the last of each.
class memory_sink {
public:
    std::shared_ptr<connector::event_sink> sink() {
        return make_callback_sink([kept = kept_](const connector::event& told) {
            const std::lock_guard lock(kept->mutex);
            kept->names.emplace_back(told.name);
            auto& fields = kept->last[std::string(told.name)];
            fields.clear();
            for (const log_field& each : told.fields) fields.emplace(each.key, each.value);
        });
    }
    std::vector<std::string> names() const {
        const std::lock_guard lock(kept_->mutex);
        return kept_->names;
    }
    std::map<std::string, std::string> last(const std::string& name) const {
        const std::lock_guard lock(kept_->mutex);
        return kept_->last[name];
    }

private:
    struct kept {
        std::mutex mutex;
        std::vector<std::string> names;
        std::map<std::string, std::map<std::string, std::string>> last;
    };
    std::shared_ptr<kept> kept_ = std::make_shared<kept>();
};

class Observed : public ClientFixture {
protected:
    std::string file(const std::string& name) const { return folder_.file(name); }
    static std::string text_of(const std::string& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    sink_config json_log(const std::string& name) const {
        sink_config sink;
        sink.connector = "modelmesh.json-log.v1";
        sink.options.text = R"({"path":")" + file(name) + "\"}";
        return sink;
    }
    static void ask(client c) { (void)run(c.chat.completions.create(request_)); }

    static middleware_config layer(const std::string& id, std::string options = {}) {
        middleware_config made;
        made.connector = id;
        made.options.text = std::move(options);
        return made;
    }

    inline static const chat::request request_ = question();

private:
    support::scratch_folder folder_;
};
INSTANTIATE_TEST_SUITE_P(Engines, Observed, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Observed, EachSinkGetsWhatItsSeverityAndItsEventsLetThrough) {
    start("alpha", R"({"rules":[{"status":500}]})");
    start("beta");
    memory_sink all;
    memory_sink rotations;
    settings.observability.sinks.resize(2);
    settings.observability.sinks[0].instance = all.sink();
    settings.observability.sinks[0].min_severity = severity::debug;
    settings.observability.sinks[1].instance = rotations.sink();
    settings.observability.sinks[1].events = {"model_rotated"};
    { // the end of the client is the end of its sinks
        client c = create(settings);
        ask(c);
    }
    EXPECT_THAT(all.names(), Contains("request.success"));
    EXPECT_THAT(all.names(), Contains("attempt.failed"));
    EXPECT_THAT(rotations.names(), ElementsAre("model.rotated"));
}

TEST_P(Observed, AFileAndTheSameThingInCodeAreTheSame) {
    start("alpha");
    settings.observability.sinks.push_back(json_log("events.jsonl"));
    {
        ask(create(settings));
    }
    const std::string from_code = text_of(file("events.jsonl"));
    EXPECT_THAT(from_code, HasSubstr(R"("event":"request.success")"));
    fs::remove(file("events.jsonl"));

    std::ofstream(file("mesh.yaml"))
        << "providers:\n  alpha: {connector: openai.llm.v1, api_key: k, base_url: '"
        << settings.providers[0].second.base_url << "', models: [alpha-model]}\n"
        << "observability: {sinks: [{connector: json-log, path: '" << file("events.jsonl") << "'}]}\n";
    {
        ask(create_from_file(file("mesh.yaml")));
    }
    EXPECT_THAT(text_of(file("events.jsonl")), HasSubstr(R"("event":"request.success")"));
}

TEST_P(Observed, TheProgramsLogGetsEventsAsWell) {
    start("alpha");
    memory_sink configured;
    memory_sink programs;
    settings.observability.sinks.resize(1);
    settings.observability.sinks[0].instance = configured.sink();
    event_hub log({{"program", programs.sink(), severity::info, {}}});
    client_options options;
    options.log = &log;
    {
        ask(create(settings, std::move(options)));
    }
    log.flush();
    EXPECT_THAT(programs.names(), Contains("request.success"));
    EXPECT_THAT(configured.names(), Contains("request.success"));
}

TEST_P(Observed, LoggingTellsAsMuchOfARequestAsEachOfItsSinksIsFor) {
    start("alpha");
    memory_sink general;
    memory_sink brief;
    memory_sink full;
    settings.observability.redact_values = {"hello"};
    settings.observability.sinks.resize(1);
    settings.observability.sinks[0].instance = general.sink();
    settings.observability.logging.resize(2);
    settings.observability.logging[0].instance = brief.sink();
    settings.observability.logging[1].instance = full.sink();
    settings.observability.logging[1].level = log_detail::full;
    {
        ask(create(settings));
    }
    EXPECT_THAT(general.names(), Not(Contains("request.log")));
    EXPECT_THAT(brief.names(), ElementsAre("request.log"));
    EXPECT_EQ(brief.last("request.log").at("status"), "ok");
    EXPECT_FALSE(brief.last("request.log").contains("attempts"));
    EXPECT_FALSE(brief.last("request.log").contains("request_payload"));
    EXPECT_EQ(full.last("request.log").at("attempts"), "1");
    EXPECT_THAT(full.last("request.log").at("request_payload"), HasSubstr(R"("content":"***")"))
        << "secrets are taken out";
}

TEST_P(Observed, KeysAndPasswordsOfProvidersReachNoSinkAlsoAfterAReload) {
    start("alpha");
    memory_sink full;
    settings.observability.logging.resize(1);
    settings.observability.logging[0].instance = full.sink();
    settings.observability.logging[0].level = log_detail::full;
    config with_key = settings;
    with_key.providers[0].second.api_key = "hello"; // which the request says
    config with_proxy = settings;
    with_proxy.providers[0].second.proxy = "http://me:hello@127.0.0.1:1";
    config with_header = settings; // what a proxy is sent: me:hello
    with_header.providers[0].second.proxy = "http://m%65:h%65llo@127.0.0.1:1";
    const std::string sent = R"("content":"bWU6aGVsbG8=")";
    chat::request other = request_;
    other.messages = {chat::user("bWU6aGVsbG8=")};
    const auto payload = [&full](const config* first, const config& last, const chat::request& what) {
        {
            client c = create(first != nullptr ? *first : last);
            if (first != nullptr) c.reload(last);
            (void)run(c.chat.completions.try_create(what));
        }
        return full.last("request.log").at("request_payload");
    };
    ASSERT_THAT(payload(nullptr, settings, request_), HasSubstr(R"("content":"hello")"));
    ASSERT_THAT(payload(nullptr, settings, other), HasSubstr(sent));
    for (const bool reloads : {false, true}) {
        const config* const first = reloads ? &settings : nullptr;
        EXPECT_THAT(payload(first, with_key, request_), HasSubstr(R"("content":"***")"));
        EXPECT_THAT(payload(first, with_proxy, request_), HasSubstr(R"("content":"***")"));
        EXPECT_THAT(payload(first, with_header, other), HasSubstr(R"("content":"***")"));
    }
}

TEST_P(Observed, LoggingWithoutAConnectorIsForAllSinks) {
    start("alpha");
    memory_sink general;
    settings.observability.sinks.resize(1);
    settings.observability.sinks[0].instance = general.sink();
    settings.observability.logging.resize(1);
    settings.observability.logging[0].level = log_detail::summary;
    {
        ask(create(settings));
    }
    EXPECT_THAT(general.names(), Contains("request.log"));
    EXPECT_EQ(general.last("request.log").at("attempts"), "1");
}

TEST_P(Observed, AReloadGoesOnWithOtherSinksAndLosesNothing) {
    start("alpha");
    memory_sink before;
    memory_sink after;
    settings.observability.sinks.resize(1);
    settings.observability.sinks[0].instance = before.sink();
    settings.observability.sinks[0].events = {"request.success"};
    constexpr int each = 20;
    {
        client c = create(settings);
        for (int i = 0; i < each; ++i) ask(c);
        settings.observability.sinks[0].instance = after.sink();
        c.reload(settings);
        for (int i = 0; i < each; ++i) ask(c);
    }
    EXPECT_EQ(before.names().size(), std::size_t{each});
    EXPECT_EQ(after.names().size(), std::size_t{each});
}

TEST_P(Observed, AReloadBringsSinksToAClientThatHadNone) {
    start("alpha");
    {
        client c = create(settings);
        ask(c);
        settings.observability.sinks.push_back(json_log("events.jsonl"));
        EXPECT_THAT(c.reload(settings).settings, ElementsAre("observability"));
        ask(c);
        EXPECT_TRUE(c.reload(settings).empty()) << "nothing is different any more";
        ask(c);
    }
    const std::string lines = text_of(file("events.jsonl"));
    std::size_t successes = 0;
    for (std::size_t at = lines.find("request.success"); at != lines.npos;
         at = lines.find("request.success", at + 1))
        ++successes;
    EXPECT_EQ(successes, 2u);
}

TEST_P(Observed, AWrongSectionChangesNothing) {
    start("alpha");
    memory_sink kept;
    settings.observability.sinks.resize(1);
    settings.observability.sinks[0].instance = kept.sink();
    {
        client c = create(settings);
        config wrong = settings;
        wrong.observability.sinks.emplace_back();
        wrong.observability.sinks.emplace_back().connector = "json-log";
        wrong.observability.sinks.back().options.text = R"({"pth":"x"})";
        wrong.observability.event_filter = {"zzz"};
        wrong.middleware.push_back(layer("rate-limit", R"({"requests_per_minute":0.5})"));
        const auto outcome = c.try_reload(wrong);
        ASSERT_FALSE(outcome);
        EXPECT_THAT(outcome.error().message, HasSubstr("observability.sinks[1]: needs a connector"));
        EXPECT_THAT(outcome.error().message, HasSubstr("pth: there is no such key; did you mean 'path'?"));
        EXPECT_THAT(outcome.error().message, HasSubstr("there is no event 'zzz'"));
        EXPECT_THAT(outcome.error().message, HasSubstr("middleware[0]: "));
        ask(c);
    }
    EXPECT_THAT(kept.names(), Contains("request.success"));
    EXPECT_THAT(kept.names(), Contains("config.rejected"));
}

TEST_P(Observed, MiddlewaresOfTheConfigurationAreAroundCallsAndKeepWhatTheyKnowOverAReload) {
    simulator& alpha = start("alpha");
    settings.middleware.push_back(layer("response-cache", R"({"only_deterministic":false})"));
    client c = create(settings);
    ask(c);
    ask(c);
    EXPECT_EQ(alpha.requests().size(), 1u) << "the second is from the cache";
    settings.middleware.insert(settings.middleware.begin(), layer("correlation"));
    c.reload(settings);
    ask(c);
    EXPECT_EQ(alpha.requests().size(), 1u) << "the cache is the same one";
    settings.middleware.clear();
    c.reload(settings);
    ask(c);
    EXPECT_EQ(alpha.requests().size(), 2u);
}

task<std::string> read_over_a_reload(client c, const config* next) {
    chat::request request;
    request.model = "chat-completion";
    request.messages.push_back(chat::user("hello"));
    chat::stream stream = co_await c.chat.completions.stream(request);
    std::string text;
    const auto first = co_await stream.next_text();
    if (first) text += *first;
    c.reload(*next);
    while (const auto piece = co_await stream.next_text()) text += *piece;
    co_return text;
}

TEST_P(Observed, ACallUnderWayEndsWithTheMiddlewaresThatItBeganWith) {
    start("alpha", R"({"rules":[{"text":"one two three"}]})");
    memory_sink told;
    settings.observability.sinks.resize(1);
    settings.observability.sinks[0].instance = told.sink();
    settings.middleware.push_back(layer("request-log"));
    config next = settings;
    next.middleware.clear();
    {
        EXPECT_EQ(run(read_over_a_reload(create(settings), &next)), "one two three");
    }
    EXPECT_THAT(told.names(), Contains("request.log"));
}

} // namespace
} // namespace modelmesh::testing
