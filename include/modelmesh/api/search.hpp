// Searching the web. There is no standard; the names are those of Tavily and Perplexity, and have a place for what
// other searches answer too.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::search {

struct request {
    std::string model{}; ///< a capability, a pool or a model
    std::string query{};
    json::maybe<std::int64_t> max_results{};
    json::maybe<std::string> topic{};        ///< general, news, finance
    json::maybe<std::string> search_depth{}; ///< basic, advanced
    json::maybe<std::string> time_range{};   ///< day, week, month, year
    json::maybe<std::string> start_date{};   ///< YYYY-MM-DD
    json::maybe<std::string> end_date{};
    json::maybe<std::string> country{};
    json::maybe<std::string> language{};
    json::maybe<std::vector<std::string>> include_domains{};
    json::maybe<std::vector<std::string>> exclude_domains{};
    json::maybe<std::variant<bool, std::string>> include_answer{};      ///< or basic, advanced
    json::maybe<std::variant<bool, std::string>> include_raw_content{}; ///< or markdown, text
    json::maybe<bool> include_images{};
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

struct result {
    std::string title{};
    std::string url{};
    json::maybe<std::string> snippet{};        ///< a few words of the page
    json::maybe<std::string> content{};        ///< what of the page has to do with the query
    json::maybe<std::string> raw_content{};    ///< the whole page, when the request asked for it
    json::maybe<double> score{};               ///< 0 to 1
    json::maybe<std::string> published_date{}; ///< in the search's own words: "2 days ago" is possible
    json::maybe<std::string> favicon{};
    json::extra extra{};

    friend bool operator==(const result&, const result&) = default;
};

struct image {
    std::string url{};
    json::maybe<std::string> description{};
    json::extra extra{};

    friend bool operator==(const image&, const image&) = default;
};

struct usage {
    json::maybe<double> credits{};
    json::maybe<std::int64_t> total_tokens{};
    json::extra extra{};

    friend bool operator==(const usage&, const usage&) = default;
};

struct reply {
    json::maybe<std::string> id{};
    json::maybe<std::string> query{};
    json::maybe<std::string> answer{}; ///< when the request asked for it
    std::vector<result> results{};     ///< the best one first
    json::maybe<std::vector<std::variant<std::string, image>>> images{};
    json::maybe<search::usage> usage{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const reply&, const reply&) = default;
};

} // namespace modelmesh::search
