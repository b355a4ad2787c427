#include <modelmesh/api/completions.hpp>

#include "client/item_source.hpp"

#include <modelmesh/api/chat.hpp>
#include <modelmesh/core/or_throw.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <stdexcept>

namespace modelmesh {
namespace detail {

/// The chunks of a chat: parsed into one reused object.
class chat_source final : public item_source<chat::chunk_view> {
public:
    using item_source::item_source;

private:
    result<bool> take(std::string_view piece, chat::chunk_view& out) override {
        const result<void> parsed = reader_.read(piece, chunk_, json::read_options::lenient());
        if (!parsed) return parsed.error();
        out = chat::chunk_view(chunk_, piece);
        if (!out.finish_reason().empty()) served();
        return true;
    }

    json::reader reader_;
    chat::chunk chunk_;
};

namespace {

// Here and now, so that nothing borrows the caller's request afterwards.
prepared prepare(const chat::request& req, bool stream) {
    if (req.model.empty())
        throw std::invalid_argument("chat::request::model is empty: name a capability or a model");
    if (req.messages.empty()) throw std::invalid_argument("chat::request::messages is empty");
    return prepared_request::parse(operation::chat_completion, json::write(req), stream);
}

} // namespace
} // namespace detail

namespace chat {

task<result<reply>> completions::try_create(const request& req, const call_options& opt) {
    return detail::call_for<reply>(impl_, detail::prepare(req, false), opt, "create");
}

task<reply> completions::create(const request& req, const call_options& opt) {
    return detail::or_throw(try_create(req, opt));
}

namespace {
task<result<stream>> wrapped(task<result<detail::opened_stream>> opening,
                             stream (*wrap)(std::shared_ptr<detail::chat_source>)) {
    result<detail::opened_stream> from = co_await std::move(opening);
    if (!from) co_return std::move(from).error();
    co_return wrap(std::make_shared<detail::chat_source>(std::move(*from)));
}
} // namespace

task<result<stream>> completions::try_stream(const request& req, const call_options& opt) {
    return core::canceled_as_fault(
        wrapped(detail::run_stream(impl_, detail::prepare(req, true), detail::call_terms(opt)),
                [](std::shared_ptr<detail::chat_source> source) { return chat::stream(std::move(source)); }),
        "stream");
}

task<chat::stream> completions::stream(const request& req, const call_options& opt) {
    return detail::or_throw(try_stream(req, opt));
}

stream::stream(std::shared_ptr<detail::chat_source> source) noexcept : source_(std::move(source)) {}
stream::stream(stream&&) noexcept = default;
stream& stream::operator=(stream&&) noexcept = default;
stream::~stream() = default;

task<result<std::optional<chunk_view>>> stream::try_read() {
    return core::canceled_as_fault(detail::chat_source::read(source_), "reading the stream");
}

task<std::optional<chunk_view>> stream::next() { return detail::or_throw(try_read()); }

namespace {
// Whoever does not know of such streams would append the new beginning to the old text.
fault begins_again(const chunk& mark) {
    fault f(errc::protocol, "the reply broke off, and '" + mark.x_modelmesh->model +
                                "' begins again: throw the text so far away and read on");
    f.pool = mark.x_modelmesh->pool;
    f.provider = mark.x_modelmesh->provider;
    f.model = mark.x_modelmesh->model;
    f.param = "restarted";
    return f;
}

task<result<std::optional<std::string_view>>> next_text_of(std::shared_ptr<detail::chat_source> source) {
    for (;;) {
        const result<std::optional<chunk_view>> chunk = co_await detail::chat_source::read(source);
        if (!chunk) co_return chunk.error();
        if (!*chunk) co_return std::optional<std::string_view>();
        if ((*chunk)->restarted()) co_return begins_again((*chunk)->value());
        if (const std::string_view text = (*chunk)->text(); !text.empty())
            co_return std::optional<std::string_view>(text);
    }
}
} // namespace

task<result<std::optional<std::string_view>>> stream::try_read_text() {
    return core::canceled_as_fault(next_text_of(source_), "reading the stream");
}

task<std::optional<std::string_view>> stream::next_text() { return detail::or_throw(try_read_text()); }

result<stream_state> stream::try_next(chunk_view& out) {
    if (source_->is_elsewhere()) return stream_state::pending;
    const result<router::stream_state> state = source_->try_next(out);
    if (!state) return state.error();
    switch (*state) {
    case router::stream_state::chunk:
        return stream_state::chunk;
    case router::stream_state::pending:
        return stream_state::pending;
    case router::stream_state::end:
        break;
    }
    return stream_state::end;
}

const modelmesh::route& stream::route() const noexcept { return source_->route(); }

} // namespace chat
} // namespace modelmesh
