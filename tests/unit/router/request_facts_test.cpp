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
    EXPECT_EQ(of(R"(,"prompt_cache_key":"k")").session, R"("k")");
    EXPECT_EQ(of(R"(,"prompt_cache_key":"k","metadata":{"session_id":"s"})").session, R"("s")");
    EXPECT_EQ(of(R"(,"prompt_cache_key":"k","metadata":{"session_id":"s"},"user":"u")").session, R"("u")");
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

} // namespace
} // namespace modelmesh::router
