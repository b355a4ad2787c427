// Tunnels through a proxy that answers CONNECT by a script: well, badly, slowly, not at all.
#include "support/http2_fixture.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

namespace modelmesh::net {
namespace {

using support::script;
using support::scripted_server;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* user_info = "me:hidden-word";
constexpr const char* credentials = "bWU6aGlkZGVuLXdvcmQ="; // the same in base64
constexpr const char* established = "HTTP/1.1 200 Connection established\r\nProxy-Agent: x\r\n\r\n";

// Everything that the base class sends goes through the proxy.
template <class Base> class through_proxy : public Base {
protected:
    explicit through_proxy(scripted_server::transport kind = scripted_server::transport::plain)
        : front(kind) {
        this->to = via_front(this->to->http2());
    }
    std::size_t finish_servers() override {
        const std::size_t others = Base::finish_servers();
        for (const std::string& failure : front.finish()) ADD_FAILURE() << "proxy: " << failure;
        return others + 1;
    }

    proxy settings(const std::string& user = user_info) const {
        const std::string scheme = front.is_tls() ? "https://" : "http://";
        return parse_proxy(scheme + user + "@" + front_name()).value();
    }
    std::shared_ptr<const endpoint> via_front(http2_use http2 = http2_use::automatic) const {
        return std::make_shared<net::endpoint>(this->to->where(), trusting_both(), http2, settings());
    }
    tls_settings trusting_both() const {
        tls_settings both = this->to->tls();
        both.ca_pem = this->server.certificate() + front.certificate();
        return both;
    }
    std::string front_name() const { return "127.0.0.1:" + std::to_string(front.port()); }
    script tunnel(std::string answer = established) const {
        return script().read_request().send(std::move(answer)).relay(this->server.port());
    }
    void add_ok() { this->server.add(script().read_request().send(Base::ok)); }

    /// The failure of a request; whoever reads it learns which proxy, but no secret.
    fault refused() {
        const result<http::response> got = this->exchange();
        if (got) {
            ADD_FAILURE() << "a tunnel where there is none";
            return {};
        }
        EXPECT_THAT(got.error().message, HasSubstr("proxy " + front_name()));
        EXPECT_THAT(got.error().message, HasSubstr(this->address())) << "the origin";
        EXPECT_THAT(got.error().message, Not(HasSubstr("hidden-word")));
        EXPECT_THAT(got.error().message, Not(HasSubstr(credentials)));
        return got.error();
    }
    /// Through one tunnel, one after the other.
    void expect_two_exchanges() {
        front.add(tunnel());
        this->server.add(script().read_request().send(Base::ok).read_request().send(Base::ok));
        for (int i = 0; i < 2; ++i) {
            const result<http::response> got = this->exchange();
            ASSERT_TRUE(got) << got.error().message;
            EXPECT_EQ(got->body, "ok");
        }
    }
    /// The proxy is of use for the next request, whatever the last one met.
    void expect_recovery() {
        front.add(tunnel());
        add_ok();
        const result<http::response> got = this->exchange();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "ok");
    }

