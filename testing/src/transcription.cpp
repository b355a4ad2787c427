// /v1/audio/transcriptions and /translations: the text tells which file arrived, in every format.
#include "completion.hpp"
#include "endpoints.hpp"
#include "multipart.hpp"

#include <cstdio>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t words_per_segment = 8;
constexpr std::int64_t milliseconds_per_word = 500;

double seconds_of(std::int64_t milliseconds) { return static_cast<double>(milliseconds) / 1000; }

struct transcription_request {
    std::string model;
    std::string file_name;
    std::size_t file_size = 0;
    std::string format = "json";
    std::string language = "english";
    bool is_translation = false;
    bool stream = false;
    bool with_logprobs = false;
    bool with_words = false;
    bool with_segments = false;
};

/// Some words that belong together, and when they were said.
struct segment {
    std::string text;
    std::int64_t start = 0; ///< milliseconds
    std::int64_t end = 0;
};

std::string without_blanks(const std::string& text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    return begin == text.npos ? std::string() : text.substr(begin);
}

/// @param mark  between seconds and milliseconds: a comma in SRT, a point in WebVTT
std::string clock_text(std::int64_t milliseconds, char mark) {
    char text[32];
    const long long all = milliseconds;
    std::snprintf(text, sizeof text, "%02lld:%02lld:%02lld%c%03lld", all / 3'600'000, all / 60'000 % 60,
                  all / 1000 % 60, mark, all % 1000);
    return text;
}

class transcription_answer final : public answer {
public:
    transcription_answer(transcription_request request, const rule& how) : request_(std::move(request)) {
        rule said = how;
        if (!said.text && !said.tokens)
            said.text =
                "The file " + request_.file_name + " has " + std::to_string(request_.file_size) + " bytes.";
        generated_text generated = generate_text(said, {}, {}, request_.model, std::nullopt, false);
        text_ = std::move(generated.text);
        tokens_ = std::move(generated.tokens);
        for (std::size_t at = 0; at < tokens_.size(); ++at) {
            const std::int64_t start = static_cast<std::int64_t>(at) * milliseconds_per_word;
            if (at % words_per_segment == 0) segments_.push_back({{}, start, start});
            segments_.back().text += tokens_[at];
            segments_.back().end = start + milliseconds_per_word;
            events_.push_back({kind::delta, at});
            const bool ends_segment = at % words_per_segment + 1 == words_per_segment;
            if (tells_speakers() && (ends_segment || at + 1 == tokens_.size()))
                events_.push_back({kind::segment, segments_.size() - 1});
        }
        events_.push_back({kind::done});
    }

    delivery form() const override { return request_.stream ? delivery::events : delivery::whole; }

    std::string content_type() const override {
        return is_json() ? "application/json" : "text/plain; charset=utf-8";
    }

    std::string body() const override {
        if (request_.format == "text") return text_ + "\n";
        if (request_.format == "srt") return subtitles(',');
        if (request_.format == "vtt") return "WEBVTT\n\n" + subtitles('.');
        json::object out;
        if (request_.format == "verbose_json" || request_.format == "diarized_json") {
            out["task"] = request_.is_translation ? "translate" : "transcribe";
            if (request_.format == "verbose_json") out["language"] = request_.language;
            out["duration"] = seconds_of(duration());
        }
        out["text"] = text_;
        if (tells_speakers()) out["segments"] = speakers();
        if (request_.format == "verbose_json") {
            if (request_.with_words) out["words"] = words();
            if (request_.with_segments) out["segments"] = described_segments();
        }
        if (request_.with_logprobs) out["logprobs"] = logprobs(0, tokens_.size());
        if (!request_.is_translation)
            out["usage"] = request_.format == "json"
                               ? token_usage()
                               : json::object{{"type", "duration"}, {"seconds", (duration() + 999) / 1000}};
        return json::serialize(out);
    }

    std::size_t event_count() const override { return events_.size(); }

    stream_event event(std::size_t position) const override {
        const planned_event& planned = events_[position];
        if (planned.what == kind::segment) return {json::serialize(speaker(planned.index))};
        const bool is_delta = planned.what == kind::delta;
        json::object out{{"type", is_delta ? "transcript.text.delta" : "transcript.text.done"}};
        out[is_delta ? "delta" : "text"] = is_delta ? tokens_[planned.index] : text_;
        if (request_.with_logprobs)
            out["logprobs"] = is_delta ? logprobs(planned.index, 1) : logprobs(0, tokens_.size());
        if (is_delta && tells_speakers()) out["segment_id"] = segment_id(planned.index / words_per_segment);
        if (!is_delta) out["usage"] = token_usage();
        return {json::serialize(out)};
    }

    bool ends_with_done() const override { return false; }

private:
    enum class kind : std::uint8_t { delta, segment, done };
    struct planned_event {
        kind what{};
        std::size_t index = 0; ///< of the word or of the segment
    };

    bool tells_speakers() const { return request_.format == "diarized_json"; }

