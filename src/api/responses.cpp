#include <modelmesh/api/responses.hpp>

#include <modelmesh/json/detail/describe.hpp>

namespace modelmesh::responses {
namespace {

message make(std::string_view role, responses::content content) {
    message m;
    m.role = role;
    m.content = std::move(content);
    return m;
}

} // namespace

part text_part(std::string text) {
    part p;
    p.type = "input_text";
    p.text = std::move(text);
    return p;
}

part image_part(std::string url) {
    part p;
    p.type = "input_image";
    p.image_url = std::move(url);
    return p;
}

message system(std::string text) { return make("system", std::move(text)); }
message developer(std::string text) { return make("developer", std::move(text)); }
message user(std::string text) { return make("user", std::move(text)); }
message user(std::vector<part> parts) { return make("user", std::move(parts)); }
message assistant(std::string text) { return make("assistant", std::move(text)); }

function_call_output tool_result(std::string call_id, std::string text) {
    function_call_output result;
    result.call_id = std::move(call_id);
    result.output = std::move(text);
    return result;
}

std::string message::text() const {
    if (const auto* plain = std::get_if<std::string>(&content)) return *plain;
    std::string all;
    for (const part& p : std::get<std::vector<part>>(content))
        if (p.text) all += *p.text;
    return all;
}

std::string reply::text() const {
    std::string all;
    for (const item& i : output)
        if (const auto* said = std::get_if<message>(&i)) all += said->text();
    return all;
}

std::string_view event::text_delta() const noexcept {
    if (type != "response.output_text.delta" || !delta) return {};
    const auto* plain = std::get_if<std::string_view>(&*delta);
    return plain != nullptr ? *plain : std::string_view();
}

bool event::is_last() const noexcept {
    return type == "response.completed" || type == "response.incomplete" || type == "response.failed" ||
           type == "error";
}

} // namespace modelmesh::responses

namespace modelmesh::json::detail {
template const descriptor& describe<responses::request>() noexcept;
template const descriptor& describe<responses::item>() noexcept;
template const descriptor& describe<responses::tool>() noexcept;
template const descriptor& describe<responses::reply>() noexcept;
template const descriptor& describe<responses::event>() noexcept;
template const descriptor& describe<responses::item_list>() noexcept;
} // namespace modelmesh::json::detail
