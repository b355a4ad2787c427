// What is different between two configurations, and how the log is told of it.
#pragma once

#include "router/snapshot.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/reload.hpp>

#include <string>
#include <vector>

namespace modelmesh::detail {

/// All of a configuration as text, secrets too. Nothing and a line in `problems` when it has what cannot be written.
[[nodiscard]] std::string text_of(const config& from, std::vector<std::string>& problems);

/// @param before, after  by text_of(). @param models_before, models_after  what is known to be served.
[[nodiscard]] reload_report difference(const std::string& before, const std::string& after,
                                       const router::snapshot& models_before,
                                       const router::snapshot& models_after);

/// @param log  may be null.
void report_reload(log_sink* log, const result<reload_report>& outcome);

} // namespace modelmesh::detail
