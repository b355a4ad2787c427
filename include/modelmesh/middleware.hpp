// Middleware: code of the program around every call, and around every attempt of it.
//
// A client has a list of them. The first of the list is the outermost: it sees a request first and its reply
// last.
// They are around routing, so that a reply which one of them gives costs no budget and asks no model.
//
//     class shouting final : public modelmesh::middleware {
//     public:
//         std::string_view name() const noexcept override { return "shouting"; }
//         modelmesh::result<void> on_request(modelmesh::request_context& c) override;
//     };
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/connector/prepared_request.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>
#include <modelmesh/http/message.hpp>
#include <modelmesh/json/read.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh {

class middleware;

namespace detail {
template <class Reply> class onion_run;
class stream_content;
} // namespace detail

/// One call, from before it is routed until its reply has been read to the end. Its middlewares may keep
/// references
/// to it for as long as that: in what watches a stream, too.
/// Threads: the event loop's on which the call runs.
class request_context {
public:
    virtual ~request_context() = default;
    request_context(const request_context&) = delete;
    request_context& operator=(const request_context&) = delete;

    /// 32 hexadecimal digits, another for each call; `route::request_id` of its reply.
    [[nodiscard]] const std::string& request_id() const noexcept { return request_id_; }
    /// What is sent, as JSON, with its operation and its files. Typed:
    /// `json::read<chat::request>(c.request().json())`.
    [[nodiscard]] const prepared_request& request() const noexcept { return *request_; }
    [[nodiscard]] const std::shared_ptr<const prepared_request>& share_request() const noexcept {
        return request_;
    }
    /// Puts another request in its place, with the same operation and files, for everything further in. The
    /// name in
    /// its `model` is what is routed.
    /// Errors: as prepared_request::parse(); the request is as it was then.
    result<void> change_request(std::string json);
    /// The name that the caller asked for, whatever the request says by now.
    [[nodiscard]] const std::string& requested_name() const noexcept { return requested_name_; }
    /// What the caller names a session by: `call_options::session`, or else `user`, `metadata.session_id` or
    /// `prompt_cache_key`. Empty: nothing.
    [[nodiscard]] const std::string& session() const noexcept { return session_; }
    /// The caller's `call_options::metadata`, and what middlewares tell each other. Not sent to anyone.
    std::map<std::string, std::string> metadata{};

    /// The one provider that the caller allows; empty: any.
    [[nodiscard]] const std::string& provider() const noexcept { return provider_; }

    /// When the call must be over.
    [[nodiscard]] time_point deadline() const noexcept { return deadline_; }
    [[nodiscard]] const clock& time() const noexcept { return *clock_; }
    /// Waits on the call's clock. Errors: canceled; timed_out, at once, when the moment is not before the
    /// deadline.
    [[nodiscard]] task<result<void>> wait_until(time_point moment);

protected:
    /// @param id  32 hexadecimal digits. @param time  outlives the context.
    /// @param provider  the one that the call asks; empty: any. @param session  empty: what the request says.
    request_context(std::string id, std::shared_ptr<const prepared_request> request, std::string provider,
                    std::string session, time_point deadline, const clock& time);

private:
    /// Completes at that moment. Errors: canceled.
    virtual task<result<void>> sleep_until(time_point moment) = 0;

    std::string request_id_;
    std::shared_ptr<const prepared_request> request_;
    std::string requested_name_;
    std::string session_;
    std::string provider_;
    time_point deadline_;
    const clock* clock_;
};

/// One attempt of a call at one model.
class attempt_context {
public:
    attempt_context(request_context& of, std::string_view in_pool, std::string_view by_provider,
                    std::string_view of_model, int which) noexcept
        : call(of), pool(in_pool), provider(by_provider), model(of_model), number(which) {}

    request_context& call;
    std::string_view pool; ///< these three live as long as the attempt
    std::string_view provider;
    std::string_view model; ///< its id in the configuration
    int number;             ///< from 1
    /// Before the attempt: fields that are sent with it, unless the connector sends one of the same name
    /// itself.
    http::headers headers{};
};

/// A reply that has arrived as a whole, in the format of the request's operation: JSON, or the bytes of
/// speech.
/// Copies share the body.
class whole_reply {
public:
    whole_reply() = default;
    explicit whole_reply(std::string body) : body_(std::make_shared<const std::string>(std::move(body))) {}
    explicit whole_reply(std::shared_ptr<const std::string> body) noexcept : body_(std::move(body)) {}

    [[nodiscard]] const std::string& body() const noexcept {
        static const std::string none;
        return body_ ? *body_ : none;
    }
    [[nodiscard]] const std::shared_ptr<const std::string>& share_body() const noexcept { return body_; }
    void change_body(std::string body) { body_ = std::make_shared<const std::string>(std::move(body)); }

    /// Who gave it. Of a reply that no model gave: empty, but for the request's id.
    modelmesh::route route{};

private:
    std::shared_ptr<const std::string> body_;
};

/// One chunk of a stream on its way to the reader.
class stream_chunk {
public:
    explicit stream_chunk(std::string_view data) noexcept : data_(data) {}

