// TLS over both engines: what is trusted and what is not, bytes, ends, resumption.
#include "tls_peer.hpp"

#include "net/tls_stream.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <latch>

namespace modelmesh::net::testing {
namespace {

struct authority {
    identity root{"Test Root", nullptr, nullptr};
    identity good{"localhost", "DNS:localhost,IP:127.0.0.1", &root};
    identity expired{"localhost", "DNS:localhost,IP:127.0.0.1", &root, true};
    identity elsewhere{"example.org", "DNS:example.org", &root};
    tls_settings trusting() const {
        tls_settings settings;
        settings.ca_pem = root.pem();
        return settings;
    }
};

const authority& certificates() {
    static const authority made;
    return made;
}

void serve_echo(SSL* ssl, raw_socket&) {
    const std::string got = tls_server::read(ssl, 5);
    tls_server::write(ssl, got);
    SSL_shutdown(ssl);
}

using made_stream = result<std::unique_ptr<stream>>;

made_stream dial(loop& on, std::uint16_t port, const tls_settings& settings, std::string host = "localhost") {
    const origin where{true, std::move(host), port};
    return on.run(connect(*on.io, where, settings, late()));
}

using Tls = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, Tls, ::testing::Values(engine_kind::uring, engine_kind::epoll), engine_name);

TEST_P(Tls, GoodCertificateByNameAndByAddress) {
    tls_server server(certificates().good, nullptr, 2, serve_echo);
    loop on(GetParam());
    for (const char* host : {"localhost", "127.0.0.1"}) {
        auto made = dial(on, server.port(), certificates().trusting(), host);
        ASSERT_TRUE(made) << made.error().message;
        auto& tls = dynamic_cast<tls_stream&>(**made);
        EXPECT_EQ(tls.protocol(), "TLSv1.3");
        EXPECT_EQ(tls.alpn(), "http/1.1");
        EXPECT_TRUE(on.run(tls.send(gather("he", "llo"), late())));
        const auto got = on.run(read(tls, 100, late()));
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(*got, "hello");
        chunk bytes;
        EXPECT_EQ(tls.try_receive(bytes).value(), io_status::end); // close_notify
    }
    EXPECT_EQ(on.io->counters().open_streams, 0u);
    EXPECT_EQ(on.io->counters().lent_buffers, 0u);
}

TEST_P(Tls, AuthoritiesFromAFile) {
    const std::string path = ::testing::TempDir() + "modelmesh-ca-" + std::to_string(::getpid()) + ".pem";
    std::ofstream(path) << certificates().root.pem();
    tls_settings settings;
    settings.ca_file = path;
    tls_server server(certificates().good, nullptr, 1, serve_echo);
    loop on(GetParam());
    auto made = dial(on, server.port(), settings);
    EXPECT_TRUE(made) << made.error().message;
    ::unlink(path.c_str());
    settings.ca_file = "/nonexistent.pem";
    const auto failed = dial(on, 1, settings);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().kind(), errc::config);
    settings.ca_file.clear();
    settings.ca_pem = "no certificate";
    EXPECT_EQ(dial(on, 1, settings).error().kind(), errc::config);
}

TEST_P(Tls, RefusesWhatItCannotVerify) {
    struct row {
        const identity* who;
        const identity* chain;
        tls_settings settings;
        std::string_view reason;
    };
    const identity stranger_root("Stranger", nullptr, nullptr);
    const identity stranger("localhost", "DNS:localhost", &stranger_root);
    const row rows[] = {
        {&certificates().expired, nullptr, certificates().trusting(), "certificate has expired"},
        {&certificates().elsewhere, nullptr, certificates().trusting(), "hostname mismatch"},
        {&stranger, &stranger_root, certificates().trusting(),
         "self-signed certificate in certificate chain"},
        {&stranger, nullptr, certificates().trusting(), "unable to get local issuer certificate"},
        {&stranger_root, nullptr, tls_settings(), "self-signed certificate"},
    };
    for (const row& r : rows) {
        tls_server server(*r.who, r.chain, 1, serve_echo);
        loop on(GetParam());
        const auto made = dial(on, server.port(), r.settings);
        ASSERT_FALSE(made) << r.reason;
        EXPECT_EQ(made.error().kind(), errc::connect);
        EXPECT_EQ(made.error().message, "connect to localhost:" + std::to_string(server.port()) +
                                            ": certificate verify failed: " + std::string(r.reason));
        EXPECT_EQ(on.io->counters().open_streams, 0u);
    }
}

