// What the router does about a key that a provider refuses.
#pragma once

#include "core/request_id.hpp"
#include "router/snapshot.hpp"
#include "router/transport.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/error.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <memory>
#include <optional>

namespace modelmesh::router {

/// A provider whose key was refused, as a request knows it.
struct refusal {
    std::shared_ptr<const snapshot> picture; ///< of `provider`; null: something else keeps that
    const provider_entry* provider;
    std::optional<core::request_id> request; ///< nothing: no call asks for it
    time_point deadline;
};

class credentials {
public:
    virtual ~credentials() = default;
    /// Completes with a snapshot in which the provider has another key; null: it has none. Before the deadline.
    /// Errors: canceled.
    /// @param via  outlives the task.
    virtual task<result<std::shared_ptr<const snapshot>>> renew(transport& via, refusal of) = 0;
};

/// Whether this, from a provider, says that it refuses the key. What a middleware says of an attempt may look the same:
/// see attempt_plan::is_turned_away().
[[nodiscard]] inline bool is_refused_key(const fault& f) noexcept {
    return f.http_status != 0 && (f.kind() == errc::auth || f.kind() == errc::permission);
}

} // namespace modelmesh::router
