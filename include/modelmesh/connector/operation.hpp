// What a request asks of a model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace modelmesh {

/// Each is one call of OpenAI's API, and its format that of request and reply.
enum class operation : std::uint8_t {
    chat_completion,
    text_completion,
    response,
    embedding,
    moderation,
    image_generation,
    image_edit,
    image_variation,
    speech,
    transcription,
    translation, ///< of speech into English text
    rerank,      ///< not OpenAI's: the format that Cohere and Jina share
    search,      ///< of the web; not OpenAI's either: the format of <modelmesh/api/search.hpp>
};

inline constexpr operation every_operation[] = {
    operation::chat_completion, operation::text_completion, operation::response,
    operation::embedding,       operation::moderation,      operation::image_generation,
    operation::image_edit,      operation::image_variation, operation::speech,
    operation::transcription,   operation::translation,     operation::rerank,
    operation::search,
};

/// Its name, as it is written here.
[[nodiscard]] constexpr std::string_view to_string(operation what) noexcept {
    constexpr std::string_view names[] = {
        "chat_completion",  "text_completion", "response",        "embedding", "moderation",
        "image_generation", "image_edit",      "image_variation", "speech",    "transcription",
        "translation",      "rerank",          "search"};
    static_assert(std::size(names) == std::size(every_operation));
    return names[static_cast<std::size_t>(what)];
}

/// Canonical path of the capability that serves it (<modelmesh/router/capability.hpp>).
[[nodiscard]] constexpr std::string_view capability_of(operation what) noexcept {
    switch (what) {
    case operation::chat_completion:
    case operation::response:
        return "generation.text-generation.chat-completion";
    case operation::text_completion:
        return "generation.text-generation.text-completion";
    case operation::embedding:
        return "representation.embeddings.text-embeddings";
    case operation::moderation:
        return "evaluation.content-moderation";
    case operation::image_generation:
        return "generation.image-generation.text-to-image";
    case operation::image_edit:
    case operation::image_variation:
        return "generation.image-generation.image-to-image";
    case operation::speech:
        return "generation.audio-generation.text-to-speech";
    case operation::transcription:
    case operation::translation:
        return "understanding.audio-understanding.speech-to-text";
    case operation::rerank:
        return "retrieval.reranking";
    case operation::search:
        return "retrieval.search.web-search";
    }
    return {};
}

/// The capabilities that some operation needs, those of chat first.
inline constexpr std::string_view served_capabilities[] = {
    capability_of(operation::chat_completion),  capability_of(operation::text_completion),
    capability_of(operation::embedding),        capability_of(operation::moderation),
    capability_of(operation::image_generation), capability_of(operation::image_edit),
    capability_of(operation::speech),           capability_of(operation::transcription),
    capability_of(operation::rerank),           capability_of(operation::search),
};

} // namespace modelmesh
