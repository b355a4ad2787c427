// What the client does besides chat: the bytes that go out, what comes back, and how it fails over.
#include "fixture.hpp"
#include "support/body_sources.hpp"

#include <modelmesh/api/audio.hpp>
#include <modelmesh/api/embeddings.hpp>
#include <modelmesh/api/images.hpp>
#include <modelmesh/api/models.hpp>
#include <modelmesh/api/moderations.hpp>
#include <modelmesh/api/rerank.hpp>
#include <modelmesh/api/responses.hpp>
#include <modelmesh/api/search.hpp>
#include <modelmesh/api/text_completions.hpp>

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace modelmesh::testing {
namespace {

using support::script;
using support::scripted_server;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string busy = answer(R"({"error":{"message":"later"}})", "503 Service Unavailable");
const std::string chunked =
    "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n";

class ClientResources : public ScriptedFixture {};
INSTANTIATE_TEST_SUITE_P(Engines, ClientResources, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(ClientResources, EmbeddingsComeAsNumbersOrAsBase64) {
    const client c = with({"text-embedding-3-small"});
    alpha.add(script().read_request().send(
        answer(R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},)"
               R"({"object":"embedding","index":1,"embedding":"AAAAPwAAgL8="}],)"
               R"("model":"text-embedding-3-small","usage":{"prompt_tokens":2,"total_tokens":2}})")));
    embeddings::request asked;
    asked.model = "text-embeddings";
    asked.input = std::vector<std::string>{"one", "two"};
    asked.dimensions = 2;
    client mine = c;
    const result<embeddings::reply> got = run(mine.embeddings.try_create(asked));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->data.at(0).embedding, embeddings::vector(std::vector<float>{0.5F, -1.0F}));
    EXPECT_EQ(got->data.at(1).embedding, embeddings::vector("AAAAPwAAgL8="));
    for (const embeddings::item& each : got->data)
        EXPECT_EQ(embeddings::numbers_of(each.embedding).value(), (std::vector<float>{0.5F, -1.0F}));
    EXPECT_FALSE(embeddings::numbers_of("AAAA"));
    EXPECT_EQ(got->usage->total_tokens, 2);
    EXPECT_EQ(got->x_modelmesh->model, "alpha.text-embedding-3-small");
    EXPECT_EQ(got->x_modelmesh->pool, "text-embeddings");
    EXPECT_THAT(alpha.requests().at(0), StartsWith("POST /v1/embeddings HTTP/1.1\r\n"));
    EXPECT_THAT(alpha.requests().at(0), HasSubstr("\r\nAuthorization: Bearer secret-key\r\n"));
    EXPECT_EQ(body_of(alpha), R"({"input":["one","two"],"model":"text-embedding-3-small","dimensions":2})");
}

TEST_P(ClientResources, AModelThatFailsOrAnswersNothingIsReplaced) {
    client c = with({"text-embedding-3-small"});
    embeddings::request asked;
    asked.model = "text-embeddings";
    asked.input = "one";
    const std::string good = answer(R"({"data":[{"index":0,"embedding":[1]}],"model":"m"})");
    for (const std::string& bad : {busy, answer("{}"), answer("<html>"), answer(R"({"data":[]})")}) {
        c = with({"text-embedding-3-small"});
        alpha.add(script().read_request().send(bad));
        beta.add(script().read_request().send(good));
        const result<embeddings::reply> got = run(c.embeddings.try_create(asked));
        ASSERT_TRUE(got) << bad << ": " << got.error().message;
        EXPECT_EQ(got->x_modelmesh->provider, "beta");
        EXPECT_EQ(got->x_modelmesh->attempts, 2);
    }
}