    /// Valid during the call that it is passed to.
    [[nodiscard]] std::string_view data() const noexcept { return replaced_ ? *replaced_ : data_; }
    void replace(std::string data) { replaced_ = std::move(data); }
    [[nodiscard]] bool is_replaced() const noexcept { return replaced_.has_value(); }

private:
    std::string_view data_;
    std::optional<std::string> replaced_;
};

/// How a stream has ended.
struct stream_end {
    const fault* failure;           ///< null: well. `canceled`: the reader went away in the middle of it
    bool is_whole;                  ///< every chunk was read; many readers stop where the reply ends
    const modelmesh::route& served; ///< who gave it, with what it used and cost
};

/// Looks at a stream while it is read. Destroyed with the stream, so that what it holds is held as long.
class stream_watcher {
public:
    virtual ~stream_watcher() = default;
    /// Whether on_chunk() is called; asked once.
    [[nodiscard]] virtual bool sees_chunks() const noexcept { return true; }
    /// One chunk, from the innermost middleware to the outermost. Errors: the stream's, which ends with it.
    virtual result<void> on_chunk(stream_chunk& chunk) {
        static_cast<void>(chunk);
        return {};
    }
    /// Called once.
    virtual void on_end(const stream_end& how) { static_cast<void>(how); }
};

/// A streamed reply whose first content has arrived, or one that a middleware gives. Copies are the same
/// stream.
class streamed_reply {
public:
    streamed_reply() = default;
    /// A stream of these chunks, each as a provider's is in the format of the request's operation.
    [[nodiscard]] static streamed_reply of(std::shared_ptr<const std::vector<std::string>> chunks);

    /// Adds a watcher. @param by  who is named when it throws.
    void watch(const middleware& by, std::unique_ptr<stream_watcher> added);

    [[nodiscard]] const modelmesh::route& route() const noexcept;

private:
    friend class detail::stream_content;
    explicit streamed_reply(std::shared_ptr<detail::stream_content> content) noexcept
        : content_(std::move(content)) {}
    std::shared_ptr<detail::stream_content> content_;
};

/// What lies further in: the next middleware, and behind the last one the mesh. Valid until handle()
/// completes.
template <class Reply> class basic_next {
public:
    /// Asks. May be awaited several times, one after the other, or not at all.
    [[nodiscard]] task<result<Reply>> operator()() const;

private:
    friend class detail::onion_run<Reply>;
    basic_next(detail::onion_run<Reply>& run, std::size_t layer) noexcept : run_(&run), layer_(layer) {}
    detail::onion_run<Reply>* run_;
    std::size_t layer_;
};
using reply_next = basic_next<whole_reply>;
using stream_next = basic_next<streamed_reply>;

/// What becomes of a call when a middleware throws, which is a defect of it.
enum class hook_failure : std::uint8_t {
    fail_open,   ///< the call goes on as if the middleware were not there
    fail_closed, ///< the call fails with errc::internal, which names the middleware
};

/// One layer around the calls of a client. Override the hooks you need, or handle() and handle_stream() to be around
/// what lies further in.
///
/// A fault that a hook returns is the call's outcome, to be repaired only by a middleware further out. An exception is
/// a defect: see on_hook_failure(); the log gets `middleware.failed`. Neither speaks against a model.
/// Threads: all hooks of one call on its event loop; several calls at once, on several threads. A hook must not block.
/// Coroutines: `c` lives as long as the call; what else a coroutine needs, it takes by value.
class middleware {
public:
    virtual ~middleware() = default;
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    [[nodiscard]] virtual hook_failure on_hook_failure() const noexcept { return hook_failure::fail_open; }

    /// Around a call for a whole reply: on_request(), what lies further in, and on_reply() or on_error().
    [[nodiscard]] virtual task<result<whole_reply>> handle(request_context& c, reply_next inner);
    /// Around the opening of a stream: on_request(), what lies further in, and watcher_of() or
    /// on_stream_error().
    [[nodiscard]] virtual task<result<streamed_reply>> handle_stream(request_context& c, stream_next inner);

    /// Before the call is routed. Errors: the call's.
    virtual result<void> on_request(request_context& c);
    /// After a whole reply. Errors: the call's.
    virtual result<void> on_reply(request_context& c, whole_reply& reply);
    /// After a failure: a reply in its place. The innermost middleware is asked first; the first reply is the
    /// call's.
    [[nodiscard]] virtual std::optional<whole_reply> on_error(request_context& c, const fault& failure);
    [[nodiscard]] virtual std::optional<streamed_reply> on_stream_error(request_context& c,
                                                                        const fault& failure);
    /// What watches a stream of this call; null: nothing, and its chunks cost nothing.
    [[nodiscard]] virtual std::unique_ptr<stream_watcher> watcher_of(request_context& c);

    /// Whether the next two are called; asked once, when the client is made.
    [[nodiscard]] virtual bool sees_attempts() const noexcept { return false; }
    /// A model has been chosen; nothing is reserved or sent yet. Errors: the call's, no other model is asked.
    virtual result<void> before_attempt(attempt_context& a);
    /// The attempt has ended: well when `failure` is null, which of a stream means that its first content has
    /// arrived.
    virtual void after_attempt(attempt_context& a, const fault* failure);
};

} // namespace modelmesh
