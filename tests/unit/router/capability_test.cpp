#include <modelmesh/router/capability.hpp>

#include <gtest/gtest.h>

#include <set>

namespace modelmesh::capability {
namespace {

constexpr std::string_view chat = "generation.text-generation.chat-completion";

TEST(Capability, EverySpellingOfChatIsOneNode) {
    for (const char* name :
         {"chat-completion", "chat", "generation.text-generation.chat-completion",
          "generation.chat-completion", "generation.text.chat-completion", "text-generation.chat-completion"})
        EXPECT_EQ(canonical(name).value(), chat) << name;
}

TEST(Capability, ShortGroupsAndMovedGroupsAreCanonicalised) {
    EXPECT_EQ(canonical("generation.audio.text-to-speech").value(),
              "generation.audio-generation.text-to-speech");
    EXPECT_EQ(canonical("understanding.audio.speech-to-text").value(),
              "understanding.audio-understanding.speech-to-text");
    EXPECT_EQ(canonical("representation.audio.speech-to-text").value(),
              "understanding.audio-understanding.speech-to-text");
    EXPECT_EQ(canonical("generation.image.text-to-image").value(),
              "generation.image-generation.text-to-image");
    EXPECT_EQ(canonical("retrieval.semantic-search.web-search").value(), "retrieval.search.web-search");
    EXPECT_EQ(canonical("document-understanding.document-parsing").value(),
              "understanding.document-understanding.document-parsing");
    EXPECT_EQ(canonical("representation.image.image-to-text").value(),
              "understanding.vision-understanding.image-captioning");
}

TEST(Capability, AliasesNameNodes) {
    EXPECT_EQ(canonical("tts").value(), "generation.audio-generation.text-to-speech");
    EXPECT_EQ(canonical("stt").value(), "understanding.audio-understanding.speech-to-text");
    EXPECT_EQ(canonical("embedding").value(), "representation.embeddings.text-embeddings");
    EXPECT_EQ(canonical("embeddings").value(), "representation.embeddings");
    EXPECT_EQ(canonical("search").value(), "retrieval.search");
    EXPECT_EQ(canonical("vision").value(), "understanding.vision-understanding");
    for (const alias& entry : aliases()) {
        ASSERT_FALSE(entry.path.empty()) << entry.name;
        EXPECT_EQ(canonical(entry.name).value(), entry.path);
        EXPECT_EQ(canonical(entry.path).value(), entry.path);
    }
}

TEST(Capability, UnknownPathsAreNodesOfTheUsersOwn) {
    EXPECT_EQ(canonical("custom-cap").value(), "custom-cap");
    EXPECT_EQ(canonical("acme.search").value(), "acme.search");
    EXPECT_EQ(canonical("generation.text-generation.poetry").value(), "generation.text-generation.poetry");
}

TEST(Capability, MalformedNamesAreRefusedWithASuggestion) {
    for (const char* name :
         {"", ".", "a.", ".a", "a..b", "Chat-Completion", "chat completion", "chat_completion"}) {
        const auto path = canonical(name);
        ASSERT_FALSE(path) << name;
        EXPECT_EQ(path.error().kind(), errc::config);
    }
    EXPECT_NE(canonical("chat_completion").error().message.find("'chat-completion'"), std::string::npos);
}

TEST(Capability, NodeNamesAreDistinctAndEveryNodeIsItsOwnCanonicalForm) {
    std::set<std::string_view> names;
    for (const shipped_node& node : shipped()) {
        const std::string_view name = node.path.substr(node.path.rfind('.') + 1);
        EXPECT_TRUE(names.insert(name).second) << node.path;
        EXPECT_EQ(canonical(node.path).value(), node.path);
        EXPECT_EQ(canonical(name).value(), node.path);
        EXPECT_FALSE(node.description.empty()) << node.path;
    }
    EXPECT_EQ(names.size(), 82u);
}

TEST(Capability, WithinFollowsSegmentsNotLetters) {
    EXPECT_TRUE(within(chat, chat));
    EXPECT_TRUE(within(chat, "generation.text-generation"));
    EXPECT_TRUE(within(chat, "generation"));
    EXPECT_FALSE(within(chat, "gen"));
    EXPECT_FALSE(within("generation", chat));
}

TEST(Capability, NearestRanksByDistance) {
    constexpr std::string_view known[] = {"coat", "chat", "completion", "chats"};
    EXPECT_EQ(nearest("chaat", known, 3), (std::vector<std::string>{"chat", "chats", "coat"}));
    EXPECT_EQ(nearest("chaat", known, 1), (std::vector<std::string>{"chat"}));
    EXPECT_TRUE(nearest("zzzzzz", known, 3).empty());
}

} // namespace
} // namespace modelmesh::capability