    scripted_server front;
};

class Proxy : public through_proxy<support::http_test> {};
INSTANTIATE_TEST_SUITE_P(Engines, Proxy, support::http_combinations(), support::http_name);

TEST_P(Proxy, ATunnelCarriesOneExchangeAfterTheOther) {
    expect_two_exchanges();
    EXPECT_EQ(client->counters().opened, 1u);
    EXPECT_EQ(client->counters().reused, 1u);
    EXPECT_EQ(front.accepted(), 1u);
    EXPECT_EQ(front.requests(),
              std::vector<std::string>{"CONNECT " + address() + " HTTP/1.1\r\nHost: " + address() +
                                       "\r\nProxy-Authorization: Basic " + credentials + "\r\n\r\n"});
    EXPECT_THAT(server.requests().at(0), Not(HasSubstr("Proxy-")));
}

TEST_P(Proxy, TheProxyLooksUpTheName) {
    front.add(tunnel());
    const origin elsewhere{server.is_tls(), "no-such-host.invalid", server.port()};
    const auto there =
        std::make_shared<net::endpoint>(elsewhere, trusting_both(), http2_use::off, settings(""));
    if (server.is_tls()) {
        // The certificate is for another name; the peer hears of it as an alert.
        server.add(script().hold_handshake("the client's refusal"));
        server.resume("the client's refusal");
    } else {
        add_ok();
    }
    const result<http::response> got = loop.run(client->exchange(there, request(), patient()));
    EXPECT_THAT(front.requests().at(0), HasSubstr("CONNECT " + to_string(elsewhere) + " HTTP/1.1\r\n"));
    if (server.is_tls()) {
        ASSERT_FALSE(got) << "the certificate is for another name";
        EXPECT_EQ(got.error().kind(), errc::connect);
        EXPECT_THAT(got.error().message, HasSubstr("mismatch"));
    } else {
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_THAT(server.requests().at(0), HasSubstr("Host: " + to_string(elsewhere) + "\r\n"));
    }
}

TEST_P(Proxy, WithoutCredentialsNoneAreSent) {
    front.add(tunnel());
    add_ok();
    proxy open = settings();
    open.authorization.clear();
    const auto there = std::make_shared<net::endpoint>(to->where(), to->tls(), http2_use::off, open);
    ASSERT_TRUE(loop.run(client->exchange(there, request(), patient())));
    EXPECT_THAT(front.requests().at(0), Not(HasSubstr("Authorization")));
}

TEST_P(Proxy, FieldsOfTheAnswerDoNotMatter) {
    const std::vector<std::string> answers{
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 299 x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    };
    for (const std::string& answer : answers) {
        make_client(pool_limits());
        front.add(tunnel(answer));
        add_ok();
        const result<http::response> got = exchange();
        ASSERT_TRUE(got) << answer << got.error().message;
        EXPECT_EQ(got->body, "ok");
    }
}

TEST_P(Proxy, TheAnswerMayBeSplitAnywhere) {
    const std::string_view whole = established;
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
        make_client(pool_limits());
        front.add(script().read_request().send_apart(established, cut).relay(server.port()));
        add_ok();
        const result<http::response> got = exchange();
        ASSERT_TRUE(got) << "split at " << cut << ": " << got.error().message;
        EXPECT_EQ(got->body, "ok");
    }
}

TEST_P(Proxy, TheAnswerMayBeCutAnywhere) {
    const std::string_view whole = established;
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        front.add(script().read_request().send(std::string(whole.substr(0, cut))).close());
        const fault why = refused();
        EXPECT_EQ(why.kind(), errc::connect) << "cut at " << cut << ": " << why.message;
        EXPECT_THAT(why.message, HasSubstr("closed the connection before it had answered CONNECT"));
    }
    expect_recovery();
}

TEST_P(Proxy, AResetSaysSo) {
    front.add(script().read_request().send("HTTP/1.1 2").reset());
    const fault why = refused();
    EXPECT_EQ(why.kind(), errc::connect) << why.message;
    expect_recovery();
}

TEST_P(Proxy, ARefusalNamesTheStatusAndNothingElse) {
    for (const int status : {300, 301, 400, 403, 405, 407, 429, 500, 502, 503, 504}) {
        front.add(script().read_request().send(
            "HTTP/1.1 " + std::to_string(status) +
            " x hidden-word\r\nProxy-Authenticate: Basic realm=\"hidden-word\"\r\n"
            "Content-Length: 11\r\n\r\nhidden-word"));
        const fault why = refused();
        EXPECT_EQ(why.kind(), errc::connect) << why.message;
        EXPECT_THAT(why.message, HasSubstr("refused the tunnel with status " + std::to_string(status)));
        EXPECT_EQ(why.message.find("user name and password") != std::string::npos, status == 407);
    }
    expect_recovery();
}

TEST_P(Proxy, WhatIsNoAnswerIsAProtocolFault) {
    const std::vector<std::string> answers{
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 two hundred\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x') + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" +
            [] {
                std::string fields;
                for (int i = 0; i < 100; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
                return fields;
            }() +
            "\r\n",
        std::string(established) + "HTTP/1.1 200 OK\r\n\r\n",
        std::string(established) + "x",
    };
    for (const std::string& answer : answers) {
        front.add(script().read_request().send(answer));
        const fault why = refused();
        EXPECT_EQ(why.kind(), errc::protocol) << answer.substr(0, 40) << ": " << why.message;
    }
    expect_recovery();
}

TEST_P(Proxy, SilenceEndsWithTheTimeToConnect) {
    expect_recovery(); // what a first connection costs is no part of the silence
    make_client(pool_limits());
    front.add(script().discard_rest());
    exchange_limits limits = patient();
    limits.connect = 10 * brief; // so that the proxy itself is connected to
    const result<http::response> got = loop.run(client->exchange(to, request(), limits));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::timed_out);
    EXPECT_THAT(got.error().message, HasSubstr("proxy " + front_name()));
    EXPECT_EQ(client->counters().in_use, 0u);
    expect_recovery();
}

