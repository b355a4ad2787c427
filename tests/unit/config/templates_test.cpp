// Templates below files, and who says what a value is.
#include "fixture.hpp"

#include "config/explain.hpp"
#include "config/templates.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace modelmesh::settings {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const environment all_keys{
    {"OPENAI_API_KEY", "sk-1"}, {"GROQ_API_KEY", "gsk-2"}, {"DEEPSEEK_API_KEY", "sk-3"}};

std::vector<std::string> providers_of(const config& in) {
    std::vector<std::string> names;
    for (const auto& [name, provider] : in.providers) names.push_back(name);
    return names;
}

TEST(ConfigTemplates, EachIsValidWithTheKeysOfItsProviders) {
    for (const config_template& each : config_templates()) {
        const config made = read("template: " + std::string(each.name) + "\n", all_keys);
        ASSERT_EQ(made.pools.size(), 1u) << each.name;
        EXPECT_EQ(made.pools[0].first, "text-generation");
        EXPECT_FALSE(made.providers.empty()) << each.name;
        for (const auto& [model, weight] : made.pools[0].second.model_weights)
            EXPECT_NE(model.find('.'), model.npos) << "weights are by id";
    }
}

TEST(ConfigTemplates, HasTheProvidersWhoseKeyIsThereInItsOrder) {
    EXPECT_THAT(providers_of(read("template: cost_optimized\n", all_keys)),
                ElementsAre("groq", "deepseek", "openai"));
    EXPECT_THAT(providers_of(read("template: cost-optimized\n", {{"DEEPSEEK_API_KEY", "k"}})),
                ElementsAre("deepseek"));
    EXPECT_EQ(refusal("template: balanced\n"),
              "mesh.yaml:1:11: template: finds no provider: set one of OPENAI_API_KEY, GROQ_API_KEY, "
              "DEEPSEEK_API_KEY, or configure one");
}

TEST(ConfigTemplates, DocumentedOnesSayWhatIsDocumented) {
    const config cheap = read("template: cost_optimized\n", all_keys);
    EXPECT_EQ(cheap.pools[0].second.strategy, "cost-first");
    EXPECT_EQ(cheap.budget.daily_limit, 5);
    EXPECT_EQ(cheap.budget.monthly_limit, 50);
    EXPECT_EQ(read("template: latency_optimized\n", all_keys).pools[0].second.strategy, "latency-first");
    const config steady = read("template: high_availability\n", all_keys);
    EXPECT_EQ(steady.pools[0].second.failure_threshold, 2u);
    EXPECT_EQ(steady.pools[0].second.cooldown_seconds, 30u);
    EXPECT_EQ(steady.observability.sinks.at(0).connector, "modelmesh.console.v1");
    const config balanced = read("template: balanced\n", all_keys);
    EXPECT_EQ(balanced.pools[0].second.strategy, "load-balanced");
    EXPECT_EQ(balanced.budget.monthly_limit, 200);
    EXPECT_EQ(balanced.pools[0].second.model_weights,
              (named<double>{{"openai.gpt-4o-mini", 2}, {"groq.llama-3.3-70b-versatile", 1}}));
}

TEST(ConfigTemplates, DefaultThenTemplateThenFileThenEnvironment) {
    const std::string file =
        "template: high_availability\npools:\n  text-generation: {cooldown_seconds: 5}\n";
    environment variables = all_keys;
    const config made = read(file, variables);
    EXPECT_EQ(made.pools[0].second.error_rate_threshold, 0.5);
    EXPECT_EQ(made.pools[0].second.failure_threshold, 2u);
    EXPECT_EQ(made.pools[0].second.cooldown_seconds, 5u);
    variables["MODELMESH__POOLS__TEXT_GENERATION__COOLDOWN_SECONDS"] = "7";
    EXPECT_EQ(read(file, variables).pools[0].second.cooldown_seconds, 7u);
}

TEST(ConfigTemplates, ALaterFileOrAVariableNamesAnother) {
    const std::vector<document> files{{"a.yaml", "template: balanced\n"},
                                      {"b.yaml", "template: development\n"}};
    EXPECT_EQ(read(files, all_keys).pools[0].second.strategy, "stick-until-failure");
    environment variables = all_keys;
    variables["MODELMESH__TEMPLATE"] = "latency_optimized";
    EXPECT_EQ(read(files, variables).pools[0].second.strategy, "latency-first");
}

