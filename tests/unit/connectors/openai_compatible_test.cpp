#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/http/attachment.hpp>

#include <gtest/gtest.h>

#include <map>

namespace modelmesh::connector {
namespace {

std::shared_ptr<const prepared_request> prepared(std::string json, bool stream = false) {
    return prepared_request::parse(operation::chat_completion, std::move(json), stream).value();
}

http::request encoded(std::string json, bool stream = false) {
    const openai_compatible codec;
    http::request out;
    codec.encode(*prepared(std::move(json), stream), target{"/v1", "gpt-4o", "sk-1"}, out).value();
    return out;
}

http::response answer(int status, std::string body) {
    http::response r;
    r.status = status;
    r.body = std::move(body);
    return r;
}

TEST(OpenAiCompatible, PlainRequestOnTheWire) {
    const http::request out = encoded(
        R"({"model":"chat-completion","messages":[{"role":"user","content":"2+2?"}],"max_completion_tokens":64})");
    EXPECT_EQ(out.method, "POST");
    EXPECT_EQ(out.target, "/v1/chat/completions");
    EXPECT_EQ(out.headers.get("Authorization"), "Bearer sk-1");
    EXPECT_EQ(out.headers.get("Content-Type"), "application/json");
    EXPECT_EQ(
        out.body,
        R"({"model":"gpt-4o","messages":[{"role":"user","content":"2+2?"}],"max_completion_tokens":64})");
}

TEST(OpenAiCompatible, UnknownMembersPassThroughUntouched) {
    EXPECT_EQ(encoded(R"({"vendor_thing":{"a":[1.50,null]},"model":"x","messages":[],"stream":true})").body,
              R"({"vendor_thing":{"a":[1.50,null]},"model":"gpt-4o","messages":[]})");
}

TEST(OpenAiCompatible, AStreamAsksForUsageAndKeepsTheCallersOptions) {
    EXPECT_EQ(encoded(R"({"model":"x","messages":[]})", true).body,
              R"({"model":"gpt-4o","messages":[],"stream":true,"stream_options":{"include_usage":true}})");
    EXPECT_EQ(
        encoded(
            R"({"model":"x","messages":[],"stream_options":{"include_usage":false,"include_obfuscation":false}})",
            true)
            .body,
        R"({"model":"gpt-4o","messages":[],"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}})");
}

TEST(OpenAiCompatible, NoKeyNoAuthorization) {
    const openai_compatible codec;
    http::request out;
    codec.encode(*prepared(R"({"model":"x","messages":[]})"), target{"/v1", "m", ""}, out).value();
    EXPECT_FALSE(out.headers.contains("Authorization"));
}

TEST(OpenAiCompatible, ErrorsAreClassifiedByStatusAndCode) {
    struct expectation {
        int status;
        const char* body;
        errc kind;
    };
    const expectation table[] = {
        {400, R"({"error":{"message":"bad","type":"invalid_request_error","param":"n","code":null}})",
         errc::bad_request},
        {400,
         R"({"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}})",
         errc::context_length},
        {400,
         R"({"error":{"message":"This model's maximum context length is 8192 tokens","type":"x","param":null,"code":400}})",
         errc::context_length},
        {400,
         R"({"error":{"message":"no","type":"invalid_request_error","param":null,"code":"content_policy_violation"}})",
         errc::content_filter},
        {401,
         R"({"error":{"message":"bad key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})",
         errc::auth},
        {402, "", errc::quota},
        {403, "{}", errc::permission},
        {404,
         R"({"error":{"message":"no model","type":"invalid_request_error","param":null,"code":"model_not_found"}})",
         errc::not_found},
        {408, "", errc::timed_out},
        {413, "", errc::context_length},
        {422, "", errc::bad_request},
        {429, R"({"error":{"message":"slow","type":"requests","param":null,"code":"rate_limit_exceeded"}})",
         errc::rate_limit},
        {429,
         R"({"error":{"message":"pay","type":"insufficient_quota","param":null,"code":"insufficient_quota"}})",
         errc::quota},
        {500, "<html>oops</html>", errc::upstream},
        {502, "", errc::upstream},
        {503, "", errc::overloaded},
        {504, "", errc::timed_out},
        {529, "", errc::overloaded},
    };
    const openai_compatible codec;
    for (const expectation& e : table) {
        const fault f = codec.classify(answer(e.status, e.body), {});
        EXPECT_EQ(f.kind(), e.kind) << e.status << " " << e.body;
        EXPECT_EQ(f.http_status, e.status);
        EXPECT_FALSE(f.message.empty());
    }
}

