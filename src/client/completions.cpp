#include <modelmesh/api/completions.hpp>

#include "client/client_impl.hpp"
#include "core/cancellation.hpp"

#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <stdexcept>

namespace modelmesh {
namespace detail {

constexpr std::chrono::seconds default_timeout{300};

/// The reading end of a stream: parses chunks into one reused object, on the loop where the session lives.
class chat_stream_impl {
public:
    /// @param loop  the library's own loop when the session lives there; null when it lives on the reader's.
    chat_stream_impl(std::shared_ptr<client_impl> client, router::served_stream from,
                     boost::asio::io_context* loop)
        : client_(std::move(client)), session_(std::move(from.session)), route_(std::move(from.route)),
          loop_(loop) {}

    ~chat_stream_impl() {
        if (loop_ == nullptr || !session_) return;
        // The session's socket belongs to the other thread: let it be destroyed there.
        boost::asio::post(*loop_, [session = std::move(session_)] {});
    }

    [[nodiscard]] const modelmesh::route& route() const noexcept { return route_; }
    [[nodiscard]] bool elsewhere() const noexcept { return loop_ != nullptr; }

    result<chat::stream_state> try_next(chat::chunk_view& out) {
        std::string_view json;
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
        if (const result<void> parsed = reader_.read_padded(json, chunk_); !parsed) return parsed.error();
        out = chat::chunk_view(chunk_, json);
        return chat::stream_state::chunk;
    }

    // A member coroutine that is safe without a shared owner: the stream's documentation allows one reader at
    // a time and forbids destroying the stream during a read.
    task<result<std::optional<chat::chunk_view>>> read() {
        for (;;) {
            chat::chunk_view view;
            const result<chat::stream_state> state = try_next(view);
            if (!state) co_return state.error();
            if (*state == chat::stream_state::chunk) co_return std::optional<chat::chunk_view>(view);
            if (*state == chat::stream_state::end) co_return std::optional<chat::chunk_view>();
            const result<void> woken = co_await session_->wait();
            if (!woken) co_return woken.error();
        }
    }

    task<result<std::optional<chat::chunk_view>>> read_there() {
        co_return co_await boost::asio::co_spawn(*loop_, read(), boost::asio::use_awaitable);
    }

private:
    std::shared_ptr<client_impl> client_;
    std::unique_ptr<router::stream_session> session_;
    modelmesh::route route_;
    boost::asio::io_context* loop_;
    json::reader reader_;
    chat::chunk chunk_;
};

namespace {

std::shared_ptr<const prepared_request> prepare(const chat::request& req, bool stream) {
    if (req.model.empty())
        throw std::invalid_argument("chat::request::model is empty: name a capability or a model");
    if (req.messages.empty()) throw std::invalid_argument("chat::request::messages is empty");
    return prepared_request::parse(wire_family::openai_chat, json::write(req), stream).value();
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
    const result<void> ready = co_await client_impl::ensure_ready(impl, via);
    if (!ready) co_return ready.error();
    result<router::call> made = route(*impl, std::move(request), deadline);
    if (!made) co_return std::move(made).error();
    co_return co_await router::complete(via, impl->log(), std::move(*made));
}

task<result<router::served_stream>> streamed(std::shared_ptr<client_impl> impl, net_transport& via,
                                             std::shared_ptr<const prepared_request> request,
                                             time_point deadline) {
    const result<void> ready = co_await client_impl::ensure_ready(impl, via);
    if (!ready) co_return ready.error();
    result<router::call> made = route(*impl, std::move(request), deadline);
    if (!made) co_return std::move(made).error();
    co_return co_await router::open_stream(via, impl->log(), std::move(*made));
}

task<result<chat::reply>> run_whole(std::shared_ptr<client_impl> impl,
                                    std::shared_ptr<const prepared_request> request, time_point deadline) {
    std::function<task<result<chat::reply>>(net_transport&)> work =
        [impl, request, deadline](net_transport& via) { return whole(impl, via, request, deadline); };
    co_return co_await client_impl::on_loop(impl, std::move(work));
}

task<result<std::unique_ptr<chat_stream_impl>>> run_stream(std::shared_ptr<client_impl> impl,
                                                           std::shared_ptr<const prepared_request> request,
                                                           time_point deadline) {
    const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    boost::asio::io_context* elsewhere =
        single_threaded_loop(executor) == nullptr ? &impl->own_loop() : nullptr;
    std::function<task<result<router::served_stream>>(net_transport&)> work =
        [impl, request, deadline](net_transport& via) { return streamed(impl, via, request, deadline); };
    result<router::served_stream> opened = co_await client_impl::on_loop(impl, std::move(work));
    if (!opened) co_return std::move(opened).error();
    co_return std::make_unique<chat_stream_impl>(impl, std::move(*opened), elsewhere);
}

template <class T> task<T> or_throw(task<result<T>> work) {
    result<T> done = co_await std::move(work);
    if (!done) throw error(std::move(done).error());
    co_return std::move(*done);
}

time_point deadline_of(const call_options& opt) {
    // Sums with "for ever" would overflow; nobody waits for a year.
    constexpr duration longest = std::chrono::hours(24 * 365);
    return clock::system().now() + std::min<duration>(opt.timeout().value_or(default_timeout), longest);
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
task<result<stream>> wrapped(task<result<std::unique_ptr<detail::chat_stream_impl>>> opening,
                             stream (*wrap)(std::unique_ptr<detail::chat_stream_impl>)) {
    result<std::unique_ptr<detail::chat_stream_impl>> impl = co_await std::move(opening);
    if (!impl) co_return std::move(impl).error();
    co_return wrap(std::move(*impl));
}
} // namespace

task<result<stream>> completions::try_stream(const request& req, const call_options& opt) {
    return wrapped(
        core::canceled_as_fault(
            detail::run_stream(impl_, detail::prepare(req, true), detail::deadline_of(opt)), "stream"),
        [](std::unique_ptr<detail::chat_stream_impl> impl) { return chat::stream(std::move(impl)); });
}

task<chat::stream> completions::stream(const request& req, const call_options& opt) {
    return detail::or_throw(try_stream(req, opt));
}

stream::stream(std::unique_ptr<detail::chat_stream_impl> impl) noexcept : impl_(std::move(impl)) {}
stream::stream(stream&&) noexcept = default;
stream& stream::operator=(stream&&) noexcept = default;
stream::~stream() = default;

task<result<std::optional<chunk_view>>> stream::try_read() {
    return core::canceled_as_fault(impl_->elsewhere() ? impl_->read_there() : impl_->read(),
                                   "reading the stream");
}

task<std::optional<chunk_view>> stream::next() { return detail::or_throw(try_read()); }

result<stream_state> stream::try_next(chunk_view& out) {
    if (impl_->elsewhere()) return stream_state::pending;
    return impl_->try_next(out);
}

const modelmesh::route& stream::route() const noexcept { return impl_->route(); }

} // namespace chat
} // namespace modelmesh
