// The client against servers that share no code with it, nghttpd, nginx and Node, and through a proxy that
// shares none either.
#include "support/http_fixture.hpp"
#include "support/identity.hpp"
#include "support/other_server.hpp"
#include "support/scratch_folder.hpp"

#include <string>
#include <vector>

namespace modelmesh::net {
namespace {

class HttpPeers : public testing::TestWithParam<support::http_parameters> {
protected:
    using transport = support::scripted_server::transport;

    HttpPeers() {
        tls_settings tls;
        tls.ca_pem = own.pem();
        const bool is_tls = std::get<1>(GetParam()) == transport::tls;
        key = folder.write("key.pem", own.key_pem());
        certificate = folder.write("certificate.pem", own.pem());
        to = std::make_shared<endpoint>(origin{is_tls, "127.0.0.1", port}, tls,
                                        is_tls ? http2_use::automatic : http2_use::prior_knowledge);
    }
    void TearDown() override {
        client.reset();
        loop.run_to_idle();
        EXPECT_EQ(loop.engine().counters().open_streams, 0u);
        EXPECT_EQ(loop.engine().counters().lent_buffers, 0u);
    }

    void start_node() {
        std::vector<std::string> command{MODELMESH_NODE, MODELMESH_NODE_SCRIPT,
                                         to->http2() == http2_use::off ? "http1" : "http2",
                                         std::to_string(port)};
        if (to->where().tls) command.insert(command.end(), {key, certificate});
        server.emplace(command, port);
    }
    void start_nghttpd() {
        std::vector<std::string> command{MODELMESH_NGHTTPD, "--address=127.0.0.1", "--echo-upload",
                                         "--htdocs=" + folder.path(), "--max-concurrent-streams=10"};
        if (!to->where().tls) command.emplace_back("--no-tls");
        command.push_back(std::to_string(port));
        if (to->where().tls) command.insert(command.end(), {key, certificate});
        server.emplace(command, port);
    }
    void start_nginx() {
        const std::string listens = "listen 127.0.0.1:" + std::to_string(port) +
                                    (to->where().tls ? " ssl" : "") +
                                    (to->http2() == http2_use::off ? "" : " http2");
        std::string settings = "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log;\n"
                               "events {}\nhttp {\naccess_log off;\n";
        for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
            settings += std::string(kind) + "_temp_path " + kind + ";\n";
        if (to->where().tls)
            settings += "ssl_certificate " + certificate + ";\nssl_certificate_key " + key + ";\n";
        settings += "server {\n" + listens + ";\nroot " + folder.path() + ";\n}\n}\n";
        const std::string file = folder.write("nginx.conf", settings);
        const std::vector<std::string> command{MODELMESH_NGINX, "-p", folder.path(), "-e",
                                               "error.log",     "-c", file};
        server.emplace(command, port);
    }
    auto begin(std::string target, std::string body = "") {
        auto made = std::make_shared<http::request>();
        if (!body.empty()) made->method = "POST";
        made->target = std::move(target);
        made->body = std::move(body);
        return loop.start(client->exchange(
            to, made, exchange_limits(std::chrono::steady_clock::now() + std::chrono::seconds(10))));
    }
    http::response get(std::string target, std::string body = "") {
        auto asked = begin(std::move(target), std::move(body));
        loop.run_to_idle();
        result<http::response> got = asked.take();
        EXPECT_TRUE(got) << got.error().message;
        return got ? *got : http::response();
    }

    std::vector<http::response> get_fifty_at_once(const std::string& target) {
        std::vector<support::running<result<http::response>>> all;
        for (int i = 0; i < 50; ++i) all.push_back(begin(target));
        loop.run_to_idle();
        std::vector<http::response> answers;
        for (auto& one : all) {
            result<http::response> got = one.take();
            EXPECT_TRUE(got) << got.error().message;
            if (got) answers.push_back(std::move(*got));
        }
        EXPECT_EQ(answers.size(), 50u);
        return answers;
    }

    /// From here on everything goes through tinyproxy, which asks for a password.
    void start_proxy(const std::string& user_info) {
        const std::uint16_t front = support::free_port();
        const std::string settings = folder.write("tinyproxy.conf", "Port " + std::to_string(front) +
                                                                        "\nListen 127.0.0.1\nTimeout 60\n"
                                                                        "BasicAuth me pass-word\n");
        const std::vector<std::string> command{MODELMESH_TINYPROXY, "-d", "-c", settings};
        tinyproxy.emplace(command, front);
        const proxy via = parse_proxy("http://" + user_info + "127.0.0.1:" + std::to_string(front)).value();
        to = std::make_shared<endpoint>(to->where(), to->tls(), to->http2(), via);
    }

