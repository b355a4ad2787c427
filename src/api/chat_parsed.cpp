#include <modelmesh/api/chat/parsed.hpp>

#include <modelmesh/json/read.hpp>

namespace modelmesh::detail {
namespace {

const json::read_options& complete() noexcept {
    static const json::read_options options = [] {
        json::read_options o;
        o.exactness = json::exactness::lenient; // a strict schema says null where nothing is meant
        o.missing = json::missing_members::reject;
        return o;
    }();
    return options;
}

// A read of content, whose failure says so.
result<void> explained(result<void> read) {
    if (!read) {
        fault wrong = std::move(read).error();
        wrong.message = "parse: the answer does not fit its schema: " + wrong.message;
        return wrong;
    }
    return read;
}

} // namespace

chat::request with_schema(const chat::request& req, std::string_view name, std::string schema) {
    chat::request asked = req;
    chat::response_format& format = asked.response_format.emplace();
    format.type = "json_schema";
    chat::json_schema& wanted = format.json_schema.emplace();
    wanted.name = name;
    wanted.schema = json::raw(std::move(schema));
    wanted.strict = true;
    return asked;
}

result<void> read_content(const chat::reply& from, void* target, const json::detail::descriptor& type) {
    if (from.choices.empty()) return fault(errc::protocol, "parse: the reply has no choice");
    const chat::choice& first = from.choices.front();
    if (first.message.refusal)
        return fault(errc::content_filter, "parse: the model refused: " + *first.message.refusal);
    if (first.finish_reason == chat::finish::content_filter)
        return fault(errc::content_filter, "parse: the answer was stopped by a content filter");
    if (first.finish_reason == chat::finish::length) {
        fault cut(errc::protocol, "parse: the answer was cut off at the limit of tokens: allow more in "
                                  "max_completion_tokens, or ask for less");
        cut.param = "max_completion_tokens";
        return cut;
    }
    return explained(json::detail::read_once(first.message.text(), target, type, complete()));
}

result<void> read_content(std::string_view text, std::size_t arrived, void* target,
                          const json::detail::descriptor& type) {
    return explained(
        json::detail::read_beginning(text, arrived, target, type, json::read_options::lenient()));
}

} // namespace modelmesh::detail
