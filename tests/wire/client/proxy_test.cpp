// The whole library through a proxy: named in the configuration or in the environment.
#include "fixture.hpp"
#include "support/scripted_server.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cstdlib>
#include <string>

namespace modelmesh::testing {
namespace {

using support::script;
using support::scripted_server;
using ::testing::HasSubstr;
using ::testing::Not;

// What the machine's own environment says about proxies is not what is tested.
class without_proxies {
public:
    without_proxies() { clear(); }
    ~without_proxies() { clear(); }
    without_proxies(const without_proxies&) = delete;
    without_proxies& operator=(const without_proxies&) = delete;

private:
    static void clear() {
        constexpr std::array names{"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                   "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
        for (const char* name : names) ::unsetenv(name);
    }
};

class ClientProxy : public ClientFixture {
protected:
    /// A provider behind the proxy, which serves one connection.
    void start_both(bool tls) {
        start("alpha", R"({"rules":[{"text":"hello"}]})", tls);
        const std::string& base = settings.providers[0].second.base_url;
        const std::size_t host = base.find("://") + 3;
        origin = base.substr(host, base.find('/', host) - host);
        const int port = std::stoi(origin.substr(origin.find(':') + 1));
        front.add(
            script().read_request().send("HTTP/1.1 200 OK\r\n\r\n").relay(static_cast<std::uint16_t>(port)));
    }
    std::string front_url() const {
        return "http://me:hidden-word@127.0.0.1:" + std::to_string(front.port());
    }
    void expect_answer_through_proxy() {
        const auto reply = run(ask_once(create(settings), question()));
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(reply->text(), "hello");
        ASSERT_EQ(front.requests().size(), 1u);
        EXPECT_THAT(front.requests()[0], HasSubstr("CONNECT " + origin + " HTTP/1.1\r\n"));
        EXPECT_THAT(front.finish(), ::testing::IsEmpty());
    }

    without_proxies clean;
    scripted_server front{scripted_server::transport::plain};
    std::string origin;
};
INSTANTIATE_TEST_SUITE_P(Engines, ClientProxy, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(ClientProxy, OfTheConfiguration) {
    start_both(true);
    ::setenv("HTTPS_PROXY", "http://127.0.0.1:9", 1);
    settings.providers[0].second.proxy = front_url();
    expect_answer_through_proxy();
}

TEST_P(ClientProxy, OfTheEnvironment) {
    start_both(true);
    ::setenv("HTTPS_PROXY", front_url().c_str(), 1);
    expect_answer_through_proxy();
}

TEST_P(ClientProxy, OfTheEnvironmentWithoutTls) {
    start_both(false);
    ::setenv("http_proxy", front_url().c_str(), 1);
    expect_answer_through_proxy();
}

TEST_P(ClientProxy, NoneWhereTheConfigurationOrTheEnvironmentSaysSo) {
    start("alpha", R"({"rules":[{"text":"hello","times":"always"}]})", true);
    ::setenv("ALL_PROXY", front_url().c_str(), 1);
    settings.providers[0].second.proxy = "none";
    EXPECT_TRUE(run(ask_once(create(settings), question())));
    settings.providers[0].second.proxy.clear();
    ::setenv("NO_PROXY", "127.0.0.0/8", 1);
    EXPECT_TRUE(run(ask_once(create(settings), question())));
    EXPECT_EQ(front.accepted(), 0u);
}

TEST_P(ClientProxy, ARefusalIsAFailureToConnect) {
    start("alpha", {}, true);
    settings.providers[0].second.proxy = front_url();
    front.add(script().read_request().send("HTTP/1.1 407 hidden-word\r\nContent-Length: 0\r\n\r\n"));
    ask_each_once();
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_FALSE(reply);
    const std::string text = error(reply.error()).what();
    EXPECT_THAT(text, HasSubstr("refused the tunnel with status 407"));
    EXPECT_THAT(text, Not(HasSubstr("hidden-word")));
    EXPECT_EQ(reply.error().attempts.at(0).kind, errc::connect);
}

TEST(ProxyConfiguration, ProblemsNameTheVariableAndNotItsValue) {
    const without_proxies clean;
    config settings;
    provider_config provider;
    provider.connector = "openai.llm.v1";
    provider.base_url = "https://127.0.0.1:9/v1";
    provider.models = {"m"};
    settings.providers.emplace_back("p", provider);
    EXPECT_EQ(refusal(settings), "no error");
    const std::string socks = "invalid proxy URL: SOCKS is not supported, only http:// and https:// are";
    ::setenv("ALL_PROXY", "socks5://me:hidden-word@proxy:1080", 1);
    EXPECT_EQ(refusal(settings), "provider 'p': ALL_PROXY: " + socks);
    ::setenv("HTTPS_PROXY", "http://me:hidden-word@proxy:port", 1);
    EXPECT_EQ(refusal(settings),
              "provider 'p': HTTPS_PROXY: invalid proxy URL: the port must be a number from 1 to 65535");
    ::setenv("NO_PROXY", "127.0.0.1", 1);
    EXPECT_EQ(refusal(settings), "no error");
    settings.providers[0].second.proxy = "socks5://proxy";
    EXPECT_EQ(refusal(settings), "provider 'p': proxy: " + socks);
    settings.providers[0].second.proxy = "none";
    EXPECT_EQ(refusal(settings), "no error");
}

} // namespace
} // namespace modelmesh::testing
