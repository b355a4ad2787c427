#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/connector/registry.hpp>

#include <gtest/gtest.h>

namespace modelmesh::connector {
namespace {

TEST(Registry, ShippedConnectorsAreFoundByBothSpellings) {
    registry connectors;
    register_builtin(connectors);
    for (const char* id : {"openai.llm.v1", "provider.openai.llm.v1", "ollama.local.v1", "vllm.local.v1"})
        EXPECT_TRUE(connectors.make_provider(id)) << id;
}

TEST(Registry, AnUnknownConnectorIsNamedWithThoseThereAre) {
    registry connectors;
    register_builtin(connectors);
    const auto made = connectors.make_provider("openai.llm.v2");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), errc::config);
    EXPECT_EQ(
        made.error().message,
        "no provider connector 'openai.llm.v2'; there are: ollama.local.v1 openai.llm.v1 vllm.local.v1");
}

TEST(Registry, AnIdIsGivenOnce) {
    registry connectors;
    register_builtin(connectors);
    const auto make = []() -> std::unique_ptr<provider> { return std::make_unique<openai_compatible>(); };
    EXPECT_FALSE(connectors.add_provider("openai.llm.v1", make));
    EXPECT_FALSE(connectors.add_provider("", make));
    EXPECT_TRUE(connectors.add_provider("mine.v1", make));
}

TEST(Registry, AFactoryIsNeededAndMakesAConnector) {
    registry connectors;
    EXPECT_FALSE(connectors.add_provider("none.v1", nullptr));
    EXPECT_TRUE(connectors.add_provider("null.v1", [] { return std::unique_ptr<provider>(); }));
    const auto made = connectors.make_provider("null.v1");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), errc::config);
    EXPECT_EQ(made.error().message, "the factory of connector 'null.v1' makes none");
}

TEST(Registry, ShippedPoliciesAreFoundByEverySpelling) {
    registry connectors;
    register_builtin(connectors);
    EXPECT_EQ(connectors.rotations().size(), 11u);
    for (const std::string_view name : connectors.rotations())
        for (const std::string& id : {std::string(name), "modelmesh." + std::string(name) + ".v1",
                                      "rotation.modelmesh." + std::string(name) + ".v1"})
            EXPECT_TRUE(connectors.make_rotation(id, {})) << id;
}

TEST(Registry, AnUnknownPolicyIsNamedWithThoseThereAre) {
    registry connectors;
    const auto nothing = [](const rotation_settings&) { return std::unique_ptr<rotation_policy>(); };
    EXPECT_TRUE(connectors.add_rotation("modelmesh.nothing.v1", nothing));
    EXPECT_TRUE(connectors.add_rotation("mine", nothing));
    EXPECT_FALSE(connectors.add_rotation("mine", nothing));
    EXPECT_FALSE(connectors.add_rotation("", nothing));
    EXPECT_FALSE(connectors.add_rotation("other", nullptr));
    EXPECT_EQ(connectors.make_rotation("none", {}).error().message,
              "no rotation policy 'none'; there are: mine nothing");
    EXPECT_EQ(connectors.make_rotation("nothing", {}).error().message,
              "the factory of rotation policy 'modelmesh.nothing.v1' makes none");
    EXPECT_EQ(connectors.make_rotation("mine", {}).error().kind(), errc::config);
}

} // namespace
} // namespace modelmesh::connector
