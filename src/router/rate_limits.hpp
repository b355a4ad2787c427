// What a provider's answer says about its limits.
#pragma once

#include "state/model_slot.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/http/message.hpp>

namespace modelmesh::router {

/// Takes the limits of requests and tokens from the headers of an answer, in OpenAI's spelling (which others have
/// taken over) or in Anthropic's. What is missing or malformed leaves the slot as it is.
void note_limits(const http::headers& from, state::model_slot& to, time_point now);

} // namespace modelmesh::router