TEST(OpenAiCompatible, AnErrorCarriesWhatTheServerSaid) {
    http::response r =
        answer(429, R"({"error":{"message":"slow down","type":"requests","param":"n","code":null}})");
    r.headers.add("X-Request-Id", "req_1");
    r.headers.add("retry-after-ms", "1250");
    const fault f = openai_compatible().classify(r, {});
    EXPECT_EQ(f.message, "slow down");
    EXPECT_EQ(f.param, "n");
    EXPECT_EQ(f.request_id, "req_1");
    EXPECT_EQ(f.retry_after, std::chrono::milliseconds(1250));
}

TEST(OpenAiCompatible, AWaitUntilADateIsCountedFromNow) {
    http::response r = answer(429, "");
    r.headers.add("Retry-After", "Thu, 01 Jan 1970 00:01:40 GMT");
    const std::chrono::system_clock::time_point wall{std::chrono::seconds(70)};
    EXPECT_EQ(openai_compatible().classify(r, wall).retry_after, std::chrono::seconds(30));
}

// Errors 4: 429, vendor reset headers.
TEST(OpenAiCompatible, WithoutRetryAfterTheLimitThatIsUsedUpSaysHowLongToWait) {
    http::response r = answer(429, "");
    r.headers.add("x-ratelimit-remaining-requests", "3");
    r.headers.add("x-ratelimit-reset-requests", "1h");
    r.headers.add("x-ratelimit-remaining-tokens", "0");
    r.headers.add("x-ratelimit-reset-tokens", "1m2.5s");
    EXPECT_EQ(openai_compatible().classify(r, {}).retry_after, std::chrono::milliseconds(62500))
        << "of the requests some are left";
    r.headers.add("anthropic-ratelimit-requests-remaining", "0");
    r.headers.add("anthropic-ratelimit-requests-reset", "1970-01-01T00:02:00Z");
    EXPECT_EQ(openai_compatible().classify(r, {}).retry_after, std::chrono::minutes(2)) << "the last of them";
    r.headers.add("Retry-After", "7");
    EXPECT_EQ(openai_compatible().classify(r, {}).retry_after, std::chrono::seconds(7)) << "that comes first";
    http::response failed = answer(500, "");
    failed.headers.add("x-ratelimit-remaining-tokens", "0");
    failed.headers.add("x-ratelimit-reset-tokens", "1m");
    EXPECT_EQ(openai_compatible().classify(failed, {}).retry_after, std::nullopt);
}

TEST(OpenAiCompatible, AnErrorIsUnderstoodInEveryFormThatServersUse) {
    struct expectation {
        int status;
        const char* body;
        errc kind;
        const char* message;
        const char* param;
    };
    const expectation table[] = {
        {400,
         R"({"object":"error","message":"This model's maximum context length is 4096 tokens","type":"BadRequestError","param":null,"code":400})",
         errc::context_length, "This model's maximum context length is 4096 tokens", ""},
        {404, R"({"error":"model 'x' not found"})", errc::not_found, "model 'x' not found", ""},
        {404, R"({"detail":"Not Found"})", errc::not_found, "Not Found", ""},
        {422,
         R"({"detail":[{"type":"missing","loc":["body","messages",0,"role"],"msg":"Field required"},{"loc":["body"],"msg":"no"}]})",
         errc::bad_request, "messages.0.role: Field required; no", "messages.0.role"},
        {422, R"({"detail":[{"msg":"field required"}]})", errc::bad_request, "field required", ""},
        {400, R"({"detail":{"reason":"odd"}})", errc::bad_request, R"({"reason":"odd"})", ""},
        {400, R"({"error":{"message":{"a":1},"code":"invalid"}})", errc::bad_request, R"({"a":1})", ""},
        {400, R"({"error":{"message":null,"code":7,"type":[]},"detail":"why"})", errc::bad_request, "why",
         ""},
        {400, R"({"error":null,"message":"plain"})", errc::bad_request, "plain", ""},
        {400, R"({"error":["odd"]})", errc::bad_request, "HTTP status 400 without an explanation", ""},
        {400, "not found", errc::bad_request, "HTTP status 400 without an explanation", ""},
    };
    for (const expectation& e : table) {
        const fault f = openai_compatible().classify(answer(e.status, e.body), {});
        EXPECT_EQ(f.kind(), e.kind) << e.body;
        EXPECT_EQ(f.message, e.message) << e.body;
        EXPECT_EQ(f.param, e.param) << e.body;
    }
}

