#include "config/templates.hpp"

#include <modelmesh/config/load.hpp>
#include <modelmesh/core/error.hpp>

#include <algorithm>
#include <iterator>
#include <vector>

namespace modelmesh {
namespace settings {
namespace {

/// A provider that templates know. All of them speak OpenAI's format. Prices are those of cmake/data/models.json where
/// the library's own list, which goes by the connector's vendor, does not have them.
struct known_provider {
    std::string_view name;
    std::string_view variable;
    std::string_view more; ///< further settings, each with a comma before it
};
constexpr known_provider known_providers[] = {
    {"openai", "OPENAI_API_KEY", ", base_url: \"${OPENAI_BASE_URL:-https://api.openai.com/v1}\""},
    {"groq", "GROQ_API_KEY",
     ", base_url: https://api.groq.com/openai/v1"
     ", pricing: {input_per_1k_tokens: 0.00059, output_per_1k_tokens: 0.00079}"},
    {"deepseek", "DEEPSEEK_API_KEY",
     ", base_url: https://api.deepseek.com"
     ", pricing: {input_per_1k_tokens: 0.00014, output_per_1k_tokens: 0.00028}"},
};

struct member {
    std::string_view provider;
    std::string_view model; ///< the vendor's name
    std::string_view weight{};
};

struct recipe {
    config_template shown;
    std::vector<member> members; ///< in the order in which they are tried
    std::string_view pool;       ///< settings of its pool, each with a comma before it
    std::string_view more;       ///< further sections
};

constexpr std::string_view gpt_mini = "gpt-4o-mini";
constexpr std::string_view llama = "llama-3.3-70b-versatile";
constexpr std::string_view deepseek = "deepseek-chat";
constexpr std::string_view on_console = "observability: {sinks: [modelmesh.console.v1]}\n";

const std::vector<recipe>& recipes() {
    static const std::vector<recipe> all{
        {{"cost_optimized", "the cheapest model first, 5 US dollars a day and 50 a month"},
         {{"groq", llama}, {"deepseek", deepseek}, {"openai", gpt_mini}},
         ", strategy: cost-first",
         "budget: {daily_limit: 5, monthly_limit: 50, alert_thresholds: [0.8]}\n"},
        {{"latency_optimized", "the fastest model first"},
         {{"groq", llama}, {"openai", gpt_mini}},
         ", strategy: latency-first",
         {}},
        {{"high_availability", "one model until it fails, and quickly on to the next; events on the console"},
         {{"openai", "gpt-4o"}, {"groq", llama}, {"deepseek", deepseek}},
         ", strategy: stick-until-failure, failure_threshold: 2, cooldown_seconds: 30",
         on_console},
        {{"development", "one small model; events on the console"},
         {{"openai", gpt_mini}},
         ", strategy: stick-until-failure",
         on_console},
        {{"balanced", "load shared out by weight, 20 US dollars a day and 200 a month"},
         {{"openai", gpt_mini, "2"}, {"groq", llama, "1"}},
         ", strategy: load-balanced",
         "budget: {daily_limit: 20, monthly_limit: 200, alert_thresholds: [0.8]}\n"},
    };
    return all;
}

std::string weights_of(const std::vector<const member*>& members) {
    std::string text;
    for (const member* each : members) {
        if (each->weight.empty()) continue;
        text.append(text.empty() ? "" : ", ").append(each->provider).append(".").append(each->model);
        text.append(": ").append(each->weight);
    }
    return text.empty() ? text : ", model_weights: {" + text + "}";
}

} // namespace

std::optional<std::string> template_text(std::string_view name, const environment& variables) {
    std::string wanted(name);
    std::replace(wanted.begin(), wanted.end(), '-', '_');
    const auto found = std::find_if(recipes().begin(), recipes().end(),
                                    [&wanted](const recipe& each) { return each.shown.name == wanted; });
    if (found == recipes().end()) return std::nullopt;
    std::vector<const member*> members;
    std::string providers;
    for (const member& each : found->members) {
        const auto of =
            std::find_if(std::begin(known_providers), std::end(known_providers),
                         [&each](const known_provider& one) { return one.name == each.provider; });
        if (variables.find(of->variable) == variables.end()) continue;
        members.push_back(&each);
        providers.append("  ").append(of->name).append(": {connector: openai.llm.v1, api_key: \"${");
        providers.append(of->variable).append("}\", models: [").append(each.model).append("]");
        providers.append(of->more).append("}\n");
    }
    std::string text = "version: 1\n";
    if (!providers.empty()) text.append("providers:\n").append(providers);
    text.append("pools:\n  text-generation: {capability: generation.text-generation").append(found->pool);
    return text.append(weights_of(members)).append("}\n").append(found->more);
}

std::string unknown_template(std::string_view name) {
    std::vector<std::string_view> known;
    for (const recipe& each : recipes()) known.push_back(each.shown.name);
    std::string text = "there is no template '" + std::string(name) + "'";
    if (const std::string near = suggestion(name, known); !near.empty()) return text + near;
    text += "; there are:";
    for (const std::string_view each : known) text.append(" ").append(each);
    return text;
}

std::string template_variables() {
    std::string text;
    for (const known_provider& each : known_providers)
        text.append(text.empty() ? "" : ", ").append(each.variable);
    return text;
}

} // namespace settings

std::vector<config_template> config_templates() {
    std::vector<config_template> all;
    for (const settings::recipe& each : settings::recipes()) all.push_back(each.shown);
    return all;
}

std::string template_yaml(std::string_view name) {
    std::optional<std::string> text = settings::template_text(name, settings::process_environment());
    if (!text) throw error(fault(errc::config, settings::unknown_template(name)));
    return std::move(*text);
}

} // namespace modelmesh
