#include "cdk/limit_reset.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>

namespace modelmesh::connector {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr double longest_ms = 400 * 86400e3; // beyond any window, and safe to add to a clock

// Numbers without a unit from here on are moments and not spans: 2001, and in milliseconds 1970 to 2001 is no reset.
constexpr double first_moment_s = 1e9;
constexpr double first_moment_ms = 1e12;

milliseconds bounded(double ms) {
    return milliseconds(static_cast<std::int64_t>(std::clamp(ms, 0.0, longest_ms)));
}

double ms_of(system_clock::time_point at) {
    return static_cast<double>(std::chrono::duration_cast<milliseconds>(at.time_since_epoch()).count());
}

// `6m0s`, `1h2m3.5s`, `120ms`, and seconds without a unit.
std::optional<double> span_ms(std::string_view text) {
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
    return total;
}

// RFC 3339: `2026-11-22T20:00:00Z`, with a fraction or an offset if need be.
std::optional<double> date_ms(std::string_view text) {
    std::tm parts{};
    const std::string copy(text.substr(0, 64));
    const char* at = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (at == nullptr) return std::nullopt;
    double ms = static_cast<double>(timegm(&parts)) * 1e3;
    const char* const end = copy.c_str() + copy.size();
    if (*at == '.') {
        double fraction = 0;
        const auto [behind, failed] = std::from_chars(at, end, fraction, std::chars_format::fixed);
        if (failed != std::errc()) return std::nullopt;
        ms += fraction * 1e3;
        at = behind;
    }
    if (std::string_view(at) == "Z" || std::string_view(at) == "z") return ms;
    int hours = 0;
    int minutes = 0;
    if (std::string_view(at).size() != 6 || (*at != '+' && *at != '-') || at[3] != ':') return std::nullopt;
    if (std::from_chars(at + 1, at + 3, hours).ptr != at + 3 ||
        std::from_chars(at + 4, at + 6, minutes).ptr != at + 6)
        return std::nullopt;
    return ms - (*at == '+' ? 1 : -1) * (hours * 3600e3 + minutes * 60e3);
}

} // namespace

std::optional<milliseconds> limit_reset(std::string_view text, system_clock::time_point wall) {
    if (const std::optional<double> span = span_ms(text)) {
        const bool is_plain = text.find_first_not_of("0123456789.") == text.npos;
        const double value = *span / 1e3;
        if (!is_plain || value < first_moment_s) return bounded(*span);
        return bounded((value < first_moment_ms ? value * 1e3 : value) - ms_of(wall));
    }
    if (const std::optional<double> date = date_ms(text)) return bounded(*date - ms_of(wall));
    return std::nullopt;
}

std::optional<milliseconds> until_limits_reset(const http::headers& headers, system_clock::time_point wall) {
    std::optional<milliseconds> last;
    const auto look = [&](const limit_headers& of) {
        if (headers.get(of.remaining) != "0") return;
        if (const auto wait = limit_reset(headers.get(of.reset), wall))
            last = std::max(last.value_or(*wait), *wait);
    };
    std::for_each(std::begin(request_limits), std::end(request_limits), look);
    std::for_each(std::begin(token_limits), std::end(token_limits), look);
    return last;
}

} // namespace modelmesh::connector
