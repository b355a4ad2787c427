// The formats are those of OpenAI's API reference, written down here and not by our own types.
#include "budget/reported_usage.hpp"

#include <gtest/gtest.h>

namespace modelmesh::budget {
namespace {

TEST(ReportedUsage, OfAChat) {
    const auto used =
        reported(operation::chat_completion,
                 R"({"id":"x","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,)"
                 R"("total_tokens":29,"prompt_tokens_details":{"cached_tokens":7,"audio_tokens":2,)"
                 R"("cache_write_tokens":3},"completion_tokens_details":{"reasoning_tokens":5,)"
                 R"("audio_tokens":1,"accepted_prediction_tokens":0}}})");
    ASSERT_TRUE(used);
    consumption want;
    want.input = 19;
    want.output = 10;
    want.cached_input = 7;
    want.cache_write = 3;
    want.audio_input = 2;
    want.reasoning = 5;
    want.audio_output = 1;
    EXPECT_EQ(*used, want);
}

TEST(ReportedUsage, OfAResponseAndOfItsStream) {
    const std::string usage =
        R"("usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":4},)"
        R"("output_tokens":87,"output_tokens_details":{"reasoning_tokens":9},"total_tokens":123})";
    const auto whole = reported(operation::response, R"({"id":"r",)" + usage + "}");
    const auto last =
        reported(operation::response, R"({"type":"response.completed","response":{"id":"r",)" + usage + "}}");
    ASSERT_TRUE(whole && last);
    EXPECT_EQ(*whole, *last);
    EXPECT_EQ(whole->input, 36);
    EXPECT_EQ(whole->cached_input, 4);
    EXPECT_EQ(whole->output, 87);
    EXPECT_EQ(whole->reasoning, 9);
}

TEST(ReportedUsage, OfOtherOperations) {
    EXPECT_EQ(
        reported(operation::embedding, R"({"data":[],"usage":{"prompt_tokens":8,"total_tokens":8}})")->input,
        8);
    EXPECT_EQ(reported(operation::rerank, R"({"results":[],"usage":{"total_tokens":5}})")->input, 5);
    EXPECT_EQ(reported(operation::rerank, R"({"results":[],"usage":{"search_units":3}})")->requests, 3);
    const auto pictures =
        reported(operation::image_generation,
                 R"({"created":1,"data":[{"url":"u"},{"url":"v"}],"usage":{"input_tokens":50,)"
                 R"("output_tokens":60,"total_tokens":110}})");
    EXPECT_EQ(pictures->images, 2);
    EXPECT_EQ(pictures->output, 60);
    EXPECT_EQ(reported(operation::image_generation, R"({"created":1,"data":[{"url":"u"}]})")->images, 1);
    EXPECT_EQ(reported(operation::image_generation, R"({"type":"image_generation.completed","b64_json":""})")
                  ->images,
              1);
    EXPECT_FALSE(reported(operation::image_generation, R"({"type":"image_generation.partial_image"})"));
    const auto tokens =
        reported(operation::transcription,
                 R"({"text":"hi","usage":{"type":"tokens","input_tokens":14,"input_token_details":)"
                 R"({"text_tokens":10,"audio_tokens":4},"output_tokens":101,"total_tokens":115}})");
    EXPECT_EQ(tokens->audio_input, 4);
    EXPECT_EQ(tokens->output, 101);
    EXPECT_EQ(reported(operation::transcription, R"({"text":"","usage":{"type":"duration","seconds":4.25}})")
                  ->milliseconds,
              4250);
    EXPECT_EQ(reported(operation::translation, R"({"text":"","duration":1.5})")->milliseconds, 1500);
}

TEST(ReportedUsage, NothingWhereNothingIsSaid) {
    EXPECT_FALSE(reported(operation::chat_completion, R"({"choices":[]})"));
    EXPECT_FALSE(reported(operation::chat_completion, R"({"usage":null})"));
    EXPECT_FALSE(
        reported(operation::chat_completion, R"({"choices":[{"message":{"usage":{"prompt_tokens":1}}}]})"));
    EXPECT_FALSE(reported(operation::chat_completion, R"({"usage":{)"));
    EXPECT_FALSE(reported(operation::transcription, "plain text of \"usage\": {"));
    EXPECT_FALSE(reported(operation::speech, "\x01\x02 bytes"));
    EXPECT_FALSE(mentions_usage(R"({"content":"\"usage\":{"})"));
    EXPECT_TRUE(mentions_usage(R"({"a":{"usage":null},"usage" : {}})"));
}

TEST(ReportedUsage, NonsenseIsNothingNegative) {
    const auto used = reported(operation::chat_completion,
                               R"({"usage":{"prompt_tokens":-5,"completion_tokens":3,"seconds":-1e300}})");
    ASSERT_TRUE(used);
    EXPECT_EQ(used->input, 0);
    EXPECT_EQ(used->milliseconds, 0);
}

TEST(ReportedUsage, TellsTheChunkThatHasOnlyTotals) {
    EXPECT_TRUE(is_only_totals(R"({"id":"x","choices":[],"usage":{"prompt_tokens":1}})"));
    EXPECT_FALSE(is_only_totals(R"({"choices":[{"index":0}],"usage":{"prompt_tokens":1}})"));
    EXPECT_FALSE(is_only_totals(R"({"choices":[],"usage":null})"));
    EXPECT_FALSE(is_only_totals(R"({"choices":[],"prompt_filter_results":[]})"));
}

} // namespace
} // namespace modelmesh::budget
