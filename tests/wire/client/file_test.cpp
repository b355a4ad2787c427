// Clients that are made from configuration files.
#include "fixture.hpp"

#include <modelmesh/connector/deactivation.hpp>
#include <modelmesh/connector/registry.hpp>

#include <filesystem>
#include <fstream>
#include <set>
#include <unistd.h>

namespace modelmesh::testing {
namespace {

class FileFixture : public ClientFixture {
protected:
    std::string write(const std::string& name, const std::string& text) {
        const std::string path = ::testing::TempDir() + "/modelmesh-" + std::to_string(getpid()) + "-" + name;
        std::ofstream(path) << text;
        std::filesystem::permissions(path, std::filesystem::perms::owner_read |
                                               std::filesystem::perms::owner_write);
        written_.push_back(path);
        return path;
    }
    void TearDown() override {
        for (const std::string& path : written_) std::filesystem::remove(path);
        ClientFixture::TearDown();
    }

private:
    std::vector<std::string> written_;
};

TEST_P(FileFixture, TalkToTheProvidersOfTheFile) {
    simulator& first = start("first", R"({"rules":[{"status":500}]})");
    simulator& second = start("second");
    const std::string secrets = write("secrets.env", "FIRST_KEY='sk-first'\nSECOND_KEY=sk-second # theirs\n");
    const std::string file = write("mesh.yaml", R"(
version: 1
secrets: {store: modelmesh.dotenv.v1, path: ")" + secrets +
                                                    R"("}
providers:
  one:
    connector: openai.llm.v1
    base_url: )" + first.base_url() + R"(
    api_key: ${secrets:FIRST_KEY}
  off: {connector: openai.llm.v1, enabled: false}
  two:
    connector: openai.llm.v1
    base_url: )" + second.base_url() + R"(
    auth: {api_key: "${secrets:SECOND_KEY}"}
pools:
  talk: {capability: chat, providers: [one, two], failure_threshold: 1}
)");
    const client c = create_from_file(file);
    chat::request request = question();
    request.model = "talk";
    const auto reply = run(ask_once(c, request));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->x_modelmesh->provider, "two");
    EXPECT_EQ(first.requests().back().header("authorization"), "Bearer sk-first");
    EXPECT_EQ(second.requests().back().header("authorization"), "Bearer sk-second");
    EXPECT_NE(c.describe().find("one.first-model [one] (standby)"), std::string::npos) << c.describe();
    EXPECT_EQ(c.describe().find("off"), std::string::npos) << c.describe();
}

TEST_P(FileFixture, CodeLiesOverFiles) {
    simulator& provider = start("sim");
    const std::string base =
        write("base.yaml", "providers: {sim: {connector: openai.llm.v1, api_key: from-file}}\n");
    const std::string site =
        write("site.yaml", "providers: {sim: {base_url: '" + provider.base_url() + "'}}\n");
    connector::registry connectors;
    connector::register_builtin(connectors);
    config loaded = load_config({base, site}, connectors);
    loaded.providers[0].second.api_key = "from-code";
    const auto reply = run(ask_once(create(loaded), question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(provider.requests().back().header("authorization"), "Bearer from-code");
}

TEST_P(FileFixture, AFileThatIsWrongMakesNoClient) {
    const std::string file = write("wrong.yaml", "pools:\n  chat: {failure_threshold: 0}\n");
    try {
        (void)create_from_file(file);
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::config);
        EXPECT_EQ(e.info().message,
                  file + ":2:29: pools.chat.failure_threshold: must be a whole number from 1 to "
                         "4095, not '0'");
    }
}

// Both simulators, each with one model.
std::string two_providers(simulator& first, simulator& second, const std::string& of_first = {}) {
    return "providers:\n  one: {connector: openai.llm.v1, api_key: k, models: [one-model], base_url: '" +
           first.base_url() + "'" + of_first +
           "}\n  two: {connector: openai.llm.v1, api_key: k, models: [two-model], base_url: '" +
           second.base_url() + "'}\n";
}

TEST_P(FileFixture, SessionsAreNamedByTheCallAndByTheMemberThatTheFileSays) {
    simulator& first = start("one");
    simulator& second = start("two");
    const std::string file =
        write("mesh.yaml",
              two_providers(first, second) +
                  "pools:\n  chat: {strategy: session-stickiness, rotation: {session_header: ticket}}\n");
    client c = create_from_file(file);
    std::set<std::string> served;
    for (int i = 0; i < 16; ++i) {
        const std::string name = "session-" + std::to_string(i);
        call_options options;
        options.session(name);
        chat::request plain = question();
        const auto by_call = run(c.chat.completions.create(plain, options));
        chat::request ticketed = question();
        ticketed.metadata = std::map<std::string, std::string>{{"ticket", name}};
        const auto by_member = run(c.chat.completions.create(ticketed));
        EXPECT_EQ(by_call.x_modelmesh->provider, by_member.x_modelmesh->provider) << name;
        served.insert(by_call.x_modelmesh->provider);
    }
    EXPECT_EQ(served.size(), 2u) << "sessions are shared out";
}

TEST_P(FileFixture, AProvidersTimeoutEndsAnAttemptAndTheNextIsAsked) {
    simulator& slow = start("one", R"({"rules":[{"times":"always","latency_ms":60000}]})");
    simulator& quick = start("two");
    for (const char* place :
         {", timeout: 50ms", ", execution: {timeout: 50ms}", ", config: {timeout: 50ms}"}) {
        client c =
            create_from_file(write("mesh.yaml", two_providers(slow, quick, place) + "pools: {chat: }\n"));
        const chat::request request = question();
        const auto reply = run(c.chat.completions.create(request));
        EXPECT_EQ(reply.x_modelmesh->provider, "two") << place;
        EXPECT_EQ(reply.x_modelmesh->attempts, 2) << place;
    }
}

TEST_P(FileFixture, TheMethodOfAuthenticationIsTheKey) {
    simulator& first = start("one");
    simulator& second = start("two");
    client c = create_from_file(
        write("mesh.yaml", two_providers(first, second, ", auth: {method: api_key}") + "pools: {chat: }\n"));
    const chat::request request = question();
    (void)run(c.chat.completions.create(request));
    EXPECT_EQ(first.requests().back().header("authorization"), "Bearer k");
    try {
        (void)create_from_file(write("mesh.yaml", two_providers(first, second, ", auth: {method: oauth}")));
        FAIL();
    } catch (const error& wrong) {
        EXPECT_THAT(wrong.info().message,
                    ::testing::HasSubstr("providers.one.auth.method: must be one of api_key, not 'oauth'"));
    }
}

/// Out at the first failure, and for good.
class one_strike final : public connector::deactivation_policy {
public:
    std::optional<connector::standby_reason> should_deactivate(
        const connector::model_record& of) const noexcept override {
        if (!of.has_failed) return std::nullopt;
        return connector::standby_reason::error_threshold;
    }
};
class no_return final : public connector::recovery_policy {
public:
    std::chrono::milliseconds standby_time(connector::standby_reason, const connector::model_record&,
                                           double) const noexcept override {
        return never;
    }
};

TEST_P(FileFixture, TheFileChoosesWhenModelsGoOutOfServiceAndReturn) {
    simulator& first = start("one", R"({"rules":[{"status":500}]})");
    simulator& second = start("two");
    connector::registry connectors;
    connector::register_builtin(connectors);
    connectors
        .add_deactivation("house.one-strike.v1", [](const auto&) { return std::make_unique<one_strike>(); })
        .value();
    connectors.add_recovery("house.no-return.v1", [](const auto&) { return std::make_unique<no_return>(); })
        .value();
    const std::string file =
        write("mesh.yaml", two_providers(first, second) + "pools:\n  chat:\n    retry: {max_attempts: 1}\n"
                                                          "    deactivation: {policy: house.one-strike.v1}\n"
                                                          "    recovery: {policy: house.no-return.v1}\n");
    client c = create_from_file(file, connectors);
    const chat::request request = question();
    EXPECT_EQ(run(c.chat.completions.create(request)).x_modelmesh->provider, "two");
    EXPECT_EQ(c.pool_status("chat").standby, 1u);
    EXPECT_EQ(c.pool_status("chat").current_model, "two.two-model");
    const std::string wrong =
        write("wrong.yaml", two_providers(first, second) + "pools: {chat: {deactivation: {policy: none}}}\n");
    EXPECT_THROW((void)create_from_file(wrong, connectors), error);
}

INSTANTIATE_TEST_SUITE_P(Engines, FileFixture, ::testing::Values("epoll", "uring"));

TEST(Configuration, ProvidersThatAreOffAreNotThere) {
    config settings;
    provider_config off;
    off.enabled = false;
    settings.providers.emplace_back("off", off);
    EXPECT_EQ(refusal(settings), "no provider is enabled");
}

} // namespace
} // namespace modelmesh::testing