TEST_P(ClientResources, OnlyTheProviderIsAskedThatTheCallNames) {
    ask_each_once("text-embeddings");
    const client c = with({"text-embedding-3-small"});
    const auto embed = [](client by, std::string model,
                          std::string provider) -> task<result<embeddings::reply>> {
        embeddings::request asked;
        asked.model = model;
        asked.input = "one";
        co_return co_await by.embeddings.try_create(asked, call_options().provider(provider));
    };
    beta.add(script().read_request().send(answer(R"({"data":[{"index":0,"embedding":[1]}],"model":"m"})")));
    result<embeddings::reply> got = run(embed(c, "text-embeddings", "beta"));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->x_modelmesh->provider, "beta");
    EXPECT_EQ(got->x_modelmesh->attempts, 1);
    for (int i = 0; i < 3; ++i) {
        beta.add(script().read_request().send(busy));
        got = run(embed(c, "text-embeddings", "beta"));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().kind(), errc::overloaded);
        EXPECT_EQ(got.error().attempts.size(), 1u);
    }
    // The model's health is that of all calls.
    got = run(embed(c, "text-embeddings", "beta"));
    ASSERT_FALSE(got);
    EXPECT_THAT(got.error().message,
                StartsWith("the only model of pool 'text-embeddings' at provider 'beta' is out of service"));

    got = run(embed(c, "text-embeddings", "gamma"));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::not_found);
    got = run(embed(c, "alpha.text-embedding-3-small", "beta"));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::not_found);
    EXPECT_EQ(got.error().message,
              "no model of pool 'alpha.text-embedding-3-small' is served by provider 'beta', but by 'alpha'");
    EXPECT_EQ(alpha.accepted(), 0u);
}

TEST_P(ClientResources, AModerationNeedsNoModel) {
    client c = with({"omni-moderation-latest"});
    alpha.add(script().read_request().send(
        answer(R"({"id":"modr-1","model":"omni-moderation-latest","results":[{"flagged":true,)"
               R"("categories":{"violence":true,"illicit":null},"category_scores":{"violence":0.75},)"
               R"("category_applied_input_types":{"violence":["text"]}}]})")));
    moderations::request asked;
    asked.input = "a text";
    const moderations::reply got = run(c.moderations.create(asked));
    EXPECT_TRUE(got.results.at(0).flagged);
    EXPECT_EQ(got.results[0].category_scores.at("violence"), 0.75);
    EXPECT_THAT(alpha.requests().at(0), StartsWith("POST /v1/moderations HTTP/1.1\r\n"));
    EXPECT_EQ(body_of(alpha), R"({"input":"a text","model":"omni-moderation-latest"})");
}

TEST_P(ClientResources, ImagesAreGenerated) {
    client c = with({"gpt-image-1"});
    alpha.add(script().read_request().send(
        answer(R"({"created":7,"data":[{"b64_json":"iVBORw0KGgo="}],)"
               R"("usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}})")));
    images::request asked;
    asked.prompt = "a cat";
    asked.size = "1024x1024";
    const images::reply got = run(c.images.generate(asked));
    ASSERT_TRUE(got.data);
    EXPECT_EQ(images::bytes_of(got.data->at(0)).value(), "\x89PNG\r\n\x1a\n");
    EXPECT_FALSE(images::bytes_of(images::image()));
    EXPECT_EQ(got.x_modelmesh->pool, "text-to-image");
    EXPECT_THAT(alpha.requests().at(0), StartsWith("POST /v1/images/generations HTTP/1.1\r\n"));
    EXPECT_EQ(body_of(alpha), R"({"prompt":"a cat","size":"1024x1024","model":"gpt-image-1"})");
}

audio::speech_request speech() {
    audio::speech_request asked;
    asked.model = "text-to-speech";
    asked.input = "Hello.";
    asked.voice = "alloy";
    return asked;
}

TEST_P(ClientResources, SpeechIsBytes) {
    client c = with({"tts-1"});
    const std::string bytes("\xff\xf3\0\"error\"\0{", 12);
    alpha.add(script().read_request().send(answer(bytes)));
    const audio::speech_request asked = speech();
    const audio::recording got = run(c.audio.speech.create(asked));
    EXPECT_EQ(got.bytes, bytes);
    EXPECT_EQ(got.x_modelmesh->model, "alpha.tts-1");
    EXPECT_THAT(alpha.requests().at(0), StartsWith("POST /v1/audio/speech HTTP/1.1\r\n"));
    EXPECT_THAT(alpha.requests().at(0), HasSubstr("\r\nAccept: */*\r\n"));
    EXPECT_EQ(body_of(alpha), R"({"model":"tts-1","input":"Hello.","voice":"alloy"})");
}

