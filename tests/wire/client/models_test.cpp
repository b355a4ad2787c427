// Providers configured without models over real sockets: asked at once, not waited for for ever, asked again.
#include "fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Takes connections and never says a word.
class mute_server {
public:
    mute_server() : listener_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}
    [[nodiscard]] std::uint16_t port() const { return listener_.local_endpoint().port(); }
    // Returns when a client has connected.
    void accept() { clients_.push_back(listener_.accept()); }

private:
    asio::io_context loop_;
    tcp::acceptor listener_;
    std::vector<tcp::socket> clients_;
};

class Models : public ClientFixture {
protected:
    void add(const std::string& name, std::uint16_t port) {
        provider_config provider;
        provider.connector = "openai.llm.v1";
        provider.base_url = "http://127.0.0.1:" + std::to_string(port) + "/v1";
        settings.providers.emplace_back(name, provider);
    }
    void forget_models() {
        for (auto& [name, provider] : settings.providers) provider.models.clear();
    }

    // A call that is cancelled while the silent server is being asked.
    static result<chat::reply> canceled_call(client c, chat::request request, mute_server& asked) {
        asio::io_context loop{1};
        asio::cancellation_signal stop;
        std::optional<result<chat::reply>> got;
        asio::co_spawn(
            loop, ask_once(c, std::move(request)),
            asio::bind_cancellation_slot(
                stop.slot(), [&](std::exception_ptr, result<chat::reply> r) { got = std::move(r); }));
        loop.poll();
        asked.accept();
        loop.poll();
        stop.emit(asio::cancellation_type::terminal);
        loop.run();
        return std::move(*got);
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, Models, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Models, WhenNobodyCanBeReachedTheErrorSaysSoForEach) {
    start("alpha").stop();
    start("beta").stop();
    forget_models();
    const auto reply = run(ask_once(create(settings), question()));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), errc::connect);
    EXPECT_NE(reply.error().message.find("provider 'alpha' did not list its models: "), std::string::npos);
    EXPECT_NE(reply.error().message.find("\nprovider 'beta' did not list its models: "), std::string::npos);
}

TEST_P(Models, ACallsDeadlineAlsoBoundsTheQuestionForModels) {
    mute_server silent;
    add("silent", silent.port());
    struct script {
        static task<result<chat::reply>> hurried(client c, chat::request request, duration limit) {
            call_options opt;
            opt.timeout(limit);
            co_return co_await c.chat.completions.try_create(request, opt);
        }
    };
    for (const duration limit : {duration(std::chrono::milliseconds(50)), duration::zero(), -duration(1)}) {
        const auto reply = run(script::hurried(create(settings), question(), limit));
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().code(), errc::timed_out) << reply.error().message;
    }
}

TEST_P(Models, AProviderThatIsAwayLeavesTheOthersToAnswer) {
    start("alpha").stop();
    start("beta");
    forget_models();
    client c = create(settings);
    for (int i = 0; i < 2; ++i) {
        const auto reply = run(ask_once(c, question()));
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(reply->x_modelmesh->model, "beta.beta-model");
        EXPECT_EQ(reply->x_modelmesh->attempts, 1);
    }
}

TEST_P(Models, ADiscoveryConnectorSaysWhichOfTheListedModelsThereAre) {
    start("alpha");
    start("beta");
    forget_models();
    settings.discovery.connector = "modelmesh.registry-sync.v1";
    settings.discovery.options.text = R"({"exclude":["alpha-*"]})";
    client c = create(settings);
    const auto reply = run(ask_once(c, question()));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->x_modelmesh->model, "beta.beta-model");
    EXPECT_EQ(c.describe().find("alpha-model"), std::string::npos);

    settings.discovery.options.text = R"({"include":["alpha-*"]})";
    EXPECT_EQ(c.reload(settings).settings, std::vector<std::string>{"discovery"});
    while (c.describe().find("alpha.alpha-model") == std::string::npos) // found behind the calls
        ASSERT_TRUE(run(ask_once(c, question())));
}

TEST_P(Models, WhatIsWrongWithADiscoveryIsAProblemOfTheConfiguration) {
    start("alpha");
    const auto problem = [this] {
        try {
            (void)create(settings);
            return std::string("none");
        } catch (const error& wrong) {
            return wrong.info().message;
        }
    };
    settings.discovery.connector = "acme.list.v1";
    EXPECT_EQ(problem(), "discovery: there is no discovery connector 'acme.list.v1'; there are: "
                         "modelmesh.registry-sync.v1");
    settings.discovery.connector.clear();
    settings.discovery.options.text = R"({"exclude":[]})";
    EXPECT_EQ(problem(), "discovery: needs a connector");
}

TEST_P(Models, ReadyFailsAsTheFirstCallWould) {
    start("alpha", R"({"rules":[]})").stop();
    forget_models();
    struct script {
        static task<result<void>> go(client c) { co_return co_await c.try_ready(); }
    };
    const auto ready = run(script::go(create(settings)));
    ASSERT_FALSE(ready);
    EXPECT_EQ(ready.error().code(), errc::connect);
}

TEST_P(Models, ACanceledQuestionIsAskedAgainBehindTheNextCall) {
    start("alpha");
    auto mute = std::make_unique<mute_server>();
    const std::uint16_t port = mute->port();
    add("beta", port);
    client c = create(settings);
    EXPECT_EQ(canceled_call(c, question(), *mute).error().code(), std::errc::operation_canceled);
    mute.reset();
    simulator_options options;
    options.name = "beta";
    options.models = {"late"};
    options.port = port;
    const simulator beta(options);
    // The calls are answered meanwhile, and one of them finds the new model.
    while (c.describe().find("beta.late [beta] (active)") == std::string::npos) {
        const auto reply = run(ask_once(c, question()));
        ASSERT_TRUE(reply) << reply.error().message;
        EXPECT_EQ(reply->x_modelmesh->provider, "alpha");
    }
    EXPECT_EQ(beta.requests().size(), 1u);
}

TEST_P(Models, TheEndOfAClientDoesNotWaitForASilentProvider) {
    start("alpha");
    mute_server mute;
    add("beta", mute.port());
    {
        client c = create(settings);
        EXPECT_FALSE(canceled_call(c, question(), mute));
        EXPECT_TRUE(run(ask_once(c, question()))); // begins to ask again
        mute.accept();
        const auto before = std::chrono::steady_clock::now();
        c = create(settings);
        EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
    }
}

} // namespace
} // namespace modelmesh::testing
