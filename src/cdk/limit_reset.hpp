// When a provider grants a limit again, in the forms in which they say it.
#pragma once

#include <modelmesh/http/message.hpp>

#include <chrono>
#include <optional>
#include <string_view>

namespace modelmesh::connector {

/// The time from `wall` on that a header like `x-ratelimit-reset-requests` names: `6m0s`, `120ms`, seconds without a
/// unit, a date of RFC 3339, or seconds since 1970. At most 400 days; a moment that has passed is zero. Nothing: it
/// cannot be read.
[[nodiscard]] std::optional<std::chrono::milliseconds> limit_reset(
    std::string_view text, std::chrono::system_clock::time_point wall);

/// Until the last of the limits is granted again of which an answer says that nothing remains. Nothing where it says so
/// of none, or not when.
[[nodiscard]] std::optional<std::chrono::milliseconds> until_limits_reset(
    const http::headers& headers, std::chrono::system_clock::time_point wall);

/// The headers of one limit.
struct limit_headers {
    std::string_view limit;
    std::string_view remaining;
    std::string_view reset;
};
/// OpenAI's and those who have taken theirs over, Anthropic's, the draft of the IETF, and what gateways send.
inline constexpr limit_headers request_limits[] = {
    {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
    {"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
     "anthropic-ratelimit-requests-reset"},
    {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"},
    {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"},
};
inline constexpr limit_headers token_limits[] = {
    {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"},
    {"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining",
     "anthropic-ratelimit-tokens-reset"},
    {"anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining",
     "anthropic-ratelimit-input-tokens-reset"},
};

} // namespace modelmesh::connector
