#include "client/detect.hpp"

#include "net/url.hpp"

#include <modelmesh/client.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace modelmesh {
namespace detail {
namespace {

// A variable that stands for a server of one's own: its value is the server's address.
struct local_server {
    const char* variable;
    const char* name;
    const char* connector;
    const char* default_port; ///< what the server listens on when the address names none
};

constexpr std::array<local_server, 2> local_servers{{
    {"OLLAMA_HOST", "ollama", "ollama.local.v1", "11434"},
    {"VLLM_HOST", "vllm", "vllm.local.v1", "8000"},
}};

// Shells, .env files and service managers leave these around a value.
std::string_view trimmed(std::string_view text) {
    constexpr std::string_view around = " \t\r\n\"'";
    const std::size_t first = text.find_first_not_of(around);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(around) - first + 1);
}

// The origin of an address without a scheme: `host`, `host:port`, `:port`, or an IPv6 address, bare or in
// brackets.
std::string server_origin(const local_server& server, std::string host) {
    const bool is_bare_ipv6 = host.find('[') == std::string::npos && host.find(':') != host.rfind(':');
    if (is_bare_ipv6) host = '[' + host + ']';
    if (host.empty() || host.starts_with(':')) host.insert(0, "127.0.0.1");
    const std::size_t bracket = host.find(']');
    const bool has_port = host.find(':', bracket == std::string::npos ? 0 : bracket) != std::string::npos;
    return "http://" + host + (has_port ? "" : std::string(":") + server.default_port);
}

// Accepts what these servers' own tools do, full URLs too, and adds the version path.
std::string server_url(const local_server& server, std::string_view value) {
    std::string text(trimmed(value));
    if (text.find("://") == std::string::npos) {
        const std::size_t path = std::min(text.find('/'), text.size());
        text = server_origin(server, text.substr(0, path)) + text.substr(path);
    }
    while (text.ends_with('/')) text.pop_back();
    if (!text.ends_with("/v1")) text += "/v1";
    if (const auto parsed = net::parse_url(text); !parsed)
        throw error(fault(errc::config, std::string(server.variable) +
                                            " is not a server's address (like 127.0.0.1:" +
                                            server.default_port + "): " + parsed.error().message));
    return text;
}

} // namespace

environment process_environment() {
    return [](const char* name) -> std::optional<std::string> {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') return std::nullopt;
        return std::string(value);
    };
}

config detect(std::string_view capability, const environment& env) {
    config found;
    const auto key = env("OPENAI_API_KEY");
    const auto base = env("OPENAI_BASE_URL");
    if (key || base) {
        provider_config provider;
        provider.connector = "openai.llm.v1";
        provider.api_key = key.value_or("");
        if (key)
            provider.key_source = std::make_shared<const key_source>(
                key_source{*key, [env] {
                               const auto now = env("OPENAI_API_KEY");
                               return now ? result<resolved_key>(*now)
                                          : fault(errc::config, "OPENAI_API_KEY is not set");
                           }});
        if (base) {
            // Some other server that speaks the format: which models it has, and whether it wants a key, only
            // it knows.
            provider.base_url = trimmed(*base);
            if (const auto parsed = net::parse_url(provider.base_url); !parsed)
                throw error(
                    fault(errc::config, "OPENAI_BASE_URL is not a URL (like https://api.openai.com/v1): " +
                                            parsed.error().message));
        } else {
            provider.base_url = "https://api.openai.com/v1";
            provider.models = {"gpt-4o",
                               "gpt-4o-mini",
                               "text-embedding-3-small",
                               "gpt-image-1",
                               "dall-e-2",
                               "gpt-4o-mini-tts",
                               "whisper-1",
                               "gpt-4o-mini-transcribe",
                               "omni-moderation-latest"};
        }
        found.providers.emplace_back("openai", std::move(provider));
    }
    for (const local_server& server : local_servers)
        if (const auto address = env(server.variable)) {
            provider_config provider;
            provider.connector = server.connector;
            provider.base_url = server_url(server, *address);
            found.providers.emplace_back(server.name, std::move(provider));
        }
    pool_config pool;
    pool.capability = capability;
    found.pools.emplace_back(std::string(capability), std::move(pool));
    return found;
}

