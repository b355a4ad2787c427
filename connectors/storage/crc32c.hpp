// CRC-32C (Castagnoli), as RFC 3720 has it: finds what a disk or a stray write has changed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace modelmesh::connector {

/// Of the text behind what `before` is the checksum of; 0: of nothing.
[[nodiscard]] constexpr std::uint32_t crc32c(std::string_view text, std::uint32_t before = 0) noexcept {
    constexpr std::array<std::uint32_t, 256> table = [] {
        std::array<std::uint32_t, 256> made{};
        for (std::uint32_t i = 0; i < made.size(); ++i) {
            std::uint32_t sum = i;
            for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1) != 0 ? 0x82f63b78 : 0);
            made[i] = sum;
        }
        return made;
    }();
    std::uint32_t sum = ~before;
    for (const char c : text) sum = sum >> 8 ^ table[(sum ^ static_cast<unsigned char>(c)) & 0xff];
    return ~sum;
}

} // namespace modelmesh::connector
