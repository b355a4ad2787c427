// A server over TLS: handshakes good and bad, sessions, clients with certificates.
#include "fixture.hpp"

#include "net/client.hpp"
#include "net/tls_stream.hpp"
#include "wire/transport/tls_peer.hpp"

namespace modelmesh::net::testing {
namespace {

using TlsServer = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, TlsServer, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

struct authority {
    identity root{"root", nullptr, nullptr};
    identity intermediate{"server", "IP:127.0.0.1", &root};

    [[nodiscard]] tls_server_settings settings() const {
        tls_server_settings made;
        made.certificate_pem = intermediate.pem() + root.pem();
        made.key_pem = intermediate.key_pem();
        return made;
    }
};

origin at(std::uint16_t port) {
    origin where;
    where.tls = true;
    where.host = "127.0.0.1";
    where.port = port;
    return where;
}

TEST_P(TlsServer, AnswersOurClientAndResumesItsSessions) {
    const authority ca;
    running_server on(GetParam(), server_limits(), ca.settings());
    loop near(GetParam());
    tls_settings trust;
    trust.ca_pem = ca.root.pem();
    for (int i = 0; i < 3; ++i) {
        const auto made = near.run(connect(*near.io, at(on.port()), trust, late()));
        ASSERT_TRUE(made) << made.error().message;
        auto& link = static_cast<tls_stream&>(**made);
        EXPECT_EQ(link.alpn(), "http/1.1");
        EXPECT_EQ(link.protocol(), "TLSv1.3");
        EXPECT_EQ(link.resumed(), i > 0);
        const std::string request = post("/echo", pattern(100000)), want = ok(pattern(100000));
        ASSERT_TRUE(near.run(link.send(gather(request), late())));
        EXPECT_EQ(near.run(read(link, want.size(), late())).value(), want);
    }
}

TEST_P(TlsServer, ClosesInOrder) {
    const authority ca;
    running_server on(GetParam(), server_limits(), ca.settings());
    loop near(GetParam());
    tls_settings trust;
    trust.ca_pem = ca.root.pem();
    const auto made = near.run(connect(*near.io, at(on.port()), trust, late()));
    ASSERT_TRUE(made) << made.error().message;
    const std::string request = get("/hello", "Connection: close\r\n");
    ASSERT_TRUE(near.run((*made)->send(gather(request), late())));
    const auto got = near.run(read(**made, 100000, late()));
    ASSERT_TRUE(got) << "an end without close_notify would be a fault: " << got.error().message;
    EXPECT_EQ(*got, "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
}

TEST_P(TlsServer, ClientsThatAreNotTlsOrDoNotTrustItFailAlone) {
    const authority ca;
    server_limits limits;
    limits.handshake = 30ms;
    running_server on(GetParam(), limits, ca.settings());
    const raw_socket plain = on.connect(), silent = on.connect();
    plain.send(get("/"));
    static_cast<void>(rest(plain)); // an alert
    EXPECT_EQ(rest(silent), "");
    loop near(GetParam());
    const auto untrusting = near.run(connect(*near.io, at(on.port()), tls_settings(), late()));
    EXPECT_FALSE(untrusting);
    on.until([](const server_counters& c) { return c.handshakes_failed == 3 && c.open == 0; });
}

TEST_P(TlsServer, DemandsCertificatesOfClients) {
    const authority ca;
    const identity other_root("other", nullptr, nullptr);
    tls_server_settings settings = ca.settings();
    settings.client_ca_pem = other_root.pem();
    running_server on(GetParam(), server_limits(), settings);
    loop near(GetParam());
    tls_settings trust;
    trust.ca_pem = ca.root.pem();
    // TLS 1.3: the client is done before the server has looked for its certificate.
    const auto made = near.run(connect(*near.io, at(on.port()), trust, late()));
    if (made) {
        EXPECT_FALSE(near.run(read(**made, 1, late())));
    }
    on.until([](const server_counters& c) { return c.handshakes_failed == 1 && c.open == 0; });
}

TEST_P(TlsServer, SettingsThatCannotBeUsedAreConfigurationFaults) {
    const authority ca;
    const identity stranger("stranger", nullptr, nullptr);
    for (int i = 0; i < 4; ++i) {
        tls_server_settings settings = ca.settings();
        if (i == 0) settings.certificate_pem = "nonsense";
        if (i == 1) settings.key_pem = stranger.key_pem();
        if (i == 2) settings.client_ca_pem = "nonsense";
        if (i == 3) {
            settings.key_pem.clear();
            settings.key_file = "/nonexistent/key.pem";
        }
        const auto made = tls_server_context::create(settings);
        ASSERT_FALSE(made) << i;
        EXPECT_EQ(made.error().kind(), errc::config);
        EXPECT_EQ(made.error().message.find("BEGIN"), std::string::npos) << "keys are never repeated";
    }
}

TEST_P(TlsServer, AClientThatLeavesCancelsTheHandler) {
    const authority ca;
    running_server on(GetParam(), server_limits(), ca.settings());
    loop near(GetParam());
    tls_settings trust;
    trust.ca_pem = ca.root.pem();
    {
        const auto made = near.run(connect(*near.io, at(on.port()), trust, late()));
        ASSERT_TRUE(made) << made.error().message;
        const std::string request = get("/wait");
        ASSERT_TRUE(near.run((*made)->send(gather(request), late())));
        on.until([](const server_counters& c) { return c.handling == 1; });
    }
    on.until([](const server_counters& c) { return c.open == 0; });
    EXPECT_EQ(on.seen->canceled, 1);
}

} // namespace
} // namespace modelmesh::net::testing
