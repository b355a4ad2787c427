// What providers answer when they have deleted something.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/json/types.hpp>

#include <string>

namespace modelmesh {

struct deletion {
    std::string id{};
    std::string object{}; ///< what it was: file, response
    bool deleted = false;
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const deletion&, const deletion&) = default;
};

} // namespace modelmesh
