// Speech and transcriptions as OpenAI's wire format has them.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/http/attachment.hpp>
#include <modelmesh/json/fields.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::audio {

struct custom_voice {
    std::string id{};
    json::extra extra{};

    friend bool operator==(const custom_voice&, const custom_voice&) = default;
};

struct speech_request {
    std::string model{}; ///< a capability, a pool or a model
    std::string input{};
    json::maybe<std::string> instructions{};
    std::variant<std::string, custom_voice> voice{};
    json::maybe<std::string> response_format{}; ///< mp3, opus, aac, flac, wav, pcm
    json::maybe<double> speed{};                ///< 0.25 to 4
    json::maybe<std::string> stream_format{};   ///< sse, audio
    json::extra extra{};

    friend bool operator==(const speech_request&, const speech_request&) = default;
};

/// Speech as it came: mp3, unless the request asked for something else.
struct recording {
    std::string bytes{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
};

struct speech_usage {
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;
    std::int64_t total_tokens = 0;
    json::extra extra{};

    friend bool operator==(const speech_usage&, const speech_usage&) = default;
};

struct speech_event {
    std::string type{};                ///< speech.audio.delta, speech.audio.done
    json::maybe<std::string> audio{};  ///< base64
    json::maybe<speech_usage> usage{}; ///< when done
    json::extra extra{};

    friend bool operator==(const speech_event&, const speech_event&) = default;
};

struct word {
    std::string text{};
    double start = 0; ///< seconds
    double end = 0;
    json::extra extra{};

    static constexpr json::field_rule json_fields[] = {json::rename("text", "word")};
    friend bool operator==(const word&, const word&) = default;
};

/// Of verbose_json, or of diarized_json, where an id is a text and a speaker is named.
struct segment {
    json::maybe<std::string> type{}; ///< transcript.text.segment
    std::variant<std::int64_t, std::string> id{};
    json::maybe<std::int64_t> seek{};
    double start = 0; ///< seconds
    double end = 0;
    std::string text{};
    json::maybe<std::string> speaker{};
    json::maybe<std::vector<std::int64_t>> tokens{};
    json::maybe<double> temperature{};
    json::maybe<double> avg_logprob{};
    json::maybe<double> compression_ratio{};
    json::maybe<double> no_speech_prob{};
    json::extra extra{};

    friend bool operator==(const segment&, const segment&) = default;
};

struct token_logprob {
    json::maybe<std::string> token{};
    json::maybe<double> logprob{};
    json::maybe<std::vector<double>> bytes{};
    json::extra extra{};

    friend bool operator==(const token_logprob&, const token_logprob&) = default;
};

struct input_details {
    json::maybe<std::int64_t> text_tokens{};
    json::maybe<std::int64_t> audio_tokens{};
    json::extra extra{};

    friend bool operator==(const input_details&, const input_details&) = default;
};

/// `type` says which of the other members are set.
struct usage {
    std::string type{}; ///< tokens, duration
    json::maybe<double> seconds{};
    json::maybe<std::int64_t> input_tokens{};
    json::maybe<input_details> input_token_details{};
    json::maybe<std::int64_t> output_tokens{};
    json::maybe<std::int64_t> total_tokens{};
    json::extra extra{};

    friend bool operator==(const usage&, const usage&) = default;
};

struct language {
    std::string code{};
    json::extra extra{};

    friend bool operator==(const language&, const language&) = default;
};

/// A transcription or a translation, as json, verbose_json or diarized_json.
struct transcription {
    json::maybe<std::string> task{};     ///< transcribe, translate
    json::maybe<std::string> language{}; ///< by name
    json::maybe<double> duration{};      ///< seconds
    std::string text{};
    json::maybe<std::vector<word>> words{};
    json::maybe<std::vector<segment>> segments{};
    json::maybe<std::vector<audio::language>> languages{};
    json::maybe<std::vector<token_logprob>> logprobs{};
    json::maybe<audio::usage> usage{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const transcription&, const transcription&) = default;
};

/// An event of a streamed transcription; `type` says which of the other members are set.
struct transcription_event {
    std::string type{}; ///< transcript.text.delta, transcript.text.segment, transcript.text.done
    json::maybe<std::string> delta{};                   ///< to be appended to what came before
    json::maybe<std::vector<token_logprob>> logprobs{}; ///< of the delta; when done, of all
    json::maybe<std::string> segment_id{}; ///< to which the delta belongs, where speakers are told apart
    json::maybe<std::string> id{};         ///< this and the next two: of a segment
    json::maybe<double> start{};           ///< seconds
    json::maybe<double> end{};
    json::maybe<std::string> text{};                       ///< of a segment; when done, the whole
    json::maybe<std::string> speaker{};                    ///< of a segment
    json::maybe<std::vector<audio::language>> languages{}; ///< when done
    json::maybe<audio::usage> usage{};                     ///< when done
    json::extra extra{};

    friend bool operator==(const transcription_event&, const transcription_event&) = default;
};

struct server_detection {
    std::string type = "server_vad";
    json::maybe<std::int64_t> prefix_padding_ms{};
    json::maybe<std::int64_t> silence_duration_ms{};
    json::maybe<double> threshold{};
    json::extra extra{};

    friend bool operator==(const server_detection&, const server_detection&) = default;
};

struct transcription_request {
    http::attachment file{};
    std::string model{};                                             ///< a capability, a pool or a model
    json::maybe<std::string> language{};                             ///< ISO 639-1
    json::maybe<std::vector<std::string>> languages{};               ///< which it may be
    json::maybe<std::vector<std::string>> keywords{};                ///< that may be heard
    json::maybe<std::string> prompt{};                               ///< what came before, or how to spell
    json::maybe<std::string> response_format{};                      ///< json, verbose_json, text, srt, vtt
    json::maybe<double> temperature{};                               ///< 0 to 1
    json::maybe<std::vector<std::string>> include{};                 ///< logprobs
    json::maybe<std::vector<std::string>> timestamp_granularities{}; ///< word, segment
    json::maybe<bool> stream{};
    json::maybe<std::variant<std::string, server_detection>> chunking_strategy{}; ///< auto, or how
    json::maybe<std::vector<std::string>> known_speaker_names{};
    json::maybe<std::vector<std::string>> known_speaker_references{}; ///< data URLs
    json::extra extra{};

    friend bool operator==(const transcription_request&, const transcription_request&) = default;
};

/// Speech in any language into English text.
struct translation_request {
    http::attachment file{};
    std::string model{}; ///< a capability, a pool or a model
    json::maybe<std::string> prompt{};
    json::maybe<std::string> response_format{};
    json::maybe<double> temperature{};
    json::extra extra{};

    friend bool operator==(const translation_request&, const translation_request&) = default;
};

} // namespace modelmesh::audio
