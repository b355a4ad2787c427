// Cutting texts where a character ends.
#pragma once

#include <cstddef>
#include <string_view>

namespace modelmesh::core {

/// The beginning of a UTF-8 text: at most so many bytes, and no half of a character, which would be no UTF-8.
[[nodiscard]] constexpr std::string_view whole_characters(std::string_view text, std::size_t most) noexcept {
    if (text.size() <= most) return text;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
    return text.substr(0, most);
}

} // namespace modelmesh::core
