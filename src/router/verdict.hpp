// The table of failures: what each means for the rest of the request, and for the model.
#pragma once

#include "router/snapshot.hpp"

#include <modelmesh/core/error.hpp>

#include <cstdint>

namespace modelmesh::router {

/// Whom a failure speaks against, the least first.
enum class blame : std::uint8_t {
    nobody,
    position,  ///< the pool had better begin elsewhere next time; the model may be in good health
    allowance, ///< what this pool's model may cost, until its period ends
    overload,  ///< the model, but not for longer each time
    health,    ///< the model
    absence,   ///< the model is not there for a long time: it does not exist
    account,   ///< the provider's account with all its models, for as long as it said
    provider,  ///< the provider with all its models
};

/// Which other models may do better.
enum class rotation : std::uint8_t {
    none,
    larger, ///< those known to have a larger context window
    any,
};

struct verdict {
    router::rotation rotates;
    unsigned repeats; ///< how often the same model may be asked again for it
    blame whose;
};

/// What a failure of an attempt through this pool, at a model of this provider, means.
[[nodiscard]] verdict judge(const pool& in, const provider_entry& by, const fault& f) noexcept;

} // namespace modelmesh::router
