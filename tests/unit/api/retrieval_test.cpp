// Types that no description tells of: documents as the vendors answer them.
#include <modelmesh/api/rerank.hpp>
#include <modelmesh/api/search.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>

#include <string_view>

namespace modelmesh {
namespace {

template <class T> T expect_round_trip(std::string_view wire) {
    const result<T> r = json::read<T>(wire);
    EXPECT_TRUE(r) << (r ? "" : r.error().message);
    if (!r) return {};
    EXPECT_EQ(json::write(*r), wire);
    return *r;
}

TEST(Rerank, RequestsHaveTextsOrObjects) {
    const auto r = expect_round_trip<rerank::request>(
        R"({"model":"m","query":"q","documents":["a",{"text":"b"},{"image":"u"},{"title":"c","year":1}],"top_n":2,)"
        R"("return_documents":true,"max_tokens_per_doc":4096,"rank_fields":["title"],"truncate":"END"})");
    ASSERT_EQ(r.documents.size(), 4u);
    EXPECT_EQ(std::get<std::string>(r.documents[0]), "a");
    EXPECT_TRUE(std::get<rerank::object>(r.documents[1]).text == "b");
    EXPECT_EQ(std::get<rerank::object>(r.documents[3]).extra.find("year"), "1");
    EXPECT_EQ(r.extra.size(), 1u) << "only truncate is unknown";
}

TEST(Rerank, RepliesOfSeveralVendorsAreRead) {
    const auto cohere = expect_round_trip<rerank::reply>(
        R"({"id":"r1","results":[{"index":1,"relevance_score":0.98},{"index":0,"relevance_score":0.02}],)"
        R"("meta":{"billed_units":{"search_units":1}}})");
    ASSERT_EQ(cohere.results.size(), 2u);
    EXPECT_EQ(cohere.results[0].index, 1);
    EXPECT_EQ(cohere.extra.find("meta"), R"({"billed_units":{"search_units":1}})");
    const auto jina = expect_round_trip<rerank::reply>(
        R"({"model":"m","results":[{"index":0,"relevance_score":0.5,"document":{"text":"a"}},)"
        R"({"index":1,"relevance_score":0.25,"document":"b"}],"usage":{"total_tokens":7}})");
    ASSERT_EQ(jina.results.size(), 2u);
    EXPECT_TRUE(std::get<rerank::object>(*jina.results[0].document).text == "a");
    EXPECT_EQ(std::get<std::string>(*jina.results[1].document), "b");
    EXPECT_TRUE(jina.usage && jina.usage->total_tokens == 7);
}

TEST(Search, RequestsSayOnlyWhatWasSet) {
    search::request req{.model = "web-search", .query = "tide tables"};
    EXPECT_EQ(json::write(req), R"({"model":"web-search","query":"tide tables"})");
    req.max_results = 2;
    req.include_answer = true;
    req.include_raw_content = "markdown";
    EXPECT_EQ(json::write(req), R"({"model":"web-search","query":"tide tables","max_results":2,)"
                                R"("include_answer":true,"include_raw_content":"markdown"})");
    EXPECT_TRUE(expect_round_trip<search::request>(json::write(req)) == req);
}

TEST(Search, RepliesAreRead) {
    const auto r = expect_round_trip<search::reply>(
        R"({"query":"tide tables","answer":"a","results":[{"title":"T","url":"https://t.example","content":"c",)"
        R"("raw_content":null,"score":0.91,"published_date":"Mon, 02 Nov 2026 10:00:00 GMT"}],)"
        R"("images":["https://i.example",{"url":"u","description":"d"}],"usage":{"credits":1},"response_time":1.2})");
    ASSERT_EQ(r.results.size(), 1u);
    EXPECT_TRUE(r.results[0].content == "c" && r.results[0].raw_content.is_null());
    ASSERT_TRUE(r.images && r.images->size() == 2u);
    EXPECT_EQ(r.extra.size(), 1u) << "only response_time is unknown";
}

} // namespace
} // namespace modelmesh
