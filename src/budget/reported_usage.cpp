#include "budget/reported_usage.hpp"

#include <modelmesh/json/read.hpp>
#include <modelmesh/json/types.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

namespace modelmesh::budget {
namespace {

using json::maybe;

struct details {
    maybe<std::int64_t> cached_tokens{};
    maybe<std::int64_t> cache_write_tokens{};
    maybe<std::int64_t> audio_tokens{};
    maybe<std::int64_t> reasoning_tokens{};
};

// The members of all formats: chat and embeddings say prompt_tokens, responses and pictures input_tokens,
// transcriptions input_token_details.
struct totals {
    maybe<std::int64_t> prompt_tokens{};
    maybe<std::int64_t> input_tokens{};
    maybe<std::int64_t> completion_tokens{};
    maybe<std::int64_t> output_tokens{};
    maybe<std::int64_t> total_tokens{};
    maybe<details> prompt_tokens_details{};
    maybe<details> input_tokens_details{};
    maybe<details> input_token_details{};
    maybe<details> completion_tokens_details{};
    maybe<details> output_tokens_details{};
    maybe<double> seconds{};
    maybe<double> search_units{};
};

struct inner {
    maybe<totals> usage{};
};
struct envelope {
    maybe<totals> usage{};
    maybe<inner> response{}; // the last event of a streamed response
};

struct picture_list {
    maybe<std::vector<json::raw_view>> data{};
    std::string_view type{};
};
struct timed {
    maybe<double> duration{};
};
struct choice_list {
    maybe<std::vector<json::raw_view>> choices{};
    maybe<totals> usage{};
};

std::int64_t first(std::initializer_list<const maybe<std::int64_t>*> candidates) {
    for (const maybe<std::int64_t>* each : candidates)
        if (*each) return std::max<std::int64_t>(**each, 0);
    return 0;
}

const details& first_of(std::initializer_list<const maybe<details>*> candidates) {
    static const details none;
    for (const maybe<details>* each : candidates)
        if (*each) return **each;
    return none;
}

// Of a number that a server sent: not negative, and not more than fits.
std::int64_t whole(double value) noexcept { return value >= 0 && value < 1e15 ? std::llround(value) : 0; }

void take(const totals& said, operation what, consumption& into) {
    const details& read =
        first_of({&said.prompt_tokens_details, &said.input_tokens_details, &said.input_token_details});
    const details& written = first_of({&said.completion_tokens_details, &said.output_tokens_details});
    into.input = first({&said.prompt_tokens, &said.input_tokens});
    into.output = first({&said.completion_tokens, &said.output_tokens});
    // Embeddings and reranking have no output; some servers give their total only.
    if (into.input == 0 && into.output == 0) into.input = first({&said.total_tokens});
    into.cached_input = first({&read.cached_tokens});
    into.cache_write = first({&read.cache_write_tokens});
    into.audio_input = first({&read.audio_tokens});
    into.reasoning = first({&written.reasoning_tokens});
    into.audio_output = first({&written.audio_tokens});
    if (said.seconds) into.milliseconds = whole(*said.seconds * 1000);
    if (what == operation::rerank && said.search_units) into.requests = whole(*said.search_units);
}

bool is_about_pictures(operation what) noexcept {
    return what == operation::image_generation || what == operation::image_edit ||
           what == operation::image_variation;
}

} // namespace

bool mentions_usage(std::string_view json) noexcept {
    constexpr std::string_view name = "\"usage\"";
    for (std::size_t at = 0; at < json.size();) {
        const void* found = memmem(json.data() + at, json.size() - at, name.data(), name.size());
        if (found == nullptr) return false;
        at = static_cast<std::size_t>(static_cast<const char*>(found) - json.data()) + name.size();
        const std::size_t value = json.find_first_not_of(" \t\r\n:", at);
        if (value != std::string_view::npos && json[value] == '{') return true;
    }
    return false;
}

std::optional<consumption> reported(operation what, std::string_view json) {
    consumption used;
    bool is_said = false;
    const json::read_options& lenient = json::read_options::lenient();
    if (mentions_usage(json)) {
        const result<envelope> reply = json::read<envelope>(json, lenient);
        if (!reply) return std::nullopt;
        const maybe<totals>& said = reply->usage || !reply->response ? reply->usage : reply->response->usage;
        is_said = said.has_value();
        if (is_said) take(*said, what, used);
    }
    if (is_about_pictures(what)) {
        json::reader reader;
        picture_list pictures;
        if (!reader.read(json, pictures, lenient)) return std::nullopt;
        if (pictures.data) used.images = static_cast<std::int64_t>(pictures.data->size());
        if (pictures.type.ends_with(".completed")) used.images = 1;
        is_said = is_said || used.images > 0;
    }
    const bool is_heard = what == operation::transcription || what == operation::translation;
    if (is_heard && !is_said && json.starts_with('{'))
        if (const result<timed> heard = json::read<timed>(json, lenient); heard && heard->duration) {
            used.milliseconds = whole(*heard->duration * 1000);
            is_said = true;
        }
    return is_said ? std::optional(used) : std::nullopt;
}

bool is_only_totals(std::string_view chunk) {
    if (!mentions_usage(chunk)) return false;
    json::reader reader;
    choice_list read;
    return reader.read(chunk, read, json::read_options::lenient()) && read.usage &&
           (!read.choices || read.choices->empty());
}

} // namespace modelmesh::budget
