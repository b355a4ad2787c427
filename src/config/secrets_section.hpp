// The section `secrets` of a file. It is about reading, so it is no member of modelmesh::config.
#pragma once

#include <modelmesh/json/fields.hpp>
#include <modelmesh/json/types.hpp>

#include <string>

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
        json::also("fail_on_missing", "resolution.fail_on_missing"),
    };
};

} // namespace modelmesh::settings