TEST_P(Tls, VerificationCanBeSwitchedOffAndTheNameOverridden) {
    tls_server server(certificates().elsewhere, nullptr, 2, serve_echo);
    loop on(GetParam());
    tls_settings open;
    open.verify = false;
    EXPECT_TRUE(dial(on, server.port(), open));
    tls_settings named = certificates().trusting();
    named.server_name = "example.org";
    const auto made = dial(on, server.port(), named);
    EXPECT_TRUE(made) << made.error().message;
}

TEST_P(Tls, LargeBodiesBothWays) {
    const std::string body = pattern(3 << 20);
    tls_server server(certificates().good, nullptr, 1, [&](SSL* ssl, raw_socket&) {
        const std::string got = tls_server::read(ssl, body.size() + 4);
        tls_server::write(ssl, got);
        SSL_shutdown(ssl);
    });
    loop on(GetParam());
    auto made = dial(on, server.port(), certificates().trusting());
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(on.run((*made)->send(gather("head", body), late())));
    const auto got = on.run(read(**made, body.size() + 100, late()));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(*got == "head" + body);
    made->reset();
    EXPECT_EQ(on.io->counters().lent_buffers, 0u);
}

TEST_P(Tls, AGoodbyeArrivesBeforeTheEnd) {
    std::string heard;
    {
        tls_server server(certificates().good, nullptr, 1,
                          [&](SSL* ssl, raw_socket&) { heard = tls_server::read(ssl, 7); });
        loop on(GetParam());
        auto made = dial(on, server.port(), certificates().trusting());
        ASSERT_TRUE(made) << made.error().message;
        (*made)->send_last("goodbye");
        (*made)->close();
    }
    EXPECT_EQ(heard, "goodbye");
}

TEST_P(Tls, EndWithoutCloseNotifyIsALossAfterTheBytes) {
    tls_server server(certificates().good, nullptr, 1, [](SSL* ssl, raw_socket& socket) {
        tls_server::write(ssl, "cut");
        socket.half_close();
        static_cast<void>(socket.receive(1)); // until the client has gone
    });
    loop on(GetParam());
    auto made = dial(on, server.port(), certificates().trusting());
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(on.run(read(**made, 3, late())).value(), "cut");
    for (int again = 0; again < 2; ++again) {
        const auto end = on.run(read(**made, 1, late()));
        ASSERT_FALSE(end);
        EXPECT_EQ(end.error().kind(), errc::connect);
        EXPECT_THAT(end.error().message, ::testing::HasSubstr("close_notify"));
    }
}

TEST_P(Tls, GarbageInsteadOfRecordsIsAProtocolFault) {
    tls_server server(certificates().good, nullptr, 1, [](SSL*, raw_socket& socket) {
        socket.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        static_cast<void>(socket.receive(1000));
    });
    loop on(GetParam());
    auto made = dial(on, server.port(), certificates().trusting());
    ASSERT_TRUE(made) << made.error().message;
    const auto got = on.run(read(**made, 1, late()));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::protocol);
}

TEST_P(Tls, SessionsAreResumed) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        int reused = 0;
        {
            tls_server server(
                certificates().good, nullptr, 3,
                [&](SSL* ssl, raw_socket& socket) {
                    reused += SSL_session_reused(ssl);
                    serve_echo(ssl, socket);
                    static_cast<void>(tls_server::read(ssl, 1)); // the client's close_notify
                },
                version);
            loop on(GetParam());
            for (int i = 0; i < 3; ++i) {
                auto made = dial(on, server.port(), certificates().trusting());
                ASSERT_TRUE(made) << made.error().message;
                EXPECT_EQ(dynamic_cast<tls_stream&>(**made).resumed(), i > 0);
                EXPECT_TRUE(on.run((*made)->send(gather("hello"), late())));
                EXPECT_EQ(on.run(read(**made, 5, late())).value(), "hello");
            }
        }
        EXPECT_EQ(reused, 2) << version;
    }
}

