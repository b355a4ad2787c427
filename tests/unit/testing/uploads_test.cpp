// The routes that take files: transcriptions, translations, and pictures made of pictures.
#include "service_fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

form_text audio() { return form_text().field("model", "m").file("file", "a.wav", "12345"); }

seen_reply transcribe(provider& sim, const std::string& format) {
    return audio().field("response_format", format).post(sim, "/v1/audio/transcriptions");
}

std::string problem_of(const seen_reply& seen) {
    EXPECT_EQ(seen.status, 400) << seen.body;
    if (seen.status != 400) return {};
    const boost::json::value param = seen.json().at("error").at("param");
    return param.is_string() ? text(param) : std::string("-");
}

TEST(Transcriptions, TellWhichFileArrived) {
    provider sim;
    const seen_reply seen = audio().post(sim, "/v1/audio/transcriptions");
    EXPECT_EQ(seen.body,
              R"({"text":"The file a.wav has 5 bytes.","usage":{"type":"tokens","input_tokens":30,)"
              R"("input_token_details":{"text_tokens":0,"audio_tokens":30},"output_tokens":6,)"
              R"("total_tokens":36}})");
}

TEST(Transcriptions, AsTextAndAsSubtitlesAreNoJson) {
    provider sim(R"({"rules":[{"times":"always","text":"one two three four five six seven eight nine"}]})");
    const seen_reply plain = transcribe(sim, "text");
    EXPECT_THAT(plain.head, HasSubstr("\r\ncontent-type: text/plain; charset=utf-8\r\n"));
    EXPECT_EQ(plain.body, "one two three four five six seven eight nine\n");
    EXPECT_EQ(transcribe(sim, "srt").body,
              "1\n00:00:00,000 --> 00:00:04,000\none two three four five six seven eight\n\n"
              "2\n00:00:04,000 --> 00:00:04,500\nnine\n\n");
    EXPECT_EQ(transcribe(sim, "vtt").body,
              "WEBVTT\n\n00:00:00.000 --> 00:00:04.000\none two three four five six seven eight\n\n"
              "00:00:04.000 --> 00:00:04.500\nnine\n\n");
}

TEST(Transcriptions, InDetailHaveTheTimesThatWereAskedFor) {
    provider sim(R"({"rules":[{"times":"always","text":"one two"}]})");
    const std::string segments =
        R"("segments":[{"id":0,"seek":0,"start":0E0,"end":1E0,"text":"one two","tokens":[50364,50365],)"
        R"("temperature":0E0,"avg_logprob":-2.5E-1,"compression_ratio":1.5E0,"no_speech_prob":7.8125E-3}])";
    const std::string words =
        R"("words":[{"word":"one","start":0E0,"end":5E-1},{"word":"two","start":5E-1,"end":1E0}])";
    EXPECT_EQ(transcribe(sim, "verbose_json").body,
              R"({"task":"transcribe","language":"english","duration":1E0,"text":"one two",)" + segments +
                  R"(,"usage":{"type":"duration","seconds":1}})");
    form_text detailed = audio().field("response_format", "verbose_json").field("language", "de");
    detailed.field("timestamp_granularities[]", "word");
    const std::string only_words = detailed.post(sim, "/v1/audio/transcriptions").body;
    EXPECT_THAT(only_words, HasSubstr(words));
    EXPECT_THAT(only_words, HasSubstr(R"("language":"de")"));
    EXPECT_THAT(only_words, Not(HasSubstr("segments")));
    detailed.field("timestamp_granularities[]", "segment");
    EXPECT_THAT(detailed.post(sim, "/v1/audio/transcriptions").body, HasSubstr(words + "," + segments));
    EXPECT_THAT(
        transcribe(sim, "diarized_json").body,
        HasSubstr(R"("segments":[{"type":"transcript.text.segment","id":"seg_1","start":0E0,"end":1E0,)"
                  R"("text":"one two","speaker":"A"}])"));
}

TEST(Transcriptions, AreStreamedWordByWord) {
    provider sim(R"({"rules":[{"stream":true,"text":"one two"}]})");
    const seen_reply seen = audio().field("stream", "true").post(sim, "/v1/audio/transcriptions");
    EXPECT_THAT(
        seen.chunks,
        ElementsAre(
            "data: {\"type\":\"transcript.text.delta\",\"delta\":\"one\"}\n\n",
            "data: {\"type\":\"transcript.text.delta\",\"delta\":\" two\"}\n\n",
            "data: {\"type\":\"transcript.text.done\",\"text\":\"one two\",\"usage\":{\"type\":\"tokens\","
            "\"input_tokens\":10,\"input_token_details\":{\"text_tokens\":0,\"audio_tokens\":10},"
            "\"output_tokens\":2,\"total_tokens\":12}}\n\n"));
}

TEST(Transcriptions, OfSeveralSpeakersAreStreamedWithTheirSegments) {
    const std::string text = "1 2 3 4 5 6 7 8 9";
    provider sim(R"({"rules":[{"text":")" + text + R"("}]})");
    const seen_reply seen = audio()
                                .field("stream", "true")
                                .field("response_format", "diarized_json")
                                .field("include[]", "logprobs")
                                .post(sim, "/v1/audio/transcriptions");
    ASSERT_EQ(seen.chunks.size(), 12U);
    EXPECT_EQ(seen.chunks[7],
              "data: {\"type\":\"transcript.text.delta\",\"delta\":\" 8\",\"logprobs\":[{\"token\":\" 8\","
              "\"logprob\":-2.5E-1,\"bytes\":[32,56]}],\"segment_id\":\"seg_1\"}\n\n");
    EXPECT_EQ(seen.chunks[8],
              "data: {\"type\":\"transcript.text.segment\",\"id\":\"seg_1\",\"start\":0E0,\"end\":4E0,"
              "\"text\":\"1 2 3 4 5 6 7 8\",\"speaker\":\"A\"}\n\n");
    EXPECT_THAT(seen.chunks[9], HasSubstr("\"segment_id\":\"seg_2\""));
    EXPECT_THAT(seen.chunks[10], HasSubstr("\"speaker\":\"B\""));
    EXPECT_THAT(seen.chunks[11], HasSubstr("\"text\":\"" + text + "\",\"logprobs\":[{\"token\":\"1\""));
}