// What a stream gave, and how it ended.
task<std::string> heard(client c, audio::speech_request asked) {
    result<byte_stream> opened = co_await c.audio.speech.try_stream(asked);
    if (!opened) co_return "not opened: " + std::string(to_string(opened.error().kind()));
    std::string bytes = opened->route().provider + ":";
    for (;;) {
        const result<std::optional<std::string_view>> piece = co_await opened->try_read();
        if (!piece) co_return bytes + "|" + std::string(to_string(piece.error().kind()));
        if (!*piece) co_return bytes;
        bytes.append(**piece);
    }
}

TEST_P(ClientResources, SpeechIsHeardWhileItIsMade) {
    const client c = with({"tts-1"});
    alpha.add(
        script().read_request().send(chunked + "3\r\nabc\r\n").pause("more").send("2\r\nde\r\n0\r\n\r\n"));
    std::string heard_first;
    const auto listen = [](client by, scripted_server* server, std::string* first) -> task<std::string> {
        const audio::speech_request asked = speech();
        byte_stream sound = co_await by.audio.speech.stream(asked);
        std::string all;
        while (const std::optional<std::string_view> piece = co_await sound.next()) {
            if (all.empty()) *first = *piece;
            all.append(*piece);
            server->resume("more");
        }
        co_return all;
    };
    EXPECT_EQ(run(listen(c, &alpha, &heard_first)), "abcde");
    EXPECT_EQ(heard_first, "abc");
    EXPECT_EQ(body_of(alpha), R"({"model":"tts-1","input":"Hello.","voice":"alloy"})");
}

TEST_P(ClientResources, AStreamIsOfTheProviderThatTheCallNames) {
    const client c = with({"tts-1"});
    beta.add(script().read_request().send(chunked + "2\r\nok\r\n0\r\n\r\n"));
    const auto first = [](client by) -> task<std::string> {
        const audio::speech_request asked = speech();
        byte_stream sound = co_await by.audio.speech.stream(asked, call_options().provider("beta"));
        const std::optional<std::string_view> piece = co_await sound.next();
        co_return sound.route().provider + ":" + std::string(piece.value_or("nothing"));
    };
    EXPECT_EQ(run(first(c)), "beta:ok");
}

TEST_P(ClientResources, SpeechFailsOverOnlyBeforeItsFirstByte) {
    client c = with({"tts-1"});
    alpha.add(script().read_request().send(chunked).reset());
    beta.add(script().read_request().send(chunked + "2\r\nok\r\n0\r\n\r\n"));
    EXPECT_EQ(run(heard(c, speech())), "beta:ok");
    c = with({"tts-1"});
    alpha.add(script().read_request().send(chunked + "3\r\nabc\r\n").close());
    EXPECT_EQ(run(heard(c, speech())), "alpha:abc|protocol");
}

audio::transcription_request hearing(http::attachment file) {
    audio::transcription_request asked;
    asked.file = std::move(file);
    asked.model = "speech-to-text";
    asked.language = "en";
    asked.timestamp_granularities = std::vector<std::string>{"word", "segment"};
    return asked;
}

const std::string part = "--#\r\nContent-Disposition: form-data; name=";

TEST_P(ClientResources, AFileIsTranscribedAndSentAgainToTheNextModel) {
    client c = with({"whisper-1"});
    alpha.add(script().read_request().send(busy));
    beta.add(script().read_request().send(answer(R"({"text":"Hello.","duration":1.5})")));
    const audio::transcription_request asked = hearing(http::attach_bytes("hello.wav", "RIFF1234"));
    const result<audio::transcription> got = run(c.audio.transcriptions.try_create(asked));
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->text, "Hello.");
    EXPECT_EQ(got->duration, 1.5);
    EXPECT_EQ(got->x_modelmesh->provider, "beta");
    EXPECT_THAT(beta.requests().at(0), StartsWith("POST /v1/audio/transcriptions HTTP/1.1\r\n"));
    EXPECT_THAT(beta.requests().at(0), HasSubstr("\r\nContent-Type: multipart/form-data; boundary="));
    EXPECT_EQ(form_of(beta), part + "\"model\"\r\n\r\nwhisper-1\r\n" + part + "\"language\"\r\n\r\nen\r\n" +
                                 part + "\"timestamp_granularities[]\"\r\n\r\nword\r\n" + part +
                                 "\"timestamp_granularities[]\"\r\n\r\nsegment\r\n" + part +
                                 "\"file\"; filename=\"hello.wav\"\r\n\r\nRIFF1234\r\n--#--\r\n");
    EXPECT_EQ(form_of(alpha), form_of(beta));
}

