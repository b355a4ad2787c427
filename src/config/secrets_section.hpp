// The section `secrets` of a file. It is about reading, so it is no member of modelmesh::config.
#pragma once

#include <modelmesh/json/fields.hpp>
#include <modelmesh/json/types.hpp>

#include <string>
#include <string_view>

namespace modelmesh::settings {

struct secrets_section {
    std::string store{"modelmesh.env.v1"};
    json::raw options{};
    bool fail_on_missing{true};

    static constexpr json::field_rule json_fields[] = {
        json::about("store", "id of the secret store that ${secrets:NAME} is looked up in"),
        json::also("store", "connector"),
        json::also("options", "config"),
        json::about("fail_on_missing", "false: a secret that is missing is an empty text"),
    };
};

/// What the format has for this section and this version does not do.
inline constexpr std::string_view later_of_secrets[] = {"cache_enabled", "cache_ttl", "reload_on_rotation",
                                                        "resolution"};

} // namespace modelmesh::settings
