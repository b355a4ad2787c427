#include "paging.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace modelmesh::testing::detail {

namespace json = boost::json;

std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        unsigned char byte = 0;
        const char* const digits = text.data() + at + 1;
        if (text[at] == '%' && at + 2 < text.size() &&
            std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
            out += static_cast<char>(byte);
            at += 2;
        } else {
            out += text[at];
        }
    }
    return out;
}

fields query_of(const recorded_request& request) {
    std::string_view query = request.target;
    query.remove_prefix(std::min(query.find('?'), query.size()));
    if (!query.empty()) query.remove_prefix(1);
    json::object out;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view one = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const std::size_t equals = std::min(one.find('='), one.size());
        out[decoded(one.substr(0, equals))] = decoded(one.substr(std::min(equals + 1, one.size())));
    }
    return fields(std::move(out));
}

json::object page_of(std::vector<json::object> all, const fields& in, page_limits limits,
                     const std::function<bool(const json::object&)>& chosen) {
    auto next = all.begin();
    if (const auto after = in.text("after")) {
        next = std::find_if(all.begin(), all.end(),
                            [&](json::object& one) { return one["id"] == json::value(*after); });
        if (next == all.end())
            throw refusal(404, {"No such object: " + *after, "invalid_request_error", "after", std::nullopt});
        ++next;
    }
    const auto limit = static_cast<std::size_t>(in.integer("limit", 1, limits.most).value_or(limits.usual));
    json::array data;
    bool has_more = false;
    for (; next != all.end(); ++next) {
        if (chosen && !chosen(*next)) continue;
        has_more = data.size() == limit;
        if (has_more) break;
        data.emplace_back(std::move(*next));
    }
    json::object out{{"object", "list"}, {"data", nullptr}, {"first_id", nullptr}, {"last_id", nullptr}};
    if (!data.empty()) {
        out["first_id"] = data.front().at("id");
        out["last_id"] = data.back().at("id");
    }
    out["data"] = std::move(data);
    out["has_more"] = has_more;
    return out;
}

} // namespace modelmesh::testing::detail
