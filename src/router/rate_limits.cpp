#include "router/rate_limits.hpp"

#include "router/permit.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::router {
namespace {

// Where no header says when the limit is granted again. Providers count by the minute.
constexpr std::chrono::milliseconds usual_window = std::chrono::minutes(1);

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

// `6m0s`, `1h2m3.5s`, `120ms`, and seconds without a unit.
std::optional<std::chrono::milliseconds> span(std::string_view text) {
    if (text.empty()) return std::nullopt;
    double total = 0;
    while (!text.empty()) {
        double value = 0;
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (failed != std::errc() || !(value >= 0)) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        std::size_t unit = 0;
        while (unit < text.size() && text[unit] >= 'a' && text[unit] <= 'z') ++unit;
        const std::string_view name = text.substr(0, unit);
        text.remove_prefix(unit);
        const double factor = name == "ms"                  ? 1
                              : name == "s" || name.empty() ? 1e3
                              : name == "m"                 ? 60e3
                              : name == "h"                 ? 3600e3
                              : name == "d"                 ? 86400e3
                                                            : -1;
        if (factor < 0) return std::nullopt;
        total += value * factor;
    }
    constexpr double longest = 400 * 86400e3; // beyond any window, and safe to add to the clock
    return std::chrono::milliseconds(static_cast<std::int64_t>(total < longest ? total : longest));
}

void note(const http::headers& from, std::string_view limit, std::string_view remaining,
          std::string_view reset, state::limit_slot& to, std::chrono::milliseconds now) {
    const std::optional<std::int64_t> most = number(from.get(limit));
    if (!most || *most == 0) return;
    const std::optional<std::int64_t> left = number(from.get(remaining));
    if (!left) return;
    to.note({*most, *left}, now + span(from.get(reset)).value_or(usual_window));
}

} // namespace

void note_limits(const http::headers& from, state::model_slot& to, time_point at) {
    const std::chrono::milliseconds now = since_epoch(at);
    note(from, "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
         to.requests, now);
    note(from, "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
         to.tokens, now);
    // Anthropic's resets are dates; its windows are minutes.
    note(from, "anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", {},
         to.requests, now);
    note(from, "anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", {}, to.tokens,
         now);
}

} // namespace modelmesh::router
