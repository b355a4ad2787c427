// What a script may say, how rules are used up, and how a wrong script is refused.
#include "script.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace modelmesh::testing::detail {
namespace {

std::string problem_of(std::string_view text) {
    try {
        script::parse(text);
    } catch (const std::invalid_argument& failure) {
        return failure.what();
    }
    return "accepted";
}

TEST(Script, AnEmptyScriptGivesTheDefaultReply) {
    script empty = script::parse(" \n");
    const rule reply = empty.next("chat/completions", "m", true);
    EXPECT_EQ(reply.status, 200);
    EXPECT_FALSE(reply.text);
    EXPECT_FALSE(reply.cut);
}

TEST(Script, RulesAreUsedInOrderAndAsOftenAsTheySay) {
    script rules =
        script::parse(R"({"rules":[{"status":500},{"status":429,"times":2},{"text":"x","times":"always"}]})");
    std::vector<int> seen;
    for (int i = 0; i < 5; ++i) seen.push_back(rules.next("chat/completions", "m", false).status);
    EXPECT_THAT(seen, ::testing::ElementsAre(500, 429, 429, 200, 200));
    EXPECT_EQ(rules.next("chat/completions", "m", false).text, "x");
}

TEST(Script, ARuleIsSkippedWhenModelOrStreamDiffer) {
    script rules = script::parse(R"({"rules":[{"model":"a","status":500},{"stream":true,"status":503}]})");
    EXPECT_EQ(rules.next("chat/completions", "b", false).status, 200);
    EXPECT_EQ(rules.next("chat/completions", "b", true).status, 503);
    EXPECT_EQ(rules.next("chat/completions", "a", true).status, 500);
    EXPECT_EQ(rules.next("chat/completions", "a", true).status, 200);
}

TEST(Script, EveryFieldIsRead) {
    script rules = script::parse(R"({"rules":[{
        "latency_ms": 5, "pace_ms": 7, "status": 429, "headers": {"x-a": "b"},
        "error": {"message": "m", "type": "t", "param": "p", "code": "c"},
        "retry_after": {"in_ms": 1500, "as": "milliseconds"},
        "cut": {"after_bytes": 9, "how": "fin"}, "malformed": "chunk", "content_length_off_by": -2
    }, {"json": {"a": [1, 2]}, "finish_reason": "length", "done": false, "error_after_events": 2},
       {"tool_calls": [{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": "not json"}]}]})");
    const rule first = rules.next("chat/completions", "m", false);
    EXPECT_EQ(first.latency, std::chrono::milliseconds(5));
    EXPECT_EQ(first.pace, std::chrono::milliseconds(7));
    EXPECT_EQ(first.headers.at(0).second, "b");
    EXPECT_EQ(first.error->param, "p");
    EXPECT_EQ(first.retry_after->delay, std::chrono::milliseconds(1500));
    EXPECT_EQ(first.retry_after->form, wait_form::milliseconds);
    EXPECT_EQ(first.cut->after_bytes, 9U);
    EXPECT_EQ(first.cut->how, ending::fin);
    EXPECT_EQ(first.malformed, damage::chunk);
    EXPECT_EQ(first.content_length_off_by, -2);
    const rule second = rules.next("chat/completions", "m", false);
    EXPECT_EQ(second.text, R"({"a":[1,2]})");
    EXPECT_EQ(second.finish_reason, "length");
    EXPECT_FALSE(second.done);
    EXPECT_EQ(second.error_after_events, 2U);
    const rule third = rules.next("chat/completions", "m", false);
    EXPECT_EQ(third.tool_calls.at(0).arguments, R"({"x":1})");
    EXPECT_EQ(third.tool_calls.at(1).arguments, "not json");
}

TEST(Script, AWrongScriptNamesThePlaceAndWhatWouldBeRight) {
    const std::vector<std::pair<const char*, const char*>> cases{
        {"[]", "the document: must be an object"},
        {"{}", "the document: needs \"rules\", a list of objects"},
        {"{\"rules\":[\n{\"a\" 1}]}", "line 2, column 6: not valid JSON"},
        {"{\"rules\":[]} x", "not valid JSON"},
        {"{\"rules\":[", "not valid JSON (incomplete JSON)"},
        {R"({"rules":[{},{"statu":1}]})",
         "rules[1]: unknown key \"statu\"; known here: path, model, stream,"},
        {R"({"rules":[{"status":302}]})", "rules[0].status: must be 200 or from 400 to 599"},
        {R"({"rules":[{"status":"x"}]})", "rules[0].status: must be an integer from 200 to 599"},
        {R"({"rules":[{"times":0}]})", "rules[0].times: must be an integer from 1 or \"always\""},
        {R"({"rules":[{"stream":1}]})", "rules[0].stream: must be true or false"},
        {R"({"rules":[{"text":1}]})", "rules[0].text: must be a string"},
        {R"({"rules":[{"text":"a","tokens":1}]})",
         "rules[0]: takes one of \"text\", \"tokens\" and \"json\""},
        {R"({"rules":[{"error":{}}]})", "rules[0].error: needs a \"status\" from 400 to 599"},
        {R"({"rules":[{"headers":{"a":"x\r\ny"}}]})", "rules[0].headers.a: must be a header name"},
        {R"({"rules":[{"retry_after":{"as":"date"}}]})", "rules[0].retry_after: needs \"in_ms\""},
        {R"({"rules":[{"cut":{"how":"reset"}}]})", "rules[0].cut: needs either \"after_bytes\" or"},
        {R"({"rules":[{"cut":{"after_bytes":1,"how":"x"}}]})", "\"x\" is not one of reset, close, fin, hang"},
        {R"({"rules":[{"tool_calls":[{"name":"f"}]}]})", "rules[0].tool_calls[0]: needs \"arguments\""},
        {R"({"rules":[{"path":"/v1/embeddings"}]})",
         "rules[0].path: \"/v1/embeddings\" is not one of chat/completions, completions,"},
        {R"({"rules":[{"malformed":"all"}]})", "\"all\" is not one of none, head, chunk, json"},
    };
    for (const auto& [text, expected] : cases)
        EXPECT_THAT(problem_of(text), ::testing::HasSubstr(expected)) << text;
}

} // namespace
} // namespace modelmesh::testing::detail
