#include "router/request_facts.hpp"

#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

class RequestFacts : public ::testing::Test {
protected:
    std::shared_ptr<const prepared_request> request; // the facts point into it

    connector::rotation_request of(const std::string& members, bool stream = false) {
        request =
            prepared_request::parse(operation::chat_completion, R"({"model":"chat")" + members + "}", stream)
                .value();
        return facts_of(*request);
    }
};

TEST_F(RequestFacts, TheSessionIsTheFirstThatIsNamed) {
    EXPECT_EQ(of("").session, "");
    EXPECT_EQ(of(R"(,"prompt_cache_key":"k")").session, "k");
    EXPECT_EQ(of(R"(,"prompt_cache_key":"k","metadata":{"session_id":"s"})").session, "s");
    EXPECT_EQ(of(R"(,"prompt_cache_key":"k","metadata":{"session_id":"s"},"user":"u")").session, "u");
}

TEST_F(RequestFacts, WhatIsNoNameOfASessionIsNone) {
    EXPECT_EQ(of(R"(,"user":"","metadata":{"session_id":7},"prompt_cache_key":null)").session, "");
    EXPECT_EQ(of(R"(,"metadata":["session_id"])").session, "");
}

TEST_F(RequestFacts, OutputIsWhatTheRequestAllows) {
    EXPECT_EQ(of("").output_tokens, 500);
    EXPECT_EQ(of(R"(,"max_tokens":100)").output_tokens, 100);
    EXPECT_EQ(of(R"(,"max_tokens":100,"max_completion_tokens":200)").output_tokens, 200);
    EXPECT_EQ(of(R"(,"max_output_tokens":300)").output_tokens, 300);
    EXPECT_EQ(of(R"(,"max_tokens":null)").output_tokens, 500);
}

TEST_F(RequestFacts, ALongerPromptHasMoreTokens) {
    const double shorter = of("").prompt_tokens;
    EXPECT_EQ(of(R"(,"x":")" + std::string(401, 'x') + "\"").prompt_tokens, shorter + 102);
    EXPECT_TRUE(of("", true).is_stream);
}

// What a request needs of a pool one of whose models lacks everything.
class RequestNeeds : public ::testing::Test {
protected:
    pool of;
    RequestNeeds() { of.least.lacks = ~std::uint32_t{0}; }

    std::shared_ptr<const prepared_request> made(const std::string& members, bool stream = false,
                                                 operation what = operation::chat_completion) const {
        return prepared_request::parse(what, R"({"model":"chat")" + members + "}", stream).value();
    }
    std::string needs(const std::string& members, bool stream = false,
                      operation what = operation::chat_completion) const {
        request_needs found = needs_of(*made(members, stream, what), of);
        found.bits &= ~bit_of(need::whole_reply);
        return described(found);
    }
    std::string turn(const std::string& part) const {
        return needs(R"(,"messages":[{"role":"user","content":[)" + part + "]}]");
    }
};

TEST_F(RequestNeeds, OfChatAreInItsMembers) {
    EXPECT_EQ(needs(R"(,"messages":[{"role":"user","content":"hi"}])"), "");
    EXPECT_EQ(needs(R"(,"tools":[{"type":"function"}])"), "tool_calling");
    EXPECT_EQ(needs(R"(,"tools":[],"logprobs":false,"functions":null)"), "");
    EXPECT_EQ(needs(R"(,"response_format":{"type":"json_schema","json_schema":{}})"), "structured_output");
    EXPECT_EQ(needs(R"(,"response_format":{"type":"json_object"})"), "json_mode");
    EXPECT_EQ(needs(R"(,"response_format":{"type":"text"})"), "");
    EXPECT_EQ(needs(R"(,"logprobs":true,"web_search_options":{"a":1})"), "grounding, logprobs");
    EXPECT_EQ(needs(R"(,"messages":[{"role" : "developer","content":"x"}])"), "system_prompt");
    EXPECT_EQ(needs("", true), "streaming");
}

TEST_F(RequestNeeds, PicturesAndSoundAreInTheTurns) {
    EXPECT_EQ(turn(R"({"type":"image_url","image_url":{"url":"http://x"}})"), "vision");
    EXPECT_EQ(turn(R"({"type":"input_audio","input_audio":{}})"), "audio_input");
    EXPECT_EQ(turn(R"({"type":"text","text":"image_url"})"), "") << "a text is not a part";
    EXPECT_EQ(turn(R"({"type":"text","text":"{\"type\":\"image_url\"}"})"), "");
}

TEST_F(RequestNeeds, OfResponsesAreWhereItsFormatHasThem) {
    const operation what = operation::response;
    EXPECT_EQ(needs(R"(,"input":[{"role":"user","content":[{"type":"input_image"}]}])", false, what),
              "vision");
    EXPECT_EQ(needs(R"(,"instructions":"be brief")", false, what), "system_prompt");
    EXPECT_EQ(needs(R"(,"text":{"format":{"type":"json_schema"}})", false, what), "structured_output");
}

TEST_F(RequestNeeds, OfOtherOperationsIsTheDeliveryOnly) {
    EXPECT_EQ(needs(R"(,"tools":[1],"input":"x")", false, operation::embedding), "");
    EXPECT_EQ(needs(R"(,"input":"x")", true, operation::speech), "streaming");
}

TEST_F(RequestNeeds, OfAPoolWhoseModelsLackNothingAreNone) {
    const pool whole{};
    const request_needs none =
        needs_of(*made(R"(,"tools":[1],"max_tokens":5,"messages":[{"role":"system","content":")" +
                       std::string(9000, 'x') + "\"}]"),
                 whole);
    EXPECT_EQ(none.bits, 0u);
    EXPECT_EQ(none.tokens, 0);
    EXPECT_EQ(none.output_tokens, 0);
}

TEST_F(RequestNeeds, PicturesAreCountedWhereSomeModelTakesAFew) {
    of.least = model_traits();
    of.least.max_images = 1;
    EXPECT_EQ(turn(R"({"type":"image_url"},{"type":"image_url"})"), "2 pictures");
}

TEST_F(RequestNeeds, TokensAreCountedWhereTheRequestMayBeTooLong) {
    of.least = model_traits();
    of.least.context_window = 1000;
    const auto asks = [&](std::size_t letters, const std::string& more = {}) {
        std::string text;
        while (text.size() < letters) text += "word ";
        return needs_of(*made(R"(,"messages":[{"role":"user","content":")" + text + "\"}]" + more), of);
    };
    EXPECT_EQ(asks(500).tokens, 0) << "a token has a byte at least";
    EXPECT_GT(asks(9000).tokens, 1400);
    EXPECT_LT(asks(9000).tokens, 9000 / 4) << "fewer than it may have: nothing is refused in vain";
    EXPECT_GT(asks(500, R"(,"max_tokens":900)").tokens, 900);
    EXPECT_EQ(asks(500, R"(,"max_completion_tokens":900)").output_tokens, 900);
}

} // namespace
} // namespace modelmesh::router
