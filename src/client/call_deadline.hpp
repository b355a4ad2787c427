// When a call must be over.
#pragma once

#include <modelmesh/api/call_options.hpp>

#include <algorithm>

namespace modelmesh::detail {

inline constexpr std::chrono::seconds default_timeout{300};

[[nodiscard]] inline time_point deadline_of(const call_options& opt) {
    // Sums with "for ever" would overflow, in either direction; nobody waits for a year.
    constexpr duration longest = std::chrono::hours(24 * 365);
    const duration wanted = opt.timeout().value_or(default_timeout);
    return clock::system().now() + std::clamp(wanted, duration::zero(), longest);
}

} // namespace modelmesh::detail
