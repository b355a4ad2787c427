#include "router/first_content.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace modelmesh::router {
namespace {

bool says_something(const json::maybe<std::string_view>& text) { return text && !text->empty(); }

bool is_empty(std::string_view json) {
    constexpr std::array<std::string_view, 4> nothing{"null", "\"\"", "[]", "{}"};
    return std::find(nothing.begin(), nothing.end(), json) != nothing.end();
}

// Whether a chunk commits the stream to its model: the reader is about to see something of the reply. Members
// that the type does not name (reasoning text) count unless they are empty.
bool has_content(const chat::chunk& chunk) {
    for (const chat::chunk_choice& choice : chunk.choices) {
        const chat::delta& delta = choice.delta;
        if (says_something(delta.content) || says_something(delta.refusal) ||
            says_something(choice.finish_reason))
            return true;
        if (delta.tool_calls && !delta.tool_calls->empty()) return true;
        if (delta.function_call && *delta.function_call != chat::function_delta()) return true;
        if (delta.audio && *delta.audio != chat::audio_delta()) return true;
        for (const json::extra_view::entry& other : delta.extra)
            if (!is_empty(other.value.text)) return true;
    }
    return false;
}

struct text_choice {
    std::string_view text{};
    json::maybe<std::string_view> finish_reason{};
};

struct text_chunk {
    std::vector<text_choice> choices{};
};

bool has_content(const text_chunk& chunk) {
    return std::any_of(chunk.choices.begin(), chunk.choices.end(), [](const text_choice& choice) {
        return !choice.text.empty() || says_something(choice.finish_reason);
    });
}

struct typed_event {
    std::string_view type{};
};

// What a response is announced with.
bool has_content(const typed_event& event) {
    constexpr std::array<std::string_view, 5> preamble{"response.created", "response.queued",
                                                       "response.in_progress", "response.output_item.added",
                                                       "response.content_part.added"};
    return std::find(preamble.begin(), preamble.end(), event.type) == preamble.end();
}

struct transcript_event {
    std::string_view type{};
    std::string_view delta{};
};

// Some announce themselves with a piece of text that has none.
bool has_content(const transcript_event& event) {
    return event.type != "transcript.text.delta" || !event.delta.empty();
}

template <class Chunk> result<bool> reads_content(json::reader& reader, std::string_view piece, Chunk& into) {
    const result<void> parsed = reader.read(piece, into, json::read_options::lenient());
    if (!parsed) return parsed.error();
    return has_content(into);
}

} // namespace

result<bool> first_content::is_in(std::string_view piece) {
    text_chunk text;
    typed_event event;
    transcript_event transcript;
    switch (operation_) {
    case operation::chat_completion:
        return reads_content(reader_, piece, chunk_);
    case operation::text_completion:
        return reads_content(reader_, piece, text);
    case operation::response:
        return reads_content(reader_, piece, event);
    case operation::transcription:
        return reads_content(reader_, piece, transcript);
    default:
        return true;
    }
}

} // namespace modelmesh::router
