// Why a model of a pool is not asked.
#pragma once

#include <cstdint>
#include <string_view>

namespace modelmesh {

/// In the order in which they are looked at: a model that several speak against has the first.
enum class exclusion : std::uint8_t {
    none,            ///< it may be asked
    other_provider,  ///< the call wants the models of another one
    other_operation, ///< it has not what the call is
    other_delivery,  ///< it does not answer in the way that is asked for: whole, or as a stream
    missing_feature, ///< the request uses what it does not have
    too_small,       ///< request and reply do not fit it
    provider_out,    ///< its provider is: it refuses its key, or is down
    manual,          ///< rotated out, until somebody reactivates it
    standby,         ///< out of service after failures, until a time
    probing,         ///< one request is finding out whether it is back
    ramping,         ///< it is back, and has as many requests as it may while others can have the rest
    paced,           ///< it has had what a rate_limit lets it have, of the pool or its own
    budget,          ///< the call would be refused by one
};

/// For people and logs: "other provider", "standby", ...
[[nodiscard]] std::string_view to_string(exclusion why) noexcept;

} // namespace modelmesh