TEST_P(ClientResources, AFileThatCanBeReadOnceIsNotSentTwice) {
    const client c = with({"whisper-1"});
    alpha.add(script().read_request().send(busy));
    const auto source = std::make_shared<support::counted_source>(1000);
    source->announced = 1000;
    source->may_rewind = false;
    const audio::transcription_request asked = hearing({"a.wav", "audio/wav", source});
    client mine = c;
    const result<audio::transcription> got = run(mine.audio.transcriptions.try_create(asked));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::bad_request);
    EXPECT_THAT(got.error().message, HasSubstr("can be read only once"));
    EXPECT_EQ(got.error().attempts.size(), 2u);
    EXPECT_EQ(beta.accepted(), 0u);
}

TEST_P(ClientResources, ATranscriptionAsTextIsText) {
    client c = with({"whisper-1"});
    alpha.add(script().read_request().send(answer("1\n00:00:00,000 --> 00:00:01,000\nHello.\n")));
    audio::transcription_request asked = hearing(http::attach_bytes("hello.wav", "RIFF"));
    asked.response_format = "srt";
    EXPECT_EQ(run(c.audio.transcriptions.create(asked)).text, "1\n00:00:00,000 --> 00:00:01,000\nHello.\n");
    const audio::transcription_request nothing;
    EXPECT_THROW((void)c.audio.transcriptions.try_create(nothing), std::invalid_argument);
}

// The types of a transcription's events with their texts, and how it ended.
task<std::string> transcribed(client c, audio::transcription_request asked) {
    result<item_stream<audio::transcription_event>> opened =
        co_await c.audio.transcriptions.try_stream(asked);
    if (!opened) co_return "not opened: " + opened.error().message;
    std::string seen = opened->route().provider + ":";
    for (;;) {
        const result<std::optional<audio::transcription_event>> next = co_await opened->try_read();
        if (!next) co_return seen + "|" + std::string(to_string(next.error().kind()));
        if (!*next) co_return seen;
        const audio::transcription_event& got = **next;
        seen.append(" ").append(got.type.substr(got.type.rfind('.') + 1)).append("=");
        seen.append(got.delta.value_or("")).append(got.text.value_or(""));
        if (got.speaker) seen.append("<").append(*got.speaker);
        if (got.logprobs) seen.append(",").append(got.logprobs->at(0).token.value_or(""));
        if (got.usage) seen.append(",").append(std::to_string(got.usage->total_tokens.value_or(0)));
    }
}

const std::string heard_nothing = event(R"({"type":"transcript.text.delta","delta":""})");
const std::string heard_one = event(
    R"({"type":"transcript.text.delta","delta":"one","logprobs":[{"token":"one","logprob":-1,"bytes":[1]}]})");
const std::string heard_segment = event(
    R"({"type":"transcript.text.segment","id":"s","start":0,"end":1.5,"text":"one two","speaker":"A"})");
const std::string heard_all = event(
    R"({"type":"transcript.text.done","text":"one two","usage":{"type":"tokens","input_tokens":1,"output_tokens":2,"total_tokens":3}})");

TEST_P(ClientResources, ATranscriptionComesAsEvents) {
    const client c = with({"gpt-4o-transcribe"});
    audio::transcription_request asked = hearing(http::attach_bytes("hello.wav", "RIFF1234"));
    asked.timestamp_granularities.reset();
    asked.include = std::vector<std::string>{"logprobs"};
    asked.stream = false; // the call decides
    alpha.add(script().read_request().send(events(heard_nothing + heard_one + heard_segment + heard_all)));
    EXPECT_EQ(run(transcribed(c, asked)), "alpha: delta= delta=one,one segment=one two<A done=one two,3");
    EXPECT_THAT(alpha.requests().at(0), StartsWith("POST /v1/audio/transcriptions HTTP/1.1\r\n"));
    EXPECT_THAT(alpha.requests().at(0), HasSubstr("\r\nAccept: text/event-stream\r\n"));
    EXPECT_EQ(form_of(alpha), part + "\"model\"\r\n\r\ngpt-4o-transcribe\r\n" + part +
                                  "\"language\"\r\n\r\nen\r\n" + part + "\"include[]\"\r\n\r\nlogprobs\r\n" +
                                  part + "\"stream\"\r\n\r\ntrue\r\n" + part +
                                  "\"file\"; filename=\"hello.wav\"\r\n\r\nRIFF1234\r\n--#--\r\n");
}

