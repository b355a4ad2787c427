// The main job in one run: ask for a capability, stream the answer, lose a provider, carry on with the next.
//
// With providers in the environment (OPENAI_API_KEY, OLLAMA_HOST, VLLM_HOST) it asks those. Without, it
// starts three simulated providers in this process, stops the first between two requests, and shows who
// serves the second.
#include <modelmesh/modelmesh.hpp>
#include <modelmesh/testing/simulator.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace {

using modelmesh::testing::simulator;

// Streams one answer to the terminal, token by token, and says who gave it.
modelmesh::task<> ask(modelmesh::client client, std::string question) {
    modelmesh::chat::request request;
    request.model = "chat-completion";
    request.messages.push_back(modelmesh::chat::user(question));

    std::printf("> %s\n", question.c_str());
    auto stream = co_await client.chat.completions.stream(request);
    while (auto text = co_await stream.next_text()) {
        std::fwrite(text->data(), 1, text->size(), stdout);
        std::fflush(stdout);
    }
    const modelmesh::route& route = stream.route();
    std::printf("\n  served by %s (provider %s), attempt %d, engine %s\n\n", route.model.c_str(),
                route.provider.c_str(), route.attempts, route.engine.c_str());
}

modelmesh::task<> with_real_providers(modelmesh::client client) {
    co_await client.ready();
    std::printf("%s\n", client.describe().c_str());
    co_await ask(client, "In one sentence: what is a coroutine?");
}

modelmesh::task<> with_simulators(modelmesh::client client,
                                  std::vector<std::unique_ptr<simulator>>* providers) {
    std::printf("%s\n", client.describe().c_str());
    co_await ask(client, "Which provider are you?");

    std::printf("stopping the first provider ...\n\n");
    providers->front()->stop();

    co_await ask(client, "And who answers now?");
    co_await ask(client, "Once more?");
}

int run_simulated() {
    if (const char* key = std::getenv("ANTHROPIC_API_KEY"); key != nullptr && *key != '\0')
        std::printf("ANTHROPIC_API_KEY is set, but this version has no connector for it yet.\n");
    std::printf(
        "OPENAI_API_KEY, OLLAMA_HOST and VLLM_HOST are not set: starting three simulated providers (HTTPS, "
        "own certificate authority).\n");
    modelmesh::config config;
    std::vector<std::unique_ptr<simulator>> providers;
    for (const char* name : {"alpha", "beta", "gamma"}) {
        modelmesh::testing::simulator_options options;
        options.name = name;
        options.models = {std::string(name) + "-large"};
        options.tls = true;
        options.script = R"({"rules": [{"times": "always", "pace_ms": 60}]})"; // a visible stream
        providers.push_back(std::make_unique<simulator>(options));

        modelmesh::provider_config provider;
        provider.connector = "openai.llm.v1";
        provider.base_url = providers.back()->base_url();
        provider.api_key = "not-a-secret";
        provider.models = options.models;
        provider.tls.ca_pem = providers.back()->ca_pem();
        provider.proxy = "none"; // it is on this machine, whatever HTTPS_PROXY says
        config.providers.emplace_back(name, provider);
    }
    modelmesh::pool_config pool;
    pool.capability = "chat-completion";
    config.pools.emplace_back("chat-completion", pool);

    modelmesh::run(with_simulators(modelmesh::create(config), &providers));
    return 0;
}

} // namespace

int main() {
    try {
        const modelmesh::config detected = modelmesh::detect("chat-completion");
        if (detected.providers.empty()) return run_simulated();
        std::printf("Using the providers in the environment:\n");
        modelmesh::run(with_real_providers(modelmesh::create(detected)));
        return 0;
    } catch (const std::exception& failure) { // modelmesh::error, and what starting a server may throw
        std::fprintf(stderr, "error: %s\n", failure.what());
        return 1;
    }
}
