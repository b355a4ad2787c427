#include <modelmesh/api/responses.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <type_traits>

namespace modelmesh::responses {
namespace {

static_assert(std::is_aggregate_v<request> && std::is_aggregate_v<reply> && std::is_aggregate_v<event>);

constexpr std::string_view recorded_reply =
    R"({"id":"resp_1","object":"response","created_at":1795000001,"status":"completed","error":null,)"
    R"("incomplete_details":null,"instructions":null,"model":"gpt-6-luna",)"
    R"("output":[{"type":"reasoning","id":"rs_1","summary":[]},)"
    R"({"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"2+2 ",)"
    R"("annotations":[]},{"type":"output_text","text":"is 4"}],"status":"completed"},)"
    R"({"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{}","status":"completed"}],)"
    R"("tools":[],"tool_choice":"auto","parallel_tool_calls":true,"text":{"format":{"type":"text"}},)"
    R"("usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":0},"output_tokens":1,)"
    R"("output_tokens_details":{"reasoning_tokens":0},"total_tokens":10},"metadata":{}})";

TEST(Responses, ARecordedReplyIsReadAndWrittenByteByByte) {
    const result<reply> r = json::read<reply>(recorded_reply);
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ(json::write(*r), recorded_reply);
    EXPECT_EQ(r->text(), "2+2 is 4");
    ASSERT_EQ(r->output.size(), 3u);
    EXPECT_TRUE(std::holds_alternative<reasoning>(r->output[0]));
    const auto* call = std::get_if<function_call>(&r->output[2]);
    ASSERT_NE(call, nullptr);
    EXPECT_EQ(call->call_id, "call_1");
    EXPECT_TRUE(r->error.is_null());
    EXPECT_TRUE(r->extra.empty());
}

TEST(Responses, AReplysItemsAreTheNextRequestsInput) {
    const result<reply> r = json::read<reply>(recorded_reply);
    ASSERT_TRUE(r) << r.error().message;
    std::vector<item> items{user("2+2?")};
    items.insert(items.end(), r->output.begin(), r->output.end());
    items.push_back(tool_result("call_1", "done"));
    request req{.model = "chat-completion"};
    req.input = items;
    const std::string wire = json::write(req);
    EXPECT_TRUE(wire.starts_with(
        R"({"model":"chat-completion","input":[{"type":"message","role":"user","content":"2+2?"},{"type":"reasoning",)"))
        << wire;
    EXPECT_TRUE(wire.ends_with(R"({"type":"function_call_output","call_id":"call_1","output":"done"}]})"))
        << wire;
    const result<request> again = json::read<request>(wire);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(*again == req);
}

TEST(Responses, ShortFormsAndUnknownKindsAreKept) {
    const std::string wire =
        R"({"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"u"}]},{"id":"msg_1"},)"
        R"({"type":"telepathy_call","id":"t","waves":[1]}],"tools":[{"type":"web_search","user_location":{"city":"Bern"}},)"
        R"({"type":"telepathy","range":3},{"type":"function","name":"f","parameters":{"type": "object"}}]})";
    const result<request> r = json::read<request>(wire);
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ(json::write(*r), wire);
    const auto& items = std::get<std::vector<item>>(*r->input);
    const auto* said = std::get_if<other_item>(&items[0]);
    ASSERT_NE(said, nullptr);
    EXPECT_TRUE(said->role == "user" && said->type.is_absent());
    const auto* unknown = std::get_if<other_item>(&items[2]);
    ASSERT_NE(unknown, nullptr);
    EXPECT_EQ(unknown->extra.find("waves"), "[1]");
    EXPECT_TRUE(std::holds_alternative<hosted_tool>((*r->tools)[1]));
    EXPECT_TRUE(std::holds_alternative<function_tool>((*r->tools)[2]));
}

TEST(Responses, EventsAreReadWithOneReader) {
    json::reader reader;
    event e;
    const std::string_view created =
        R"({"type":"response.created","sequence_number":0,"response":{"id":"r","object":"response","created_at":1,"output":[]}})";
    ASSERT_TRUE(reader.read(created, e));
    EXPECT_EQ(json::write(e), created);
    EXPECT_TRUE(e.response && e.response->id == "r");
    EXPECT_EQ(e.text_delta(), "");
    EXPECT_FALSE(e.is_last());

    const std::string_view added =
        R"({"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_1","output_index":0,)"
        R"("content_index":0,"delta":"4","logprobs":[],"obfuscation":"x"})";
    ASSERT_TRUE(reader.read(added, e));
    EXPECT_EQ(json::write(e), added);
    EXPECT_EQ(e.text_delta(), "4");
    EXPECT_TRUE(e.response.is_absent()) << "nothing is left from the event before";

    ASSERT_TRUE(reader.read(
        R"({"type":"response.function_call_arguments.delta","sequence_number":6,"delta":"{"})", e));
    EXPECT_EQ(e.text_delta(), "") << "arguments are no text of the reply";

    const std::string_view printed =
        R"({"type":"response.shell_call_output_content.delta","sequence_number":7,"delta":{"stdout":"a"}})";
    ASSERT_TRUE(reader.read(printed, e));
    EXPECT_EQ(json::write(e), printed);
    EXPECT_EQ(e.text_delta(), "");

    for (const std::string_view last :
         {"response.completed", "response.incomplete", "response.failed", "error"}) {
        const std::string wire =
            R"({"type":")" + std::string(last) + R"(","sequence_number":8,"new":{"a":1}})";
        ASSERT_TRUE(reader.read(wire, e));
        EXPECT_TRUE(e.is_last()) << last;
        EXPECT_EQ(e.extra.find("new"), R"({"a":1})");
    }
}

TEST(Responses, HelpersMakeItems) {
    EXPECT_EQ(json::write(system("s")), R"({"type":"message","role":"system","content":"s"})");
    EXPECT_EQ(json::write(developer("d")), R"({"type":"message","role":"developer","content":"d"})");
    EXPECT_EQ(json::write(assistant("a")), R"({"type":"message","role":"assistant","content":"a"})");
    EXPECT_EQ(json::write(user({text_part("t"), image_part("u")})),
              R"({"type":"message","role":"user","content":[{"type":"input_text","text":"t"},)"
              R"({"type":"input_image","image_url":"u"}]})");
    EXPECT_EQ(user({text_part("a"), image_part("u"), text_part("b")}).text(), "ab");
    EXPECT_EQ(reply{}.text(), "");
}

} // namespace
} // namespace modelmesh::responses