TEST_P(ClientResources, ATranscriptionFailsOverOnlyBeforeItsFirstText) {
    // Each call has a source of its own.
    const auto hear = [](const client& c) {
        return run(transcribed(c, hearing(http::attach_bytes("hello.wav", "RIFF1234"))));
    };
    const std::string refused = event(R"({"type":"error","error":{"message":"broken"}})");
    for (const std::string& bad :
         {busy, events(""), events(heard_nothing), events(heard_nothing + refused)}) {
        const client c = with({"gpt-4o-transcribe"});
        alpha.add(script().read_request().send(bad).close());
        beta.add(script().read_request().send(events(heard_one + heard_all)).close());
        EXPECT_EQ(hear(c), "beta: delta=one,one done=one two,3") << bad;
    }
    for (const auto& [rest, kind] :
         std::map<std::string, std::string>{{"", "protocol"}, {refused, "upstream"}}) {
        const client c = with({"gpt-4o-transcribe"});
        alpha.add(script().read_request().send(events(heard_one + rest)).close());
        EXPECT_EQ(hear(c), "alpha: delta=one,one|" + kind);
    }
    // OpenAI's whisper would answer as a whole.
    client c = with({"whisper-1"});
    settings.providers[1].second.models = {"gpt-4o-transcribe"};
    c = create(settings);
    beta.add(script().read_request().send(events(heard_one + heard_all)).close());
    EXPECT_EQ(hear(c), "beta: delta=one,one done=one two,3");
}

TEST_P(ClientResources, TheSimulatorStreamsTranscriptions) {
    simulator& sim = start("sim", R"({"rules":[{"text":"one two"},{"text":"one two"}]})");
    settings.providers.back().second.models = {"sim-model"};
    audio::transcription_request asked = hearing(http::attach_bytes("hello.wav", "RIFF1234"));
    asked.model = "sim-model";
    asked.include = std::vector<std::string>{"logprobs"};
    EXPECT_EQ(run(transcribed(create(settings), asked)),
              "sim: delta=one,one delta= two, two done=one two,one,12");
    asked.file = http::attach_bytes("hello.wav", "RIFF1234");
    asked.include.reset();
    asked.response_format = "diarized_json";
    EXPECT_EQ(run(transcribed(create(settings), asked)),
              "sim: delta=one delta= two segment=one two<A done=one two,12");
    EXPECT_EQ(sim.requests().size(), 2u);
}

images::edit_request editing(http::attachments pictures) {
    images::edit_request asked;
    asked.image = std::move(pictures);
    asked.prompt = "a hat";
    asked.n = 2;
    return asked;
}

