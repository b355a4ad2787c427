// The command line program: uses public headers only, as any other user of the library.
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/json/write.hpp>
#include <modelmesh/modelmesh.hpp>

#include <cstdio>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr const char* usage = R"(usage: modelmesh [--config FILE]... <command>

  chat [--model NAME] [--whole] TEXT   ask; streams the answer (--whole: waits for all of it)
  models                               list the pools and models
  capabilities [WORD]                  list what can be asked for, or what WORD finds of it
  status                               show who is in service, and who is asked next
  explain NAME                         say where a request for NAME would go, and why not elsewhere
  doctor                               report the I/O engine and the providers found
  config check FILE...                 report everything that is wrong with configuration files
  config show FILE...                  print what they come to, without secrets
  config explain [--all] [--json] FILE...
                                       print each setting and who says it; --all: also what is as it is by default
  config templates [NAME]              list what files can go on from (template: NAME), or print one
  config schema                        print the JSON Schema of such files, for editors
  version                              print the version

Providers are taken from the files of --config, later ones over earlier ones, else from the environment:
OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST, VLLM_HOST.
MODELMESH_IO=auto|uring|epoll chooses the I/O engine.
)";

/// The files of --config.
using files = std::vector<std::string>;

/// Writes the library's warnings to stderr.
class warnings final : public modelmesh::log_sink {
public:
    [[nodiscard]] bool wants(modelmesh::severity level) const noexcept override {
        return level >= modelmesh::severity::warning;
    }
    void write(modelmesh::severity /*level*/, std::string_view event,
               std::span<const modelmesh::log_field> fields) noexcept override {
        std::fprintf(stderr, "modelmesh: %.*s:", static_cast<int>(event.size()), event.data());
        for (const modelmesh::log_field& field : fields)
            std::fprintf(stderr, " %.*s", static_cast<int>(field.value.size()), field.value.data());
        std::fputc('\n', stderr);
    }
};

modelmesh::config load(const files& paths) {
    modelmesh::connector::registry connectors;
    modelmesh::connector::register_builtin(connectors);
    warnings log;
    return modelmesh::load_config(paths, connectors, &log);
}

modelmesh::client make_client(const files& paths) {
    return paths.empty() ? modelmesh::create("chat-completion") : modelmesh::create(load(paths));
}

// Not only chat: one pool for each capability that some model has, unless files say which.
modelmesh::client make_whole_client(const files& paths) {
    if (!paths.empty()) return make_client(paths);
    modelmesh::config found = modelmesh::detect("chat-completion");
    if (found.providers.empty()) return make_client(paths); // says what to set
    found.pools.clear();
    return modelmesh::create(found);
}

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

modelmesh::task<> status(modelmesh::client client) {
    co_await client.ready();
    for (const auto& pool : client.pool_status()) {
        std::printf("%s: %zu active, %zu in standby; next %s\n", pool.pool.c_str(), pool.active, pool.standby,
                    pool.current_model.value_or("nobody").c_str());
        for (const auto& model : pool.models)
            if (!model.reason.empty()) std::printf("  %s: %s\n", model.id.c_str(), model.reason.c_str());
    }
}