TEST(OpenAiCompatible, AServersTextIsCapped) {
    const std::string endless(100000, 'a');
    EXPECT_EQ(openai_compatible()
                  .classify(answer(500, R"({"error":{"message":")" + endless + "\"}}"), {})
                  .message.size(),
              512u);
}

TEST(OpenAiCompatible, TheCapDoesNotCutACharacter) {
    std::string message(511, 'a');
    for (int i = 0; i < 10; ++i) message += "\xe2\x82\xac";
    const fault f =
        openai_compatible().classify(answer(500, R"({"error":{"message":")" + message + "\"}}"), {});
    EXPECT_EQ(f.message, std::string(511, 'a'));
}

TEST(OpenAiCompatible, ARepliesBytesPassThroughAndAnErrorInsideA200IsAnError) {
    const openai_compatible codec;
    const auto request = prepared(R"({"model":"x","messages":[]})");
    const std::string body =
        R"({"id":"1","choices":[{"message":{"content":"say \"error\" twice"}}], "new_thing":1})";
    EXPECT_EQ(codec.decode(*request, answer(200, body)).value(), body);
    const auto failed = codec.decode(*request, answer(200, R"({"error":{"message":"boom","code":503}})"));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().message, "boom");
}

class recorder final : public frame_sink {
public:
    void chunk(std::string_view json) override { chunks.emplace_back(json); }
    void done() override { ended = true; }
    std::vector<std::string> chunks;
    bool ended = false;
};

TEST(OpenAiCompatible, AnErrorIsAnErrorWhateverStatusItCameWith) {
    const auto request = prepared(R"({"model":"x","messages":[]})");
    for (const char* body : {R"({"error":{"message":"boom","code":503}})", R"({"error":"boom","code":"503"})",
                             R"({"object":"error","message":"boom","code":503})"}) {
        const auto whole = openai_compatible().decode(*request, answer(200, body));
        ASSERT_FALSE(whole) << body;
        EXPECT_EQ(whole.error().kind(), errc::overloaded) << body;
        EXPECT_EQ(whole.error().message, "boom") << body;
        recorder sink;
        const auto streamed = openai_compatible().open_stream(*request)->on_frame({"", body}, sink);
        ASSERT_FALSE(streamed) << body;
        EXPECT_EQ(streamed.error().kind(), errc::overloaded) << body;
        EXPECT_EQ(streamed.error().message, "boom") << body;
    }
    for (const char* body : {R"({"error":null})", R"({"error":""})", R"({"error":false,"message":"fine"})",
                             R"({"object":"chat.completion","detail":"fine","x":"error"})"})
        EXPECT_TRUE(openai_compatible().decode(*request, answer(200, body))) << body;
}

TEST(OpenAiCompatible, StreamFramesPassThroughUntilTheEndMark) {
    const auto decoder = openai_compatible().open_stream(*prepared(R"({"model":"x","messages":[]})", true));
    recorder sink;
    EXPECT_TRUE(decoder->on_frame({"", R"({"id":"c1"})"}, sink));
    EXPECT_TRUE(
        decoder->on_frame({"", R"({"id":"c1","choices":[{"delta":{"content":"an \"error\" is"}}]})"}, sink));
    EXPECT_FALSE(sink.ended);
    EXPECT_TRUE(decoder->on_frame({"", "[DONE]"}, sink));
    EXPECT_TRUE(sink.ended);
    EXPECT_TRUE(decoder->on_frame({"", R"({"id":"late"})"}, sink));
    EXPECT_TRUE(decoder->on_end(sink));
    EXPECT_EQ(sink.chunks.size(), 2u);
}

TEST(OpenAiCompatible, AStreamWithoutItsEndMarkIsTruncated) {
    const auto decoder = openai_compatible().open_stream(*prepared(R"({"model":"x","messages":[]})", true));
    recorder sink;
    EXPECT_TRUE(decoder->on_frame({"", R"({"id":"c1"})"}, sink));
    const auto end = decoder->on_end(sink);
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().kind(), errc::protocol);
    EXPECT_FALSE(sink.ended);
}

TEST(OpenAiCompatible, AnErrorInsideAStreamIsItsClassOfFault) {
    const auto decoder = openai_compatible().open_stream(*prepared(R"({"model":"x","messages":[]})", true));
    recorder sink;
    const auto failed = decoder->on_frame(
        {"", R"({"id":"c1","error":{"message":"Provider returned error","code":429},"choices":[]})"}, sink);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().kind(), errc::rate_limit);
    EXPECT_EQ(failed.error().message, "Provider returned error");
    const auto text = decoder->on_frame({"", R"({"error":"CUDA out of memory"})"}, sink);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().message, "CUDA out of memory");
    EXPECT_FALSE(decoder->on_frame({"error", "overloaded"}, sink));
    EXPECT_TRUE(decoder->on_frame({"", R"({"id":"c","error":null})"}, sink)) << "null is no error";
    const auto generic =
        decoder->on_frame({"error", R"({"error":{"message":"x","type":"server_error"}})"}, sink);
    ASSERT_FALSE(generic);
    EXPECT_EQ(generic.error().kind(), errc::upstream);
}

