// Who is told what happens, and what is around calls, as files say it.
#include "fixture.hpp"

#include <modelmesh/middleware/limits.hpp>

#include <gmock/gmock.h>

namespace modelmesh::settings {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using words = std::vector<std::string>;

const std::string provider = "providers:\n  openai.llm.v1: {api_key: k}\n";

TEST(ConfigObservability, TheThreeShapesOfASinkAreOne) {
    for (const char* shape : {"sinks: [{connector: modelmesh.json-log.v1, path: a.jsonl}]",
                              "sinks: {connector: modelmesh.json-log.v1, config: {file_path: a.jsonl}}",
                              "routing: [{connector: observability.modelmesh.json-log.v1, path: a.jsonl}]",
                              "routing: {connector: json-log, path: a.jsonl}"}) {
        const config made = read(provider + "observability: {" + shape + "}\n");
        ASSERT_EQ(made.observability.sinks.size(), 1u) << shape;
        EXPECT_EQ(made.observability.sinks[0].options.text, R"({"path":"a.jsonl"})") << shape;
    }
    const config made = read(provider + "observability: {connector: modelmesh.json-log.v1, path: a.jsonl}\n");
    EXPECT_EQ(made.observability.connector, "modelmesh.json-log.v1");
    EXPECT_EQ(made.observability.options.text, R"({"path":"a.jsonl"})");
    EXPECT_EQ(read(provider + "observability: {sinks: console}\n").observability.sinks[0].connector,
              "console");
}

TEST(ConfigObservability, SeverityAndEventsHaveTheirDocumentedPlaces) {
    const config made = read(provider + R"(
observability:
  routing: [{connector: console, min_severity: error, events: [request.routed, model_rotated, recovery]}]
  tracing: {min_severity: warning}
  events: {filter: [rotation, budget_alert]}
  redact: {names: [pin], values: [hush]}
  logging: {connector: json-log, path: requests.jsonl, level: full, redact: true, max_payload_size: 2KB}
)");
    const observability_config& told = made.observability;
    EXPECT_EQ(told.min_severity, severity::warning);
    EXPECT_EQ(told.event_filter, (words{"rotation", "budget_alert"}));
    EXPECT_EQ(told.sinks[0].min_severity, severity::error);
    EXPECT_EQ(told.sinks[0].events, (words{"request.routed", "model_rotated", "recovery"}));
    EXPECT_EQ(told.redact_names, words{"pin"});
    EXPECT_EQ(told.redact_values, words{"hush"});
    ASSERT_EQ(told.logging.size(), 1u);
    EXPECT_EQ(told.logging[0].level, log_detail::full);
    EXPECT_EQ(told.logging[0].max_payload_size, 2000u);
    EXPECT_EQ(told.logging[0].options.text, R"({"path":"requests.jsonl"})");
}

TEST(ConfigObservability, AnUnknownSinkOrEventIsOneErrorWithWhatWasMeant) {
    EXPECT_EQ(
        refusal(provider + "observability: {sinks: [{connector: modelmesh.json-lug.v1}]}\n"),
        "mesh.yaml:3:37: observability.sinks[0].connector: there is no sink 'modelmesh.json-lug.v1'; did you "
        "mean 'modelmesh.json-log.v1'?");
    EXPECT_EQ(
        refusal(provider + "observability: {sinks: [{connector: console, events: [request.routet]}]}\n"),
        "mesh.yaml:3:55: observability.sinks[0].events[0]: there is no event 'request.routet'; did you mean "
        "'request.routed'?");
    EXPECT_THAT(
        refusal(provider + "observability: {events: {filter: [zzz]}}\n"),
        HasSubstr(
            "observability.events.filter[0]: there is no event 'zzz'; there are: all request rotation"));
    EXPECT_EQ(refusal(provider + "observability: {sinks: [{path: a}]}\n"),
              "mesh.yaml:3:26: observability.sinks[0].path: there is no such key; options of a sink need its "
              "'connector'");
    EXPECT_EQ(refusal(provider + "observability: {sinsk: [console]}\n"),
              "mesh.yaml:3:17: observability.sinsk: there is no such key; did you mean 'sinks'?");
    EXPECT_EQ(refusal(provider + "observability: {sinks: [{min_severity: info}]}\n"),
              "mesh.yaml:3:25: observability.sinks[0]: needs 'connector', the id of a sink");
}

TEST(ConfigObservability, OptionsOfASinkAreCheckedWhereTheyStand) {
    EXPECT_EQ(
        refusal(provider + "observability: {sinks: [{connector: console, use_colour: false}]}\n"),
        "mesh.yaml:3:46: observability.sinks[0].use_colour: there is no such key; did you mean 'use_color'?");
    EXPECT_THAT(refusal(provider + "observability: {sinks: [{connector: json-log, max_files: 0}]}\n"),
                HasSubstr("observability.sinks[0].max_files: must be a whole number from 1 to 1000"));
}

TEST(ConfigObservability, RedactionCannotBeSwitchedOff) {
    EXPECT_EQ(
        refusal(provider + "observability: {logging: {connector: console, redact_secrets: false}}\n"),
        "mesh.yaml:3:63: observability.logging.redact_secrets: must be true: secrets are taken out of all "
        "that is told");
}

TEST(ConfigObservability, MiddlewaresAreNamedWithTheirOptions) {
    const config made = read(provider + R"(
middleware:
  - correlation
  - {connector: modelmesh.rate-limit.v1, requests_per_minute: 60, longest_wait: 2s}
  - {connector: response-cache, config: {ttl: 10m, max_bytes: 16MiB}}
)");
    ASSERT_EQ(made.middleware.size(), 3u);
    EXPECT_EQ(made.middleware[0].connector, "correlation");
    EXPECT_EQ(made.middleware[1].options.text, R"({"requests_per_minute":"60","longest_wait":"2s"})");
    EXPECT_EQ(made.middleware[2].options.text, R"({"ttl":"10m","max_bytes":"16MiB"})");
    EXPECT_EQ(refusal(provider + "middleware: [ratelimit]\n"),
              "mesh.yaml:3:14: middleware[0]: there is no middleware 'ratelimit'; did you mean "
              "'modelmesh.rate-limit.v1'?");
    EXPECT_THAT(
        refusal(provider + "middleware: [zzz]\n"),
        HasSubstr("there is no middleware 'zzz'; there are: modelmesh.concurrency-limit.v1 modelmesh.corr"));
    EXPECT_THAT(refusal(provider + "middleware: [{connector: rate-limit, requests_per_minit: 6}]\n"),
                HasSubstr("there is no such key; did you mean 'requests_per_minute'?"));
}

TEST(ConfigObservability, TheDumpIsReadAsTheSameConfiguration) {
    const config made = read(provider + R"(
observability:
  sinks: [{connector: json-log, path: a.jsonl, min_severity: debug}, console]
  logging: {level: summary}
  event_filter: [rotation]
middleware: [correlation, {connector: rate-limit, requests_per_minute: 60}]
)");
    const std::string dump = to_yaml(made);
    EXPECT_THAT(dump, HasSubstr("observability:\n"
                                "  sinks:\n"
                                "    - connector: json-log\n"
                                "      options:\n"
                                "        path: \"a.jsonl\"\n"
                                "      min_severity: debug\n"
                                "    - connector: console\n"
                                "  logging:\n"
                                "    - level: summary\n"
                                "  event_filter: [rotation]\n"
                                "middleware:\n"
                                "  - connector: correlation\n"));
    std::string shown = dump;
    shown.replace(shown.find("'***'"), 5, "k");
    EXPECT_EQ(to_yaml(read(shown)), dump);
}

TEST(ConfigObservability, ALaterFileReplacesTheListOfSinks) {
    const config made =
        read({{"a.yaml", provider + "observability: {sinks: [console], min_severity: debug}\n"},
              {"b.yaml", "observability: {routing: [{connector: 'null'}]}\n"}});
    ASSERT_EQ(made.observability.sinks.size(), 1u);
    EXPECT_EQ(made.observability.sinks[0].connector, "null");
    EXPECT_EQ(made.observability.min_severity, severity::debug);
}

TEST(ConfigObservability, AVariableMayBeAListOfSinks) {
    const config made = read(provider, {{"MODELMESH__OBSERVABILITY__SINKS", "[{connector: console}]"},
                                        {"MODELMESH__OBSERVABILITY__MIN_SEVERITY", "error"}});
    ASSERT_EQ(made.observability.sinks.size(), 1u);
    EXPECT_EQ(made.observability.min_severity, severity::error);
}

} // namespace
} // namespace modelmesh::settings
