// Moderations as OpenAI's wire format has them.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::moderations {

struct image_url {
    std::string url{}; ///< http(s) or a data URL
    json::extra extra{};

    friend bool operator==(const image_url&, const image_url&) = default;
};

struct part {
    std::string type{}; ///< text, image_url
    json::maybe<std::string> text{};
    json::maybe<moderations::image_url> image_url{};
    json::extra extra{};

    friend bool operator==(const part&, const part&) = default;
};

using input = std::variant<std::string, std::vector<std::string>, std::vector<part>>;

struct request {
    moderations::input input{};
    json::maybe<std::string> model{}; ///< a capability, a pool or a model
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

struct result {
    bool flagged = false;
    std::map<std::string, json::maybe<bool>> categories{}; ///< by names such as `hate/threatening`
    std::map<std::string, double> category_scores{};
    std::map<std::string, std::vector<std::string>> category_applied_input_types{}; ///< text, image
    json::extra extra{};

    friend bool operator==(const result&, const result&) = default;
};

struct reply {
    std::string id{};
    std::string model{};
    std::vector<moderations::result> results{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const reply&, const reply&) = default;
};

} // namespace modelmesh::moderations
