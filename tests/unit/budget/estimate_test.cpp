#include "budget/estimate.hpp"

#include <modelmesh/http/attachment.hpp>

#include <gtest/gtest.h>

#include <string>

namespace modelmesh::budget {
namespace {

std::shared_ptr<const prepared_request> request(operation what, std::string json) {
    return prepared_request::parse(what, std::move(json), false).value();
}

std::int64_t tokens(std::string_view text) {
    text_meter meter;
    meter.add(text);
    return meter.tokens();
}

TEST(Estimate, CountsCharacters) {
    EXPECT_EQ(tokens(""), 0);
    EXPECT_EQ(tokens("a"), 1);
    EXPECT_EQ(tokens("four char words"), 4);
    EXPECT_EQ(tokens("\u4f60\u597d"), 2);
    EXPECT_EQ(tokens("ab\u00e9"), 2);
}

TEST(Estimate, APictureIsNoText) {
    const std::string picture(100000, 'A');
    EXPECT_EQ(tokens("data:image/png;base64," + picture), 1445 + 6);
    EXPECT_EQ(tokens(std::string(1024, 'A')), 256);
}

TEST(Estimate, OnlyWhatTheModelReadsIsInput) {
    const auto asked =
        request(operation::chat_completion,
                R"({"model":"a-very-long-name-that-nobody-reads","messages":[12345678],"user":"somebody"})");
    EXPECT_EQ(estimated_input(*asked), 3);
}

TEST(Estimate, OutputIsBoundedByTheRequestThenByTheModel) {
    const auto output = [](std::string settings, model_sizes sizes = {},
                           operation what = operation::chat_completion) {
        const auto asked = request(what, R"({"model":"m","messages":[])" + settings + "}");
        return expected(*asked, {}, sizes).output;
    };
    EXPECT_EQ(output(R"(,"max_tokens":10)"), 10);
    EXPECT_EQ(output(R"(,"max_completion_tokens":20,"n":3)"), 60);
    EXPECT_EQ(output(R"(,"max_output_tokens":30)", {}, operation::response), 30);
    EXPECT_EQ(output(R"(,"max_tokens":1000)", {0, 500}), 500);
    EXPECT_EQ(output(R"(,"max_tokens":null)", {0, 500}), 500);
    EXPECT_EQ(output("", {1001, 0}), 1000);
    EXPECT_EQ(output(""), 4096);
    EXPECT_EQ(output(R"(,"max_tokens":-5)"), 4096);
}

TEST(Estimate, OtherOperationsAreMeasuredByWhatTheyAreBilledBy) {
    const auto picture = request(operation::image_generation, R"({"model":"m","prompt":"cats","n":2})");
    EXPECT_EQ(expected(*picture, {.image = 5}, {}).images, 2);
    EXPECT_EQ(expected(*picture, {.image = 5}, {}).output, 0);
    EXPECT_EQ(expected(*picture, {.output = 5}, {}).output, 2 * 6240);
    const auto speech = request(operation::speech, R"({"model":"m","input":"12345678"})");
    EXPECT_EQ(expected(*speech, {.character = 1}, {}).characters, 10);
    EXPECT_EQ(expected(*request(operation::embedding, R"({"model":"m","input":"12345678"})"), {}, {}).output,
              0);
    const auto heard =
        prepared_request::parse(operation::transcription, R"({"model":"m"})", false,
                                {{"file", http::attach_bytes("a.mp3", std::string(4000, 'x'))}})
            .value();
    EXPECT_EQ(expected(*heard, {.second = 1}, {}).milliseconds, 1000);
    EXPECT_EQ(expected(*heard, {}, {}).audio_input, 10);
}

TEST(Estimate, TheTextOfChunksIsMetered) {
    const auto metered = [](std::string_view piece) {
        text_meter meter;
        meter_text(piece, meter);
        return meter.tokens();
    };
    EXPECT_EQ(metered(R"({"id":"long-identifier","choices":[{"delta":{"content":"12345678"}}]})"), 2);
    EXPECT_EQ(metered(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})"), 0);
    EXPECT_EQ(metered(R"({"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]}})"), 3);
    EXPECT_EQ(metered(R"({"type":"response.output_text.delta","delta" : "abcd"})"), 1);
    EXPECT_EQ(metered(R"({"content":"a\"b","text":)"), 1) << "cut anywhere";
    EXPECT_EQ(metered(R"({"content":"abc)"), 1);
    EXPECT_EQ(metered("\""), 0);
    EXPECT_EQ(metered("\"content\\"), 0);
}

} // namespace
} // namespace modelmesh::budget
