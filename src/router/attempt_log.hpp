// What the loops of attempts have in common: through a pool, and at one provider.
#pragma once

#include <modelmesh/core/error.hpp>
#include <modelmesh/core/log.hpp>

#include <string_view>

namespace modelmesh::router {

[[nodiscard]] constexpr bool is_success(int status) noexcept { return status >= 200 && status < 300; }

/// Writes that an attempt has failed: the event `attempt.failed`, a warning.
/// @param log    may be null.
/// @param model  empty: the call is about none.
/// @param number of the attempt, from 1.
void report_failure(log_sink* log, std::string_view provider, std::string_view model, int number,
                    const fault& f);

} // namespace modelmesh::router
