// Numbers as people write them: durations, sizes, shares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::settings {

/// Nanoseconds of `90s`, `1.5h`, `500 ms`, `1h30m`, `90` (seconds), `none`. Units: us ms s m h d w, in a compound
/// from the largest down. Nothing when it is none of these, or beyond 292 years.
[[nodiscard]] std::optional<std::int64_t> parse_duration(std::string_view text);

/// Bytes of `512MB`, `1.5 GiB`, `4096`. Units: B KB MB GB (1000) KiB MiB GiB (1024).
[[nodiscard]] std::optional<std::int64_t> parse_size(std::string_view text);

/// A decimal number; `80%` is 0.8. Neither infinite nor NaN.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

/// The shortest of these that says it: `90s`, `5m`, `500ms`; `0s`.
[[nodiscard]] std::string format_duration(std::int64_t nanoseconds);

} // namespace modelmesh::settings
