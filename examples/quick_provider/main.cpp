// A provider that speaks OpenAI's format, described instead of written.
//   quick_provider ["question"]      with OPENAI_BASE_URL set to any server of that format
#include <modelmesh/connector/quick_provider.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/modelmesh.hpp>

#include <cstdlib>
#include <iostream>

namespace mm = modelmesh;

int main(int argc, char** argv) try {
    mm::connector::quick_provider::settings acme;
    acme.base_url = std::getenv("OPENAI_BASE_URL"); // in earnest: "https://api.acme.example/v1"
    acme.key_header = "x-api-key";
    acme.headers = {{"acme-version", "2026-01-01"}};
    mm::connector::registry connectors;
    connectors
        .add_provider("acme.llm.v1", [acme] { return std::make_unique<mm::connector::quick_provider>(acme); })
        .value();

    mm::config config;
    config.providers.emplace_back("acme", mm::provider_config{"acme.llm.v1"});
    mm::client client = mm::create(config, connectors);
    mm::chat::request request{"chat-completion", {mm::chat::user(argc > 1 ? argv[1] : "Who are you?")}};
    const mm::chat::reply reply = mm::run(client.chat.completions.create(request));
    std::cout << reply.text() << "\n(" << reply.x_modelmesh->model << ")\n";
} catch (const std::exception& failure) {
    std::cerr << "error: " << failure.what() << "\n";
    return 1;
}
