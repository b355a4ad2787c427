// Reranking: documents in the order of what they have to do with a query. There is no standard; this is what
// Cohere, Jina, Together and the servers that follow them have in common.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::rerank {

/// A text, a picture, or an object of fields, which are in `extra`.
struct object {
    json::maybe<std::string> text{};
    json::maybe<std::string> image{}; ///< http(s) or base64
    json::extra extra{};

    friend bool operator==(const object&, const object&) = default;
};

using document = std::variant<std::string, object>;

struct request {
    std::string model{}; ///< a capability, a pool or a model
    std::string query{};
    std::vector<document> documents{};
    json::maybe<std::int64_t> top_n{}; ///< all documents when it is absent
    json::maybe<bool> return_documents{};
    json::maybe<std::int64_t> max_tokens_per_doc{};      ///< what is longer is cut off
    json::maybe<std::vector<std::string>> rank_fields{}; ///< of documents that are objects
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

struct result {
    std::int64_t index = 0; ///< of the document in the request
    double relevance_score = 0;
    json::maybe<rerank::document> document{};
    json::extra extra{};

    friend bool operator==(const result&, const result&) = default;
};

struct usage {
    json::maybe<std::int64_t> prompt_tokens{};
    json::maybe<std::int64_t> total_tokens{};
    json::maybe<double> search_units{}; ///< what Cohere counts
    json::extra extra{};

    friend bool operator==(const usage&, const usage&) = default;
};

struct reply {
    json::maybe<std::string> id{};
    json::maybe<std::string> object{};
    json::maybe<std::string> model{}; ///< the model that answered, as its vendor names it
    std::vector<result> results{};    ///< the most relevant one first
    json::maybe<rerank::usage> usage{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const reply&, const reply&) = default;
};

} // namespace modelmesh::rerank