    bool is_json() const {
        return request_.format != "text" && request_.format != "srt" && request_.format != "vtt";
    }

    std::int64_t duration() const { return segments_.empty() ? 0 : segments_.back().end; }

    std::string subtitles(char mark) const {
        std::string out;
        for (std::size_t i = 0; i < segments_.size(); ++i) {
            if (mark == ',') out += std::to_string(i + 1) + "\n"; // WebVTT has no numbers
            out += clock_text(segments_[i].start, mark) + " --> " + clock_text(segments_[i].end, mark) +
                   "\n" + without_blanks(segments_[i].text) + "\n\n";
        }
        return out;
    }

    json::array words() const {
        json::array out;
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            const std::int64_t start = static_cast<std::int64_t>(i) * milliseconds_per_word;
            out.push_back({{"word", without_blanks(tokens_[i])},
                           {"start", seconds_of(start)},
                           {"end", seconds_of(start + milliseconds_per_word)}});
        }
        return out;
    }

    json::array described_segments() const {
        json::array out;
        for (std::size_t i = 0; i < segments_.size(); ++i)
            out.push_back({{"id", i},
                           {"seek", 0},
                           {"start", seconds_of(segments_[i].start)},
                           {"end", seconds_of(segments_[i].end)},
                           {"text", segments_[i].text},
                           {"tokens", json::array{50364, 50365 + i}},
                           {"temperature", 0.0},
                           {"avg_logprob", -0.25},
                           {"compression_ratio", 1.5},
                           {"no_speech_prob", 0.0078125}});
        return out;
    }

    static std::string segment_id(std::size_t segment) { return "seg_" + std::to_string(segment + 1); }

    json::object speaker(std::size_t segment) const {
        return {{"type", "transcript.text.segment"},
                {"id", segment_id(segment)},
                {"start", seconds_of(segments_[segment].start)},
                {"end", seconds_of(segments_[segment].end)},
                {"text", without_blanks(segments_[segment].text)},
                {"speaker", segment % 2 == 0 ? "A" : "B"}};
    }

    json::array speakers() const {
        json::array out;
        for (std::size_t i = 0; i < segments_.size(); ++i) out.push_back(speaker(i));
        return out;
    }

    json::array logprobs(std::size_t first, std::size_t count) const {
        json::array out;
        for (std::size_t i = first; i < first + count; ++i) {
            json::array bytes;
            for (const char c : tokens_[i]) bytes.push_back(static_cast<unsigned char>(c));
            out.push_back({{"token", tokens_[i]}, {"logprob", -0.25}, {"bytes", std::move(bytes)}});
        }
        return out;
    }

    json::object token_usage() const {
        const auto heard = static_cast<std::uint64_t>(duration() / 100); // ten for each second
        return {{"type", "tokens"},
                {"input_tokens", heard},
                {"input_token_details", {{"text_tokens", 0}, {"audio_tokens", heard}}},
                {"output_tokens", tokens_.size()},
                {"total_tokens", heard + tokens_.size()}};
    }

    transcription_request request_;
    std::string text_;
    std::vector<std::string> tokens_;
    std::vector<segment> segments_;
    std::vector<planned_event> events_;
};

model_request read_listening(const recorded_request& request, bool is_translation) {
    const form sent(request);
    const fields& in = sent.texts();
    transcription_request out;
    out.is_translation = is_translation;
    out.model = in.model();
    const form_part& file = sent.need_file("file");
    if (file.body.empty())
        throw invalid("The audio file could not be decoded or its format is not supported.", "file",
                      "invalid_value");
    out.file_name = *file.file_name;
    out.file_size = file.body.size();
    in.number("temperature", 0, 1);
    if (is_translation) {
        out.format =
            in.word("response_format", {"json", "text", "srt", "verbose_json", "vtt"}).value_or("json");
    } else {
        out.format =
            in.word("response_format", {"json", "text", "srt", "verbose_json", "vtt", "diarized_json"})
                .value_or("json");
        out.language = in.text("language").value_or(out.language);
        out.stream = in.flag("stream");
        if (const json::value* list = in.find("include[]"))
            for (const json::value& one : list->as_array())
                out.with_logprobs = out.with_logprobs || one == "logprobs";
    }
    out.with_segments = true;
    if (const json::value* list = in.find("timestamp_granularities[]")) {
        out.with_segments = false;
        for (const json::value& one : list->as_array()) {
            if (one == "word")
                out.with_words = true;
            else if (one == "segment")
                out.with_segments = true;
            else
                throw invalid(
                    "Invalid value for 'timestamp_granularities[]'. Supported values are: 'word' and "
                    "'segment'.",
                    "timestamp_granularities[]", "invalid_value");
        }
    }
    return {out.model, out.stream, [out](const rule& how, const reply_context&) {
                return std::make_shared<transcription_answer>(out, how);
            }};
}

} // namespace

model_request read_transcription(const recorded_request& request) { return read_listening(request, false); }
model_request read_translation(const recorded_request& request) { return read_listening(request, true); }

} // namespace modelmesh::testing::detail
