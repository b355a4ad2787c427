#include "router/request_facts.hpp"

#include "budget/estimate.hpp"

#include <algorithm>
#include <charconv>

namespace modelmesh::router {
namespace {

// Of English text in JSON; code and other languages have more tokens.
constexpr double bytes_per_token = 4;
// Of a reply whose length the request leaves open.
constexpr double usual_output = 500;

// A string that is not empty, as call_options::session would have it; as a key, it need not be unescaped.
std::string_view key(std::string_view json) {
    return json.size() > 2 && json.front() == '"' ? json.substr(1, json.size() - 2) : std::string_view();
}

// Of a member that is an object, one of its own.
std::string_view member_of(std::string_view object, std::string_view name) {
    if (!object.starts_with('{')) return {};
    const auto members = json::members(object);
    if (!members) return {};
    const auto found = std::find_if(members->begin(), members->end(),
                                    [name](const json::member& each) { return each.name == name; });
    return found == members->end() ? std::string_view() : found->value;
}

std::string_view session_of(const prepared_request& request, std::string_view session_key) {
    if (const std::string_view user = key(request.find("user")); !user.empty()) return user;
    if (const std::string_view named = key(member_of(request.find("metadata"), session_key)); !named.empty())
        return named;
    return key(request.find("prompt_cache_key"));
}

// The first positive number among these; 0: none.
double longest_reply(const prepared_request& request) {
    for (const std::string_view name : {"max_completion_tokens", "max_output_tokens", "max_tokens"}) {
        const std::string_view text = request.find(name);
        double most = 0;
        const bool is_number =
            std::from_chars(text.data(), text.data() + text.size(), most).ec == std::errc();
        if (is_number && most > 0) return most;
    }
    return 0;
}

// How often a document has a string member `name` of this value, at any depth. Quotes within a string are escaped, so
// a text that speaks of such a member is none.
std::uint32_t count_members(std::string_view json, std::string_view quoted_name,
                            std::string_view quoted_value) {
    const auto before = [json](std::size_t at) {
        while (at > 0 &&
               (json[at - 1] == ' ' || json[at - 1] == '\n' || json[at - 1] == '\t' || json[at - 1] == '\r'))
            --at;
        return at;
    };
    std::uint32_t count = 0;
    for (std::size_t at = json.find(quoted_value); at != json.npos;
         at = json.find(quoted_value, at + quoted_value.size())) {
        const std::size_t colon = before(at);
        if (colon == 0 || json[colon - 1] != ':') continue;
        if (json.substr(0, before(colon - 1)).ends_with(quoted_name)) ++count;
    }
    return count;
}

bool is_given(std::string_view json) {
    return !json.empty() && json != "null" && json != "false" && json != "[]" && json != "{}";
}

bool is_text(operation what) noexcept {
    return what == operation::chat_completion || what == operation::text_completion ||
           what == operation::response;
}

// Whether the request uses it. Only what the formats of chat and responses can say.
bool uses(const prepared_request& request, need what) {
    const std::string_view turns =
        request.operation() == operation::response ? request.find("input") : request.find("messages");
    const auto has_part = [turns](std::string_view type) {
        return count_members(turns, R"("type")", type) != 0;
    };
    // Of chat, or of responses.
    const auto format = [&request] {
        const std::string_view chat = member_of(request.find("response_format"), "type");
        return chat.empty() ? member_of(member_of(request.find("text"), "format"), "type") : chat;
    };
    switch (what) {
    case need::whole_reply:
        return !request.stream();
    case need::stream:
        return request.stream();
    case need::batch:
        return false; // a batch is of many requests, and says so itself
    case need::tool_calling:
        return is_given(request.find("tools")) || is_given(request.find("functions"));
    case need::structured_output:
        return format() == R"("json_schema")";
    case need::json_mode:
        return format() == R"("json_object")";
    case need::system_prompt:
        return is_given(request.find("instructions")) ||
               count_members(turns, R"("role")", R"("system")") != 0 ||
               count_members(turns, R"("role")", R"("developer")") != 0;
    case need::grounding:
        return is_given(request.find("web_search_options"));
    case need::logprobs:
        return is_given(request.find("logprobs"));
    case need::vision:
        return has_part(R"("image_url")") || has_part(R"("input_image")");
    case need::audio_input:
        return has_part(R"("input_audio")");
    }
    return false;
}

} // namespace

request_needs needs_of(const prepared_request& request, const pool& of) {
    request_needs needs;
    const model_traits& least = of.least;
    const bool is_turns =
        request.operation() == operation::chat_completion || request.operation() == operation::response;
    for (const need each : every_need) {
        const bool matters = (least.lacks & bit_of(each)) != 0;
        const bool is_asked = is_turns || (bit_of(each) & delivery_needs) != 0;
        if (matters && is_asked && uses(request, each)) needs.bits |= bit_of(each);
    }
    if (is_turns && least.max_images != model_traits().max_images) {
        const std::string_view turns =
            request.operation() == operation::response ? request.find("input") : request.find("messages");
        needs.images = count_members(turns, R"("type")", R"("image_url")") +
                       count_members(turns, R"("type")", R"("input_image")");
    }
    const bool has_sizes =
        least.context_window != model_traits::unlimited || least.max_output_tokens != model_traits::unlimited;
    if (!has_sizes || !is_text(request.operation())) return needs;
    constexpr double most = 1e15; // more is nonsense
    needs.output_tokens = static_cast<std::int64_t>(std::min(longest_reply(request), most));
    // A token has a byte at least: most requests are short enough to be known to fit.
    if (static_cast<std::int64_t>(request.size()) + needs.output_tokens > least.context_window)
        needs.tokens = budget::least_input(request) + needs.output_tokens;
    return needs;
}

std::string described(const request_needs& needs) {
    std::string text;
    const auto add = [&text](const std::string& what) { text.append(text.empty() ? "" : ", ").append(what); };
    for (const need each : every_need)
        if ((needs.bits & bit_of(each)) != 0) add(std::string(to_string(each)));
    if (needs.images > 0) add(std::to_string(needs.images) + (needs.images == 1 ? " picture" : " pictures"));
    if (needs.tokens > 0) add("a context window of about " + std::to_string(needs.tokens) + " tokens");
    if (needs.output_tokens > 0) add("a reply of up to " + std::to_string(needs.output_tokens) + " tokens");
    return text;
}

connector::rotation_request facts_of(const prepared_request& request, std::string_view session_key) {
    connector::rotation_request facts;
    facts.session = session_of(request, session_key);
    facts.prompt_tokens = static_cast<double>(request.size()) / bytes_per_token;
    const double most = longest_reply(request);
    facts.output_tokens = most > 0 ? most : usual_output;
    facts.is_stream = request.stream();
    return facts;
}

} // namespace modelmesh::router
