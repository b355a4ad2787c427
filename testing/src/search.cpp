// /v1/search, as the searches of the web have it that the library's format is made of: pages that are not there,
// and depend on the query alone.
#include "endpoints.hpp"

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::int64_t usual_results = 5;
constexpr std::int64_t most_results = 20;

} // namespace

model_request read_search(const recorded_request& request) {
    const fields in(request.body);
    const std::string model = in.model();
    const std::string query = in.need_text("query");
    const std::int64_t count = in.integer("max_results", 1, most_results).value_or(usual_results);
    const json::value* answer = in.find("include_answer");
    const bool with_answer = answer != nullptr && *answer != false;
    const auto make = [=](const rule& how, const reply_context& context) {
        json::array results;
        for (std::int64_t i = 1; i <= count; ++i) {
            const std::string number = std::to_string(i);
            results.push_back(json::object{
                {"title", "Page " + number + " about " + query},
                {"url", "https://example.com/" + std::to_string(hash_of(query) % 100'000) + "/" + number},
                {"content", "What page " + number + " says about " + query + "."},
                {"score", 1.0 / static_cast<double>(i)}});
        }
        json::object out{{"id", numbered("search-" + context.name + "-", context.serial)}, {"query", query}};
        if (with_answer) out["answer"] = how.text.value_or("You searched for: " + query);
        out["results"] = std::move(results);
        out["usage"] = json::object{{"credits", 1}};
        return std::make_shared<whole_answer>(json::serialize(out));
    };
    return {model, false, make};
}

} // namespace modelmesh::testing::detail
