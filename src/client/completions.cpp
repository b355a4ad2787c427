#include <modelmesh/api/completions.hpp>

#include "client/call_deadline.hpp"
#include "client/client_impl.hpp"
#include "core/cancellation.hpp"

#include <modelmesh/core/or_throw.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <stdexcept>

namespace modelmesh {
namespace detail {

/// The reading end of a stream: parses chunks into one reused object, on the loop where the session lives.
class chat_stream_impl {
public:
    /// @param elsewhere  the library's own loop when the session lives there; null when it lives on the
    /// reader's.
    /// @param shows_usage  whether the reader wants the chunk that has nothing but the totals.
    chat_stream_impl(std::shared_ptr<client_impl> client, router::served_stream from,
                     boost::asio::io_context* elsewhere, bool shows_usage)
        : client_(std::move(client)), session_(std::move(from.session)), route_(std::move(from.route)),
          elsewhere_(elsewhere), shows_usage_(shows_usage) {}

    ~chat_stream_impl() {
        // The session's socket belongs to the other thread: let it be destroyed there.
        if (elsewhere_ != nullptr) boost::asio::post(*elsewhere_, [session = std::move(session_)] {});
    }

    [[nodiscard]] const modelmesh::route& route() const noexcept { return route_; }
    [[nodiscard]] bool is_elsewhere() const noexcept { return elsewhere_ != nullptr; }

    result<chat::stream_state> try_next(chat::chunk_view& out) {
        std::string_view json;
        do {
            const result<router::stream_state> state = session_->try_next(json);
            if (!state) return state.error();
            switch (*state) {
            case router::stream_state::pending:
                return chat::stream_state::pending;
            case router::stream_state::end:
                return chat::stream_state::end;
            case router::stream_state::chunk:
                break;
            }
            const result<void> parsed = reader_.read(json, chunk_, json::read_options::lenient());
            if (!parsed) return session_->fail(parsed.error());
        } while (!shows_usage_ && chunk_.usage && chunk_.choices.empty());
        out = chat::chunk_view(chunk_, json);
        if (!out.finish_reason().empty()) session_->served();
        return chat::stream_state::chunk;
    }

    static task<result<std::optional<chat::chunk_view>>> read(std::shared_ptr<chat_stream_impl> self) {
        if (self->elsewhere_ == nullptr) co_return co_await read_here(self);
        function<task<result<std::optional<chat::chunk_view>>>()> there = [self] { return read_here(self); };
        co_return co_await run_bridged(self, *self->elsewhere_, std::move(there));
    }

private:
    static task<result<std::optional<chat::chunk_view>>> read_here(std::shared_ptr<chat_stream_impl> self) {
        for (;;) {
            chat::chunk_view view;
            const result<chat::stream_state> state = self->try_next(view);
            if (!state) co_return state.error();
            if (*state == chat::stream_state::chunk) co_return std::optional<chat::chunk_view>(view);
            if (*state == chat::stream_state::end) co_return std::optional<chat::chunk_view>();
            const result<void> woken = co_await self->session_->wait();
            if (!woken) co_return self->session_->fail(woken.error());
        }
    }

