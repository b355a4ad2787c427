// The simulator's wire format, compared with literal text from the vendor's documentation.
#include "completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

namespace modelmesh::testing::detail {
namespace {

chat_request request_of(std::string_view body) {
    const auto parsed = read_chat_request(body);
    if (const auto* refused = std::get_if<refusal>(&parsed)) ADD_FAILURE() << refused->error.message;
    const auto* request = std::get_if<chat_request>(&parsed);
    return request != nullptr ? *request : chat_request{};
}

refusal refusal_of(std::string_view body) {
    const auto parsed = read_chat_request(body);
    const auto* refused = std::get_if<refusal>(&parsed);
    return refused != nullptr ? *refused : refusal{0, {}};
}

/// The time of creation is the one thing that differs between two runs.
std::string without_time(const std::string& text) {
    return std::regex_replace(text, std::regex(R"("created":\d+)"), R"("created":0)");
}

std::vector<std::string> events_of(const chat_answer& answer) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < answer.event_count(); ++i) out.push_back(without_time(answer.event(i).data));
    return out;
}

std::string chunk(const std::string& rest) {
    return R"({"id":"chatcmpl-sim-0000000007","object":"chat.completion.chunk","created":0,"model":"m",)"
           R"("service_tier":"default","system_fingerprint":"fp_simulator",)" +
           rest;
}

TEST(ChatRequest, ReadsWhatMatters) {
    const chat_request request =
        request_of(R"({"model":"m","stream":true,"stream_options":{"include_usage":true},
        "n":2,"max_tokens":9,"messages":[{"role":"system","content":"be brief"},
        {"role":"user","content":[{"type":"text","text":"why"},{"type":"image_url","image_url":{"url":"u"}}]}]})");
    EXPECT_EQ(request.model, "m");
    EXPECT_TRUE(request.stream);
    EXPECT_TRUE(request.include_usage);
    EXPECT_EQ(request.choices, 2U);
    EXPECT_EQ(request.limit, 9U);
    EXPECT_EQ(request.question, "why");
    EXPECT_EQ(request.prompt_tokens, 2U + 3 + 1 + 3);
}

TEST(ChatRequest, RefusesWithTheParameterThatIsWrong) {
    EXPECT_EQ(refusal_of("nonsense").status, 400);
    EXPECT_EQ(refusal_of(R"({"messages":[]})").error.param, "model");
    EXPECT_EQ(refusal_of(R"({"model":"m"})").error.param, "messages");
    EXPECT_EQ(refusal_of(R"({"model":"m","messages":[]})").error.param, "messages");
    EXPECT_EQ(refusal_of(R"({"model":"m","messages":[1]})").error.param, "messages");
    EXPECT_EQ(refusal_of(R"({"model":"m","n":0,"messages":[{"role":"user"}]})").error.param, "n");
    EXPECT_EQ(refusal_of(R"({"model":"m","stream_options":{},"messages":[{"role":"user"}]})").error.param,
              "stream_options");
}

TEST(ChatAnswer, PlainReplyHasTheVendorsShape) {
    rule how;
    how.text = "4";
    const chat_answer answer(request_of(R"({"model":"m","messages":[{"role":"user","content":"2+2?"}]})"),
                             how, "sim", 7);
    EXPECT_EQ(
        without_time(answer.body()),
        R"({"id":"chatcmpl-sim-0000000007","object":"chat.completion","created":0,"model":"m",)"
        R"("choices":[{"index":0,"message":{"role":"assistant","content":"4","refusal":null,"annotations":[]},)"
        R"("logprobs":null,"finish_reason":"stop"}],)"
        R"("usage":{"prompt_tokens":4,"completion_tokens":1,"total_tokens":5,)"
        R"("prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0},)"
        R"("completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,)"
        R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},)"
        R"("service_tier":"default","system_fingerprint":"fp_simulator"})");
}

TEST(ChatAnswer, StreamIsRoleThenTokensThenFinishReason) {
    rule how;
    how.text = "two words";
    const chat_answer answer(
        request_of(R"({"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]})"), how, "sim",
        7);
    EXPECT_THAT(
        events_of(answer),
        ::testing::ElementsAre(
            chunk(R"("choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},)"
                  R"("logprobs":null,"finish_reason":null}]})"),
            chunk(
                R"("choices":[{"index":0,"delta":{"content":"two"},"logprobs":null,"finish_reason":null}]})"),
            chunk(
                R"("choices":[{"index":0,"delta":{"content":" words"},"logprobs":null,"finish_reason":null}]})"),
            chunk(R"("choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]})")));
}

