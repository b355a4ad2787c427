// A server over TLS: handshakes good and bad, sessions, clients with certificates.
#include "fixture.hpp"

#include "net/client.hpp"
#include "net/tls_stream.hpp"
#include "wire/transport/tls_peer.hpp"

#include <openssl/err.h>

#include <cstdio>

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

/// OpenSSL's own client, for what ours does not do. It trusts everybody.
class tls_client {
public:
    explicit tls_client(raw_socket link, const identity* who = nullptr, int max_version = TLS1_3_VERSION)
        : link_(std::move(link)), context_(SSL_CTX_new(TLS_client_method())) {
        // OpenSSL writes with write(2), also to a server that has left.
        sigset_t broken_pipe;
        sigemptyset(&broken_pipe);
        sigaddset(&broken_pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
        SSL_CTX_set_max_proto_version(context_, max_version);
        if (max_version < TLS1_2_VERSION) {
            SSL_CTX_set_min_proto_version(context_, max_version);
            SSL_CTX_set_security_level(context_, 0); // signatures with SHA-1
        }
        if (who != nullptr) {
            SSL_CTX_use_certificate(context_, who->certificate());
            SSL_CTX_use_PrivateKey(context_, who->key());
        }
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, link_.fd());
        SSL_connect(ssl_);
    }
    tls_client(const tls_client&) = delete;
    tls_client& operator=(const tls_client&) = delete;
    ~tls_client() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }
    void write(std::string_view bytes) { tls_server::write(ssl_, bytes); }
    /// The answer: so many bytes of it, or all until the end.
    std::string ask(std::string_view request, std::size_t size = std::string::npos) {
        write(request);
        ERR_clear_error();
        return tls_server::read(ssl_, size);
    }
    void ask_for_new_keys() {
        SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(ssl_);
    }
    [[nodiscard]] bool ended_in_order() const {
        return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    [[nodiscard]] unsigned long error() const { return ERR_peek_last_error(); }
    [[nodiscard]] const raw_socket& socket() const { return link_; }

private:
    raw_socket link_;
    SSL_CTX* context_;
    SSL* ssl_ = nullptr;
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
    limits.handshake = prompt;
    running_server on(GetParam(), limits, ca.settings());
    const raw_socket plain = on.connect(), strange = on.connect(), silent = on.connect();
    plain.send(get("/"));
    EXPECT_EQ(rest(plain), "") << "OpenSSL says nothing to HTTP";
    strange.send("\x16\x03\x01" + std::string(1, '\0') + "\x05hello");
    EXPECT_EQ(rest(strange).substr(0, 2), "\x15\x03") << "an alert tells it";
    EXPECT_EQ(rest(silent), "");
    loop near(GetParam());
    const auto untrusting = near.run(connect(*near.io, at(on.port()), tls_settings(), late()));
    EXPECT_FALSE(untrusting);
    on.until([](const server_counters& c) { return c.handshakes_failed == 4 && c.open == 0; });
}

TEST_P(TlsServer, RefusesWhatIsOlderThan12) {
    const authority ca;
    running_server on(GetParam(), server_limits(), ca.settings());
    for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
        tls_client old(on.connect(), nullptr, version);
        EXPECT_EQ(ERR_GET_REASON(old.error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION) << version;
        ERR_clear_error();
    }
    tls_client recent(on.connect(), nullptr, TLS1_2_VERSION);
    EXPECT_EQ(recent.ask(get("/hello"), ok("hello").size()), ok("hello"));
    on.until([](const server_counters& c) { return c.handshakes_failed == 2; });
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
    const identity stranger("stranger", nullptr, &ca.root), friendly("friendly", nullptr, &other_root);
    tls_client unknown(on.connect(), &stranger);
    EXPECT_EQ(unknown.ask(get("/hello")), "");
    tls_settings shown = trust;
    shown.certificate_pem = friendly.pem();
    shown.key_pem = friendly.key_pem();
    const auto ours = near.run(connect(*near.io, at(on.port()), shown, late()));
    ASSERT_TRUE(ours) << ours.error().message;
    const std::string request = get("/hello");
    ASSERT_TRUE(near.run((*ours)->send(gather(request), late())));
    EXPECT_EQ(near.run(read(**ours, ok("hello").size(), late())).value(), ok("hello"));
    tls_client known(on.connect(), &friendly);
    EXPECT_EQ(known.ask(get("/hello", "Connection: close\r\n")),
              "HTTP/1.1 200 OK\r\n" + date + "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
    EXPECT_EQ(on.counters().handshakes_failed, 2u);
}

TEST_P(TlsServer, AnAnswerCutOffDoesNotLookWholeToOldClients) {
    const authority ca;
    running_server on(GetParam(), server_limits(), ca.settings());
    tls_client client(on.connect());
    client.ask("GET /throw_late HTTP/1.0\r\n\r\n");
    EXPECT_FALSE(client.ended_in_order());
}

TEST_P(TlsServer, TellsWhyItCannotReadOn) {
    const authority ca;
    running_server on(GetParam(), server_limits(), ca.settings());
    tls_client client(on.connect());
    EXPECT_EQ(client.ask(get("/hello"), ok("hello").size()), ok("hello"));
    client.socket().send("\x17\x03\x03" + std::string(1, '\0') + "\x20" + std::string(32, 'x'));
    client.ask("");
    EXPECT_EQ(ERR_GET_REASON(client.error()), SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
}

TEST_P(TlsServer, AClientThatOnlyWantsAlertsOrKeysIsGivenUp) {
    const authority ca;
    running_server on(GetParam(), server_limits(), ca.settings());
    tls_client client(on.connect());
    client.write("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
    on.until([](const server_counters& c) { return c.handling == 1; });
    for (int i = 0; i < 1000; ++i) client.ask_for_new_keys();
    on.until([](const server_counters& c) { return c.open == 0; });
    EXPECT_EQ(on.counters().gone, 1u);
}

TEST_P(TlsServer, NobodyIsAskedForThePasswordOfAKey) {
    const authority ca;
    tls_server_settings settings = ca.settings();
    settings.key_pem.clear();
    settings.key_file = ::testing::TempDir() + "modelmesh_key_" + std::to_string(::getpid()) + ".pem";
    BIO* const file = BIO_new_file(settings.key_file.c_str(), "w");
    const unsigned char password[] = "secret";
    PEM_write_bio_PrivateKey(file, ca.intermediate.key(), EVP_aes_128_cbc(), password, 6, nullptr, nullptr);
    BIO_free(file);
    // Without a terminal OpenSSL asks at the standard input.
    const int before = ::dup(STDIN_FILENO);
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    EXPECT_EQ(::write(pipe[1], "secret\n", 7), 7);
    ::close(pipe[1]);
    ::dup2(pipe[0], STDIN_FILENO);
    const auto made = tls_server_context::create(settings);
    ::dup2(before, STDIN_FILENO);
    ::close(before);
    ::close(pipe[0]);
    std::remove(settings.key_file.c_str());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), errc::config);
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
