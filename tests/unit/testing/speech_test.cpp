// Speech: silence in every format, in chunks and in events.
#include "audio.hpp"
#include "service_fixture.hpp"

#include <gmock/gmock.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string speech(const std::string& text, const std::string& more = "") {
    return R"({"model":"m","voice":"alloy","input":")" + text + "\"" + more + "}";
}

std::uint32_t number_at(const std::string& bytes, std::size_t at, int size) {
    std::uint32_t out = 0;
    for (int i = size - 1; i >= 0; --i)
        out = out << 8 | static_cast<unsigned char>(bytes.at(at + static_cast<std::size_t>(i)));
    return out;
}

TEST(Speech, IsMp3InSeveralChunksWhenNothingElseIsAsked) {
    provider sim;
    const seen_reply seen = sim.post("/v1/audio/speech", speech("hi"));
    EXPECT_THAT(seen.head, HasSubstr("\r\ncontent-type: audio/mpeg\r\n"));
    EXPECT_EQ(seen.chunks.size(), 4U);
    EXPECT_EQ(seen.body.size() % 96, 0U);
    for (std::size_t at = 0; at < seen.body.size(); at += 96)
        EXPECT_EQ(seen.body.substr(at, 4), "\xff\xf3\x44\xc0");
    EXPECT_EQ(sim.post("/v1/audio/speech", speech("one two three four five")).chunks.size(), 5U);
}

TEST(Speech, WavHasAHeaderThatFitsItsLength) {
    for (const std::string text : {"a", "a longer text", "\xc3\xa9t\xc3\xa9"}) {
        provider sim;
        const seen_reply seen = sim.post("/v1/audio/speech", speech(text, R"(,"response_format":"wav")"));
        const std::string& wav = seen.body;
        const std::size_t characters = text == "\xc3\xa9t\xc3\xa9" ? 3 : text.size();
        EXPECT_THAT(seen.head, HasSubstr("\r\ncontent-type: audio/wav\r\n"));
        ASSERT_EQ(wav.size(), 44 + characters * 480);
        EXPECT_EQ(wav.substr(0, 4) + wav.substr(8, 8), "RIFFWAVEfmt ");
        EXPECT_EQ(number_at(wav, 4, 4), wav.size() - 8);
        EXPECT_EQ(number_at(wav, 16, 4), 16U);
        EXPECT_EQ(number_at(wav, 20, 2), 1U);     // samples as numbers
        EXPECT_EQ(number_at(wav, 22, 2), 1U);     // channels
        EXPECT_EQ(number_at(wav, 24, 4), 24000U); // samples per second
        EXPECT_EQ(number_at(wav, 28, 4), 48000U); // bytes per second
        EXPECT_EQ(number_at(wav, 32, 2), 2U);     // bytes of a sample
        EXPECT_EQ(number_at(wav, 34, 2), 16U);    // bits of a sample
        EXPECT_EQ(wav.substr(36, 4), "data");
        EXPECT_EQ(number_at(wav, 40, 4), wav.size() - 44);
        EXPECT_EQ(wav.find_first_not_of('\0', 44), wav.npos);
    }
}

TEST(Speech, EveryFormatHasItsTypeAndItsFirstBytes) {
    const std::vector<std::array<std::string, 3>> formats{
        {"opus", "audio/ogg", "OggS"}, {"aac", "audio/aac", "\xff\xf1"}, {"flac", "audio/flac", "fLaC"}};
    provider sim;
    for (const auto& [format, type, start] : formats) {
        const seen_reply seen =
            sim.post("/v1/audio/speech", speech("hi", R"(,"response_format":")" + format + "\""));
        EXPECT_THAT(seen.head, HasSubstr("\r\ncontent-type: " + type + "\r\n"));
        EXPECT_THAT(seen.body, StartsWith(start));
    }
    const seen_reply pcm = sim.post("/v1/audio/speech", speech("hi", R"(,"response_format":"pcm")"));
    EXPECT_EQ(pcm.body, std::string(960, '\0'));
}

TEST(Speech, AsEventsCarriesTheSameBytes) {
    provider sim(R"({"rules":[{"stream":true,"headers":{"x-rule":"events"}}]})");
    const std::string plain = sim.post("/v1/audio/speech", speech("hi")).body;
    const seen_reply seen = sim.post("/v1/audio/speech", speech("hi", R"(,"stream_format":"sse")"));
    EXPECT_THAT(seen.head, HasSubstr("\r\nx-rule: events\r\n"));
    EXPECT_THAT(seen.head, HasSubstr("\r\ncontent-type: text/event-stream"));
    ASSERT_EQ(seen.chunks.size(), 5U);
    for (std::size_t i = 0; i < 4; ++i)
        EXPECT_EQ(seen.chunks[i], R"(data: {"type":"speech.audio.delta","audio":")" +
                                      base64(plain.substr(plain.size() * i / 4, plain.size() / 4)) +
                                      "\"}\n\n");
    EXPECT_EQ(
        seen.chunks[4],
        R"(data: {"type":"speech.audio.done","usage":{"input_tokens":1,"output_tokens":4,"total_tokens":5}})"
        "\n\n");
}

TEST(Speech, RefusesWhatIsWrong) {
    provider sim;
    const auto problem = [&](const std::string& body) { return sim.problem("/v1/audio/speech", body); };
    EXPECT_EQ(problem(R"({"model":"m","input":"a"})"), "voice missing_required_parameter");
    EXPECT_EQ(problem(R"({"model":"m","input":"a","voice":1})"), "voice invalid_type");
    EXPECT_EQ(problem(R"({"model":"m","voice":"v"})"), "input missing_required_parameter");
    EXPECT_EQ(problem(speech("")), "input empty_string");
    EXPECT_EQ(problem(speech(std::string(4097, 'a'))), "input string_above_max_length");
    EXPECT_EQ(problem(speech("a", R"(,"speed":5)")), "speed decimal_above_max_value");
    EXPECT_EQ(problem(speech("a", R"(,"speed":"fast")")), "speed invalid_type");
    EXPECT_EQ(problem(speech("a", R"(,"response_format":"ogg")")), "response_format invalid_value");
    EXPECT_EQ(problem(speech("a", R"(,"stream_format":"x")")), "stream_format invalid_value");
    EXPECT_EQ(sim.post("/v1/audio/speech", speech(std::string(4096, 'a'))).status, 200);
}

} // namespace
} // namespace modelmesh::testing::detail
