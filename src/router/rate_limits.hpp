// What a provider's answer says about its limits.
#pragma once

#include "state/model_slot.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/http/message.hpp>

#include <chrono>

namespace modelmesh::router {

/// Takes the limits of requests and tokens from the headers of an answer, in the spellings of cdk/limit_reset.hpp. What
/// is missing or malformed leaves the slot as it is.
void note_limits(const http::headers& from, state::model_slot& to, time_point now,
                 std::chrono::system_clock::time_point wall);

/// Whether a limit that a provider tells of is that of the whole account: `x-ratelimit-scope: account`, `organization`
/// and the like, or `x-ratelimit-global: true`.
[[nodiscard]] bool is_limit_of_account(const http::headers& from);

} // namespace modelmesh::router
