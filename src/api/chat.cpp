#include <modelmesh/api/chat.hpp>

#include <modelmesh/json/detail/describe.hpp>

namespace modelmesh::chat {
namespace {

message make(role who, chat::content content) {
    message m;
    m.role = who;
    m.content = std::move(content);
    return m;
}

std::string_view view_of(const json::maybe<std::string_view>& text) noexcept {
    return text ? *text : std::string_view();
}

} // namespace

std::string_view message::text() const noexcept {
    if (!content) return {};
    if (const auto* plain = std::get_if<std::string>(&*content)) return *plain;
    if (const auto* parts = std::get_if<std::vector<part>>(&*content))
        for (const part& p : *parts)
            if (p.type == "text" && p.text) return *p.text;
    return {};
}

message system(std::string text) { return make(role::system, std::move(text)); }
message developer(std::string text) { return make(role::developer, std::move(text)); }
message user(std::string text) { return make(role::user, std::move(text)); }
message user(std::vector<part> parts) { return make(role::user, std::move(parts)); }
message assistant(std::string text) { return make(role::assistant, std::move(text)); }

message tool_result(std::string id, std::string text) {
    message m = make(role::tool, std::move(text));
    m.tool_call_id = std::move(id);
    return m;
}

part text_part(std::string text) {
    part p;
    p.type = "text";
    p.text = std::move(text);
    return p;
}

part image_part(std::string url) {
    part p;
    p.type = "image_url";
    p.image_url.emplace().url = std::move(url);
    return p;
}

std::string_view reply::text() const noexcept {
    return choices.empty() ? std::string_view() : choices.front().message.text();
}

// Chunks of other choices arrive between those of the first one when several were asked for.
bool chunk::restarted() const noexcept { return x_modelmesh && x_modelmesh->restarted == true; }

std::string_view chunk::text() const noexcept {
    for (const chunk_choice& c : choices)
        if (c.index == 0) return view_of(c.delta.content);
    return {};
}

std::string_view chunk_view::role() const noexcept {
    for (const chunk_choice& c : value_->choices)
        if (c.index == 0) return view_of(c.delta.role);
    return {};
}

std::string_view chunk_view::finish_reason() const noexcept {
    for (const chunk_choice& c : value_->choices)
        if (c.index == 0) return view_of(c.finish_reason);
    return {};
}

} // namespace modelmesh::chat

namespace modelmesh::json::detail {
template const descriptor& describe<chat::request>() noexcept;
template const descriptor& describe<chat::message>() noexcept;
template const descriptor& describe<chat::tool_call>() noexcept;
template const descriptor& describe<chat::usage>() noexcept;
template const descriptor& describe<chat::reply>() noexcept;
template const descriptor& describe<chat::chunk>() noexcept;
template const descriptor& describe<route>() noexcept;
} // namespace modelmesh::json::detail
