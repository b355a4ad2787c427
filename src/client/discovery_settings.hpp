// How the section `discovery` becomes what lists models.
#pragma once

#include "router/catalogue.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/log.hpp>

#include <string>
#include <vector>

namespace modelmesh::detail {

/// Makes the connector. Adds what is wrong to `problems`.
[[nodiscard]] router::discovery_plan discovery_of(const discovery_config& settings,
                                                  const connector::registry& connectors, log_sink* log,
                                                  std::vector<std::string>& problems);

} // namespace modelmesh::detail
