// Reading a configuration from texts, with everything passed in that it depends on.
#pragma once

#include "config/environment.hpp"
#include "config/explain.hpp"
#include "config/node.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/log.hpp>

#include <string>
#include <vector>

namespace modelmesh::settings {

/// One file, read already.
struct document {
    std::string name;
    std::string text;
};

/// The configuration of these documents, later ones over earlier ones, and the variables over them.
/// @throws error  config: everything that is wrong.
/// @param from  unless null: gets what it was made from.
[[nodiscard]] config load(const std::vector<document>& documents, const environment& variables,
                          const connector::registry& connectors, log_sink* log, origin* from = nullptr);

} // namespace modelmesh::settings