TEST_P(ClientResources, PicturesAreEditedAndSentAgainToTheNextModel) {
    client c = with({"gpt-image-1"});
    alpha.add(script().read_request().send(busy));
    beta.add(script().read_request().send(answer(R"({"created":7,"data":[{"b64_json":"iVBORw0KGgo="}]})")));
    images::edit_request asked =
        editing({http::attach_bytes("a.png", "PNG1"), http::attach_bytes("b.png", "PNG2")});
    asked.mask = http::attachment("m.png", "image/png", http::bytes_source("MASK"));
    asked.quality = nullptr;
    const images::reply got = run(c.images.edit(asked));
    EXPECT_EQ(images::bytes_of(got.data->at(0)).value(), "\x89PNG\r\n\x1a\n");
    EXPECT_EQ(got.x_modelmesh->pool, "image-to-image");
    EXPECT_EQ(got.x_modelmesh->provider, "beta");
    EXPECT_THAT(beta.requests().at(0), StartsWith("POST /v1/images/edits HTTP/1.1\r\n"));
    EXPECT_THAT(beta.requests().at(0), HasSubstr("\r\nContent-Type: multipart/form-data; boundary="));
    EXPECT_EQ(form_of(beta),
              part + "\"prompt\"\r\n\r\na hat\r\n" + part + "\"n\"\r\n\r\n2\r\n" + part +
                  "\"model\"\r\n\r\ngpt-image-1\r\n" + part +
                  "\"image[]\"; filename=\"a.png\"\r\n\r\nPNG1\r\n" + part +
                  "\"image[]\"; filename=\"b.png\"\r\n\r\nPNG2\r\n" + part +
                  "\"mask\"; filename=\"m.png\"\r\nContent-Type: image/png\r\n\r\nMASK\r\n--#--\r\n");
    EXPECT_EQ(form_of(alpha), form_of(beta));
    const images::edit_request nothing;
    EXPECT_THROW((void)c.images.try_edit(nothing), std::invalid_argument);
}

