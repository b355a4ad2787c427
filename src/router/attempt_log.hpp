// What becomes of attempts, as events: through a pool, and at one provider.
#pragma once

#include "core/request_id.hpp"
#include "router/snapshot.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/error.hpp>
#include <modelmesh/core/log.hpp>

#include <optional>
#include <string_view>

namespace modelmesh::router {

[[nodiscard]] constexpr bool is_success(int status) noexcept { return status >= 200 && status < 300; }

/// Writes that an attempt has failed: the event `attempt.failed`, a warning.
/// @param log    may be null.
/// @param model  empty: the call is about none.
/// @param number of the attempt, from 1. @param id  of the call.
void report_failure(log_sink* log, const core::request_id& id, std::string_view provider,
                    std::string_view model, int number, const fault& f);

/// `key.renewed`: a provider goes on with another key. @param log  may be null.
void report_renewal(log_sink* log, const std::optional<core::request_id>& id, const provider_entry& which);

// Events of a pool; a log that is null gets none.

/// `retry.attempted`: a model is asked again by the same request.
/// @param number of the attempt. @param pause  since its failure. @param why  it failed.
void report_retry(log_sink* log, const core::request_id& id, const pool& in, std::size_t index, int number,
                  duration pause, errc why);
/// `model.rotated`: after the failure of a model the request goes to another.
void report_rotation(log_sink* log, const core::request_id& id, const pool& in, std::size_t from,
                     std::size_t to, errc why);
/// `model.deactivated`: it is in standby from now on, as its health says. @param id  of the call that has found out.
void report_deactivation(log_sink* log, const core::request_id& id, const pool& in, std::size_t index,
                         time_point now);
/// The same by hand.
void report_rotated_out(log_sink* log, const pool& in, std::size_t index);
/// `model.reactivated`: a request has brought it back into service.
void report_reactivation(log_sink* log, const core::request_id& id, const pool& in, std::size_t index);
/// The same by hand.
void report_put_back(log_sink* log, const pool& in, std::size_t index);
/// `rate_limit.switch`: a request goes to another model than it would if limits were not near.
/// @param reason  "threshold", of the provider's own limit, or "pace", of the pool's.
void report_limit_switch(log_sink* log, const core::request_id& id, const pool& in, std::size_t from,
                         std::size_t to, std::string_view reason);
/// `provider.deactivated`: all its models are out of service, in every pool.
void report_provider_out(log_sink* log, const core::request_id& id, const provider_entry& which,
                         time_point now);
/// `provider.recovered`: a request has brought it back into service.
void report_recovery(log_sink* log, const core::request_id& id, const provider_entry& which);
/// The same by hand.
void report_put_back(log_sink* log, const provider_entry& which);
/// `pool.exhausted`: nobody is left whom a request could ask. @param with  what it fails with.
void report_exhausted(log_sink* log, const core::request_id& id, const fault& with);

} // namespace modelmesh::router
