#include <modelmesh/api/chat/parsed_stream.hpp>

#include "json/growing_text.hpp"

#include <modelmesh/api/chat/accumulator.hpp>
#include <modelmesh/api/completions.hpp>

#include <optional>
#include <string_view>
#include <utility>

namespace modelmesh::detail {

/// A stream of chunks, and what they amount to: as a reply, and as content that ends where it has come to.
class parsed_source {
public:
    parsed_source(chat::stream from, const json::detail::descriptor& target)
        : stream(std::move(from)), type(target) {}

    chat::stream stream;
    const json::detail::descriptor& type;
    chat::accumulator whole;
    json::detail::growing_text content;
};

namespace {

// The text that the next chunk adds to the content; nothing when there is no next one.
task<result<std::optional<std::string_view>>> next_text(std::shared_ptr<parsed_source> from) {
    const result<std::optional<chat::chunk_view>> chunk = co_await from->stream.try_read();
    if (!chunk) co_return chunk.error();
    if (!*chunk) co_return std::optional<std::string_view>();
    from->whole.add((*chunk)->value());
    if ((*chunk)->restarted()) from->content = json::detail::growing_text();
    co_return std::optional<std::string_view>((*chunk)->text());
}

} // namespace

task<result<std::shared_ptr<parsed_source>>> open_parsed(task<result<chat::stream>> opening,
                                                         const json::detail::descriptor& type) {
    result<chat::stream> opened = co_await std::move(opening);
    if (!opened) co_return std::move(opened).error();
    co_return std::make_shared<parsed_source>(std::move(*opened), type);
}

task<result<bool>> read_more(std::shared_ptr<parsed_source> from, std::shared_ptr<void> target) {
    for (;;) {
        const result<std::optional<std::string_view>> text = co_await next_text(from);
        if (!text) co_return text.error();
        if (!*text) co_return false;
        if (!from->content.add(**text)) continue;
        const result<void> read =
            read_content(from->content.completed(), from->content.arrived(), target.get(), from->type);
        if (!read) co_return read.error();
        co_return true;
    }
}

task<result<chat::reply>> read_rest(std::shared_ptr<parsed_source> from) {
    for (;;) {
        const result<std::optional<std::string_view>> text = co_await next_text(from);
        if (!text) co_return text.error();
        if (!*text) break;
    }
    chat::reply reply = from->whole.take();
    reply.x_modelmesh = from->stream.route();
    co_return reply;
}

const route& route_of(const parsed_source& from) noexcept { return from.stream.route(); }

} // namespace modelmesh::detail
