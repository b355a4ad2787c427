// The attempt loop for callers who want a C++ value.
#pragma once

#include "router/router.hpp"

#include <modelmesh/json/read.hpp>
#include <modelmesh/json/types.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace modelmesh::router {

template <class List> [[nodiscard]] result<void> has_some(const List& list, std::string_view name) {
    if (!list.empty()) return {};
    return fault(errc::protocol, "the provider answered with a document that has no " + std::string(name));
}
template <class List>
[[nodiscard]] result<void> has_some(const json::maybe<List>& list, std::string_view name) {
    return has_some(list ? *list : List(), name);
}

/// Reading is lenient and takes any object for a reply; what has none of its answers is none.
template <class Reply> [[nodiscard]] result<void> check_reply(const Reply& reply) {
    if constexpr (requires { reply.choices; })
        return has_some(reply.choices, "choices");
    else if constexpr (requires { reply.data; })
        return has_some(reply.data, "data");
    else if constexpr (requires { reply.results; })
        return has_some(reply.results, "results");
    else
        return {};
}

template <class Reply> [[nodiscard]] result<Reply> read_json(std::string&& body) {
    result<Reply> got = json::read<Reply>(body, json::read_options::lenient());
    if (!got) return got;
    if (const result<void> is_reply = check_reply(*got); !is_reply) return is_reply.error();
    return got;
}

/// Makes a reply of what a connector gives.
template <class Reply> using reply_format = result<Reply> (*)(std::string&& body);

/// complete(), with the reply as a Reply, whose x_modelmesh says who gave it. Errors: also protocol, what the
/// provider sent is no such reply.
template <class Reply>
task<result<Reply>> complete_as(transport& via, log_sink* log, call made,
                                reply_format<Reply> format = read_json<Reply>) {
    Reply reply;
    reply_reader read = [&reply, format](std::string&& body) -> result<void> {
        result<Reply> got = format(std::move(body));
        if (!got) return std::move(got).error();
        reply = std::move(*got);
        return {};
    };
    result<modelmesh::route> served = co_await complete(via, log, std::move(made), std::move(read));
    if (!served) co_return std::move(served).error();
    reply.x_modelmesh = std::move(*served);
    co_return reply;
}

} // namespace modelmesh::router