TEST(Transcriptions, RefuseWhatIsWrong) {
    provider sim;
    const auto problem = [&](const form_text& sent) {
        return problem_of(sent.post(sim, "/v1/audio/transcriptions"));
    };
    EXPECT_EQ(problem(form_text().file("file", "a", "1")), "model");
    EXPECT_EQ(problem(form_text().field("model", "m")), "file");
    EXPECT_EQ(problem(form_text().field("model", "m").field("file", "text")), "file");
    EXPECT_EQ(problem(form_text().field("model", "m").file("file", "a", "")), "file");
    EXPECT_EQ(problem(audio().field("response_format", "xml")), "response_format");
    EXPECT_EQ(problem(audio().field("temperature", "hot")), "temperature");
    EXPECT_EQ(problem(audio().field("temperature", "1.5")), "temperature");
    EXPECT_EQ(problem(audio().field("stream", "maybe")), "stream");
    EXPECT_EQ(problem(audio().field("timestamp_granularities[]", "letter")), "timestamp_granularities[]");
    EXPECT_EQ(problem_of(sim.post("/v1/audio/transcriptions", "{}")), "-");
    EXPECT_EQ(audio().field("temperature", "0.5").post(sim, "/v1/audio/transcriptions").status, 200);
    EXPECT_EQ(
        form_text().field("model", "x").file("file", "a", "1").post(sim, "/v1/audio/transcriptions").status,
        404);
}

TEST(Translations, HaveTheTextAlone) {
    provider sim(R"({"rules":[{"path":"audio/translations","text":"hello","times":2}]})");
    EXPECT_EQ(audio().post(sim, "/v1/audio/translations").body, R"({"text":"hello"})");
    EXPECT_THAT(audio().field("response_format", "verbose_json").post(sim, "/v1/audio/translations").body,
                HasSubstr(R"({"task":"translate","language":"english","duration":5E-1,"text":"hello",)"));
    EXPECT_EQ(
        problem_of(audio().field("response_format", "diarized_json").post(sim, "/v1/audio/translations")),
        "response_format");
}

TEST(ImageEdits, DependOnEveryPicture) {
    provider sim;
    const auto edit = [&](const form_text& sent) {
        const seen_reply seen = sent.post(sim, "/v1/images/edits");
        EXPECT_EQ(seen.status, 200) << seen.body;
        return seen.json();
    };
    const boost::json::value one =
        edit(form_text().file("image", "a.png", "1").field("prompt", "p").field("n", "2"));
    EXPECT_EQ(one.at("data").as_array().size(), 2U);
    EXPECT_EQ(one.at("usage").at("input_tokens_details"),
              boost::json::parse(R"({"text_tokens":1,"image_tokens":64})"));
    const boost::json::value two =
        edit(form_text().file("image[]", "a.png", "1").file("image[]", "b.png", "2").field("prompt", "p"));
    EXPECT_EQ(two.at("usage").at("input_tokens_details").at("image_tokens"), 128);
    const boost::json::value masked =
        edit(form_text().file("image", "a.png", "1").file("mask", "m.png", "2").field("prompt", "p"));
    EXPECT_NE(one.at("data").as_array()[0], two.at("data").as_array()[0]);
    EXPECT_NE(one.at("data").as_array()[0], masked.at("data").as_array()[0]);
    EXPECT_EQ(problem_of(form_text().field("prompt", "p").post(sim, "/v1/images/edits")), "image");
    EXPECT_EQ(problem_of(form_text().file("image", "a", "1").post(sim, "/v1/images/edits")), "prompt");
    EXPECT_EQ(
        problem_of(form_text().file("image", "a", "").field("prompt", "p").post(sim, "/v1/images/edits")),
        "image");
    EXPECT_EQ(problem_of(form_text()
                             .file("image", "a", "1")
                             .field("prompt", "p")
                             .field("n", "two")
                             .post(sim, "/v1/images/edits")),
              "n");
}

TEST(ImageEdits, AreStreamed) {
    provider sim;
    const seen_reply seen = form_text()
                                .file("image", "a", "1")
                                .field("prompt", "p")
                                .field("stream", "true")
                                .field("partial_images", "1")
                                .post(sim, "/v1/images/edits");
    ASSERT_EQ(seen.chunks.size(), 2U);
    EXPECT_THAT(seen.chunks[0], ::testing::StartsWith("event: image_edit.partial_image\ndata: {"));
    EXPECT_THAT(seen.chunks[1], ::testing::StartsWith("event: image_edit.completed\ndata: {"));
}

TEST(ImageVariations, NeedOnePicture) {
    provider sim;
    const seen_reply seen = form_text()
                                .file("image", "a", "1")
                                .field("response_format", "url")
                                .post(sim, "/v1/images/variations");
    EXPECT_THAT(seen.body, HasSubstr(R"({"url":"http://host/images/)"));
    EXPECT_EQ(problem_of(form_text().post(sim, "/v1/images/variations")), "image");
    EXPECT_EQ(
        problem_of(
            form_text().file("image", "a", "1").field("stream", "true").post(sim, "/v1/images/variations")),
        "stream");
}

} // namespace
} // namespace modelmesh::testing::detail