TEST_P(Tls, WhatIsOlderThan12IsRefused) {
    for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
        tls_server server(certificates().good, nullptr, 1, serve_echo, version);
        loop on(GetParam());
        const auto made = dial(on, server.port(), certificates().trusting());
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind(), errc::connect);
        EXPECT_THAT(made.error().message, ::testing::HasSubstr("protocol version")) << version;
    }
}

TEST_P(Tls, ParkedWithTicketsUnreadIsStillUsable) {
    std::latch sent(1);
    tls_server server(certificates().good, nullptr, 1, [&sent](SSL* ssl, raw_socket& socket) {
        sent.count_down();
        serve_echo(ssl, socket);
        static_cast<void>(socket.receive(1000));
    });
    loop on(GetParam());
    auto made = dial(on, server.port(), certificates().trusting());
    ASSERT_TRUE(made) << made.error().message;
    sent.wait(); // the tickets have arrived, unseen by the loop
    (*made)->park();
    EXPECT_TRUE((*made)->unpark());
    static_cast<void>(on.run(readable(**made, in(5ms)))); // they are nothing to read
    (*made)->park();
    EXPECT_TRUE((*made)->unpark());
    EXPECT_TRUE(on.run((*made)->send(gather("hello"), late())));
    EXPECT_EQ(on.run(read(**made, 5, late())).value(), "hello");
    (*made)->park();
    EXPECT_EQ(on.run(read(**made, 1, late())).value(), ""); // the server's goodbye
    EXPECT_FALSE((*made)->unpark());
}

TEST_P(Tls, StalledHandshakeTimesOutAndPlainServersAreNamed) {
    loop on(GetParam());
    {
        raw_listener silent;
        const origin where{true, "127.0.0.1", silent.port()};
        const auto made = on.run(connect(*on.io, where, certificates().trusting(), in(200ms)));
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind(), errc::timed_out);
        EXPECT_EQ(made.error().message, "connect to " + to_string(where) + ": timed out");
    }
    {
        raw_listener plain;
        std::jthread server([&] {
            raw_socket socket = plain.accept();
            socket.send("HTTP/1.1 400 Bad Request\r\n\r\n");
            static_cast<void>(socket.receive(100000));
        });
        const auto made = dial(on, plain.port(), certificates().trusting(), "127.0.0.1");
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind(), errc::connect);
        EXPECT_THAT(made.error().message, ::testing::HasSubstr("TLS handshake failed: "));
    }
    {
        raw_listener closing;
        std::jthread server([&] {
            raw_socket socket = closing.accept();
            static_cast<void>(socket.receive(10));
            socket.half_close();
            static_cast<void>(socket.receive(100000));
        });
        const auto made = dial(on, closing.port(), certificates().trusting(), "127.0.0.1");
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind(), errc::connect);
        EXPECT_THAT(made.error().message, ::testing::HasSubstr("connection closed during the TLS handshake"));
    }
    EXPECT_EQ(on.io->counters().open_streams, 0u);
}

TEST_P(Tls, ContextDestroyedAroundAStream) {
    tls_server server(certificates().good, nullptr, 1,
                      [](SSL* ssl, raw_socket&) { static_cast<void>(tls_server::read(ssl, 1)); });
    std::unique_ptr<stream> survivor;
    {
        loop on(GetParam());
        auto made = dial(on, server.port(), certificates().trusting());
        ASSERT_TRUE(made) << made.error().message;
        survivor = std::move(*made);
        asio::co_spawn(on.context, readable(*survivor, late()), asio::detached);
        on.context.restart();
        on.context.poll();
    }
    chunk bytes;
    EXPECT_FALSE(survivor->try_receive(bytes));
    survivor->close();
}

} // namespace
} // namespace modelmesh::net::testing
