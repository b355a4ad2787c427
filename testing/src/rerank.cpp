// /v1/rerank, as Cohere, Jina and servers of open models have it: a document is as relevant as the share of
// the query's words that it has.
#include "endpoints.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

/// The words of a text in lower case, without what stands around them.
std::set<std::string> words_of(const std::string& text) {
    std::set<std::string> out;
    std::string word;
    for (const char c : text + " ") {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || byte >= 0x80) {
            word += static_cast<char>(std::tolower(byte));
        } else if (!word.empty()) {
            out.insert(std::move(word));
            word.clear();
        }
    }
    return out;
}

struct ranked {
    std::size_t index = 0;
    double score = 0;
};

std::string text_of(const json::value& document) {
    if (document.is_string()) return std::string(document.get_string());
    const json::value* text = document.is_object() ? document.get_object().if_contains("text") : nullptr;
    if (text == nullptr || !text->is_string())
        throw invalid("Invalid 'documents': every document is a text, or an object with a text.", "documents",
                      "invalid_value");
    return std::string(text->get_string());
}

} // namespace

model_request read_rerank(const recorded_request& request) {
    const fields in(request.body);
    const std::string model = in.model();
    const std::string query = in.need_text("query");
    const json::value& list = in.need("documents");
    if (!list.is_array()) throw wrong_type("documents", "an array");
    if (list.get_array().empty())
        throw invalid("Invalid 'documents': expected at least one document.", "documents", "empty_array");
    const bool with_documents = in.flag("return_documents");
    const auto most = in.integer("top_n", 1, std::numeric_limits<std::int64_t>::max());

    const std::set<std::string> asked = words_of(query);
    std::uint64_t tokens = split_tokens(query).size();
    std::vector<std::string> documents;
    std::vector<ranked> order;
    for (const json::value& item : list.get_array()) {
        documents.push_back(text_of(item));
        tokens += split_tokens(documents.back()).size();
        const std::set<std::string> said = words_of(documents.back());
        const auto common = std::count_if(asked.begin(), asked.end(),
                                          [&](const std::string& word) { return said.count(word) != 0; });
        const double share =
            asked.empty() ? 0 : static_cast<double>(common) / static_cast<double>(asked.size());
        order.push_back({order.size(), share});
    }
    std::sort(order.begin(), order.end(), [](const ranked& a, const ranked& b) {
        return a.score != b.score ? a.score > b.score : a.index < b.index;
    });
    if (most && static_cast<std::uint64_t>(*most) < order.size())
        order.resize(static_cast<std::size_t>(*most));

    const auto make = [=](const rule&, const reply_context& context) {
        json::array results;
        for (const ranked& one : order) {
            json::object result{{"index", one.index}, {"relevance_score", one.score}};
            if (with_documents) result["document"] = json::object{{"text", documents[one.index]}};
            results.push_back(std::move(result));
        }
        const json::object out{{"id", numbered("rerank-" + context.name + "-", context.serial)},
                               {"model", model},
                               {"results", std::move(results)},
                               {"meta", json::object{{"billed_units", json::object{{"search_units", 1}}}}},
                               {"usage", json::object{{"total_tokens", tokens}}}};
        return std::make_shared<whole_answer>(json::serialize(out));
    };
    return {model, false, make};
}

} // namespace modelmesh::testing::detail
