#include <modelmesh/router/capability_tree.hpp>

#include <modelmesh/router/capability.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelmesh::capability {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> paths(const std::vector<node>& nodes) {
    std::vector<std::string> all;
    for (const node& each : nodes) all.push_back(each.path);
    return all;
}

// What the tree promises about its order, asked of any list of nodes.
void expect_in_order(const std::vector<node>& nodes) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        std::size_t end = i;
        while (end < nodes.size() && within(nodes[end].path, nodes[i].path)) ++end;
        EXPECT_EQ(nodes[i].is_leaf, end == i + 1) << nodes[i].path;
        for (std::size_t behind = end; behind < nodes.size(); ++behind)
            EXPECT_FALSE(within(nodes[behind].path, nodes[i].path)) << nodes[behind].path << " is apart";
        for (std::size_t before = 0; before < i; ++before)
            EXPECT_FALSE(within(nodes[before].path, nodes[i].path)) << nodes[before].path << " comes early";
    }
}

TEST(CapabilityTree, HasEveryShippedNodeWithItsWords) {
    const std::vector<node> all = tree().nodes();
    ASSERT_EQ(all.size(), shipped().size());
    expect_in_order(all);
    std::size_t leaves = 0, categories = 0, names = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].path, shipped()[i].path);
        EXPECT_EQ(all[i].description, shipped()[i].description);
        leaves += all[i].is_leaf ? 1 : 0;
        categories += all[i].depth() == 1 ? 1 : 0;
        names += all[i].aliases.size();
        EXPECT_LE(all[i].depth(), 3u);
    }
    EXPECT_EQ(leaves, 59u);
    EXPECT_EQ(categories, 7u);
    EXPECT_EQ(names, aliases().size());
}

TEST(CapabilityTree, LeavesOfANodeInAnySpelling) {
    const tree all;
    EXPECT_THAT(all.leaves("chat"), ElementsAre("generation.text-generation.chat-completion"));
    EXPECT_THAT(all.leaves("retrieval.rag"), ElementsAre("retrieval.rag.retrieval-augmented-generation",
                                                         "retrieval.rag.grounded-generation"));
    EXPECT_EQ(all.leaves("generation").size(), 13u);
    EXPECT_THAT(all.leaves("custom-cap"), IsEmpty());
    EXPECT_THAT(all.leaves("Not A Name"), IsEmpty());
}

TEST(CapabilityTree, ContainsWhatItHas) {
    const tree all;
    EXPECT_TRUE(all.contains("generation.text-generation"));
    EXPECT_TRUE(all.contains("generation.audio.text-to-speech"));
    EXPECT_FALSE(all.contains("custom-cap"));
    EXPECT_FALSE(all.contains("Not A Name"));
}

TEST(CapabilityTree, NodesOfTheUsersOwnComeBehindTheirSiblings) {
    tree own;
    ASSERT_TRUE(own.add("generation.text-generation.poetry.haiku"));
    ASSERT_TRUE(own.add("acme.search"));
    ASSERT_TRUE(own.add("acme.search"));
    ASSERT_TRUE(own.add("chat"));
    EXPECT_EQ(own.nodes().size(), shipped().size() + 4);
    expect_in_order(own.nodes());
    EXPECT_THAT(paths(own.nodes("generation.text-generation")),
                ElementsAre("generation.text-generation", "generation.text-generation.chat-completion",
                            "generation.text-generation.text-completion",
                            "generation.text-generation.code-generation", "generation.text-generation.poetry",
                            "generation.text-generation.poetry.haiku"));
    EXPECT_THAT(paths(own.nodes("acme")), ElementsAre("acme", "acme.search"));
    EXPECT_TRUE(own.nodes("acme").front().description.empty());
    EXPECT_EQ(own.nodes().back().path, "acme.search");
    EXPECT_EQ(tree().nodes().size(), shipped().size()) << "another tree has changed";
}

TEST(CapabilityTree, ALeafWithSomethingBelowItIsOneNoMore) {
    tree own;
    ASSERT_TRUE(own.add("generation.text-generation.chat-completion.french"));
    EXPECT_THAT(own.leaves("chat"), ElementsAre("generation.text-generation.chat-completion.french"));
    EXPECT_FALSE(own.nodes("chat").front().is_leaf);
}

TEST(CapabilityTree, AMalformedNameIsRefused) {
    tree own;
    const result<void> added = own.add("Chat Completion");
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().kind(), errc::config);
    EXPECT_EQ(own.nodes().size(), shipped().size());
}

TEST(CapabilityTree, SearchRanksTheNameBeforeItsBeginningItsMiddleAndItsPath) {
    const tree all;
    EXPECT_THAT(paths(all.search("search")),
                ElementsAre("retrieval.search", "retrieval.search.semantic-search",
                            "retrieval.search.web-search", "retrieval.search.image-search",
                            "retrieval.search.code-search"));
    EXPECT_THAT(paths(all.search("rag")),
                ElementsAre("retrieval.rag", "retrieval.rag.retrieval-augmented-generation",
                            "retrieval.rag.grounded-generation"));
    const std::vector<std::string> image = paths(all.search("IMAGE"));
    ASSERT_GT(image.size(), 4u);
    EXPECT_EQ(image.front(), "generation.image-generation.text-to-image") << "image is its alias";
    EXPECT_EQ(image[1], "generation.image-generation");
    EXPECT_EQ(image.back(), "transformation.image-editing.format-conversion") << "only its path has it";
    EXPECT_EQ(all.search("speech").size(), 2u);
    EXPECT_EQ(all.search("tts").front().path, "generation.audio-generation.text-to-speech");
    EXPECT_THAT(all.search("zzz"), IsEmpty());
    EXPECT_THAT(all.search(""), IsEmpty());
}

} // namespace
} // namespace modelmesh::capability
