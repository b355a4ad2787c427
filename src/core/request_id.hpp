// What a call is known by in events, in its route and to middlewares.
#pragma once

#include <modelmesh/core/random.hpp>

#include <cstdint>
#include <string>

namespace modelmesh::core {

/// 128 random bits. Text is made of them only where somebody reads it.
class request_id {
public:
    request_id() = default;
    explicit request_id(rng& random) noexcept : high_(random.next()), low_(random.next()) {}

    /// 32 hexadecimal digits.
    [[nodiscard]] std::string text() const {
        std::string digits(32, '0');
        for (std::size_t i = 0; i < 16; ++i) {
            digits[i] = "0123456789abcdef"[(high_ >> (60 - 4 * i)) & 15];
            digits[16 + i] = "0123456789abcdef"[(low_ >> (60 - 4 * i)) & 15];
        }
        return digits;
    }

private:
    std::uint64_t high_ = 0;
    std::uint64_t low_ = 0;
};

} // namespace modelmesh::core
