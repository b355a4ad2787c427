// Simulated providers and clients of them, once per I/O engine.
#pragma once

#include <modelmesh/modelmesh.hpp>
#include <modelmesh/testing/simulator.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
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
