// Money without floating point: totals in millionths of a dollar, prices in millionths of those.
#pragma once

#include <modelmesh/core/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace modelmesh::budget {

/// What is counted, reserved and limited: millionths of a US dollar.
using micro_usd = std::int64_t;
/// What one token or picture costs: millionths of a micro-dollar, so that no list price needs rounding.
using pico_usd = std::int64_t;

/// Digits behind the point of a dollar.
inline constexpr int micro_digits = 6;
inline constexpr int pico_digits = 12;

/// A decimal number times 10^digits, exactly; what is finer is rounded half up. Errors: bad_request, it is
/// negative, no number, or too large.
[[nodiscard]] result<std::int64_t> scaled(std::string_view decimal, int digits);
/// The same of the shortest decimal that means this double, which is what its author wrote: 0.1 is a tenth.
[[nodiscard]] result<std::int64_t> scaled(double value, int digits);

/// For people and messages: "$0.001250", "$12.50".
[[nodiscard]] std::string dollars(micro_usd amount);

/// The rule of settlement: half a micro-dollar and more is rounded up. @pre not negative.
[[nodiscard]] constexpr micro_usd settled(pico_usd cost) noexcept {
    return cost / 1000000 + (cost % 1000000 >= 500000 ? 1 : 0);
}
/// The rule of reservation: never less than what it is settled with. @pre not negative.
[[nodiscard]] constexpr micro_usd reserved(pico_usd cost) noexcept {
    return cost / 1000000 + (cost % 1000000 > 0 ? 1 : 0);
}

} // namespace modelmesh::budget
