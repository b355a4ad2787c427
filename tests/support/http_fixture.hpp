// A client on a chosen engine and a scripted server, plain or TLS: the ground of the HTTP wire and fault
// tests.
#pragma once

#include "net/client.hpp"
#include "support/descriptors.hpp"
#include "support/run.hpp"
#include "support/scripted_server.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace support {

using http_parameters = std::tuple<modelmesh::net::engine_kind, scripted_server::transport>;

inline auto http_combinations() {
    return testing::Combine(testing::ValuesIn(engines()), testing::Values(scripted_server::transport::plain,
                                                                          scripted_server::transport::tls));
}

/// Of these, those with a handshake.
inline auto https_combinations() {
    return testing::Combine(testing::ValuesIn(engines()), testing::Values(scripted_server::transport::tls));
}

inline std::string http_name(const testing::TestParamInfo<http_parameters>& info) {
    const bool ring = std::get<0>(info.param) == modelmesh::net::engine_kind::uring;
    const bool tls = std::get<1>(info.param) == scripted_server::transport::tls;
    return std::string(ring ? "uring" : "epoll") + (tls ? "_tls" : "_plain");
}

class http_test : public testing::TestWithParam<http_parameters> {
protected:
    http_test() { make_client(modelmesh::net::pool_limits()); }

    void SetUp() override { descriptors = open_descriptors(); }

    /// After the client has let go of its connections nothing is left in the engine or open in the process, and the
    /// scripts are at their end.
    void TearDown() override {
        client.reset();
        loop.run_to_idle();
        const modelmesh::net::engine_counters left = loop.engine().counters();
        EXPECT_EQ(left.open_streams, 0u);
        EXPECT_EQ(left.waiters, 0u);
        EXPECT_EQ(left.lent_buffers, 0u);
        const std::size_t listeners = finish_servers();
        EXPECT_EQ(open_descriptors(), descriptors - listeners);
    }
    /// Hands out what went wrong, and says how many listeners are closed now.
    virtual std::size_t finish_servers() {
        for (const std::string& failure : server.finish()) ADD_FAILURE() << failure;
        return 1;
    }

    void make_client(modelmesh::net::pool_limits limits) { client.emplace(loop.engine(), limits); }

    std::shared_ptr<const modelmesh::net::endpoint> endpoint(
        modelmesh::net::http2_use http2 = modelmesh::net::http2_use::automatic,
        std::size_t pipeline_depth = 1) const {
        modelmesh::net::tls_settings tls;
        tls.ca_pem = server.certificate();
        modelmesh::net::origin where;
        where.tls = server.is_tls();
        where.host = "127.0.0.1";
        where.port = server.port();
        modelmesh::net::connection_rules rules;
        rules.pipeline_depth = pipeline_depth;
        return std::make_shared<modelmesh::net::endpoint>(where, tls, http2, std::nullopt, rules);
    }
    std::string address() const { return "127.0.0.1:" + std::to_string(server.port()); }

    static std::shared_ptr<const modelmesh::http::request> request(std::string target = "/",
                                                                   std::string body = "") {
        auto made = std::make_shared<modelmesh::http::request>();
        if (!body.empty()) made->method = "POST";
        made->target = std::move(target);
        made->body = std::move(body);
        return made;
    }
    /// Long enough that only a defect meets it.
    static modelmesh::net::exchange_limits patient() {
        return modelmesh::net::exchange_limits(std::chrono::steady_clock::now() + std::chrono::seconds(10));
    }
    /// Nothing is waited for this long unless it never comes.
    static constexpr std::chrono::milliseconds brief{30};

    modelmesh::result<modelmesh::http::response> exchange(std::string target = "/", std::string body = "") {
        return loop.run(client->exchange(to, request(std::move(target), std::move(body)), patient()));
    }

    static constexpr const char* ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    scripted_server server{std::get<1>(GetParam())};
    event_loop loop{std::get<0>(GetParam())};
    std::shared_ptr<const modelmesh::net::endpoint> to = endpoint();
    std::optional<modelmesh::net::client> client;
    std::size_t descriptors = 0; ///< that were open when the test began
};

/// Everything that a stream still gives, or the kind of its failure.
class drained {
public:
    std::string body;
    std::optional<modelmesh::fault> failure;
};

inline modelmesh::task<drained> drain(modelmesh::net::response_stream stream) {
    drained all;
    for (;;) {
        modelmesh::result<std::optional<std::string_view>> slice = co_await stream.read();
        if (!slice) {
            all.failure = slice.error();
            co_return all;
        }
        if (!*slice) co_return all;
        all.body += **slice;
    }
}

} // namespace support
