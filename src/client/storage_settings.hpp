// How the section `storage` becomes what keeps a client's state.
#pragma once

#include "persistence/keeper.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/log.hpp>

#include <memory>
#include <string>
#include <vector>

namespace modelmesh::detail {

/// Adds what is wrong with the settings to `problems`; the connector's options are its own affair.
void check_storage(const storage_config& settings, std::vector<std::string>& problems);

/// Opens the storage and reads it; null when nothing is to be kept. Blocks.
/// @throws error  config: it cannot be opened, or is in use.
[[nodiscard]] std::shared_ptr<persistence::keeper> open_storage(const storage_config& from,
                                                                const connector::registry& connectors,
                                                                log_sink* log);

} // namespace modelmesh::detail
