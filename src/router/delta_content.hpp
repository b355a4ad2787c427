// What a piece of a chat's message says.
#pragma once

#include <modelmesh/api/chat/chunk.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace modelmesh::router {

[[nodiscard]] inline bool says_something(const json::maybe<std::string_view>& text) {
    return text && !text->empty();
}

/// Whether it says anything but a role and text. Members that the type does not name (reasoning text) count unless
/// they are empty.
[[nodiscard]] inline bool has_more_than_text(const chat::delta& delta) {
    constexpr std::array<std::string_view, 4> nothing{"null", "\"\"", "[]", "{}"};
    if (says_something(delta.refusal)) return true;
    if (delta.tool_calls && !delta.tool_calls->empty()) return true;
    if (delta.function_call && *delta.function_call != chat::function_delta()) return true;
    if (delta.audio && *delta.audio != chat::audio_delta()) return true;
    return std::any_of(delta.extra.begin(), delta.extra.end(), [&](const json::extra_view::entry& other) {
        return std::find(nothing.begin(), nothing.end(), other.value.text) == nothing.end();
    });
}

} // namespace modelmesh::router
