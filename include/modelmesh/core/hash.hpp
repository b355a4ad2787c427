// A hash that is equal in every process, so that several programs agree on what it decides.
#pragma once

#include <cstdint>
#include <string_view>

namespace modelmesh {

/// FNV-1a of 64 bits. Not for data that somebody may choose to collide.
[[nodiscard]] constexpr std::uint64_t stable_hash(std::string_view text) noexcept {
    std::uint64_t h = 0xcbf29ce484222325;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return h;
}

} // namespace modelmesh
