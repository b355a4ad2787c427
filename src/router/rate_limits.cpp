#include "router/rate_limits.hpp"

#include "cdk/limit_reset.hpp"
#include "router/permit.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
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

// True: it is told in these headers.
bool note(const http::headers& from, const connector::limit_headers& names, state::limit_slot& to,
          time_point at, std::chrono::system_clock::time_point wall) {
    const std::optional<std::int64_t> most = number(from.get(names.limit));
    if (!most || *most == 0) return false;
    const std::optional<std::int64_t> left = number(from.get(names.remaining));
    if (!left) return false;
    const auto reset = connector::limit_reset(from.get(names.reset), wall);
    to.note({*most, *left}, since_epoch(at) + reset.value_or(usual_window));
    return true;
}

} // namespace

void note_limits(const http::headers& from, state::model_slot& to, time_point at,
                 std::chrono::system_clock::time_point wall) {
    for (const connector::limit_headers& each : connector::request_limits)
        if (note(from, each, to.requests, at, wall)) break;
    for (const connector::limit_headers& each : connector::token_limits)
        if (note(from, each, to.tokens, at, wall)) break;
}

bool is_limit_of_account(const http::headers& from) {
    constexpr std::array<std::string_view, 7> accounts{"account",      "global",  "key", "org",
                                                       "organization", "project", "user"};
    const std::string_view scope = from.get("x-ratelimit-scope");
    return std::find(accounts.begin(), accounts.end(), scope) != accounts.end() ||
           from.get("x-ratelimit-global") == "true";
}

} // namespace modelmesh::router