modelmesh::task<> explain(modelmesh::client client, std::string name) {
    co_await client.ready();
    const modelmesh::explanation told = client.explain(name);
    std::printf("pool %s%s%s: %s (%s)\n", told.pool.c_str(), told.strategy.empty() ? "" : ", ",
                told.strategy.c_str(), told.selected_model.value_or("nobody").c_str(), told.reason.c_str());
    for (const auto& model : told.candidates)
        if (!model.reason.empty()) std::printf("  not %s: %s\n", model.id.c_str(), model.reason.c_str());
    for (const auto& next : told.fallback_chain) std::printf("  then %s\n", next.c_str());
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
int doctor(const files& paths) {
    const modelmesh::engine_report engine = modelmesh::engine();
    std::printf("I/O engine: %s (%s)\n", engine.name.c_str(), engine.reason.c_str());
    std::fflush(stdout); // before what goes to stderr, also into a pipe
    modelmesh::run(check_providers(make_client(paths)));
    return 0;
}

int usage_error(const std::string& what) {
    std::fprintf(stderr, "modelmesh: %s\n%s", what.c_str(), usage);
    return 2;
}

int run_chat(const files& paths, std::span<char*> words) {
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
    modelmesh::run(chat(make_client(paths), arguments));
    return 0;
}

/// A line of `config explain --json`.
struct explained {
    std::string path{};
    std::string value{};
    std::string_view source{};
    std::string where{};
};

int run_config_explain(std::span<char*> words) {
    bool is_all = false;
    bool is_json = false;
    files paths;
    for (const std::string_view word : words) {
        if (word == "--all")
            is_all = true;
        else if (word == "--json")
            is_json = true;
        else if (word.starts_with("--"))
            return usage_error("config explain knows no option '" + std::string(word) + "'");
        else
            paths.emplace_back(word);
    }
    if (paths.empty()) return usage_error("config explain needs a file");
    modelmesh::connector::registry connectors;
    modelmesh::connector::register_builtin(connectors);
    std::vector<explained> lines;
    for (modelmesh::setting& each : modelmesh::explain_config(paths, connectors)) {
        const bool is_said = each.source != modelmesh::setting_source::by_default || !each.where.empty();
        if (is_all || is_said)
            lines.push_back(
                {std::move(each.path), std::move(each.value), to_string(each.source), std::move(each.where)});
    }
    if (is_json) return print(modelmesh::json::write(lines) + "\n"), 0;
    for (const explained& each : lines)
        std::printf("%s: %s  # %.*s%s%s\n", each.path.c_str(), each.value.c_str(),
                    static_cast<int>(each.source.size()), each.source.data(), each.where.empty() ? "" : ", ",
                    each.where.c_str());
    return 0;
}

int run_config_templates(std::span<char*> words) {
    if (words.size() > 1) return usage_error("config templates takes one name");
    if (words.size() == 1) return print(modelmesh::template_yaml(words.front())), 0;
    for (const modelmesh::config_template& each : modelmesh::config_templates())
        std::printf("%-18.*s %.*s\n", static_cast<int>(each.name.size()), each.name.data(),
                    static_cast<int>(each.about.size()), each.about.data());
    return 0;
}

int run_config(std::span<char*> words) {
    const std::string_view what = words.empty() ? std::string_view() : words.front();
    const files paths(words.begin() + (words.empty() ? 0 : 1), words.end());
    if (what == "explain") return run_config_explain(words.subspan(1));
    if (what == "templates") return run_config_templates(words.subspan(1));
    if (what == "schema" && paths.empty()) return print(modelmesh::config_schema() + "\n"), 0;
    if (what != "check" && what != "show")
        return usage_error("config knows check FILE..., show FILE..., explain FILE..., templates and schema");
    if (paths.empty()) return usage_error("config " + std::string(what) + " needs a file");
    const modelmesh::config config = load(paths);
    if (what == "show") return print(to_yaml(config)), 0;
    (void)modelmesh::create(config); // certificates, and all else that is no matter of the text
    std::printf("%s: ok (providers: %zu, pools: %zu)\n", paths.back().c_str(), config.providers.size(),
                config.pools.size());
    return 0;
}

int run_command(const files& paths, std::string_view command, std::span<char*> words) {
    if (command == "chat") return run_chat(paths, words);
    if (command == "config") {
        if (!paths.empty()) return usage_error("config takes its files behind the command, without --config");
        return run_config(words);
    }
    if (command == "capabilities") {
        if (words.size() > 1) return usage_error("capabilities takes one word to look for");
        return modelmesh::run(capabilities(make_whole_client(paths), words.empty() ? "" : words.front())), 0;
    }
    if (command == "explain") {
        if (words.size() != 1) return usage_error("explain takes one name");
        return modelmesh::run(explain(make_whole_client(paths), words.front())), 0;
    }
    if (!words.empty())
        return usage_error(std::string(command) + " takes no argument '" + words.front() + "'");
    if (command == "models") return modelmesh::run(models(make_client(paths))), 0;
    if (command == "status") return modelmesh::run(status(make_whole_client(paths))), 0;
    if (command == "doctor") return doctor(paths);
    if (command == "version" || command == "--version")
        return std::printf("modelmesh %s\n", MODELMESH_VERSION), 0;
    if (command == "help" || command == "--help") return print(usage), 0;
    return usage_error("there is no command '" + std::string(command) + "'");
}

} // namespace

int main(int argc, char** argv) {
    std::span<char*> words(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0));
    files paths;
    while (!words.empty() && std::string_view(words.front()) == "--config") {
        if (words.size() == 1) return usage_error("--config needs a file");
        paths.emplace_back(words[1]);
        words = words.subspan(2);
    }
    if (words.empty()) return usage_error("a command is missing");
    try {
        return run_command(paths, words.front(), words.subspan(1));
    } catch (const modelmesh::error& failure) {
        std::fprintf(stderr, "modelmesh: %s\n", failure.what());
        return 1;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "modelmesh: %s\n", failure.what());
        return 1;
    }
}
