// OpenAI's own description of its API.
#pragma once

#include <boost/json.hpp>

#include <fstream>
#include <iterator>
#include <string>

namespace support {

inline const boost::json::value& openapi() {
    static const boost::json::value document = [] {
        std::ifstream file(MODELMESH_TEST_DATA "/openai-openapi.json");
        return boost::json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
    }();
    return document;
}

inline const boost::json::object& schemas() { return openapi().at("components").at("schemas").as_object(); }

} // namespace support
