// Clients that are made from configuration files.
#include "fixture.hpp"

#include <modelmesh/connector/registry.hpp>

#include <filesystem>
#include <fstream>
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
