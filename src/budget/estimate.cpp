#include "budget/estimate.hpp"

#include <modelmesh/http/body_source.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace modelmesh::budget {
namespace {

constexpr std::size_t longest_word = 1024;
constexpr std::int64_t attachment_tokens = 1445;
constexpr std::int64_t usual_output = 4096;
constexpr std::int64_t most_tokens = 1000000000; // more in one call is nonsense

// OpenAI, "Image generation": a high-quality picture of 1024x1536 is 6,240 output tokens, the most there.
constexpr std::int64_t picture_tokens = 6240;
// Two tokens for a character of speech: 20 tokens a second, and 12 characters, with some room.
constexpr std::int64_t speech_tokens_per_character = 2;
// Sound of 32 kbit/s has 4 bytes in a millisecond; most recordings have more, and are shorter.
constexpr std::uint64_t bytes_per_millisecond = 4;
// OpenAI's transcription models hear ten tokens a second.
constexpr std::int64_t milliseconds_per_token = 100;

bool is_base64(unsigned char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=' || c == '-' || c == '_';
}

// What a member says as a positive integer; 0: nothing.
std::int64_t number(const prepared_request& request, std::string_view name) noexcept {
    const std::string_view text = request.find(name);
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = failed == std::errc() && end == text.data() + text.size(); // 1e3 is not 1
    return is_whole ? std::clamp<std::int64_t>(value, 0, most_tokens) : 0;
}

std::int64_t choices(const prepared_request& request) noexcept {
    return std::max<std::int64_t>({number(request, "n"), number(request, "best_of"), 1});
}

std::int64_t longest_output(const prepared_request& request, std::int64_t input,
                            const model_sizes& sizes) noexcept {
    std::int64_t bound = 0;
    for (const std::string_view name : {"max_completion_tokens", "max_tokens", "max_output_tokens"})
        if (const std::int64_t said = number(request, name); said > 0)
            bound = bound == 0 ? said : std::min(bound, said);
    if (sizes.max_output_tokens > 0)
        bound = bound == 0 ? sizes.max_output_tokens : std::min(bound, sizes.max_output_tokens);
    if (bound == 0 && sizes.context_window > 0)
        bound = std::max<std::int64_t>(sizes.context_window - input, 1);
    return bound == 0 ? usual_output : bound;
}

std::int64_t sound_length(const prepared_request& request) noexcept {
    std::uint64_t bytes = 0;
    for (const attached_file& each : request.files()) bytes += each.file.source->length().value_or(0);
    return static_cast<std::int64_t>(std::min<std::uint64_t>(bytes / bytes_per_millisecond, most_tokens));
}

// Calls `use(name, value)` with each member of an object, at any depth, whose value is a string.
template <class Use> void for_each_text(std::string_view json, Use&& use) noexcept {
    const auto end_of_string = [json](std::size_t from) {
        for (std::size_t at = from; at < json.size(); ++at) {
            if (json[at] == '\\')
                ++at;
            else if (json[at] == '"')
                return at;
        }
        return json.size();
    };
    for (std::size_t at = json.find('"'); at < json.size(); at = json.find('"', at)) {
        const std::size_t name_end = end_of_string(at + 1);
        const std::string_view name = json.substr(at + 1, name_end - at - 1);
        at = std::min(name_end + 1, json.size());
        while (at < json.size() && (json[at] == ' ' || json[at] == ':')) ++at;
        const bool is_named_text = at > name_end + 1 && at < json.size() && json[at] == '"';
        if (!is_named_text) continue;
        const std::size_t value_end = end_of_string(at + 1);
        use(name, json.substr(at + 1, value_end - at - 1));
        at = std::min(value_end + 1, json.size());
    }
}

text_meter metered(const prepared_request& request) noexcept {
    constexpr std::array<std::string_view, 13> read{
        "messages", "input",     "prompt", "instructions", "tools",      "functions", "response_format",
        "text",     "documents", "query",  "suffix",       "prediction", "texts"};
    text_meter meter;
    for (const json::member& m : request.members())
        if (std::find(read.begin(), read.end(), m.name) != read.end()) meter.add(m.value);
    return meter;
}

} // namespace

void text_meter::add(std::string_view text) noexcept {
    std::size_t word = 0;
    const auto end_word = [&] {
        if (word > longest_word) {
            ascii_ -= static_cast<std::int64_t>(word);
            attached_ += attachment_tokens;
        }
        word = 0;
    };
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        ascii_ += byte < 0x80 ? 1 : 0;
        others_ += byte >= 0xc0 ? 1 : 0; // the first byte of a character
        if (is_base64(byte))
            ++word;
        else
            end_word();
    }
    end_word();
}

std::int64_t estimated_input(const prepared_request& request) noexcept { return metered(request).tokens(); }
std::int64_t least_input(const prepared_request& request) noexcept { return metered(request).least_tokens(); }

consumption expected(const prepared_request& request, const price_list& prices, const model_sizes& sizes) {
    consumption used;
    used.input = estimated_input(request);
    switch (request.operation()) {
    case operation::chat_completion:
    case operation::text_completion:
    case operation::response:
        used.output = longest_output(request, used.input, sizes) * choices(request);
        break;
    case operation::image_generation:
    case operation::image_edit:
    case operation::image_variation:
        used.images = choices(request);
        if (prices.image == price_list::unknown) used.output = used.images * picture_tokens;
        used.input += static_cast<std::int64_t>(request.files().size()) * attachment_tokens;
        break;
    case operation::speech:
        used.characters = static_cast<std::int64_t>(request.find("input").size());
        if (prices.character == price_list::unknown)
            used.output = used.characters * speech_tokens_per_character;
        break;
    case operation::transcription:
    case operation::translation:
        used.milliseconds = sound_length(request);
        if (prices.second == price_list::unknown) {
            used.audio_input = used.milliseconds / milliseconds_per_token;
            used.input += used.audio_input;
            used.output = used.audio_input; // nobody speaks more than ten tokens a second
        }
        break;
    case operation::embedding:
    case operation::moderation:
    case operation::rerank:
    case operation::search:
        break;
    }
    return used;
}

void meter_text(std::string_view piece, text_meter& into) noexcept {
    for_each_text(piece, [&into](std::string_view name, std::string_view value) {
        constexpr std::array<std::string_view, 8> texts{"content",           "text",      "delta",
                                                        "reasoning_content", "refusal",   "reasoning",
                                                        "arguments",         "transcript"};
        if (std::find(texts.begin(), texts.end(), name) != texts.end()) into.add(value);
    });
}

} // namespace modelmesh::budget
