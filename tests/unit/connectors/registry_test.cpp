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

} // namespace
} // namespace modelmesh::connector
