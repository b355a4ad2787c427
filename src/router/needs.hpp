// What a request may need of a model besides its operation, and what models are known not to do.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

namespace modelmesh::router {

enum class need : std::uint8_t {
    whole_reply,
    stream,
    batch,
    tool_calling,
    structured_output,
    json_mode,
    system_prompt,
    grounding,
    logprobs,
    vision,
    audio_input,
};

inline constexpr need every_need[] = {
    need::whole_reply,       need::stream,    need::batch,         need::tool_calling,
    need::structured_output, need::json_mode, need::system_prompt, need::grounding,
    need::logprobs,          need::vision,    need::audio_input,
};

/// Of a set of needs.
[[nodiscard]] constexpr std::uint32_t bit_of(need what) noexcept {
    return std::uint32_t{1} << static_cast<unsigned>(what);
}
inline constexpr std::uint32_t delivery_needs =
    bit_of(need::whole_reply) | bit_of(need::stream) | bit_of(need::batch);

/// As configuration files call it.
[[nodiscard]] constexpr std::string_view to_string(need what) noexcept {
    switch (what) {
    case need::whole_reply:
        return "synchronous delivery";
    case need::stream:
        return "streaming";
    case need::batch:
        return "batches";
    case need::tool_calling:
        return "tool_calling";
    case need::structured_output:
        return "structured_output";
    case need::json_mode:
        return "json_mode";
    case need::system_prompt:
        return "system_prompt";
    case need::grounding:
        return "grounding";
    case need::logprobs:
        return "logprobs";
    case need::vision:
        return "vision";
    case need::audio_input:
        return "audio_input";
    }
    return {};
}

/// What a model is known not to do. What is not known is allowed.
struct model_traits {
    static constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

    std::uint32_t lacks = 0;                                              ///< bit_of() needs
    std::uint32_t max_images = std::numeric_limits<std::uint32_t>::max(); ///< of a request
    std::int64_t context_window = unlimited;                              ///< tokens; unlimited: not known
    std::int64_t max_output_tokens = unlimited;                           ///< the same
};

/// What a request needs, as far as its pool has models that lack it.
struct request_needs {
    std::uint32_t bits = 0;         ///< bit_of() needs
    std::uint32_t images = 0;       ///< in it
    std::int64_t tokens = 0;        ///< that it and its reply have at the least
    std::int64_t output_tokens = 0; ///< that it says its reply may have

    /// False: every model will do, which is what most requests say.
    [[nodiscard]] bool any() const noexcept { return (bits | images) != 0 || (tokens | output_tokens) != 0; }
    /// Whether the sizes are no more than the model takes.
    [[nodiscard]] bool fit(const model_traits& model) const noexcept {
        return tokens <= model.context_window && output_tokens <= model.max_output_tokens;
    }
    /// Whether the model lacks nothing of the others.
    [[nodiscard]] bool are_met_by(const model_traits& model) const noexcept {
        return (bits & model.lacks) == 0 && images <= model.max_images;
    }
};

} // namespace modelmesh::router