TEST(OpenAiCompatible, AResponseThatFailsSaysWhy) {
    const auto asked = prepared_request::parse(operation::response, R"({"model":"x","input":"hi"})", true);
    const auto failed = [&asked](const std::string& error) {
        const auto decoder = openai_compatible().open_stream(*asked.value());
        recorder sink;
        const auto ended = decoder->on_frame(
            {"", R"({"type":"response.failed","response":{"id":"r","error":)" + error + "}}"}, sink);
        return ended ? fault() : ended.error();
    };
    const fault limited = failed(R"({"code":"rate_limit_exceeded","message":"slow down"})");
    EXPECT_EQ(limited.kind(), errc::rate_limit);
    EXPECT_EQ(limited.http_status, 429);
    EXPECT_EQ(limited.message, "slow down");
    EXPECT_EQ(failed(R"({"code":"server_error","message":"broken"})").kind(), errc::upstream);
    EXPECT_EQ(failed("null").message, "the provider reported a failure without an explanation");
}

TEST(OpenAiCompatible, ListOfModels) {
    const openai_compatible codec;
    http::request out;
    codec.encode_list_models(target{"/v1", "", "k"}, out).value();
    EXPECT_EQ(out.method, "GET");
    EXPECT_EQ(out.target, "/v1/models");
    const auto models = codec.decode_list_models(
        answer(200, R"({"object":"list","data":[{"id":"a","object":"model"},{"id":"b"}]})"));
    ASSERT_TRUE(models);
    ASSERT_EQ(models->size(), 2u);
    EXPECT_EQ((*models)[1].name, "b");
    EXPECT_FALSE(codec.decode_list_models(answer(200, "<html>")));
}

std::map<std::string, bool> listed(const provider& codec, const std::vector<std::string>& names) {
    std::string body = R"({"data":[)";
    for (const std::string& name : names)
        body += (body.back() == '[' ? "{\"id\":\"" : ",{\"id\":\"") + name + "\"}";
    std::map<std::string, bool> chats;
    const auto models = codec.decode_list_models(answer(200, body + "]}"));
    for (const model_info& model : models.value())
        chats[model.name] = model.capabilities ==
                            std::vector<std::string>{std::string(capability_of(operation::chat_completion))};
    return chats;
}

TEST(OpenAiCompatible, ModelsForOtherThingsThanChatAreToldByTheWordsOfTheirNames) {
    const openai_compatible codec;
    const std::vector<std::string> others{"text-embedding-3-small",
                                          "nomic-embed-text:latest",
                                          "bge-m3:latest",
                                          "whisper-1",
                                          "tts-1-hd",
                                          "dall-e-3",
                                          "gpt-image-1",
                                          "sora-2",
                                          "gpt-4o-audio-preview",
                                          "gpt-4o-realtime-preview",
                                          "omni-moderation-latest",
                                          "davinci-002",
                                          "BAAI/bge-reranker-v2",
                                          "Qwen/Qwen3-Embedding-8B",
                                          "gpt-4o-mini-TTS",
                                          "tavily-search"};
    for (const auto& [name, chats] : listed(codec, others)) EXPECT_FALSE(chats) << name;
    // Parts of words are not words.
    const std::vector<std::string> chatting{"gpt-4o",
                                            "o3-mini",
                                            "gpt-4o-search-preview",
                                            "llama3.2:3b",
                                            "imagenet-chat",
                                            "my-audiobooks",
                                            "meta-llama/Llama-3.1-8B-Instruct",
                                            "gemma-pro",
                                            "attsy"};
    for (const auto& [name, chats] : listed(codec, chatting)) EXPECT_TRUE(chats) << name;
}

TEST(OpenAiCompatible, WhatEditsPicturesIsToldByTheName) {
    const openai_compatible codec;
    const std::string makes(capability_of(operation::image_generation));
    const std::string edits(capability_of(operation::image_edit));
    for (const char* name :
         {"dall-e-2", "gpt-image-1", "gpt-image-1-mini", "chatgpt-image-latest", "stable-diffusion-3"})
        EXPECT_EQ(codec.capabilities_of(name), (std::vector<std::string>{makes, edits})) << name;
    for (const char* name : {"dall-e-3", "openai/DALL-E-3-hd"})
        EXPECT_EQ(codec.capabilities_of(name), std::vector<std::string>{makes}) << name;
}

