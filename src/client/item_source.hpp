// The reading end of a streamed reply, on the loop where its session lives.
#pragma once

#include "client/routed_call.hpp"

#include <modelmesh/api/item_stream.hpp>
#include <modelmesh/api/responses.hpp>
#include <modelmesh/api/text_completions.hpp>
#include <modelmesh/core/or_throw.hpp>
#include <modelmesh/json/read.hpp>

#include <boost/asio/post.hpp>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace modelmesh::detail {

/// What a stream was opened with.
class opened_stream {
public:
    std::shared_ptr<client_impl> client;
    std::unique_ptr<router::reply_stream> session;
    modelmesh::route route;
    boost::asio::io_context* elsewhere = nullptr; ///< the library's own loop, when the session lives there
};

/// Turns the session's chunks into items.
template <class Item> class item_source {
public:
    explicit item_source(opened_stream from) : from_(std::move(from)) {}
    virtual ~item_source() {
        // The session's socket belongs to the other thread: let it be destroyed there.
        if (is_elsewhere()) boost::asio::post(*from_.elsewhere, [session = std::move(from_.session)] {});
    }
    item_source(const item_source&) = delete;
    item_source& operator=(const item_source&) = delete;

    [[nodiscard]] const modelmesh::route& route() const noexcept { return from_.route; }
    [[nodiscard]] bool is_elsewhere() const noexcept { return from_.elsewhere != nullptr; }

    /// What has arrived; see reply_stream::try_next.
    result<router::stream_state> try_next(Item& out) {
        for (;;) {
            std::string_view piece;
            const result<router::stream_state> state = from_.session->try_next(piece);
            if (state && *state == router::stream_state::end) note_bill();
            if (!state || *state != router::stream_state::chunk) return state;
            const result<bool> taken = take(piece, out);
            if (!taken) {
                if (std::optional<fault> failed = from_.session->fail(taken.error()))
                    return std::move(*failed);
                continue;
            }
            if (*taken) return router::stream_state::chunk;
        }
    }

    static task<result<std::optional<Item>>> read(std::shared_ptr<item_source> self) {
        if (!self->is_elsewhere()) co_return co_await read_here(self);
        function<task<result<std::optional<Item>>>()> there = [self] { return read_here(self); };
        co_return co_await run_bridged(self, *self->from_.elsewhere, std::move(there));
    }

protected:
    /// False: this one is not for the reader. Errors: protocol.
    virtual result<bool> take(std::string_view piece, Item& out) = 0;
    /// The reader has the end of the reply, which may come before the stream's.
    void served() { from_.session->served(); }

private:
    void note_route() {
        const modelmesh::route* const now = from_.session->moved_to();
        if (now != nullptr && now->attempts != from_.route.attempts) from_.route = *now;
    }

    static task<result<std::optional<Item>>> read_here(std::shared_ptr<item_source> self) {
        for (;;) {
            Item item{};
            const result<router::stream_state> state = self->try_next(item);
            if (!state) co_return state.error();
            if (*state == router::stream_state::chunk) co_return std::optional<Item>(std::move(item));
            if (*state == router::stream_state::end) co_return std::optional<Item>();
            const result<void> woken = co_await self->from_.session->wait();
            if (!woken)
                if (std::optional<fault> failed = self->from_.session->fail(woken.error()))
                    co_return std::move(*failed);
            self->note_route();
        }
    }

    void note_bill() {
        from_.route.cost_micro_usd = from_.session->cost();
        const std::optional<router::token_counts> used = from_.session->tokens();
        if (!used) return;
        from_.route.input_tokens = used->input;
        from_.route.output_tokens = used->output;
    }

    opened_stream from_;
};

/// Whether the reader has all of the reply with this item. What follows it may be lost without harm.
template <class Item> [[nodiscard]] bool is_complete(const Item&) noexcept { return false; }
[[nodiscard]] inline bool is_complete(const responses::event& last) noexcept {
    return last.type == "response.completed" || last.type == "response.incomplete";
}
[[nodiscard]] inline bool is_complete(const text_completions::reply& last) noexcept {
    return !last.choices.empty() && last.choices.front().finish_reason;
}

/// Items that are read from a chunk's JSON each.
template <class Item> class json_source final : public item_source<Item> {
public:
    using item_source<Item>::item_source;

private:
    result<bool> take(std::string_view piece, Item& out) override {
        const result<void> parsed = reader_.read(piece, out, json::read_options::lenient());
        if (!parsed) return parsed.error();
        if (is_complete(out)) this->served();
        return true;
    }
    json::reader reader_;
};

class byte_source final : public item_source<std::string_view> {
public:
    using item_source<std::string_view>::item_source;

private:
    result<bool> take(std::string_view piece, std::string_view& out) override {
        out = piece;
        return true;
    }
};

/// Opens the stream where the engine can run. Completes when the first content has arrived.
[[nodiscard]] task<result<opened_stream>> run_stream(std::shared_ptr<client_impl> impl, prepared request,
                                                     call_terms terms);

/// The call for one streamed reply. Nothing borrows the caller's request afterwards.
class stream_opener {
public:
    template <class Source, class Item>
    [[nodiscard]] static task<result<item_stream<Item>>> open(std::shared_ptr<client_impl> impl,
                                                              prepared request, const call_options& opt) {
        return core::canceled_as_fault(
            opened<Source, Item>(run_stream(std::move(impl), std::move(request), call_terms(opt))), "stream");
    }

    template <class Source, class Item>
    [[nodiscard]] static task<result<item_stream<Item>>> opened(task<result<opened_stream>> opening) {
        result<opened_stream> from = co_await std::move(opening);
        if (!from) co_return std::move(from).error();
        co_return item_stream<Item>(std::make_shared<Source>(std::move(*from)));
    }
};

} // namespace modelmesh::detail

namespace modelmesh {

template <class Item> task<result<std::optional<Item>>> item_stream<Item>::try_read() {
    return core::canceled_as_fault(detail::item_source<Item>::read(source_), "reading the stream");
}
template <class Item> task<std::optional<Item>> item_stream<Item>::next() {
    return detail::or_throw(try_read());
}
template <class Item> const modelmesh::route& item_stream<Item>::route() const noexcept {
    return source_->route();
}

} // namespace modelmesh