    std::shared_ptr<client_impl> client_;
    std::unique_ptr<router::stream_session> session_;
    modelmesh::route route_;
    boost::asio::io_context* elsewhere_;
    bool shows_usage_;
    json::reader reader_;
    chat::chunk chunk_;
};

namespace {

using prepared = result<std::shared_ptr<const prepared_request>>;

// Here and now, so that nothing borrows the caller's request afterwards.
prepared prepare(const chat::request& req, bool stream) {
    if (req.model.empty())
        throw std::invalid_argument("chat::request::model is empty: name a capability or a model");
    if (req.messages.empty()) throw std::invalid_argument("chat::request::messages is empty");
    return prepared_request::parse(wire_family::openai_chat, json::write(req), stream);
}

// The library asks every provider for the totals; who said that he wants none does not see them.
bool shows_usage(const prepared_request& request) {
    const auto options = json::members(request.find("stream_options"));
    return !options || std::none_of(options->begin(), options->end(), [](const json::member& m) {
        return m.name == "include_usage" && m.value == "false";
    });
}

result<router::call> route(const client_impl& impl, std::shared_ptr<const prepared_request> request,
                           time_point deadline) {
    router::call made;
    made.picture = impl.current();
    const result<const router::pool*> pool = made.picture->resolve(request->name());
    if (!pool) return pool.error();
    made.pool = *pool;
    made.request = std::move(request);
    made.deadline = deadline;
    return made;
}

task<result<chat::reply>> whole(std::shared_ptr<client_impl> impl, net_transport& via,
                                std::shared_ptr<const prepared_request> request, time_point deadline) {
    const result<void> ready = co_await client_impl::ensure_ready(impl, via, deadline);
    if (!ready) co_return ready.error();
    result<router::call> made = route(*impl, std::move(request), deadline);
    if (!made) co_return std::move(made).error();
    co_return co_await router::complete(via, impl->log(), std::move(*made));
}

task<result<std::shared_ptr<chat_stream_impl>>> streamed(std::shared_ptr<client_impl> impl, call_site at,
                                                         std::shared_ptr<const prepared_request> request,
                                                         time_point deadline) {
    const result<void> ready = co_await client_impl::ensure_ready(impl, at.via, deadline);
    if (!ready) co_return ready.error();
    const bool with_usage = shows_usage(*request);
    result<router::call> made = route(*impl, std::move(request), deadline);
    if (!made) co_return std::move(made).error();
    result<router::served_stream> opened =
        co_await router::open_stream(at.via, impl->log(), std::move(*made));
    if (!opened) co_return std::move(opened).error();
    co_return std::make_shared<chat_stream_impl>(impl, std::move(*opened), at.elsewhere, with_usage);
}

task<result<chat::reply>> run_whole(std::shared_ptr<client_impl> impl, prepared request,
                                    time_point deadline) {
    if (!request) co_return std::move(request).error();
    function<task<result<chat::reply>>(call_site)> work = [impl, request = std::move(*request),
                                                           deadline](call_site at) {
        return whole(impl, at.via, request, deadline);
    };
    co_return co_await client_impl::on_loop(impl, std::move(work));
}

task<result<std::shared_ptr<chat_stream_impl>>> run_stream(std::shared_ptr<client_impl> impl,
                                                           prepared request, time_point deadline) {
    if (!request) co_return std::move(request).error();
    function<task<result<std::shared_ptr<chat_stream_impl>>>(call_site)> work =
        [impl, request = std::move(*request), deadline](call_site at) {
            return streamed(impl, at, request, deadline);
        };
    co_return co_await client_impl::on_loop(impl, std::move(work));
}

} // namespace
} // namespace detail

namespace chat {

task<result<reply>> completions::try_create(const request& req, const call_options& opt) {
    return core::canceled_as_fault(
        detail::run_whole(impl_, detail::prepare(req, false), detail::deadline_of(opt)), "create");
}

task<reply> completions::create(const request& req, const call_options& opt) {
    return detail::or_throw(try_create(req, opt));
}

namespace {
task<result<stream>> wrapped(task<result<std::shared_ptr<detail::chat_stream_impl>>> opening,
                             stream (*wrap)(std::shared_ptr<detail::chat_stream_impl>)) {
    result<std::shared_ptr<detail::chat_stream_impl>> impl = co_await std::move(opening);
    if (!impl) co_return std::move(impl).error();
    co_return wrap(std::move(*impl));
}
} // namespace

task<result<stream>> completions::try_stream(const request& req, const call_options& opt) {
    return wrapped(
        core::canceled_as_fault(
            detail::run_stream(impl_, detail::prepare(req, true), detail::deadline_of(opt)), "stream"),
        [](std::shared_ptr<detail::chat_stream_impl> impl) { return chat::stream(std::move(impl)); });
}

task<chat::stream> completions::stream(const request& req, const call_options& opt) {
    return detail::or_throw(try_stream(req, opt));
}

stream::stream(std::shared_ptr<detail::chat_stream_impl> impl) noexcept : impl_(std::move(impl)) {}
stream::stream(stream&&) noexcept = default;
stream& stream::operator=(stream&&) noexcept = default;
stream::~stream() = default;

task<result<std::optional<chunk_view>>> stream::try_read() {
    return core::canceled_as_fault(detail::chat_stream_impl::read(impl_), "reading the stream");
}

task<std::optional<chunk_view>> stream::next() { return detail::or_throw(try_read()); }

result<stream_state> stream::try_next(chunk_view& out) {
    if (impl_->is_elsewhere()) return stream_state::pending;
    return impl_->try_next(out);
}

const modelmesh::route& stream::route() const noexcept { return impl_->route(); }

} // namespace chat
} // namespace modelmesh
