#include "router/request_facts.hpp"

#include <charconv>

namespace modelmesh::router {
namespace {

// Of English text in JSON; code and other languages have more tokens.
constexpr double bytes_per_token = 4;
// Of a reply whose length the request leaves open.
constexpr double usual_output = 500;

// The JSON text of a string that is not empty; as a key, it need not be unescaped.
std::string_view key(std::string_view json) {
    return json.size() > 2 && json.front() == '"' ? json : std::string_view();
}

std::string_view session_of(const prepared_request& request) {
    if (const std::string_view user = key(request.find("user")); !user.empty()) return user;
    if (const std::string_view metadata = request.find("metadata"); metadata.starts_with('{'))
        if (const auto members = json::members(metadata); members)
            for (const json::member& each : *members)
                if (each.name == "session_id" && !key(each.value).empty()) return each.value;
    return key(request.find("prompt_cache_key"));
}

} // namespace

connector::rotation_request facts_of(const prepared_request& request) {
    connector::rotation_request facts;
    facts.session = session_of(request);
    facts.prompt_tokens = static_cast<double>(request.size()) / bytes_per_token;
    facts.output_tokens = usual_output;
    facts.is_stream = request.stream();
    for (const std::string_view name : {"max_completion_tokens", "max_output_tokens", "max_tokens"}) {
        const std::string_view text = request.find(name);
        double most = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), most).ec != std::errc() || !(most > 0))
            continue;
        facts.output_tokens = most;
        break;
    }
    return facts;
}

} // namespace modelmesh::router
