// /v1/audio/speech: silence in pieces, or in events.
#include "audio.hpp"

#include "endpoints.hpp"

#include <algorithm>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t most_characters = 4096;
constexpr std::uint32_t samples_per_second = 24'000; // one channel, 16 bits
constexpr std::size_t samples_per_character = 240;   // 10 ms
constexpr std::size_t fewest_pieces = 4;

std::string little_endian(std::uint32_t number, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> 8 * i & 0xff);
    return out;
}

std::string wav_of(const std::string& samples) {
    const auto size = static_cast<std::uint32_t>(samples.size());
    return "RIFF" + little_endian(36 + size, 4) + "WAVEfmt " + little_endian(16, 4) +
           little_endian(1, 2) +                        // samples as numbers
           little_endian(1, 2) +                        // channels
           little_endian(samples_per_second, 4) +       //
           little_endian(samples_per_second * 2, 4) +   // bytes per second
           little_endian(2, 2) + little_endian(16, 2) + // bytes and bits of a sample
           "data" + little_endian(size, 4) + samples;
}

/// Characters, not bytes: as the vendor counts them.
std::size_t count_characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

class speech_answer final : public answer {
public:
    speech_answer(const std::string& text, const std::string& format, bool as_events)
        : format_(format), as_events_(as_events), audio_(silence(format, count_characters(text))),
          words_(split_tokens(text).size()) {
        pieces_ = std::max(fewest_pieces, words_);
    }

    delivery form() const override { return as_events_ ? delivery::events : delivery::pieces; }
    std::string content_type() const override { return audio_type(format_); }
    std::size_t event_count() const override { return pieces_ + (as_events_ ? 1 : 0); }

    stream_event event(std::size_t position) const override {
        if (position == pieces_)
            return {json::serialize(json::object{{"type", "speech.audio.done"},
                                                 {"usage",
                                                  {{"input_tokens", words_},
                                                   {"output_tokens", pieces_},
                                                   {"total_tokens", words_ + pieces_}}}})};
        const std::size_t begin = audio_.size() * position / pieces_;
        const std::size_t end = audio_.size() * (position + 1) / pieces_;
        std::string bytes = audio_.substr(begin, end - begin);
        if (!as_events_) return {std::move(bytes)};
        return {json::serialize(json::object{{"type", "speech.audio.delta"}, {"audio", base64(bytes)}})};
    }

    bool ends_with_done() const override { return false; }

private:
    std::string format_;
    bool as_events_ = false;
    std::string audio_;
    std::size_t words_ = 0;
    std::size_t pieces_ = 0; ///< never more than characters, each of which has many bytes
};

} // namespace

std::string audio_type(std::string_view format) {
    if (format == "mp3") return "audio/mpeg";
    if (format == "opus") return "audio/ogg";
    return "audio/" + std::string(format);
}

std::string silence(std::string_view format, std::size_t characters) {
    const std::string samples(characters * samples_per_character * 2, '\0');
    if (format == "pcm") return samples;
    if (format == "wav") return wav_of(samples);
    // MPEG-2 layer III at 32 kbit/s and 24 kHz: frames of 96 bytes and 24 ms; empty, they are silent.
    if (format == "mp3") {
        std::string out;
        for (std::size_t frame = 0; frame <= characters * 10 / 24; ++frame)
            out += std::string("\xff\xf3\x44\xc0") + std::string(92, '\0');
        return out;
    }
    const std::string start = format == "flac" ? "fLaC" : format == "opus" ? "OggS" : "\xff\xf1";
    return start + std::string(characters * 16, '\0');
}

model_request read_speech(const recorded_request& request) {
    const fields in(request.body);
    const std::string model = in.model();
    const std::string text = in.need_text("input");
    if (text.empty() || count_characters(text) > most_characters)
        throw invalid("Invalid 'input': expected a text of 1 to " + std::to_string(most_characters) +
                          " characters.",
                      "input", text.empty() ? "empty_string" : "string_above_max_length");
    if (const json::value& voice = in.need("voice"); !voice.is_string() && !voice.is_object())
        throw wrong_type("voice", "a string or an object");
    const std::string format =
        in.word("response_format", {"mp3", "opus", "aac", "flac", "wav", "pcm"}).value_or("mp3");
    in.number("speed", 0.25, 4);
    const bool as_events = in.word("stream_format", {"audio", "sse"}) == "sse";
    return {model, as_events, [=](const rule&, const reply_context&) {
                return std::make_shared<speech_answer>(text, format, as_events);
            }};
}

} // namespace modelmesh::testing::detail
