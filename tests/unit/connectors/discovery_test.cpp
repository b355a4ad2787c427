// The discovery connector that ships. What any of them does to a client: tests/unit/router/catalogue_test.cpp.
#include "discovery/registry_sync.hpp"
#include "support/run.hpp"

#include <modelmesh/connector/registry.hpp>

#include <gtest/gtest.h>

namespace modelmesh::connector {
namespace {

TEST(Patterns, AStarStandsForAnyText) {
    EXPECT_TRUE(matches("gpt-4o", "gpt-4o"));
    EXPECT_FALSE(matches("gpt-4o", "gpt-4o-mini"));
    EXPECT_FALSE(matches("gpt-4o", "my-gpt-4o"));
    EXPECT_TRUE(matches("*", ""));
    EXPECT_TRUE(matches("", ""));
    EXPECT_FALSE(matches("", "a"));
    EXPECT_TRUE(matches("gpt-*", "gpt-"));
    EXPECT_TRUE(matches("*-preview", "o1-preview"));
    EXPECT_FALSE(matches("*-preview", "o1-preview-2"));
    EXPECT_TRUE(matches("*a*b", "xaxbxb"));
    EXPECT_TRUE(matches("**a", "a"));
    EXPECT_FALSE(matches("a*b*c", "acb"));
    EXPECT_FALSE(matches("GPT*", "gpt-4o"));
    EXPECT_TRUE(matches("a?[", "a?[")) << "nothing else means anything";
}

class listed_provider final : public discovered_provider {
public:
    [[nodiscard]] std::string_view name() const noexcept override { return "a"; }
    [[nodiscard]] std::string_view connector() const noexcept override { return "openai.llm.v1"; }
    [[nodiscard]] time_point deadline() const noexcept override { return time_point::max(); }
    [[nodiscard]] std::vector<std::string> capabilities_of(std::string_view) const override { return {"c"}; }
    [[nodiscard]] task<result<std::vector<model_info>>> list_models() override { co_return answer; }

    result<std::vector<model_info>> answer = std::vector<model_info>{
        {"gpt-4o", {"x"}}, {"gpt-4o-preview", {"x"}}, {"o1", {"x"}}, {"whisper-1", {"y"}}};
};

std::string taken(registry_sync_options options, listed_provider provider = {}) {
    const auto made = registry_sync::make(options, nullptr).value();
    auto models = run(made->models_of(provider));
    if (!models) return models.error().message;
    std::string names;
    for (const model_info& each : *models) names += each.name + " ";
    return names;
}

TEST(RegistrySync, WithoutOptionsItIsTheServersList) {
    EXPECT_EQ(taken({}), "gpt-4o gpt-4o-preview o1 whisper-1 ");
    listed_provider away;
    away.answer = fault(errc::connect, "away");
    EXPECT_EQ(taken({}, away), "away");
}

TEST(RegistrySync, ExclusionsWinOverInclusions) {
    EXPECT_EQ(taken({{}, {"*-preview", "whisper*"}}), "gpt-4o o1 ");
    EXPECT_EQ(taken({{"gpt*", "o1"}, {}}), "gpt-4o gpt-4o-preview o1 ");
    EXPECT_EQ(taken({{"gpt*"}, {"*-preview"}}), "gpt-4o ");
    EXPECT_EQ(taken({{"claude*"}, {}}), "");
}

TEST(Discoveries, AreFoundByTheirIds) {
    registry all;
    register_builtin(all);
    EXPECT_EQ(all.discoveries().ids(), std::vector<std::string_view>{"modelmesh.registry-sync.v1"});
    EXPECT_NE(all.discoveries().find("discovery.modelmesh.registry-sync.v1"), nullptr);
    EXPECT_FALSE(all.add_discovery<registry_sync_options>("modelmesh.registry-sync.v1", registry_sync::make));
}

} // namespace
} // namespace modelmesh::connector
