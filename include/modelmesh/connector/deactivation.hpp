// When a model goes out of service and when it returns: the two parts of a pool's rotation beside the choice
// (rotation.hpp). Derive from them and register (registry::add_deactivation, add_recovery) to have rules of your own.
#pragma once

#include <modelmesh/core/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace modelmesh::connector {

/// Why a model is out of service.
enum class standby_reason : std::uint8_t {
    error_threshold,    ///< it failed too often, or was too slow
    quota_exhausted,    ///< its own share of requests or tokens is used up
    budget_exceeded,    ///< what it may cost is spent
    token_limit,        ///< what models of its pool may use of tokens is used up
    request_limit,      ///< the same of requests
    maintenance_window, ///< by the calendar
    manual,             ///< a program said so
};

[[nodiscard]] constexpr std::string_view to_string(standby_reason why) noexcept {
    switch (why) {
    case standby_reason::error_threshold:
        return "error_threshold";
    case standby_reason::quota_exhausted:
        return "quota_exhausted";
    case standby_reason::budget_exceeded:
        return "budget_exceeded";
    case standby_reason::token_limit:
        return "token_limit";
    case standby_reason::request_limit:
        return "request_limit";
    case standby_reason::maintenance_window:
        return "maintenance_window";
    case standby_reason::manual:
        return "manual";
    }
    return {};
}

} // namespace modelmesh::connector