TEST_P(Proxy, WaitingForTheAnswerCanBeCanceled) {
    front.add(script().read_request().pause("silent"));
    auto asked = loop.start(client->exchange(to, request(), patient()));
    loop.run_until([&] { return front.is_paused("silent"); });
    asked.cancel();
    loop.run_to_idle();
    front.resume("silent");
    EXPECT_EQ(asked.take().error().kind(), errc::canceled);
    EXPECT_EQ(client->counters().in_use, 0u);
    expect_recovery();
}

TEST_P(Proxy, NobodyListensAtTheProxy) {
    const std::vector<std::string> problems = front.finish();
    EXPECT_TRUE(problems.empty());
    const fault why = refused();
    EXPECT_EQ(why.kind(), errc::connect);
    EXPECT_THAT(why.message, HasSubstr("connect to proxy " + front_name() + ": connection refused"));
}

TEST_P(Proxy, ConnectionsOfDifferentWaysAreNotShared) {
    const auto direct = endpoint();
    const auto other_user =
        std::make_shared<net::endpoint>(to->where(), to->tls(), to->http2(), settings("b:c"));
    const std::vector<std::shared_ptr<const net::endpoint>> all{to, other_user, direct, via_front()};
    front.add(tunnel());
    front.add(tunnel());
    server.add(script().read_request().send(ok).read_request().send(ok));
    add_ok();
    add_ok();
    for (const std::shared_ptr<const net::endpoint>& there : all) {
        const result<http::response> got = loop.run(client->exchange(there, request(), patient()));
        ASSERT_TRUE(got) << got.error().message;
    }
    EXPECT_EQ(client->counters().opened, 3u);
    EXPECT_EQ(client->counters().reused, 1u);
    EXPECT_EQ(front.accepted(), 2u);
}

class ProxyOverTls : public through_proxy<support::http_test> {
protected:
    ProxyOverTls() : through_proxy(scripted_server::transport::tls) {}
};
INSTANTIATE_TEST_SUITE_P(Engines, ProxyOverTls, support::http_combinations(), support::http_name);

TEST_P(ProxyOverTls, ATunnelInsideOfTls) { expect_two_exchanges(); }

TEST_P(ProxyOverTls, TheProxyIsVerifiedWhateverIsSaidOfTheOrigin) {
    front.add(script().hold_handshake("the client's refusal"));
    front.resume("the client's refusal");
    tls_settings lax;
    lax.verify = false;
    to = std::make_shared<net::endpoint>(to->where(), lax, http2_use::off, settings());
    const result<http::response> got = exchange();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect);
    EXPECT_THAT(got.error().message, HasSubstr(front_name() + ": certificate verify failed"));
}

class ProxyHttp2 : public through_proxy<support::http2_test> {};
INSTANTIATE_TEST_SUITE_P(Engines, ProxyHttp2, support::http_combinations(), support::http_name);

TEST_P(ProxyHttp2, ExchangesShareATunnel) {
    front.add(tunnel());
    const auto peer = serve(answer_ok);
    std::vector<support::running<result<http::response>>> all;
    for (int i = 0; i < 5; ++i) all.push_back(begin());
    loop.run_to_idle();
    for (auto& one : all) {
        const result<http::response> got = one.take();
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->body, "ok");
    }
    EXPECT_EQ(peer->requests(), 5u);
    EXPECT_EQ(front.accepted(), 1u);
}

class ProxyPriorKnowledge : public ProxyHttp2 {};
INSTANTIATE_TEST_SUITE_P(Engines, ProxyPriorKnowledge,
                         testing::Combine(testing::ValuesIn(support::engines()),
                                          testing::Values(scripted_server::transport::plain)),
                         support::http_name);

TEST_P(ProxyPriorKnowledge, AServerThatSpeaksFirstMayDoSoTogetherWithTheProxy) {
    const auto peer = std::make_shared<support::http2_peer>(answer_ok);
    front.add(script().read_request().send(established + peer->start()).serve(peer));
    expect_ok();
    expect_ok();
    EXPECT_EQ(peer->requests(), 2u);
    EXPECT_EQ(client->counters().opened, 1u);
}

} // namespace
} // namespace modelmesh::net
