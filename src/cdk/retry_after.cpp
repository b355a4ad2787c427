#include <modelmesh/connector/openai_compatible.hpp>

#include <charconv>
#include <cmath>
#include <ctime>

namespace modelmesh::connector {
namespace {

// Longer waits than this are some server's mistake, and would overflow arithmetic further on.
constexpr double longest_wait_ms = 366.0 * 24 * 3600 * 1000;

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size() || !(value >= 0)) return std::nullopt;
    return std::min(value, longest_wait_ms);
}

// IMF-fixdate of RFC 9110 section 5.6.7, the only form that senders may still produce.
std::optional<std::chrono::system_clock::time_point> http_date(std::string_view text) {
    std::tm parts{};
    const std::string copy(text.substr(0, 64));
    const char* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    return std::chrono::system_clock::from_time_t(timegm(&parts));
}

} // namespace

std::optional<std::chrono::milliseconds> retry_after(const http::headers& headers,
                                                     std::chrono::system_clock::time_point wall) {
    if (const auto ms = number(headers.get("retry-after-ms")))
        return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(*ms)));
    const std::string_view text = headers.get("retry-after");
    if (const auto seconds = number(text))
        return std::chrono::milliseconds(
            static_cast<std::int64_t>(std::ceil(std::min(*seconds * 1000, longest_wait_ms))));
    if (const auto date = http_date(text)) {
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*date - wall);
        return std::max(wait, std::chrono::milliseconds(0));
    }
    return std::nullopt;
}

} // namespace modelmesh::connector
