// Keys that are written elsewhere and are another one there when the provider refuses them.
#include "fixture.hpp"
#include "support/event_list.hpp"
#include "support/scratch_folder.hpp"

#include <modelmesh/config/load.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/event_hub.hpp>

#include <atomic>
#include <filesystem>
#include <latch>

namespace modelmesh::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using names = std::vector<std::string>;

class Keys : public ClientFixture {
protected:
    void SetUp() override {
        ClientFixture::SetUp();
        write(".env", "ALPHA_KEY=first-key\n");
    }
    void TearDown() override {
        for (const char* each : {"OPENAI_API_KEY", "OPENAI_BASE_URL"}) unsetenv(each);
        ClientFixture::TearDown();
    }
    void write(const std::string& name, const std::string& text) const {
        fs::permissions(folder.write(name, text), fs::perms::owner_read | fs::perms::owner_write);
    }
    // A client of this provider, whose key is in the .env file.
    client open(const simulator& provider) {
        connector::registry connectors;
        connector::register_builtin(connectors);
        write("mesh.yaml",
              "secrets: {store: modelmesh.dotenv.v1, path: " + folder.file(".env") +
                  "}\nproviders:\n  alpha:\n    connector: openai.llm.v1\n    base_url: " +
                  provider.base_url() +
                  "\n    api_key: ${secrets:ALPHA_KEY}\n    models: [alpha-model]\n    proxy: none\n"
                  "pools:\n  chat-completion: {retry: {max_attempts: 1}}\n");
        return create_from_file(folder.file("mesh.yaml"), connectors, &log);
    }
    static std::string told(const result<chat::reply>& reply) {
        return reply ? "attempt " + std::to_string(reply->x_modelmesh->attempts)
                     : std::string(to_string(reply.error().kind()));
    }
    static std::string asked(const client& c) { return told(run(ask_once(c, question()))); }
    static names keys_at(const simulator& provider) {
        names found;
        for (const recorded_request& each : provider.requests())
            found.push_back(each.header("Authorization"));
        return found;
    }

    const support::scratch_folder folder;
    support::event_list log{{.shows = [](const log_field& each) { return each.key != "request_id"; }}};
    static constexpr const char* refused_once = R"({"rules": [{"status": 401}]})";
};
INSTANTIATE_TEST_SUITE_P(Engines, Keys, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Keys, AKeyThatWasReplacedInItsStoreIsReadAgainWhenItIsRefused) {
    const simulator& alpha = start("alpha", refused_once);
    const client c = open(alpha);
    write(".env", "ALPHA_KEY=second-key\n");
    EXPECT_EQ(asked(c), "attempt 2");
    EXPECT_EQ(asked(c), "attempt 1");
    EXPECT_THAT(keys_at(alpha), ElementsAre("Bearer first-key", "Bearer second-key", "Bearer second-key"));
    EXPECT_THAT(log.lines("key."), ElementsAre("key.renewed provider=alpha"));
    EXPECT_THAT(log.lines(), Each(Not(HasSubstr("-key"))));
    EXPECT_THAT(log.lines("provider."), IsEmpty());
}

TEST_P(Keys, AKeyThatIsTheSameInItsStoreTakesTheProviderOut) {
    const simulator& alpha = start("alpha", refused_once);
    const client c = open(alpha);
    EXPECT_EQ(asked(c), "auth");
    EXPECT_EQ(asked(c), "auth");
    EXPECT_THAT(keys_at(alpha), ElementsAre("Bearer first-key"));
    EXPECT_THAT(log.lines("provider."), ElementsAre(StartsWith("provider.deactivated provider=alpha")));
}

TEST_P(Keys, AKeyThatCannotBeReadAgainIsTold) {
    const simulator& alpha = start("alpha", refused_once);
    const client c = open(alpha);
    write(".env", "OTHER=x\n");
    EXPECT_EQ(asked(c), "auth");
    EXPECT_THAT(log.lines("key."), ElementsAre(AllOf(StartsWith("key.unreadable provider=alpha message="),
                                                     HasSubstr("there is no secret 'ALPHA_KEY'"))));
}

TEST_P(Keys, AKeyThatCannotBeSentIsNotTaken) {
    const simulator& alpha = start("alpha", refused_once);
    const client c = open(alpha);
    write(".env", "ALPHA_KEY=\"second-key\\n\"\n");
    EXPECT_EQ(asked(c), "auth");
    EXPECT_THAT(log.lines("key."),
                ElementsAre("key.unreadable provider=alpha message=it has a control character"));
}

TEST_P(Keys, AKeyOfAVariableIsReadAgain) {
    const simulator& alpha = start("alpha", refused_once);
    setenv("OPENAI_API_KEY", "first-key", 1);
    setenv("OPENAI_BASE_URL", alpha.base_url().c_str(), 1);
    config found = detect("chat-completion");
    found.providers[0].second.models = {"alpha-model"};
    const client c = create(found);
    setenv("OPENAI_API_KEY", "second-key", 1);
    EXPECT_EQ(asked(c), "attempt 2");
    EXPECT_THAT(keys_at(alpha), ElementsAre("Bearer first-key", "Bearer second-key"));
}

