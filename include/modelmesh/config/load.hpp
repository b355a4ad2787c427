// Configuration files: reading them, showing a configuration as one, and their JSON Schema.
#pragma once

#include <modelmesh/config/config.hpp>

#include <string>
#include <vector>

namespace modelmesh {

namespace connector {
class registry; // <modelmesh/connector/registry.hpp>
}
class log_sink; // <modelmesh/core/log.hpp>

/// Reads a configuration from a YAML file, with the environment variables over it whose names begin with
/// `MODELMESH__` (`MODELMESH__POOLS__CHAT__FAILURE_THRESHOLD=5`). What a program changes in the result comes last.
/// References in it (`${NAME}`, `${secrets:NAME}`) are resolved. Reads the file, and what its secret store reads.
/// @throws error  config: every problem found, one line each: `file:line:column: path: what is wrong`. No value
///         of a secret or of a variable is in it.
[[nodiscard]] config load_config(const std::string& path);

/// The same from several files, later ones over earlier ones: maps are merged, lists and texts replaced, and
/// `key: !reset` takes a value away.
/// @param connectors  where the ids of providers and of the secret store are looked up.
/// @param log  receives `config.warning` and the store's events. May be null.
[[nodiscard]] config load_config(const std::vector<std::string>& paths, const connector::registry& connectors,
                                 log_sink* log = nullptr);

/// A configuration as YAML: what differs from the defaults, each member by its own name. Secrets are shown as
/// `***`: keys, addresses of proxies, and every text with a value from a secret store in it. Without those,
/// load_config() reads an equal configuration from it.
/// @throws std::invalid_argument  a text is not UTF-8.
[[nodiscard]] std::string to_yaml(const config& shown);

/// JSON Schema (2020-12) of a configuration file, for editors: made from the same description as the reading,
/// so it has every key in every place that is read.
/// @param connectors  whose secret stores have their options in it.
[[nodiscard]] std::string config_schema();
[[nodiscard]] std::string config_schema(const connector::registry& connectors);

} // namespace modelmesh
