// Rerank: the order of the documents, and how many of them come back.
#include "service_fixture.hpp"

namespace modelmesh::testing::detail {
namespace {

TEST(Rerank, SortsByTheWordsOfTheQuery) {
    provider sim;
    const seen_reply seen = sim.post("/v1/rerank", R"({"model":"m","query":"blue sky",
        "documents":["grass","a Blue, wide SKY.",{"text":"blue"},"stone"]})");
    EXPECT_EQ(seen.body,
              R"({"id":"rerank-sim-0000000001","model":"m","results":[{"index":1,"relevance_score":1E0},)"
              R"({"index":2,"relevance_score":5E-1},{"index":0,"relevance_score":0E0},)"
              R"({"index":3,"relevance_score":0E0}],"meta":{"billed_units":{"search_units":1}},)"
              R"("usage":{"total_tokens":9}})");
}

TEST(Rerank, ReturnsAsManyAsAskedForAndTheirTexts) {
    provider sim;
    const boost::json::value reply = sim.post("/v1/rerank", R"({"model":"m","query":"b","top_n":1,
        "return_documents":true,"documents":["a","b"]})")
                                         .json();
    ASSERT_EQ(reply.at("results").as_array().size(), 1U);
    EXPECT_EQ(reply.at("results").as_array()[0].at("document"), boost::json::parse(R"({"text":"b"})"));
    const boost::json::value all =
        sim.post("/v1/rerank", R"({"model":"m","query":"b","top_n":9,"documents":["a","b"]})").json();
    EXPECT_EQ(all.at("results").as_array().size(), 2U);
}

TEST(Rerank, RefusesWhatIsWrong) {
    provider sim(R"({"rules":[{"path":"rerank","status":503}]})");
    const auto problem = [&](const std::string& rest) {
        return sim.problem("/v1/rerank", R"({"model":"m")" + rest + "}");
    };
    EXPECT_EQ(problem(R"(,"documents":["a"])"), "query missing_required_parameter");
    EXPECT_EQ(problem(R"(,"query":"a")"), "documents missing_required_parameter");
    EXPECT_EQ(problem(R"(,"query":"a","documents":"b")"), "documents invalid_type");
    EXPECT_EQ(problem(R"(,"query":"a","documents":[])"), "documents empty_array");
    EXPECT_EQ(problem(R"(,"query":"a","documents":[1])"), "documents invalid_value");
    EXPECT_EQ(problem(R"(,"query":"a","documents":["b"],"top_n":0)"), "top_n integer_below_min_value");
    EXPECT_EQ(sim.post("/v1/rerank", R"({"model":"m","query":"a","documents":["b"]})").status, 503);
}

} // namespace
} // namespace modelmesh::testing::detail