TEST_P(Keys, AKeyThatTheProgramHasPutInItsPlaceIsItsOwn) {
    const simulator& alpha = start("alpha", refused_once);
    int readings = 0;
    settings.providers[0].second.key_source =
        std::make_shared<const key_source>(key_source{"first-key", [&readings]() -> result<std::string> {
                                                          ++readings;
                                                          return std::string("second-key");
                                                      }});
    ask_each_once();
    {
        const client c = create(settings);
        EXPECT_EQ(asked(c), "auth");
    }
    EXPECT_EQ(readings, 0);
    settings.providers[0].second.api_key = "first-key";
    {
        const client c = create(settings);
        EXPECT_EQ(asked(c), "attempt 1");
    }
    EXPECT_THAT(keys_at(alpha), ElementsAre("Bearer secret-key", "Bearer first-key"));
}

TEST_P(Keys, AProgramMayBringAPlaceOfItsOwn) {
    const simulator& alpha = start("alpha", refused_once);
    settings.providers[0].second.api_key = "first-key";
    settings.providers[0].second.key_source = std::make_shared<const key_source>(
        key_source{"first-key", [] { return result<std::string>("second-key"); }});
    ask_each_once();
    const client c = create(settings);
    EXPECT_EQ(asked(c), "attempt 2");
    EXPECT_THAT(keys_at(alpha), ElementsAre("Bearer first-key", "Bearer second-key"));
}

TEST_P(Keys, AReloadWithTheProgramsOldConfigurationKeepsTheKeyThatWasReadAndOneWithAnotherKeyTakesThat) {
    const simulator& alpha = start("alpha", refused_once);
    int readings = 0;
    settings.providers[0].second.api_key = "first-key";
    settings.providers[0].second.key_source =
        std::make_shared<const key_source>(key_source{"first-key", [&readings] {
                                                          ++readings;
                                                          return result<std::string>("second-key");
                                                      }});
    ask_each_once();
    client c = create(settings);
    EXPECT_EQ(asked(c), "attempt 2");
    settings.pools[0].second.failure_threshold = 7;
    c.reload(settings);
    EXPECT_EQ(asked(c), "attempt 1");
    settings.providers[0].second.api_key = "key-of-program"; // which the place does not say
    c.reload(settings);
    EXPECT_EQ(asked(c), "attempt 1");
    EXPECT_THAT(keys_at(alpha), ElementsAre("Bearer first-key", "Bearer second-key", "Bearer second-key",
                                            "Bearer key-of-program"));
    EXPECT_EQ(readings, 1);
}

// A place that hangs until somebody opens it. The thread that reads there owns it, and may outlive the client.
class closed_place {
public:
    result<resolved_key> read() {
        ++readings;
        gate.wait();
        return std::string("second-key");
    }
    std::atomic<int> readings{0};
    std::latch gate{1};
};

TEST_P(Keys, AStoreThatHangsHoldsUpNoOtherReadingAndNotTheEndOfTheClient) {
    (void)start("alpha", refused_once);
    const simulator& beta = start("beta", refused_once);
    const auto place = std::make_shared<closed_place>();
    settings.providers[0].second.api_key = settings.providers[1].second.api_key = "first-key";
    settings.providers[0].second.key_source =
        std::make_shared<const key_source>(key_source{"first-key", [place] { return place->read(); }});
    settings.providers[1].second.key_source = std::make_shared<const key_source>(
        key_source{"first-key", [] { return result<resolved_key>("second-key"); }});
    ask_each_once();
    {
        const client c = create(settings);
        chat::request hurried = question();
        hurried.model = "alpha.alpha-model";
        const auto ask_soon = [](client of, chat::request what) -> task<result<chat::reply>> {
            call_options soon;
            soon.timeout(std::chrono::milliseconds(50));
            co_return co_await of.chat.completions.try_create(what, soon);
        };
        EXPECT_FALSE(run(ask_soon(c, hurried)));
        EXPECT_EQ(place->readings, 1);
        chat::request other = question();
        other.model = "beta.beta-model";
        EXPECT_EQ(told(run(ask_once(c, other))), "attempt 2");
    }
    EXPECT_THAT(keys_at(beta), ElementsAre("Bearer first-key", "Bearer second-key"));
    place->gate.count_down();
}

TEST_P(Keys, NoLogShowsAKeyThatWasReadNorTheSecretInIt) {
    (void)start("alpha",
                R"({"rules": [{"status": 401}, {"times": "always", "text": "x-T0psecret y-T0psecret"}]})");
    write(".env", "TOKEN=first-one\n");
    write("mesh.yaml", "secrets: {store: modelmesh.dotenv.v1, path: " + folder.file(".env") +
                           "}\nproviders:\n  alpha:\n    connector: openai.llm.v1\n    base_url: " +
                           settings.providers[0].second.base_url +
                           "\n    api_key: x-${secrets:TOKEN}\n    models: [alpha-model]\n    proxy: none\n");
    config loaded = load_config(folder.file("mesh.yaml"));
    support::event_list told_to_sink;
    loaded.observability.sinks.emplace_back().instance =
        make_callback_sink([&told_to_sink](const connector::event& each) {
            told_to_sink.write(each.level, each.name, each.fields);
        });
    loaded.observability.logging.emplace_back().level = log_detail::full;
    connector::registry connectors;
    connector::register_builtin(connectors);
    {
        const client c = create(loaded, connectors, &log);
        write(".env", "TOKEN=T0psecret\n");
        EXPECT_EQ(asked(c), "attempt 2");
    }
    for (const support::event_list* each : {&log, &told_to_sink}) {
        EXPECT_THAT(each->lines("request.log"), Contains(HasSubstr("*** y-***")));
        EXPECT_THAT(each->lines(), Each(Not(HasSubstr("T0psecret"))));
    }
}

} // namespace
} // namespace modelmesh::testing
