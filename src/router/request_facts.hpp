// What a request needs of a model, and what rotation policies are told of it.
#pragma once

#include "router/snapshot.hpp"

#include <modelmesh/connector/prepared_request.hpp>
#include <modelmesh/connector/rotation.hpp>

#include <string>
#include <string_view>

namespace modelmesh::router {

/// The session is that of `user`, of `metadata` or of `prompt_cache_key`; output tokens are those that the request
/// allows at most. The views in it are the request's.
/// @param session_key  member of `metadata` that names a session.
[[nodiscard]] connector::rotation_request facts_of(const prepared_request& request,
                                                   std::string_view session_key = "session_id");

/// What the request needs, as far as some model of the pool is known to lack it: a pool whose models lack nothing
/// costs nothing. Tokens are counted so that hardly any request is taken for too long that is not.
[[nodiscard]] request_needs needs_of(const prepared_request& request, const pool& of);

/// For people: "vision, tool_calling".
[[nodiscard]] std::string described(const request_needs& needs);

} // namespace modelmesh::router
