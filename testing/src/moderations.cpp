// /v1/moderations: a text with the word "violence" is flagged, everything else is not.
#include "endpoints.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace modelmesh::testing::detail {
namespace {

namespace json = boost::json;

constexpr std::string_view default_model = "omni-moderation-latest";
constexpr std::string_view flagging_word = "violence";

struct category {
    std::string_view name;
    bool sees_images = false;
};
constexpr std::array<category, 13> categories{{{"harassment"},
                                               {"harassment/threatening"},
                                               {"sexual", true},
                                               {"hate"},
                                               {"hate/threatening"},
                                               {"illicit"},
                                               {"illicit/violent"},
                                               {"self-harm/intent", true},
                                               {"self-harm/instructions", true},
                                               {"self-harm", true},
                                               {"sexual/minors"},
                                               {"violence", true},
                                               {"violence/graphic", true}}};

/// What one result is about.
struct judged {
    std::string text;
    bool has_text = false;
    bool has_image = false;
};

bool is_flagged(const std::string& text) {
    const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == b; };
    return std::search(text.begin(), text.end(), flagging_word.begin(), flagging_word.end(), same) !=
           text.end();
}

json::object result_of(const judged& input) {
    const bool flagged = is_flagged(input.text);
    json::object found, scores, types;
    for (const category& one : categories) {
        const bool hit = flagged && one.name == flagging_word;
        found[one.name] = hit;
        scores[one.name] = hit ? 0.875 : 0.0009765625; // exact in binary: the same digits everywhere
        json::array applied;
        if (input.has_text) applied.emplace_back("text");
        if (input.has_image && one.sees_images) applied.emplace_back("image");
        types[one.name] = std::move(applied);
    }
    return {{"flagged", flagged},
            {"categories", std::move(found)},
            {"category_scores", std::move(scores)},
            {"category_applied_input_types", std::move(types)}};
}

refusal wrong_part() {
    return invalid("Invalid 'input': every part is a text, or an object with a type, 'text' or 'image_url', "
                   "and a member of this name.",
                   "input", "invalid_value");
}

void add_part(judged& into, const json::value& part) {
    const json::value* type = part.is_object() ? part.get_object().if_contains("type") : nullptr;
    if (type == nullptr || !type->is_string()) throw wrong_part();
    const json::value* content = part.get_object().if_contains(type->get_string());
    if (type->get_string() == "text" && content && content->is_string()) {
        into.has_text = true;
        into.text += std::string_view(content->get_string());
        into.text += '\n'; // a word does not begin in one part and end in the next
    } else if (type->get_string() == "image_url" && content && content->is_object()) {
        const json::value* url = content->get_object().if_contains("url");
        if (url == nullptr || !url->is_string()) throw wrong_part();
        into.has_image = true;
    } else {
        throw wrong_part();
    }
}

/// One for each text; one for all parts of a list of parts, as the vendor judges them together.
std::vector<judged> read_input(const json::value& input) {
    if (input.is_string()) return {{std::string(input.get_string()), true, false}};
    if (!input.is_array()) throw wrong_type("input", "a string or an array");
    if (input.get_array().empty())
        throw invalid("Invalid 'input': expected at least one text.", "input", "invalid_value");
    std::vector<judged> out;
    if (input.get_array().front().is_object()) {
        out.emplace_back();
        for (const json::value& part : input.get_array()) add_part(out.front(), part);
        return out;
    }
    for (const json::value& text : input.get_array()) {
        if (!text.is_string()) throw wrong_part();
        out.push_back({std::string(text.get_string()), true, false});
    }
    return out;
}

} // namespace

model_request read_moderation(const recorded_request& request) {
    const fields in(request.body);
    const std::optional<std::string> named = in.text("model");
    const std::string model = named.value_or(std::string(default_model));
    const std::vector<judged> inputs = read_input(in.need("input"));
    const auto make = [=](const rule&, const reply_context& context) {
        json::array results;
        for (const judged& input : inputs) results.push_back(result_of(input));
        return std::make_shared<whole_answer>(
            json::serialize(json::object{{"id", numbered("modr-" + context.name + "-", context.serial)},
                                         {"model", model},
                                         {"results", std::move(results)}}));
    };
    return {model, false, make, named.has_value()};
}

} // namespace modelmesh::testing::detail
