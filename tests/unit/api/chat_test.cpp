// The chat types against recorded documents of the wire format.
#include <modelmesh/api/chat.hpp>
#include <modelmesh/json/detail/describe.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace modelmesh::chat {
namespace {

template <class T> constexpr bool names_are(std::initializer_list<std::string_view> want) {
    std::size_t i = 0;
    for (const std::string_view name : want)
        if (i == json::detail::make<T>::count || json::detail::make<T>::fields[i++].name != name)
            return false;
    return i == json::detail::make<T>::count;
}

static_assert(names_are<chunk>({"id", "object", "created", "model", "service_tier", "system_fingerprint",
                                "obfuscation", "choices", "usage", "moderation", "x_modelmesh", "extra"}));
static_assert(names_are<route>({"pool", "provider", "model", "attempts", "engine", "latency_ms",
                                "cost_micro_usd", "input_tokens", "output_tokens", "request_id",
                                "restarted"}));
static_assert(names_are<usage>({"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details",
                                "completion_tokens_details", "extra"}));
static_assert(json::detail::make<request>::count == 38);
static_assert(std::is_aggregate_v<request> && std::is_aggregate_v<reply> && std::is_aggregate_v<chunk>);

constexpr std::string_view recorded_reply =
    R"({"id":"chatcmpl-a1","object":"chat.completion","created":1795000000,"model":"gpt-6-luna",)"
    R"("choices":[{"index":0,"message":{"role":"assistant","content":"4","refusal":null,"annotations":[]},)"
    R"("logprobs":null,"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,)"
    R"("prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0},)"
    R"("completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,)"
    R"("rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_x"})";

constexpr std::string_view recorded_chunks[] = {
    R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}],"usage":null})",
    R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]},"finish_reason":null}],"usage":null})",
    R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null})",
    R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}})",
};

TEST(Chat, ARecordedReplyIsReadAndWrittenByteByByte) {
    const result<reply> r = json::read<reply>(recorded_reply);
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ(r->text(), "4");
    ASSERT_EQ(r->choices.size(), 1u);
    EXPECT_TRUE(r->choices[0].finish_reason == finish::stop);
    EXPECT_TRUE(r->choices[0].finish_reason == "stop");
    EXPECT_TRUE(r->choices[0].message.role == role::assistant);
    EXPECT_TRUE(r->choices[0].message.refusal.is_null());
    ASSERT_TRUE(r->usage && r->usage->completion_tokens_details);
    EXPECT_EQ(r->usage->total_tokens, 10);
    EXPECT_TRUE(r->usage->completion_tokens_details->reasoning_tokens == 0);
    EXPECT_TRUE(r->extra.empty());
    EXPECT_EQ(json::write(*r), recorded_reply);
}

TEST(Chat, RecordedChunksAreReadAndWrittenByteByByteWithOneReader) {
    json::reader reader;
    chunk c;
    for (const std::string_view wire : recorded_chunks) {
        const result<void> done = reader.read(wire, c);
        ASSERT_TRUE(done) << done.error().message;
        EXPECT_EQ(json::write(c), wire);
    }
}

TEST(Chat, ChunkViewsReadTheFirstChoice) {
    json::reader reader;
    chunk c;
    ASSERT_TRUE(reader.read(recorded_chunks[0], c));
    chunk_view view(c, recorded_chunks[0]);
    EXPECT_TRUE(view);
    EXPECT_EQ(view.role(), "assistant");
    EXPECT_EQ(view.text(), "");
    EXPECT_EQ(view.finish_reason(), "");
    EXPECT_EQ(view.usage(), nullptr);
    EXPECT_EQ(view.json(), recorded_chunks[0]);
    ASSERT_TRUE(view.value().choices[0].delta.tool_calls);
    EXPECT_TRUE(view.value().choices[0].delta.tool_calls->front().function->name == "f");
    ASSERT_TRUE(reader.read(recorded_chunks[1], c));
    EXPECT_TRUE(c.choices[0].delta.tool_calls->front().function->arguments == R"({"x":1})");
    EXPECT_TRUE(c.choices[0].delta.tool_calls->front().id.is_absent())
        << "nothing is left from the chunk before";
    ASSERT_TRUE(reader.read(recorded_chunks[2], c));
    EXPECT_EQ(view.finish_reason(), json::name_of(finish::tool_calls));
    EXPECT_TRUE(c.choices[0].delta.tool_calls.is_absent());
    ASSERT_TRUE(reader.read(recorded_chunks[3], c));
    ASSERT_NE(view.usage(), nullptr);
    EXPECT_EQ(view.usage()->total_tokens, 12);
    EXPECT_EQ(view.text(), "");
    ASSERT_TRUE(reader.read(
        R"({"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]})", c));
    EXPECT_EQ(view.text(), "a");
    EXPECT_FALSE(chunk_view());
}