TEST_P(ClientResources, OthersLikeAPictureAreMade) {
    client c = with({"dall-e-2"});
    alpha.add(script().read_request().send(answer(R"({"created":7,"data":[{"url":"http://x/y.png"}]})")));
    images::variation_request asked;
    asked.image = http::attach_bytes("a.png", "PNG1");
    asked.model = "dall-e-2";
    EXPECT_EQ(run(c.images.create_variation(asked)).data->at(0).url, "http://x/y.png");
    EXPECT_THAT(alpha.requests().at(0), StartsWith("POST /v1/images/variations HTTP/1.1\r\n"));
    EXPECT_EQ(form_of(alpha), part + "\"model\"\r\n\r\ndall-e-2\r\n" + part +
                                  "\"image\"; filename=\"a.png\"\r\n\r\nPNG1\r\n--#--\r\n");
    // The pool has models that only edit: they are passed over, and nothing speaks against them.
    settings.pools.clear();
    c = with({"dall-e-2"});
    settings.providers[0].second.models = {"gpt-image-1", "dall-e-2"};
    c = create(settings);
    asked.model.reset();
    asked.image = http::attach_bytes("a.png", "PNG1");
    alpha.add(script().read_request().send(answer(R"({"created":7,"data":[{"url":"http://x/y.png"}]})")));
    const images::reply got = run(c.images.create_variation(asked));
    EXPECT_EQ(got.x_modelmesh->model, "alpha.dall-e-2");
    EXPECT_EQ(got.x_modelmesh->attempts, 2);
    EXPECT_NE(c.describe().find("alpha.gpt-image-1 [alpha] (active)"), std::string::npos) << c.describe();
    const images::variation_request nothing;
    EXPECT_THROW((void)c.images.try_create_variation(nothing), std::invalid_argument);
}

TEST_P(ClientResources, WebPagesAreFound) {
    client c = with({"tavily-search"});
    alpha.add(script().read_request().send(
        answer(R"({"query":"cats","results":[{"title":"Cats","url":"http://cats.example/","score":0.9}]})")));
    search::request asked;
    asked.model = "web";
    asked.query = "cats";
    asked.max_results = 1;
    const search::reply got = run(c.search.create(asked));
    EXPECT_EQ(got.results.at(0).url, "http://cats.example/");
    EXPECT_EQ(got.x_modelmesh->pool, "web-search");
    EXPECT_THAT(alpha.requests().at(0), StartsWith("POST /v1/search HTTP/1.1\r\n"));
    EXPECT_EQ(body_of(alpha), R"({"model":"tavily-search","query":"cats","max_results":1})");
}

TEST_P(ClientResources, DocumentsAreRanked) {
    client c = with({"rerank-v3"});
    alpha.add(script().read_request().send(answer(
        R"({"id":"r","results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.1}]})")));
    rerank::request asked;
    asked.model = "rerank";
    asked.query = "cats";
    asked.documents = {"dogs", "cats"};
    const rerank::reply got = run(c.rerank.create(asked));
    EXPECT_EQ(got.results.at(0).index, 1);
    EXPECT_THAT(alpha.requests().at(0), StartsWith("POST /v1/rerank HTTP/1.1\r\n"));
    EXPECT_EQ(body_of(alpha), R"({"model":"rerank-v3","query":"cats","documents":["dogs","cats"]})");
}

responses::request asking() {
    responses::request asked;
    asked.model = "chat-completion";
    asked.input = responses::input("hi");
    return asked;
}

const std::string created =
    event(R"({"type":"response.created","response":{"id":"resp_1"},"sequence_number":0})");
const std::string delta =
    event(R"({"type":"response.output_text.delta","item_id":"m","delta":"he\"llo","sequence_number":1})");
const std::string completed = event(
    R"({"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]},"sequence_number":2})");

TEST_P(ClientResources, AResponseIsCreated) {
    client c = with({"gpt-5"});
    alpha.add(script().read_request().send(answer(
        R"({"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"gpt-5","output":[)"
        R"({"type":"message","id":"m","role":"assistant","status":"completed","content":[)"
        R"({"type":"output_text","text":"hello","annotations":[]}]}]})")));
    const responses::request asked = asking();
    const responses::reply got = run(c.responses.create(asked));
    EXPECT_EQ(got.text(), "hello");
    EXPECT_EQ(got.x_modelmesh->model, "alpha.gpt-5");
    EXPECT_THAT(alpha.requests().at(0), StartsWith("POST /v1/responses HTTP/1.1\r\n"));
    EXPECT_EQ(body_of(alpha), R"({"model":"gpt-5","input":"hi"})");
}

// The types of a response's events with their texts, and how it ended.
task<std::string> told(client c) {
    const responses::request asked = asking();
    result<item_stream<responses::event>> opened = co_await c.responses.try_stream(asked);
    if (!opened) co_return "not opened: " + opened.error().message;
    std::string seen = opened->route().provider + ":";
    for (;;) {
        const result<std::optional<responses::event>> next = co_await opened->try_read();
        if (!next)
            co_return seen + "|" + std::string(to_string(next.error().kind())) + ": " + next.error().message;
        if (!*next) co_return seen;
        seen.append(" ").append((*next)->type.substr(9)).append((*next)->text_delta());
    }
}

TEST_P(ClientResources, AResponseComesAsEvents) {
    const client c = with({"gpt-5"});
    alpha.add(script().read_request().send(events(created + delta + completed)));
    EXPECT_EQ(run(told(c)), "alpha: created output_text.deltahe\"llo completed");
    EXPECT_EQ(body_of(alpha), R"({"model":"gpt-5","input":"hi","stream":true})");
}

TEST_P(ClientResources, AResponseThatFailsBeforeItsContentIsAskedForElsewhere) {
    const std::string failed = event(
        R"({"type":"response.failed","response":{"error":{"code":"server_error","message":"broken"}}})");
    const std::string refused = event(R"({"type":"error","code":"server_error","message":"broken"})");
    for (const std::string& bad :
         {events(created + failed), events(created + refused), events(created), busy}) {
        client c = with({"gpt-5"});
        alpha.add(script().read_request().send(bad));
        beta.add(script().read_request().send(events(created + delta + completed)));
        EXPECT_EQ(run(told(c)), "beta: created output_text.deltahe\"llo completed") << bad;
    }
    client c = with({"gpt-5"});
    alpha.add(script().read_request().send(events(created + delta + failed)));
    EXPECT_THAT(run(told(c)), StartsWith("alpha: created output_text.deltahe\"llo|upstream: "));
    c = with({"gpt-5"});
    alpha.add(script().read_request().send(events(created + delta)));
    EXPECT_THAT(run(told(c)), HasSubstr("|protocol: "));
}

std::string picture(const std::string& type, const std::string& more) {
    return event(R"({"type":")" + type + R"(","b64_json":"AAAA","created_at":1,"size":"s","quality":"q",)" +
                 R"("background":"b","output_format":"png",)" + more + "}");
}
const std::string partial = picture("image_edit.partial_image", R"("partial_image_index":0)");
const std::string complete = picture("image_edit.completed", R"("usage":{})");

// The types of a picture's events, and how it ended.
task<std::string> seen(task<result<item_stream<images::event>>> opening) {
    result<item_stream<images::event>> opened = co_await std::move(opening);
    if (!opened) co_return "not opened: " + opened.error().message;
    std::string types = opened->route().provider + ":";
    for (;;) {
        const result<std::optional<images::event>> next = co_await opened->try_read();
        if (!next) co_return types + "|" + std::string(to_string(next.error().kind()));
        if (!*next) co_return types;
        types.append(" ").append((*next)->type);
    }
}

TEST_P(ClientResources, PicturesComeWhileTheyAreMade) {
    client c = with({"gpt-image-1"});
    images::request asked;
    asked.prompt = "a cat";
    asked.partial_images = 1;
    const std::string first = picture("image_generation.partial_image", R"("partial_image_index":0)");
    const std::string last = picture("image_generation.completed", R"("usage":{})");
    alpha.add(script().read_request().send(busy));
    beta.add(script().read_request().send(events(first + last)));
    EXPECT_EQ(run(seen(c.images.try_generate_stream(asked))),
              "beta: image_generation.partial_image image_generation.completed");
    EXPECT_EQ(body_of(beta), R"({"prompt":"a cat","partial_images":1,"model":"gpt-image-1","stream":true})");
}

TEST_P(ClientResources, EditedPicturesAreCompleteWhenAllOfThemAre) {
    images::edit_request asked = editing(http::attach_bytes("a.png", "PNG1"));
    client c = with({"gpt-image-1"});
    alpha.add(script().read_request().send(events(partial + complete + complete)));
    EXPECT_EQ(run(seen(c.images.try_edit_stream(asked))),
              "alpha: image_edit.partial_image image_edit.completed image_edit.completed");
    EXPECT_EQ(form_of(alpha), part + "\"prompt\"\r\n\r\na hat\r\n" + part + "\"n\"\r\n\r\n2\r\n" + part +
                                  "\"model\"\r\n\r\ngpt-image-1\r\n" + part + "\"stream\"\r\n\r\ntrue\r\n" +
                                  part + "\"image\"; filename=\"a.png\"\r\n\r\nPNG1\r\n--#--\r\n");
    c = with({"gpt-image-1"});
    asked = editing(http::attach_bytes("a.png", "PNG1"));
    alpha.add(script().read_request().send(events(partial + complete)));
    EXPECT_EQ(run(seen(c.images.try_edit_stream(asked))),
              "alpha: image_edit.partial_image image_edit.completed|protocol");
}

task<std::string> completion(client c) {
    text_completions::request asked;
    asked.model = "text-completion";
    asked.prompt = "once";
    item_stream<text_completions::reply> pieces = co_await c.completions.stream(asked);
    std::string text = pieces.route().provider + ":";
    while (const std::optional<text_completions::reply> piece = co_await pieces.next())
        for (const text_completions::choice& choice : piece->choices) text += choice.text;
    co_return text;
}

TEST_P(ClientResources, TheOlderCompletionsStream) {
    const client c = with({"gpt-3.5-turbo-instruct"});
    const auto piece = [](const std::string& text) {
        return event(R"({"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":")" +
                     text + R"(","index":0,"logprobs":null,"finish_reason":null}]})");
    };
    alpha.add(script().read_request().send(events(piece("") + event(R"({"error":{"message":"no"}})"))));
    beta.add(
        script().read_request().send(events(piece("") + piece("upon ") + piece("a time") + event("[DONE]"))));
    EXPECT_EQ(run(completion(c)), "beta:upon a time");
    EXPECT_THAT(beta.requests().at(0), StartsWith("POST /v1/completions HTTP/1.1\r\n"));
    EXPECT_EQ(body_of(beta), R"({"model":"gpt-3.5-turbo-instruct","prompt":"once","stream":true,)"
                             R"("stream_options":{"include_usage":true}})");
}

TEST_P(ClientResources, ModelsAreListedUnderTheNamesThatTheyAnswerTo) {
    client c = with({"tts-1"});
    const models::list all = run(c.models.list());
    ASSERT_EQ(all.data.size(), 2u);
    EXPECT_EQ(all.data[0].id, "alpha.tts-1");
    EXPECT_EQ(all.data[1].owned_by, "beta");
}

} // namespace
} // namespace modelmesh::testing
