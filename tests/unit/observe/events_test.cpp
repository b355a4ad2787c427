#include <modelmesh/core/events.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace modelmesh {
namespace {

TEST(Events, TheCatalogueNamesEachOnceAndInOneForm) {
    std::set<std::string_view> names;
    for (const event_kind& each : every_event) {
        EXPECT_TRUE(names.insert(each.name).second) << each.name;
        EXPECT_NE(each.name.find('.'), std::string_view::npos) << each.name;
        EXPECT_FALSE(each.about.empty()) << each.name;
    }
}

TEST(Events, AFilterTakesBothSpellings) {
    for (const std::string_view word : {"request.routed", "request_routed"}) {
        const event_filter only({word});
        EXPECT_TRUE(only.passes("request.routed"));
        EXPECT_FALSE(only.passes("request.success"));
    }
    EXPECT_TRUE(event_filter({"provider_models_unknown"}).passes("provider.models_unknown"));
    EXPECT_TRUE(event_filter({"model_activated"}).passes("model.reactivated")) << "the format's own word";
    EXPECT_TRUE(event_filter({"circuit_opened"}).passes("model.deactivated"));
    EXPECT_TRUE(event_filter({"circuit_closed"}).passes("model.reactivated"));
}

// Runtime 12, the catalogue; config, budget and the rest in both spellings.
TEST(Events, EveryEventOfTheFormatIsKnown) {
    for (const std::string_view word :
         {"model_activated", "model_deactivated", "model_rotated", "provider_deactivated",
          "provider_recovered", "request_routed", "request_success", "request_failure", "retry_attempted",
          "pool_exhausted", "budget_alert", "budget_exceeded", "rate_limit_switch", "config_reloaded",
          "config_rejected", "stream_failover", "circuit_opened", "circuit_closed"})
        EXPECT_NO_THROW((void)event_filter({word})) << word;
}

TEST(Events, AFilterTakesGroups) {
    const event_filter some({"rotation", "deactivation", "recovery", "health"});
    for (const char* name :
         {"model.rotated", "model.deactivated", "provider.recovered", "provider.models_unknown"})
        EXPECT_TRUE(some.passes(name)) << name;
    EXPECT_FALSE(some.passes("request.success"));
}

TEST(Events, NoFilterOrAllPassesEverything) {
    for (const event_filter& all :
         {event_filter(), event_filter(std::vector<std::string_view>()), event_filter({"rotation", "all"})}) {
        EXPECT_TRUE(all.passes("request.success"));
        EXPECT_TRUE(all.passes("an.event_of_a_program")) << "not only ours";
    }
}

TEST(Events, AWordThatIsNoEventIsRefused) {
    try {
        (void)event_filter({"request.rooted"});
        ADD_FAILURE() << "it was taken";
    } catch (const std::invalid_argument& e) {
        EXPECT_THAT(e.what(), ::testing::HasSubstr("there is no event 'request.rooted'"));
        EXPECT_THAT(e.what(), ::testing::HasSubstr("request.routed"));
    }
}

std::vector<std::string> sources() {
    std::vector<std::string> texts;
    for (const char* folder : {"src", "connectors"})
        for (const auto& each : std::filesystem::recursive_directory_iterator(
                 std::filesystem::path(MODELMESH_SOURCE_DIR) / folder)) {
            if (each.path().extension() != ".cpp" || each.path().filename() == "events.cpp") continue;
            std::ifstream file(each.path());
            texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
        }
    return texts;
}

TEST(Events, WhatTheLibraryWritesIsInTheCatalogue) {
    int found = 0;
    for (const std::string& text : sources())
        for (const std::string_view opening :
             {"severity::debug, \"", "severity::info, \"", "severity::warning, \"", "severity::error, \"",
              "severity::critical, \"", "write(level, \""})
            for (std::size_t at = text.find(opening); at != text.npos; at = text.find(opening, at + 1)) {
                const std::size_t from = at + opening.size();
                const std::string name = text.substr(from, text.find('"', from) - from);
                EXPECT_TRUE(std::any_of(std::begin(every_event), std::end(every_event),
                                        [&name](const event_kind& each) { return each.name == name; }))
                    << name;
                ++found;
            }
    EXPECT_GT(found, 15) << "the search no longer fits the sources";
}

TEST(Events, WhatIsInTheCatalogueIsWrittenSomewhere) {
    const std::vector<std::string> texts = sources();
    for (const event_kind& each : every_event) {
        const std::string literal = '"' + std::string(each.name) + '"';
        EXPECT_TRUE(std::any_of(texts.begin(), texts.end(), [&literal](const std::string& text) {
            return text.find(literal) != text.npos;
        })) << each.name;
    }
}

} // namespace
} // namespace modelmesh