TEST(ChatAnswer, UsageComesInAChunkWithoutChoicesAndIsNullBefore) {
    rule how;
    how.tokens = 3;
    const chat_answer answer(request_of(R"({"model":"m","stream":true,"stream_options":{"include_usage":true},
                                            "messages":[{"role":"user","content":"x"}]})"),
                             how, "sim", 7);
    const std::vector<std::string> events = events_of(answer);
    EXPECT_EQ(events.size(), 6U);
    for (std::size_t i = 0; i + 1 < events.size(); ++i)
        EXPECT_THAT(events[i], ::testing::HasSubstr(R"("finish_reason":)")) << i;
    EXPECT_THAT(events.front(), ::testing::EndsWith(R"(,"usage":null})"));
    EXPECT_THAT(events.back(),
                ::testing::HasSubstr(
                    R"("choices":[],"usage":{"prompt_tokens":4,"completion_tokens":3,"total_tokens":7,)"));
}

TEST(ChatAnswer, ToolCallsNameThemselvesOnceAndArriveInPieces) {
    rule how;
    how.tool_calls = {{"f", R"({"x":1})"}, {"g", "{}"}};
    const chat_answer answer(
        request_of(R"({"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]})"), how, "sim",
        7);
    const std::vector<std::string> events = events_of(answer);
    EXPECT_EQ(events.size(), 8U);
    EXPECT_THAT(events[0], ::testing::HasSubstr(R"("role":"assistant","content":null)"));
    EXPECT_THAT(events[1], ::testing::HasSubstr(R"({"index":0,"id":"call_0000000007_0","type":"function",)"
                                                R"("function":{"name":"f","arguments":""}})"));
    EXPECT_THAT(events[2],
                ::testing::HasSubstr(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"x"}}])"));
    EXPECT_THAT(events[3],
                ::testing::HasSubstr(R"("tool_calls":[{"index":0,"function":{"arguments":"\":1}"}}])"));
    EXPECT_THAT(events[4], ::testing::HasSubstr(R"("id":"call_0000000007_1")"));
    EXPECT_THAT(events[7], ::testing::HasSubstr(R"("finish_reason":"tool_calls")"));
    EXPECT_THAT(answer.body(), ::testing::HasSubstr(R"("content":null)"));
    EXPECT_THAT(answer.body(), ::testing::HasSubstr(R"("arguments":"{\"x\":1}")"));
}

TEST(ChatAnswer, ALimitShortensTheTextAndSaysSo) {
    rule how;
    how.text = "one two three";
    const chat_answer answer(
        request_of(R"({"model":"m","max_completion_tokens":2,"messages":[{"role":"user","content":"x"}]})"),
        how, "sim", 7);
    EXPECT_THAT(answer.body(), ::testing::HasSubstr(R"("content":"one two")"));
    EXPECT_THAT(answer.body(), ::testing::HasSubstr(R"("finish_reason":"length")"));
}

TEST(ChatAnswer, ChoicesInterleave) {
    rule how;
    how.tokens = 1;
    const chat_answer answer(
        request_of(R"({"model":"m","n":2,"stream":true,"messages":[{"role":"user","content":"x"}]})"), how,
        "sim", 7);
    const std::vector<std::string> events = events_of(answer);
    EXPECT_EQ(events.size(), 6U);
    for (std::size_t i = 0; i < events.size(); ++i)
        EXPECT_THAT(events[i], ::testing::HasSubstr(R"("choices":[{"index":)" + std::to_string(i % 2)));
}

TEST(ChatAnswer, TheDefaultTextRepeatsTheQuestionInSeveralTokens) {
    const chat_answer answer(
        request_of(R"({"model":"m","messages":[{"role":"user","content":"why so blue?"}]})"), rule{}, "first",
        7);
    EXPECT_THAT(answer.body(),
                ::testing::HasSubstr("You asked: why so blue? - this answer comes from first"));
}

TEST(ErrorBody, HasAllFourKeys) {
    EXPECT_EQ(error_body({"m", "t", std::nullopt, "c"}),
              R"({"error":{"message":"m","type":"t","param":null,"code":"c"}})");
}

TEST(Tokens, JoinToTheirText) {
    for (const std::string text : {"", " ", "a", "a b", "  a\n\nb  ", "\xc3\xa9t\xc3\xa9 \xe2\x82\xac"}) {
        std::string joined;
        for (const std::string& token : split_tokens(text)) joined += token;
        EXPECT_EQ(joined, text);
    }
}

} // namespace
} // namespace modelmesh::testing::detail
