// What is written to a storage, as JSON, and under which keys. A member that is added needs nothing; one that means
// something else than before needs a key of its own, with another version at its front.
#pragma once

#include "budget/book.hpp"
#include "router/snapshot.hpp"

#include <modelmesh/core/result.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace modelmesh::persistence {

inline constexpr std::string_view usage_prefix = "v1/usage/";
inline constexpr std::string_view health_prefix = "v1/state/model/";
inline constexpr std::string_view provider_prefix = "v1/state/provider/";
inline constexpr std::string_view cursor_prefix = "v1/state/pool/";
/// The lock that a client holds on all of these.
inline constexpr std::string_view owner_key = "v1/owner";

[[nodiscard]] std::string usage_key(std::string_view pool, std::string_view model);
[[nodiscard]] std::string to_text(const budget::saved_line& saved);
[[nodiscard]] result<budget::saved_line> line_from(std::string_view text);

/// Of one model in one pool. The end of its standby is of the wall clock, or health_slot::never.
struct saved_health {
    std::string pool{}; ///< empty, and in `model` the name of a provider: its own
    std::string model{};
    state::health_slot::view seen{};
    state::health_slot::reason why{};
    connector::standby_reason standby{};
    std::uint32_t account{}; ///< see router::mark_of_account
};
[[nodiscard]] std::string provider_key(std::string_view provider);
[[nodiscard]] std::string health_key(std::string_view pool, std::string_view model);
[[nodiscard]] std::string to_text(const saved_health& saved);
/// A probe that was under way is lost, and the next request is one.
[[nodiscard]] result<saved_health> health_from(std::string_view text);

/// The model that a pool's policy stays on.
struct saved_cursor {
    std::string pool{};
    std::string model{};
};
[[nodiscard]] std::string cursor_key(std::string_view pool);
[[nodiscard]] std::string to_text(const saved_cursor& saved);
[[nodiscard]] result<saved_cursor> cursor_from(std::string_view text);

} // namespace modelmesh::persistence
