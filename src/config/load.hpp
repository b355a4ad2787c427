// Reading a configuration from texts, with everything passed in that it depends on.
#pragma once

#include "config/environment.hpp"
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

/// The section `secrets` without the store's options.
struct secrets_section {
    std::string store{"modelmesh.env.v1"};
    bool fail_on_missing{true};

    static constexpr json::field_rule json_fields[] = {
        json::about("store", "id of the secret store that ${secrets:NAME} is looked up in"),
        json::also("store", "connector"),
        json::about("fail_on_missing", "false: a secret that is missing is an empty text"),
    };
};

/// What the format has for this section and this version does not do.
inline constexpr std::string_view later_of_secrets[] = {"cache_enabled", "cache_ttl", "reload_on_rotation",
                                                        "resolution"};

/// The configuration of these documents, later ones over earlier ones, and the variables over them.
/// @throws error  config: everything that is wrong.
[[nodiscard]] config load(const std::vector<document>& documents, const environment& variables,
                          const connector::registry& connectors, log_sink* log);

} // namespace modelmesh::settings