TEST(OpenAi, OthersLikeAPictureAreMadeByOneModelOnly) {
    registry connectors;
    register_builtin(connectors);
    const std::unique_ptr<provider> codec = std::move(connectors.make_provider("openai.llm.v1")).value();
    const auto encoded = [&codec](operation what, std::string_view model) {
        const auto asked = prepared_request::parse(what, R"({"prompt":"a cat"})", false,
                                                   {{"image", http::attach_bytes("a.png", "PNG")}});
        http::request out;
        return codec->encode(*asked.value(), target{"/v1", model, "key"}, out);
    };
    for (const char* model : {"gpt-image-1", "chatgpt-image-latest", "dall-e-3"}) {
        const result<void> refused = encoded(operation::image_variation, model);
        ASSERT_FALSE(refused) << model;
        EXPECT_EQ(refused.error().kind(), errc::unsupported);
        EXPECT_EQ(refused.error().param, "model");
        EXPECT_TRUE(encoded(operation::image_edit, model)) << model;
    }
    for (const char* model : {"dall-e-2", "stable-diffusion-3"})
        EXPECT_TRUE(encoded(operation::image_variation, model)) << model;
}

TEST(OpenAi, WhisperStreamsNoTranscriptions) {
    registry connectors;
    register_builtin(connectors);
    const std::unique_ptr<provider> codec = std::move(connectors.make_provider("openai.llm.v1")).value();
    const auto encoded = [&codec](std::string_view model, bool stream) {
        const auto asked = prepared_request::parse(operation::transcription, R"({"model":"stt"})", stream,
                                                   {{"file", http::attach_bytes("a.wav", "RIFF")}});
        http::request out;
        return codec->encode(*asked.value(), target{"/v1", model, "key"}, out);
    };
    const result<void> refused = encoded("whisper-1", true);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::unsupported);
    EXPECT_EQ(refused.error().param, "stream");
    EXPECT_TRUE(encoded("whisper-1", false));
    EXPECT_TRUE(encoded("gpt-4o-transcribe", true));
}

TEST(OpenAi, OnlyWhisperTranslatesSpeech) {
    registry connectors;
    register_builtin(connectors);
    const std::unique_ptr<provider> codec = std::move(connectors.make_provider("openai.llm.v1")).value();
    const auto encoded = [&codec](operation what, std::string_view model) {
        const auto asked = prepared_request::parse(what, R"({"model":"stt"})", false,
                                                   {{"file", http::attach_bytes("a.wav", "RIFF")}});
        http::request out;
        return codec->encode(*asked.value(), target{"/v1", model, "key"}, out);
    };
    const result<void> refused = encoded(operation::translation, "gpt-4o-mini-transcribe");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::unsupported);
    EXPECT_EQ(refused.error().param, "model");
    EXPECT_TRUE(encoded(operation::transcription, "gpt-4o-mini-transcribe"));
    EXPECT_TRUE(encoded(operation::translation, "whisper-1"));
}

TEST(OpenAi, PreferredModelsComeFirstAndOtherEndpointsModelsAreNotForChat) {
    registry connectors;
    register_builtin(connectors);
    const std::unique_ptr<provider> codec = std::move(connectors.make_provider("openai.llm.v1")).value();
    const auto models = codec->decode_list_models(answer(
        200,
        R"({"data":[{"id":"gpt-4-0613"},{"id":"gpt-4o-mini"},{"id":"gpt-4.1"},{"id":"gpt-4o"},{"id":"o1-pro"}]})"));
    std::string order;
    for (const model_info& model : models.value()) order += model.name + " ";
    EXPECT_EQ(order, "gpt-4o gpt-4o-mini gpt-4-0613 gpt-4.1 o1-pro ");
    const std::vector<std::string> others{"gpt-3.5-turbo-instruct", "gpt-5-codex", "o1-pro",
                                          "o3-deep-research", "computer-use-preview"};
    for (const auto& [name, chats] : listed(*codec, others)) EXPECT_FALSE(chats) << name;
    const std::vector<std::string> theirs{"gemini-2.5-pro", "Llama-3.1-8B-Instruct", "gpt-oss:20b",
                                          "o4-mini"};
    for (const auto& [name, chats] : listed(*codec, theirs)) EXPECT_TRUE(chats) << name;
}

} // namespace
} // namespace modelmesh::connector
