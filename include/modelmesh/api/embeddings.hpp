// Embeddings as OpenAI's wire format has them.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::embeddings {

/// Texts, or texts as tokens.
using input = std::variant<std::string, std::vector<std::string>, std::vector<std::int64_t>,
                           std::vector<std::vector<std::int64_t>>>;

struct request {
    embeddings::input input{};
    std::string model{};                        ///< a capability, a pool or a model
    json::maybe<std::string> encoding_format{}; ///< float, base64
    json::maybe<std::int64_t> dimensions{};
    json::maybe<std::string> user{};
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

/// Numbers, or little-endian float32 in base64: what the request asked for.
using vector = std::variant<std::string, std::vector<float>>;

/// The numbers in either form. Errors: protocol, the text is no base64 of whole numbers.
[[nodiscard]] result<std::vector<float>> numbers_of(const embeddings::vector& of);

struct item {
    std::string object = "embedding";
    std::int64_t index = 0; ///< of the input
    embeddings::vector embedding{};
    json::extra extra{};

    friend bool operator==(const item&, const item&) = default;
};

struct usage {
    std::int64_t prompt_tokens = 0;
    std::int64_t total_tokens = 0;
    json::extra extra{};

    friend bool operator==(const usage&, const usage&) = default;
};

struct reply {
    std::string object = "list";
    std::vector<item> data{};
    std::string model{};
    json::maybe<embeddings::usage> usage{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const reply&, const reply&) = default;
};

} // namespace modelmesh::embeddings
