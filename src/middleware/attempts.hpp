// The middlewares around the attempts of one call.
#pragma once

#include "middleware/onion.hpp"
#include "router/attempt_hooks.hpp"

#include <memory>

namespace modelmesh::detail {

/// Null where no middleware looks at attempts. Keeps the context as long as the call is known to the router.
[[nodiscard]] std::shared_ptr<router::attempt_hooks> attempts_of(std::shared_ptr<const onion> layers,
                                                                 std::shared_ptr<request_context> context);

} // namespace modelmesh::detail