TEST(ConfigTemplates, AnUnknownOneIsAnErrorWithWhatWasMeant) {
    EXPECT_EQ(refusal("template: balancd\n"),
              "mesh.yaml:1:11: template: there is no template 'balancd'; did you mean 'balanced'?");
    EXPECT_THAT(refusal("template: [balanced]\n"), StartsWith("mesh.yaml:1:11: template: must be the name"));
    EXPECT_THAT(
        refusal("{}\n", {{"MODELMESH__TEMPLATE", "secret-text"}}),
        StartsWith("environment variable MODELMESH__TEMPLATE: template: its value is no template's name"));
}

TEST(ConfigTemplates, KeysAreOnlyReferredTo) {
    EXPECT_THAT(*template_text("development", all_keys), HasSubstr("api_key: \"${OPENAI_API_KEY}\""));
    EXPECT_EQ(template_text("none", all_keys), std::nullopt);
}

/// What is said of one value: its text, its source, and where.
std::string said(const std::vector<setting>& all, std::string_view path) {
    const auto found =
        std::find_if(all.begin(), all.end(), [path](const setting& each) { return each.path == path; });
    if (found == all.end()) return "nothing";
    return found->value + " by " + std::string(to_string(found->source)) +
           (found->where.empty() ? "" : " at " + found->where);
}

TEST(ConfigExplain, SaysOfEachValueWhoSaysIt) {
    const std::string file = "template: high_availability\n"
                             "pools:\n"
                             "  text-generation:\n"
                             "    recovery: {cooldown: 5s}\n"
                             "observability: {min_severity: error}\n";
    environment variables = all_keys;
    variables["MODELMESH__POOLS__TEXT_GENERATION__STRATEGY"] = "round-robin";
    variables["MODELMESH__POOLS__TEXT_GENERATION__MODELS"] = "[openai.gpt-4o]";
    origin from;
    const config loaded = load({{"mesh.yaml", file}}, variables, builtin(), nullptr, &from);
    config effective = loaded;
    effective.pools[0].second.latency_window = 77;
    const std::vector<setting> all = explain(from, loaded, effective);
    const std::string pool = "pools.text-generation.";
    EXPECT_EQ(said(all, pool + "error_rate_threshold"), "0.5 by default");
    EXPECT_THAT(said(all, pool + "failure_threshold"),
                StartsWith("2 by template at template high_availability:"));
    EXPECT_EQ(said(all, pool + "cooldown_seconds"), "5 by file at mesh.yaml:4:26");
    EXPECT_EQ(
        said(all, pool + "strategy"),
        "round-robin by environment at environment variable MODELMESH__POOLS__TEXT_GENERATION__STRATEGY");
    EXPECT_THAT(said(all, pool + "models"),
                StartsWith("[openai.gpt-4o] by environment at environment variable"));
    EXPECT_EQ(said(all, pool + "latency_window"), "77 by code");
    EXPECT_EQ(said(all, "observability.min_severity"), "error by file at mesh.yaml:5:31");
    EXPECT_THAT(said(all, "observability.sinks[0].connector"),
                StartsWith("modelmesh.console.v1 by template at"));
    EXPECT_THAT(said(all, "providers.openai.api_key"), StartsWith("'***' by template at"));
}

TEST(ConfigExplain, SaysWhatFollowsFromOtherSettingsAndWhatCodeAdded) {
    origin from;
    const config loaded = load({{"mesh.yaml", "providers: {openai.llm.v1: {api_key: k}}\npools: {chat: }\n"}},
                               {}, builtin(), nullptr, &from);
    config effective = loaded;
    effective.pools.emplace_back("mine", pool_config{"embeddings"});
    const std::vector<setting> all = explain(from, loaded, effective);
    EXPECT_EQ(said(all, "pools.chat.capability"), "chat by default at follows from other settings");
    EXPECT_EQ(said(all, "pools.mine.capability"), "embeddings by code");
    EXPECT_EQ(said(all, "pools.mine.failure_threshold"), "3 by default");
    EXPECT_EQ(said(all, "storage.sync_interval"), "5m by default");
}

} // namespace
} // namespace modelmesh::settings
