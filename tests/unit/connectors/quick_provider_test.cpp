#include <modelmesh/connector/quick_provider.hpp>

#include <gtest/gtest.h>

namespace modelmesh::connector {
namespace {

http::request encoded(const quick_provider& by, std::string_view key, bool stream = false) {
    const auto asked =
        prepared_request::parse(operation::chat_completion, R"({"model":"chat","messages":[]})", stream);
    http::request out;
    by.encode(**asked, target{"/v1", "acme-1", key}, out).value();
    return out;
}

TEST(QuickProvider, SpeaksOpenAisFormat) {
    const quick_provider plain{{}};
    const http::request out = encoded(plain, "sk-1");
    EXPECT_EQ(out.target, "/v1/chat/completions");
    EXPECT_EQ(out.body, R"({"model":"acme-1","messages":[]})");
    EXPECT_EQ(out.headers.get("Authorization"), "Bearer sk-1");
}

TEST(QuickProvider, ShowsTheKeyWhereItsVendorWantsIt) {
    quick_provider::settings of;
    of.key_header = "x-api-key";
    of.headers = {{"acme-version", "2026-01-01"}};
    const quick_provider acme(of);
    const http::request out = encoded(acme, "sk-1");
    EXPECT_EQ(out.headers.get("x-api-key"), "sk-1");
    EXPECT_EQ(out.headers.get("acme-version"), "2026-01-01");
    EXPECT_FALSE(out.headers.contains("Authorization"));
    EXPECT_FALSE(encoded(acme, "").headers.contains("x-api-key"));
}

TEST(QuickProvider, KnowsWhatItsModelsCanDo) {
    quick_provider::settings of;
    of.models = {{"acme-1", {"retrieval.reranking"}}};
    const quick_provider acme(of);
    EXPECT_EQ(acme.capabilities_of("acme-1"), std::vector<std::string>{"retrieval.reranking"});
    EXPECT_EQ(acme.capabilities_of("other"),
              std::vector<std::string>{"generation.text-generation.chat-completion"});
}

TEST(QuickProvider, DoesNotAskForUsageThatTheServerDoesNotKnow) {
    quick_provider::settings of;
    of.has_stream_usage = false;
    EXPECT_EQ(encoded(quick_provider(of), "", true).body.find("stream_options"), std::string::npos);
    EXPECT_NE(encoded(quick_provider({}), "", true).body.find("include_usage"), std::string::npos);
}

} // namespace
} // namespace modelmesh::connector
