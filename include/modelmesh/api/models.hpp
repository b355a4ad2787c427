// Models as OpenAI's wire format lists them.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace modelmesh::models {

struct model {
    std::string id{};
    std::int64_t created = 0; ///< seconds since 1970
    std::string object = "model";
    std::string owned_by{};
    json::maybe<std::string> shutdown_date{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client where it has asked a provider
    json::extra extra{};

    friend bool operator==(const model&, const model&) = default;
};

struct list {
    std::string object = "list";
    std::vector<model> data{};
    json::extra extra{};

    friend bool operator==(const list&, const list&) = default;
};

} // namespace modelmesh::models
