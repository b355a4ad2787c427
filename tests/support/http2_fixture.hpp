// The ground of the HTTP/2 tests: http_test with a server that speaks HTTP/2, by ALPN over TLS and by prior
// knowledge over TCP.
#pragma once

#include "support/http2_peer.hpp"
#include "support/http_fixture.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace support {

class http2_test : public http_test {
protected:
    http2_test() {
        server.choose_by_alpn("h2");
        to = endpoint(server.is_tls() ? modelmesh::net::http2_use::automatic
                                      : modelmesh::net::http2_use::prior_knowledge);
    }

    /// The server's side of the next connection.
    std::shared_ptr<http2_peer> serve(http2_peer::behaviour how, http2_peer::settings settings = {}) {
        auto peer = std::make_shared<http2_peer>(std::move(how), std::move(settings));
        server.add(script().serve(peer));
        return peer;
    }
    static void answer_ok(http2_peer& peer, const http2_request& request) { peer.answer(request.id, "ok"); }

    /// Runs the loop until one task is done. An open stream is work of its connection, so the loop need not
    /// come to rest.
    template <class T> T await(modelmesh::task<T> work) {
        running<T> handle = loop.start(std::move(work));
        loop.run_until([&] { return handle.is_done(); });
        return handle.take();
    }
    void expect_ok(std::string target = "/") {
        const modelmesh::result<modelmesh::http::response> got =
            await(client->exchange(to, request(std::move(target)), patient()));
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(got->status, 200);
        EXPECT_EQ(got->body, "ok");
    }
    auto begin(std::string target = "/", std::string body = "") {
        return loop.start(client->exchange(to, request(std::move(target), std::move(body)), patient()));
    }
    modelmesh::result<modelmesh::net::response_stream> open(std::string target = "/") {
        return await(client->open(to, request(std::move(target)), patient()));
    }
};

} // namespace support
