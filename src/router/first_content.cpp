#include "router/first_content.hpp"

#include "router/delta_content.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace modelmesh::router {
namespace {

// Whether a chunk commits the stream to its model: the reader is about to see something of the reply.
bool has_content(const chat::chunk& chunk) {
    return std::any_of(chunk.choices.begin(), chunk.choices.end(), [](const chat::chunk_choice& choice) {
        return says_something(choice.delta.content) || says_something(choice.finish_reason) ||
               has_more_than_text(choice.delta);
    });
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
