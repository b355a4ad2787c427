// Looks at a snapshot without moving anything in it.
#pragma once

#include "router/attempt_plan.hpp"
#include "router/snapshot.hpp"

#include <modelmesh/api/usage_report.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/router/introspection.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::router {

[[nodiscard]] pool_status status_of(const pool& of, time_point now);

/// Where a call would go.
/// @param made  its request may be null: any that costs nothing.
[[nodiscard]] explanation explain(const call& made, time_point now,
                                  std::chrono::system_clock::time_point wall);

/// Lines for people.
[[nodiscard]] std::string described(const pool& of, time_point now);

/// The pools of the configuration, without those that are one model each.
[[nodiscard]] std::vector<const pool*> named_pools(const snapshot& of);

/// Names of providers with a model that may be asked, in the order of the configuration.
[[nodiscard]] std::vector<std::string> active_providers(const snapshot& of, time_point now);

/// The index of a model by its id, or by the vendor's name. Errors: not_found, naming the nearest.
[[nodiscard]] result<std::size_t> find_model(const pool& in, std::string_view name);

/// Takes the model out that the next request would go to, until it is reactivated. The one that comes next.
/// Errors: no_active_model, there is none to take out, or none to take its place; nothing has changed.
/// @param log  gets model.deactivated; may be null.
[[nodiscard]] result<const model_entry*> rotate(const pool& in, time_point now, log_sink* log = nullptr);

/// Puts a model, or a provider, back into service, with its failures forgotten.
/// @param log  gets model.reactivated, or provider.recovered, if it was out; may be null.
void reactivate(const pool& in, std::size_t index, time_point now, log_sink* log);
void reactivate(const provider_entry& which, time_point now, log_sink* log);

/// Adds what kept models from being asked.
void add_service(usage_report& to, const snapshot& of, time_point now);

} // namespace modelmesh::router
