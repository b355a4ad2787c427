// Replies whose content is a C++ value.
#pragma once

#include <modelmesh/api/chat/reply.hpp>
#include <modelmesh/api/chat/request.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/json/schema.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace modelmesh::chat {

/// What completions::parse() answers.
template <class T> class parsed {
public:
    parsed() = default;
    T value{};         ///< the content of the first choice
    chat::reply reply; ///< all of the reply
};

} // namespace modelmesh::chat

namespace modelmesh::detail {

/// The request with this schema as its response_format, strict.
[[nodiscard]] chat::request with_schema(const chat::request& req, std::string_view name, std::string schema);
/// Reads the content of the first choice. Errors: as completions::parse().
[[nodiscard]] result<void> read_content(const chat::reply& from, void* target,
                                        const json::detail::descriptor& type);
/// Reads a content that is still arriving: `text` is so much of it, and what ends it. Errors: protocol.
[[nodiscard]] result<void> read_content(std::string_view text, std::size_t arrived, void* target,
                                        const json::detail::descriptor& type);

template <class T> [[nodiscard]] constexpr std::string_view schema_name() {
    if constexpr (requires { T::json_name; })
        return T::json_name;
    else
        return "answer";
}

template <class T> [[nodiscard]] chat::request asking_for(const chat::request& req) {
    return with_schema(req, schema_name<T>(), json::schema<T>(json::schema_style::strict));
}

template <class T> task<result<chat::parsed<T>>> read_parsed(task<result<chat::reply>> asked) {
    result<chat::reply> got = co_await std::move(asked);
    if (!got) co_return std::move(got).error();
    chat::parsed<T> made;
    made.reply = std::move(*got);
    const result<void> read = read_content(made.reply, &made.value, json::detail::describe<T>());
    if (!read) co_return read.error();
    co_return made;
}

} // namespace modelmesh::detail
