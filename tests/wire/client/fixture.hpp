// Simulated providers and clients of them, once per I/O engine.
#pragma once

#include "support/scripted_server.hpp"

#include <modelmesh/modelmesh.hpp>
#include <modelmesh/testing/simulator.hpp>

#include <gmock/gmock.h>

#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace modelmesh::testing {

/// The parameter is the value of MODELMESH_IO.
class ClientFixture : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override { setenv("MODELMESH_IO", GetParam(), 1); }
    void TearDown() override { unsetenv("MODELMESH_IO"); }

    simulator& start(const std::string& name, std::string script = {}, bool tls = false) {
        simulator_options options;
        options.name = name;
        options.models = {name + "-model"};
        options.tls = tls;
        options.script = std::move(script);
        providers_.push_back(std::make_unique<simulator>(options));

        provider_config provider;
        provider.connector = "openai.llm.v1";
        provider.base_url = providers_.back()->base_url();
        provider.api_key = "secret-key";
        provider.models = options.models;
        provider.tls.ca_pem = providers_.back()->ca_pem();
        settings.providers.emplace_back(name, provider);
        return *providers_.back();
    }

    /// The only pool is for this, and asks each model once: for tests that are not about retries.
    void ask_each_once(const std::string& capability = "chat-completion") {
        pool_config pool;
        pool.capability = capability;
        pool.retry.max_attempts = 1;
        settings.pools.emplace_back(capability, pool);
    }

    static chat::request question() {
        chat::request request;
        request.model = "chat-completion";
        request.messages.push_back(chat::user("hello"));
        return request;
    }

    config settings;

private:
    std::vector<std::unique_ptr<simulator>> providers_;
};

/// An answer with all of its body.
/// @param more  further lines of its head
inline std::string answer(const std::string& body, const std::string& status = "200 OK",
                          const std::string& more = {}) {
    return "HTTP/1.1 " + status + "\r\n" + more + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}
/// One event of a stream, and the answer that is made of such.
inline std::string event(const std::string& data) { return "data: " + data + "\n\n"; }
inline std::string events(const std::string& body) {
    return answer(body, "200 OK", "Content-Type: text/event-stream\r\n");
}
inline std::string events(std::initializer_list<std::string> pieces) {
    std::string body;
    for (const std::string& piece : pieces) body += event(piece);
    return events(body);
}

/// A request that is a form, without its boundary, which is another each time, and without its length, which is
/// checked.
inline std::string without_boundary(std::string request) {
    const std::string form = request.substr(request.find("\r\n\r\n") + 4);
    const std::string length = "Content-Length: " + std::to_string(form.size()) + "\r\n";
    const std::size_t head = request.find(length);
    EXPECT_NE(head, std::string::npos) << length << request;
    if (head != std::string::npos) request.replace(head, length.size(), "Content-Length: N\r\n");
    const std::string boundary = form.substr(2, form.find("\r\n") - 2);
    for (std::size_t at = request.find(boundary); at != std::string::npos; at = request.find(boundary))
        request.replace(at, boundary.size(), "#");
    return request;
}

/// Two providers, "alpha" and "beta", which follow a script byte by byte.
class ScriptedFixture : public ClientFixture {
protected:
    using scripted_server = support::scripted_server;

    /// A client of both, with these models at each; none: they have to say it themselves.
    client with(const std::vector<std::string>& models) {
        settings.providers.clear();
        for (scripted_server* server : {&alpha, &beta}) {
            provider_config provider;
            provider.connector = "openai.llm.v1";
            provider.base_url = "http://127.0.0.1:" + std::to_string(server->port()) + "/v1";
            provider.api_key = "secret-key";
            provider.models = models;
            provider.proxy = "none";
            settings.providers.emplace_back(server == &alpha ? "alpha" : "beta", provider);
        }
        return create(settings);
    }
    void TearDown() override {
        EXPECT_THAT(alpha.finish(), ::testing::IsEmpty());
        EXPECT_THAT(beta.finish(), ::testing::IsEmpty());
        ClientFixture::TearDown();
    }

    /// A request as it is on the wire; `rest` is what follows the credentials.
    static std::string wire(const scripted_server& to, const std::string& line, const std::string& rest,
                            const std::string& accepted = "application/json") {
        return line + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(to.port()) +
               "\r\nUser-Agent: modelmesh/0.1.0\r\nAccept-Encoding: identity\r\nAccept: " + accepted +
               "\r\nAuthorization: Bearer secret-key\r\n" + rest;
    }
    static std::string json(const std::string& body) {
        return "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body;
    }
    static std::string last(const scripted_server& server) {
        const std::vector<std::string> requests = server.requests();
        return requests.empty() ? std::string("no request") : requests.back();
    }
    /// The body of the first request that a server has got.
    static std::string body_of(const scripted_server& server) { return body_in(server.requests().at(0)); }
    static std::string form_of(const scripted_server& server) {
        return body_in(without_boundary(server.requests().at(0)));
    }

    scripted_server alpha{scripted_server::transport::plain};
    scripted_server beta{scripted_server::transport::plain};

private:
    static std::string body_in(const std::string& request) {
        return request.substr(request.find("\r\n\r\n") + 4);
    }
};

/// What create() says against a configuration; "no error" when it takes it.
inline std::string refusal(const config& settings) {
    try {
        (void)create(settings);
    } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::config);
        return e.info().message;
    }
    return "no error";
}

/// Asks once and returns the reply or the fault.
inline task<result<chat::reply>> ask_once(client c, chat::request request) {
    co_return co_await c.chat.completions.try_create(request);
}

/// The text of a streamed reply, or the fault that ended it, with the text so far before '|' in its message.
inline task<result<std::string>> stream_text(client c, chat::request request) {
    auto opened = co_await c.chat.completions.try_stream(request);
    if (!opened) co_return opened.error();
    std::string text;
    for (;;) {
        auto chunk = co_await opened->try_read();
        if (!chunk) {
            fault f = chunk.error();
            f.message = text + "|" + f.message;
            co_return f;
        }
        if (!*chunk) co_return text;
        text += (*chunk)->text();
    }
}

} // namespace modelmesh::testing
