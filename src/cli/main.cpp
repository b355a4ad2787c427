// The command line program: uses public headers only, as any other user of the library.
#include <modelmesh/modelmesh.hpp>

#include <cstdio>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr const char* usage = R"(usage: modelmesh <command>

  chat [--model NAME] [--whole] TEXT   ask; streams the answer (--whole: waits for all of it)
  models                               list the pools and models that the environment gives
  capabilities [WORD]                  list what can be asked for, or what WORD finds of it
  doctor                               report the I/O engine and the providers found
  version                              print the version

Providers are taken from the environment: OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST, VLLM_HOST.
MODELMESH_IO=auto|uring|epoll chooses the I/O engine.
)";

struct chat_arguments {
    std::string model = "chat-completion";
    bool whole = false;
    std::string text;
};

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_route(const modelmesh::route& route) {
    std::fprintf(stderr, "[%s, attempt %d, engine %s]\n", route.model.c_str(), route.attempts,
                 route.engine.c_str());
}

modelmesh::task<> chat(modelmesh::client client, chat_arguments arguments) {
    modelmesh::chat::request request;
    request.model = arguments.model;
    request.messages.push_back(modelmesh::chat::user(arguments.text));
    if (arguments.whole) {
        const auto reply = co_await client.chat.completions.create(request);
        print(reply.text());
        print("\n");
        print_route(*reply.x_modelmesh);
        co_return;
    }
    auto stream = co_await client.chat.completions.stream(request);
    while (auto text = co_await stream.next_text()) {
        print(*text);
        std::fflush(stdout);
    }
    print("\n");
    print_route(stream.route());
}

modelmesh::task<> models(modelmesh::client client) {
    co_await client.ready();
    print(client.describe());
}

void print_line(const std::string& capability, const std::string& pool, const std::string& models) {
    std::printf("%-58s %-20s %s\n", capability.c_str(), pool.c_str(), models.c_str());
}

// The whole tree, or what a word finds of it, best first; a node without a pool has nothing to serve it.
modelmesh::task<> capabilities(modelmesh::client client, std::string word) {
    co_await client.ready();
    modelmesh::capability::tree known;
    std::map<std::string, modelmesh::capability::offer> offers;
    for (auto& offer : client.capabilities()) {
        if (!known.add(offer.node.path)) continue;
        offers.emplace(offer.node.path, std::move(offer));
    }
    const auto wanted = word.empty() ? known.nodes() : known.search(word);
    if (wanted.empty()) throw std::runtime_error("no capability is named like '" + word + "'");
    print_line("CAPABILITY", "ASKS POOL", "MODELS THAT HAVE IT");
    for (const auto& node : wanted) {
        const auto& offer = offers.at(node.path);
        print_line(node.path, offer.pool.empty() ? "-" : offer.pool, std::to_string(offer.models));
    }
}

modelmesh::task<> check_providers(modelmesh::client client) {
    const auto ready = co_await client.try_ready();
    print(client.describe());
    std::fflush(stdout);
    if (!ready) throw modelmesh::error(ready.error());
}

// Reports all it can before the first thing that is wrong ends it.
int doctor() {
    const modelmesh::engine_report engine = modelmesh::engine();
    std::printf("I/O engine: %s (%s)\n", engine.name.c_str(), engine.reason.c_str());
    std::fflush(stdout); // before what goes to stderr, also into a pipe
    modelmesh::run(check_providers(modelmesh::create("chat-completion")));
    return 0;
}

int usage_error(const std::string& what) {
    std::fprintf(stderr, "modelmesh: %s\n%s", what.c_str(), usage);
    return 2;
}

int run_chat(std::span<char*> words) {
    chat_arguments arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (word == "--model") {
            if (++i == words.size()) return usage_error("--model needs a name");
            arguments.model = words[i];
        } else if (word == "--whole") {
            arguments.whole = true;
        } else if (word.starts_with("--")) {
            return usage_error("chat knows no option '" + std::string(word) + "'");
        } else {
            arguments.text += (arguments.text.empty() ? "" : " ") + std::string(word);
        }
    }
    if (arguments.text.empty()) return usage_error("chat needs a text to send");
    modelmesh::run(chat(modelmesh::create("chat-completion"), arguments));
    return 0;
}

int run_command(std::string_view command, std::span<char*> words) {
    if (command == "chat") return run_chat(words);
    if (command == "capabilities") {
        if (words.size() > 1) return usage_error("capabilities takes one word to look for");
        modelmesh::config all = modelmesh::detect("chat-completion");
        all.pools.clear(); // one for each capability that some model has
        return modelmesh::run(capabilities(modelmesh::create(all), words.empty() ? "" : words.front())), 0;
    }
    if (!words.empty())
        return usage_error(std::string(command) + " takes no argument '" + words.front() + "'");
    if (command == "models") return modelmesh::run(models(modelmesh::create("chat-completion"))), 0;
    if (command == "doctor") return doctor();
    if (command == "version" || command == "--version")
        return std::printf("modelmesh %s\n", MODELMESH_VERSION), 0;
    if (command == "help" || command == "--help") return print(usage), 0;
    return usage_error("there is no command '" + std::string(command) + "'");
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) return usage_error("a command is missing");
    try {
        return run_command(argv[1], std::span(argv + 2, static_cast<std::size_t>(argc - 2)));
    } catch (const modelmesh::error& failure) {
        std::fprintf(stderr, "modelmesh: %s\n", failure.what());
        return 1;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "modelmesh: %s\n", failure.what());
        return 1;
    }
}
