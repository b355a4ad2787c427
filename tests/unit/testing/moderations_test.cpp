// Moderations: what is flagged, and the complete lists of categories.
#include "service_fixture.hpp"

namespace modelmesh::testing::detail {
namespace {

TEST(Moderations, HaveTheVendorsShape) {
    provider sim;
    const seen_reply seen = sim.post("/v1/moderations", R"({"model":"m","input":"Violence!"})");
    EXPECT_EQ(
        seen.body,
        R"({"id":"modr-sim-0000000001","model":"m","results":[{"flagged":true,"categories":{)"
        R"("harassment":false,"harassment/threatening":false,"sexual":false,"hate":false,)"
        R"("hate/threatening":false,"illicit":false,"illicit/violent":false,"self-harm/intent":false,)"
        R"("self-harm/instructions":false,"self-harm":false,"sexual/minors":false,"violence":true,)"
        R"("violence/graphic":false},"category_scores":{)"
        R"("harassment":9.765625E-4,"harassment/threatening":9.765625E-4,"sexual":9.765625E-4,)"
        R"("hate":9.765625E-4,"hate/threatening":9.765625E-4,"illicit":9.765625E-4,)"
        R"("illicit/violent":9.765625E-4,"self-harm/intent":9.765625E-4,"self-harm/instructions":9.765625E-4,)"
        R"("self-harm":9.765625E-4,"sexual/minors":9.765625E-4,"violence":8.75E-1,)"
        R"("violence/graphic":9.765625E-4},"category_applied_input_types":{)"
        R"("harassment":["text"],"harassment/threatening":["text"],"sexual":["text"],"hate":["text"],)"
        R"("hate/threatening":["text"],"illicit":["text"],"illicit/violent":["text"],)"
        R"("self-harm/intent":["text"],"self-harm/instructions":["text"],"self-harm":["text"],)"
        R"("sexual/minors":["text"],"violence":["text"],"violence/graphic":["text"]}}]})");
}

TEST(Moderations, JudgeEachTextByItselfAndPartsTogether) {
    provider sim;
    const boost::json::value texts =
        sim.post("/v1/moderations", R"({"input":["calm","some violence here"]})").json();
    EXPECT_EQ(texts.at("model"), "omni-moderation-latest");
    ASSERT_EQ(texts.at("results").as_array().size(), 2U);
    EXPECT_EQ(texts.at("results").as_array()[0].at("flagged"), false);
    EXPECT_EQ(texts.at("results").as_array()[1].at("flagged"), true);
    const boost::json::value parts =
        sim.post("/v1/moderations", R"({"input":[{"type":"text","text":"violence"},
                              {"type":"image_url","image_url":{"url":"data:image/png;base64,"}}]})")
            .json();
    ASSERT_EQ(parts.at("results").as_array().size(), 1U);
    const boost::json::value& result = parts.at("results").as_array()[0];
    EXPECT_EQ(result.at("flagged"), true);
    const boost::json::value& types = result.at("category_applied_input_types");
    EXPECT_EQ(types.at("violence"), boost::json::parse(R"(["text","image"])"));
    EXPECT_EQ(types.at("hate"), boost::json::parse(R"(["text"])"));
}

TEST(Moderations, RefuseWhatIsWrong) {
    provider sim;
    for (const char* input : {"[]", "[1]", R"(["a",{}])", R"([{"type":"text"}])", R"([{"type":"audio"}])",
                              R"([{"type":"image_url","image_url":{}}])"})
        EXPECT_EQ(sim.problem("/v1/moderations", std::string(R"({"model":"m","input":)") + input + "}"),
                  "input invalid_value")
            << input;
    EXPECT_EQ(sim.problem("/v1/moderations", R"({"model":"m"})"), "input missing_required_parameter");
    EXPECT_EQ(sim.problem("/v1/moderations", R"({"model":"m","input":1})"), "input invalid_type");
}

} // namespace
} // namespace modelmesh::testing::detail
