// What rotation policies are told of a request.
#pragma once

#include <modelmesh/connector/prepared_request.hpp>
#include <modelmesh/connector/rotation.hpp>

#include <string_view>

namespace modelmesh::router {

/// The session is that of `user`, of `metadata.session_id` or of `prompt_cache_key`; output tokens are those that the
/// request allows at most. The views in it are the request's.
[[nodiscard]] connector::rotation_request facts_of(const prepared_request& request);

} // namespace modelmesh::router