    support::identity own{"peer", "IP:127.0.0.1,DNS:localhost", nullptr};
    support::scratch_folder folder;
    std::uint16_t port = support::free_port();
    std::string key;
    std::string certificate;
    std::shared_ptr<const endpoint> to;
    std::optional<support::other_server> server;
    std::optional<support::other_server> tinyproxy;
    support::event_loop loop{std::get<0>(GetParam())};
    std::optional<net::client> client{std::in_place, loop.engine()};
};
INSTANTIATE_TEST_SUITE_P(Engines, HttpPeers, support::http_combinations(), support::http_name);

TEST_P(HttpPeers, Node) {
    const std::string big(400'000, 'x');
    std::string events;
    for (int i = 0; i < 20; ++i) events += "data: " + std::to_string(i) + "\n\n";
    for (const http2_use use : {to->http2(), http2_use::off}) {
        SCOPED_TRACE(use == http2_use::off ? "HTTP/1.1" : "HTTP/2");
        to = std::make_shared<endpoint>(to->where(), to->tls(), use);
        client.emplace(loop.engine());
        server.reset();
        start_node();
        EXPECT_EQ(get("/a").body, "/a ");
        EXPECT_TRUE(get("/b", big).body == "/b " + big);
        EXPECT_EQ(get("/stream").body, events);
        EXPECT_EQ(client->counters().opened, 1u) << "one connection serves them all";
        for (const http::response& got : get_fifty_at_once("/stream")) {
            EXPECT_EQ(got.headers.get("x-peer"), "node");
            EXPECT_EQ(got.body, events);
        }
        if (use != http2_use::off) {
            EXPECT_LE(client->counters().opened, 6u) << "ten streams on each connection";
        }
        EXPECT_EQ(get("/leave").body, "/leave ");
        EXPECT_EQ(get("/a").body, "/a ");
    }
}

TEST_P(HttpPeers, Nghttpd) {
    const std::string big(400'000, 'y');
    folder.write("big", big);
    folder.write("small", "ok");
    start_nghttpd();
    EXPECT_EQ(get("/small").body, "ok");
    EXPECT_EQ(get("/none").status, 404);
    EXPECT_TRUE(get("/big").body == big);
    EXPECT_TRUE(get("/", big).body == big) << "it echoes what is sent";
    for (const http::response& got : get_fifty_at_once("/small")) EXPECT_EQ(got.body, "ok");
    EXPECT_LE(client->counters().opened, 5u) << "ten streams on each connection";
}

TEST_P(HttpPeers, Nginx) {
    const std::string big(400'000, 'n');
    folder.write("big", big);
    folder.write("small", "ok");
    for (const http2_use use : {to->http2(), http2_use::off}) {
        SCOPED_TRACE(use == http2_use::off ? "HTTP/1.1" : "HTTP/2");
        to = std::make_shared<endpoint>(to->where(), to->tls(), use);
        server.reset();
        start_nginx();
        EXPECT_EQ(get("/small").body, "ok");
        EXPECT_EQ(get("/none").status, 404);
        EXPECT_TRUE(get("/big").body == big);
        EXPECT_EQ(get("/small", big).status, 405) << "a file takes no body";
        for (const http::response& got : get_fifty_at_once("/small")) EXPECT_EQ(got.body, "ok");
    }
}

TEST_P(HttpPeers, NodeThroughTinyproxy) {
    start_node();
    start_proxy("me:pass-word@");
    EXPECT_EQ(get("/a").body, "/a ");
    const std::string big(400'000, 'x');
    EXPECT_TRUE(get("/b", big).body == "/b " + big);
    EXPECT_EQ(client->counters().opened, 1u);
}

TEST_P(HttpPeers, TinyproxyWantsThePassword) {
    start_proxy("me:another-word@");
    auto asked = begin("/a");
    loop.run_to_idle();
    const result<http::response> got = asked.take();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::connect);
    EXPECT_NE(got.error().message.find("refused the tunnel with status 40"), std::string::npos)
        << got.error().message;
    EXPECT_EQ(got.error().message.find("another-word"), std::string::npos);
}

} // namespace
} // namespace modelmesh::net