namespace {

[[noreturn]] void refuse(const std::string& what, std::string_view name,
                         const std::vector<std::string_view>& known) {
    std::string text = what + " '" + std::string(name) + "'; there are:";
    for (const std::string_view each : known) text.append(" ").append(each);
    throw error(fault(errc::config, std::move(text)));
}

// The environment, with the keys of the options over it.
environment with_keys(const create_options& options, const environment& env) {
    static constexpr std::string_view variable = "OPENAI_API_KEY";
    std::optional<std::string> given;
    for (const auto& [name, key] : options.api_keys) {
        if (name != variable && name != "openai")
            refuse("there is no provider with a key named", name, {"openai", variable});
        given = key;
    }
    return [given, env](const char* name) { return given && name == variable ? given : env(name); };
}

void keep_providers(config& of, const std::vector<std::string>& wanted) {
    if (wanted.empty()) return;
    std::vector<std::string_view> known;
    for (const auto& [name, provider] : of.providers) known.push_back(name);
    for (const std::string& each : wanted)
        if (std::find(known.begin(), known.end(), each) == known.end())
            refuse("the environment has no provider", each, known);
    std::erase_if(of.providers, [&wanted](const auto& provider) {
        return std::find(wanted.begin(), wanted.end(), provider.first) == wanted.end();
    });
}

// A provider that would be asked for its models has those that are named as its own.
void keep_models(config& of, const std::vector<std::string>& wanted) {
    if (wanted.empty()) return;
    std::vector<std::string_view> unused(wanted.begin(), wanted.end());
    for (auto& [name, provider] : of.providers) {
        const bool is_asked = provider.models.empty();
        std::vector<std::string> kept;
        for (const std::string& each : wanted) {
            const bool is_its = each.starts_with(name + ".");
            const std::string model = is_its ? each.substr(name.size() + 1) : each;
            const bool is_listed =
                std::find(provider.models.begin(), provider.models.end(), model) != provider.models.end();
            const bool is_others =
                std::any_of(of.providers.begin(), of.providers.end(), [&](const auto& other) {
                    return other.first != name && each.starts_with(other.first + ".");
                });
            // A provider has more models than those that are found by default, and a server tells which it has.
            if (is_others || (!is_listed && !is_its && !is_asked)) continue;
            kept.push_back(model);
            std::erase(unused, each);
        }
        provider.models = std::move(kept);
    }
    std::vector<std::string_view> known;
    for (const auto& [name, provider] : of.providers) known.push_back(name);
    std::erase_if(of.providers, [](const auto& provider) { return provider.second.models.empty(); });
    if (unused.empty()) return;
    refuse("no provider has the model", unused.front(), known);
}

} // namespace

config detect(const create_options& options, const environment& env) {
    const environment with = with_keys(options, env);
    config found = detect(std::string_view(), with);
    if (!options.api_keys.empty()) // there is nowhere to read it again
        for (auto& [name, provider] : found.providers) provider.key_source.reset();
    keep_providers(found, options.providers);
    keep_models(found, options.models);
    found.pools.clear();
    for (const std::string& each : options.capabilities) {
        pool_config pool;
        pool.capability = each;
        if (!options.strategy.empty()) pool.strategy = options.strategy;
        found.pools.emplace_back(each, std::move(pool));
    }
    return found;
}

fault no_provider(const environment& env) {
    std::string text = "no provider configured: set one of OPENAI_API_KEY, OPENAI_BASE_URL";
    for (const local_server& server : local_servers) text += std::string(", ") + server.variable;
    text += ", or pass a configuration to modelmesh::create()";
    if (env("ANTHROPIC_API_KEY"))
        text += " (ANTHROPIC_API_KEY is set, but this version has no connector for it)";
    return fault(errc::config, std::move(text));
}

} // namespace detail

config detect(std::string_view capability) {
    return detail::detect(capability, detail::process_environment());
}
config detect(const create_options& options) {
    return detail::detect(options, detail::process_environment());
}

} // namespace modelmesh
