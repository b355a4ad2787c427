// The older completions, plain and as a stream.
#include "service_fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string chunk(const std::string& choices, const std::string& rest = "") {
    return R"(data: {"id":"cmpl-sim-0000000001","object":"text_completion","created":0,"model":"m",)"
           R"("choices":[)" +
           choices + R"(],"system_fingerprint":"fp_simulator")" + rest + "}\n\n";
}

std::vector<std::string> events_of(const seen_reply& seen) {
    std::vector<std::string> out;
    for (const std::string& event : seen.chunks) out.push_back(without_times(event));
    return out;
}

TEST(TextCompletions, PlainReplyHasTheVendorsShape) {
    provider sim(R"({"rules":[{"text":"This is a test"}]})");
    const seen_reply seen =
        sim.post("/v1/completions", R"({"model":"m","prompt":"Say this","max_tokens":2})");
    EXPECT_EQ(
        without_times(seen.body),
        R"({"id":"cmpl-sim-0000000001","object":"text_completion","created":0,"model":"m",)"
        R"("choices":[{"text":"This is","index":0,"logprobs":null,"finish_reason":"length"}],)"
        R"("system_fingerprint":"fp_simulator","usage":{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4,)"
        R"("prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0},)"
        R"("completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,)"
        R"("accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}})");
}

TEST(TextCompletions, StreamIsTokensThenFinishReasonThenDone) {
    provider sim(R"({"rules":[{"text":"two words"}]})");
    const seen_reply seen = sim.post("/v1/completions", R"({"model":"m","prompt":"x","stream":true})");
    EXPECT_THAT(seen.head, HasSubstr("\r\ncontent-type: text/event-stream; charset=utf-8\r\n"));
    EXPECT_THAT(events_of(seen),
                ElementsAre(chunk(R"({"text":"two","index":0,"logprobs":null,"finish_reason":null})"),
                            chunk(R"({"text":" words","index":0,"logprobs":null,"finish_reason":null})"),
                            chunk(R"({"text":"","index":0,"logprobs":null,"finish_reason":"stop"})"),
                            "data: [DONE]\n\n"));
}

TEST(TextCompletions, EveryPromptHasItsChoicesAndTheyInterleave) {
    provider sim;
    const std::string rest = R"(,"model":"m","prompt":["a","b c"],"n":2})";
    const boost::json::value plain = sim.post("/v1/completions", R"({"stream":false)" + rest).json();
    ASSERT_EQ(plain.at("choices").as_array().size(), 4U);
    std::vector<std::string> texts(4);
    const seen_reply seen =
        sim.post("/v1/completions", R"({"stream":true,"stream_options":{"include_usage":true})" + rest);
    std::string order;
    for (std::size_t i = 0; i + 2 < seen.chunks.size(); ++i) {
        const boost::json::value event = boost::json::parse(seen.chunks[i].substr(6));
        const boost::json::value& choice = event.at("choices").as_array().at(0);
        const auto index = static_cast<std::size_t>(choice.at("index").as_int64());
        if (i < 5) order += std::to_string(index);
        texts.at(index) += text(choice.at("text"));
        EXPECT_TRUE(event.at("usage").is_null());
    }
    EXPECT_EQ(order, "01230");
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(text(plain.at("choices").as_array()[i].at("text")), texts[i]);
        EXPECT_THAT(texts[i], HasSubstr(i < 2 ? "You asked: a -" : "You asked: b c -"));
    }
    const boost::json::value last = boost::json::parse(seen.chunks[seen.chunks.size() - 2].substr(6));
    EXPECT_TRUE(last.at("choices").as_array().empty());
    EXPECT_EQ(last.at("usage"), plain.at("usage"));
}

TEST(TextCompletions, MayRepeatTheirPrompt) {
    provider sim(R"({"rules":[{"text":" b"}]})");
    const seen_reply seen = sim.post("/v1/completions", R"({"model":"m","prompt":"a","echo":true})");
    EXPECT_THAT(seen.body, HasSubstr(R"("text":"a b")"));
    EXPECT_THAT(seen.body, HasSubstr(R"("completion_tokens":1,)"));
}

TEST(TextCompletions, AnErrorMayTakeThePlaceOfTheRest) {
    provider sim(R"({"rules":[{"text":"a b","error_after_events":1}]})");
    const seen_reply seen = sim.post("/v1/completions", R"({"model":"m","prompt":"a","stream":true})");
    EXPECT_EQ(seen.chunks.size(), 2U);
    EXPECT_THAT(seen.body, EndsWith(R"("type":"server_error","param":null,"code":null}})"
                                    "\n\n"));
}

TEST(TextCompletions, RefuseWhatIsWrong) {
    provider sim;
    const auto problem = [&](const std::string& rest) {
        return sim.problem("/v1/completions", R"({"model":"m")" + rest + "}");
    };
    EXPECT_EQ(problem(""), "prompt missing_required_parameter");
    EXPECT_EQ(problem(R"(,"prompt":{})"), "prompt invalid_type");
    EXPECT_EQ(problem(R"(,"prompt":"a","n":0)"), "n integer_below_min_value");
    EXPECT_EQ(problem(R"(,"prompt":"a","max_tokens":-1)"), "max_tokens integer_below_min_value");
    EXPECT_EQ(problem(R"(,"prompt":"a","stream":1)"), "stream invalid_type");
    EXPECT_EQ(problem(R"(,"prompt":"a","stream_options":{})"), "stream_options -");
}

} // namespace
} // namespace modelmesh::testing::detail