TEST(Chat, UnknownMembersSurviveAtEveryLevel) {
    const std::string wire =
        R"({"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
        R"("message":{"role":"oracle","content":"","tool_calls":[{"id":"1","type":"function","function":{"name":"f",)"
        R"("arguments":"{","at":1}}],"reasoning_content":"h\u00e9"},"finish_reason":"eos","stop_sequence":null}],)"
        R"("usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"cost":0.10},"timings":{"ms":1.50}})";
    const result<reply> r = json::read<reply>(wire);
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ(r->extra.find("timings"), R"({"ms":1.50})");
    EXPECT_TRUE(r->choices[0].finish_reason == "eos");
    EXPECT_EQ(json::write(*r), wire);

    const std::string chunk_wire =
        R"({"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,)"
        R"("delta":{"content":"a","reasoning":"b"},"finish_reason":null,"native":"n"}],"p":"abc"})";
    json::reader reader;
    chunk c;
    ASSERT_TRUE(reader.read(chunk_wire, c));
    EXPECT_EQ(c.choices[0].delta.extra.find("reasoning"), "\"b\"");
    EXPECT_EQ(json::write(c), chunk_wire);
}

TEST(Chat, RequestsSayOnlyWhatWasSet) {
    request req{.model = "chat-completion", .messages = {system("Be brief."), user("2+2?")}};
    EXPECT_EQ(json::write(req),
              R"({"model":"chat-completion","messages":[{"role":"system","content":"Be brief."},)"
              R"({"role":"user","content":"2+2?"}]})");
    req.messages = {user("x")};
    req.temperature = 0;
    req.max_tokens = 64;
    req.stop = "END";
    req.tool_choice = "auto";
    req.stream = true;
    req.stream_options.emplace().include_usage = true;
    req.metadata.emplace()["k"] = "v";
    req.user = nullptr;
    req.extra.add("top_k", "40");
    EXPECT_EQ(json::write(req),
              R"({"model":"chat-completion","messages":[{"role":"user","content":"x"}],"max_tokens":64,)"
              R"("temperature":0,"stop":"END","stream":true,"stream_options":{"include_usage":true},)"
              R"("tool_choice":"auto","metadata":{"k":"v"},"user":null,"top_k":40})");
}

TEST(Chat, EveryMemberOfARequestSurvives) {
    const std::string wire =
        R"({"model":"m","messages":[{"role":"developer","content":"d"},)"
        R"({"role":"user","content":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"data:,","detail":"low"}},)"
        R"({"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}},{"type":"file","file":{"file_id":"f"},)"
        R"("prompt_cache_breakpoint":{"mode":"explicit"}}],"name":"n"},)"
        R"({"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"custom","custom":{"name":"c","input":"i"}}]},)"
        R"({"role":"tool","content":"r","tool_call_id":"1"}],"max_completion_tokens":9007199254740993,"temperature":0.7,)"
        R"("top_p":1,"n":1,"stop":["a","b"],"frequency_penalty":-2,"presence_penalty":0.5,"logit_bias":{"50256":-100},)"
        R"("logprobs":true,"top_logprobs":2,"seed":-9223372036854775808,"stream":false,)"
        R"("tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type": "object"},"strict":true}}],)"
        R"("tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,)"
        R"("response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{},"strict":true}},)"
        R"("reasoning_effort":"low","verbosity":"high","modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"},)"
        R"("prediction":{"type":"content","content":"p"},"service_tier":"flex","store":false,"metadata":{"a":"b"},"user":"u",)"
        R"("safety_identifier":"s","prompt_cache_key":"k","prompt_cache_retention":"24h","prompt_cache_options":{"mode":"implicit"},)"
        R"("web_search_options":{},"moderation":{"model":"m"},"functions":[],"function_call":"auto","brand_new":[1]})";
    const result<request> r = json::read<request>(wire, json::read_options(errc::bad_request));
    ASSERT_TRUE(r) << r.error().message;
    ASSERT_EQ(r->extra.size(), 1u) << "only brand_new is unknown";
    EXPECT_EQ(json::write(*r), wire);
    EXPECT_EQ(r->messages[1].text(), "t");
    EXPECT_EQ(r->messages[2].text(), "");
}

TEST(Chat, HelpersMakeMessages) {
    EXPECT_EQ(json::write(assistant("a")), R"({"role":"assistant","content":"a"})");
    EXPECT_EQ(json::write(developer("d")), R"({"role":"developer","content":"d"})");
    EXPECT_EQ(json::write(tool_result("id", "t")), R"({"role":"tool","content":"t","tool_call_id":"id"})");
    EXPECT_EQ(
        json::write(user({text_part("t"), image_part("u")})),
        R"({"role":"user","content":[{"type":"text","text":"t"},{"type":"image_url","image_url":{"url":"u"}}]})");
    EXPECT_EQ(user("plain").text(), "plain");
    EXPECT_EQ(message{}.text(), "");
    EXPECT_EQ(reply{}.text(), "");
}

TEST(Chat, TheRouteIsWrittenWhenItIsThere) {
    reply r;
    r.x_modelmesh.emplace();
    r.x_modelmesh->pool = "p";
    r.x_modelmesh->attempts = 2;
    r.x_modelmesh->latency = std::chrono::milliseconds(12);
    EXPECT_EQ(json::write(r),
              R"({"id":"","object":"chat.completion","created":0,"model":"","choices":[],)"
              R"("x_modelmesh":{"pool":"p","provider":"","model":"","attempts":2,"engine":"",)"
              R"("latency_ms":12,"request_id":""}})");
}

} // namespace
} // namespace modelmesh::chat
