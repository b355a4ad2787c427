#include <modelmesh/json/members.hpp>

#include "json/scan.hpp"

#include <optional>

namespace modelmesh::json {
namespace {

// The string token at `at`, whose syntax has been checked.
std::string string_at(const char*& at, const char* end) {
    bool escaped = false;
    const char* const content = at + 1;
    const char* const quote = detail::string_content(content, end, escaped).at;
    at = quote + 1;
    std::string text(content, quote);
    if (escaped) {
        const detail::scanned done = detail::unescape(content, quote, text.data());
        text.resize(static_cast<std::size_t>(done.at - text.data()));
    }
    return text;
}

// The member whose value is malformed, in an object that is; nothing when the fault is elsewhere.
std::optional<std::string> broken_member(std::string_view object, const limits& bounds) {
    const char* const end = object.data() + object.size();
    const char* at = detail::skip_space(object.data(), end);
    if (at == end || *at != '{') return std::nullopt;
    do {
        at = detail::skip_space(at + 1, end);
        if (at == end || *at != '"') return std::nullopt;
        if (detail::scan_value(at, end, bounds, 1).problem != nullptr) return std::nullopt;
        std::string name = string_at(at, end);
        at = detail::skip_space(at, end);
        if (at == end || *at != ':') return std::nullopt;
        at = detail::skip_space(at + 1, end);
        const detail::scanned value = detail::scan_value(at, end, bounds, 1);
        if (value.problem != nullptr) return name;
        at = detail::skip_space(value.at, end);
        if (at != end && *at != ',' && *at != '}') return name; // more than one value
    } while (at != end && *at == ',');
    return std::nullopt;
}

const read_options& as_request() noexcept {
    static const read_options options(errc::bad_request);
    return options;
}

} // namespace

result<std::vector<member>> members(std::string_view object) {
    if (result<void> valid = validate(object, as_request()); !valid) {
        fault f = std::move(valid).error();
        if (const auto member = broken_member(object, as_request().limits)) {
            f.message = "'" + *member + "' is no JSON value: " + f.message;
            f.param = *member;
        }
        return f;
    }
    const char* const end = object.data() + object.size();
    const char* at = detail::skip_space(object.data(), end);
    if (*at != '{')
        return detail::make_fault(errc::bad_request, "expected an object", {},
                                  static_cast<std::size_t>(at - object.data()));
    std::vector<member> found;
    for (at = detail::skip_space(at + 1, end); *at != '}';) {
        member m;
        m.name = string_at(at, end);
        at = detail::skip_space(detail::skip_space(at, end) + 1, end); // over the colon
        const char* const value = at;
        at = detail::scan_value(value, end, as_request().limits, 1).at;
        m.value = {value, static_cast<std::size_t>(at - value)};
        found.push_back(std::move(m));
        at = detail::skip_space(at, end);
        if (*at == ',') at = detail::skip_space(at + 1, end);
    }
    return found;
}

result<std::string> string_value(std::string_view json) {
    if (result<void> valid = validate(json, as_request()); !valid) return std::move(valid).error();
    const char* const end = json.data() + json.size();
    const char* at = detail::skip_space(json.data(), end);
    if (*at != '"')
        return detail::make_fault(errc::bad_request, "expected a string", {},
                                  static_cast<std::size_t>(at - json.data()));
    return string_at(at, end);
}

} // namespace modelmesh::json
