// client.chat.completions: chat requests, whole or streamed.
#pragma once

#include <modelmesh/api/call_options.hpp>
#include <modelmesh/api/chat.hpp>
#include <modelmesh/api/chat/parsed.hpp>
#include <modelmesh/api/chat/parsed_stream.hpp>
#include <modelmesh/api/chat/tools.hpp>
#include <modelmesh/core/compiler.hpp>
#include <modelmesh/core/or_throw.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <memory>
#include <optional>

namespace modelmesh {

namespace detail {
class client_impl;
class chat_source;
} // namespace detail

namespace chat {

/// What stream::try_next found.
enum class stream_state : std::uint8_t {
    chunk,   ///< the view has a chunk
    pending, ///< nothing has arrived yet; await next() or try_read()
    end,     ///< the reply is complete
};

/// A reply that arrives in chunks. Move-only; destroying it cancels what is left of the reply at the
/// provider. Views that it returns live until the next read. One reader at a time, on the executor that
/// opened the stream.
class stream {
public:
    stream(stream&&) noexcept;
    stream& operator=(stream&&) noexcept;
    ~stream();

    /// Waits for the next chunk; nothing means that the reply is complete.
    /// What a failure after the first chunk leads to is the pool's `streaming.on_failure`. As a rule the read fails
    /// and the text so far stays valid. With `restart` look at chunk_view::restarted(); with `continue` another model
    /// goes on with the text, and only route() tells.
    /// @throws error  protocol (the reply was cut short), connect, timed_out (no chunk for 30 s), canceled.
    /// Cancellation: all types; nothing that came after what was read is promised afterwards.
    [[nodiscard]] task<std::optional<chunk_view>> next();
    [[nodiscard]] task<result<std::optional<chunk_view>>> try_read();
    /// Waits for more text of the first choice, never empty, and passes over all else; nothing means that the reply
    /// is complete. Errors and cancellation as for next(); calls of both may alternate. A text cannot say that the
    /// reply begins again (chunk_view::restarted()), so this read fails then, with protocol and `param`
    /// "restarted"; the next one has the new beginning.
    [[nodiscard]] task<std::optional<std::string_view>> next_text();
    [[nodiscard]] task<result<std::optional<std::string_view>>> try_read_text();
    /// Takes a chunk that has already arrived, without suspending. On an executor that the library cannot run
    /// on itself it answers `pending` although bytes may have arrived.
    [[nodiscard]] result<stream_state> try_next(chunk_view& out);

    /// Who serves this stream, and which attempt it was. Of a stream that went on elsewhere: who serves it now.
    [[nodiscard]] const modelmesh::route& route() const noexcept;

private:
    friend class completions;
    explicit stream(std::shared_ptr<detail::chat_source> source) noexcept;
    std::shared_ptr<detail::chat_source> source_; ///< shared with a read under way on another thread
};

/// Requests to chat models. `request::model` names a capability, a pool or a model.
/// Threads: any thread; any number of calls may be in flight. Each completes on the executor that awaits it.
class completions {
public:
    /// Sends one request and waits for the whole reply.
    /// @param req  read before this function returns; need not outlive it. Its `stream` member is ignored.
    /// @throws error  not_found (no pool or model of that name), bad_request and its kin (a pool for something else,
    ///         or the provider refused the request itself, or a json::raw in it is no JSON: `param` names the member),
    ///         timed_out, canceled, no_active_model; the kind that all attempts share, or exhausted with every
    ///         attempt listed.
    /// @throws std::invalid_argument  at once, also from try_create(), for what is wrong in the calling code:
    ///         `model` or `messages` is empty, a text is not UTF-8, a number is infinite or not a number.
    /// Cancellation: all types; the connection is then not reused.
    [[nodiscard]] task<reply> create(const request& req, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<reply>> try_create(const request& req,
                                                 const call_options& opt = call_options::none());

    /// Sends one request and completes when the first chunk with content has arrived. Until then a failing
    /// model is replaced by the next one, and the caller does not notice. Parameters, errors and cancellation
    /// as for create().
    [[nodiscard]] task<chat::stream> stream(const request& req,
                                            const call_options& opt = call_options::none());
    [[nodiscard]] task<result<chat::stream>> try_stream(const request& req,
                                                        const call_options& opt = call_options::none());

    /// Asks for an answer that is a T, and reads it: `auto r = co_await client.chat.completions.parse<plan>(req);`.
    /// The schema of T (json::schema, strict) is the request's response_format. @tparam T  an aggregate; its
    /// `json_name`, when it has one, names the schema.
    /// Errors: those of create(); content_filter, the model refused: its reason is in the message; protocol, the
    /// answer was cut off at the limit of tokens (`param` is max_completion_tokens), or does not fit the schema.
    /// @throws std::invalid_argument  also when no strict schema can say T.
    template <class T>
    [[nodiscard]] task<parsed<T>> parse(const request& req, const call_options& opt = call_options::none()) {
        return detail::or_throw(try_parse<T>(req, opt));
    }
    template <class T>
    [[nodiscard]] task<result<parsed<T>>> try_parse(const request& req,
                                                    const call_options& opt = call_options::none()) {
        const request asked = detail::asking_for<T>(req);
        return detail::read_parsed<T>(try_create(asked, opt));
    }

    /// Asks as parse() does, and shows the T while it fills: see parsed_stream. Completes as stream() does; its
    /// errors are those of stream(), and the others come when the answer is read.
    template <class T>
    [[nodiscard]] task<parsed_stream<T>> parse_stream(const request& req,
                                                      const call_options& opt = call_options::none()) {
        return detail::or_throw(try_parse_stream<T>(req, opt));
    }
    template <class T>
    [[nodiscard]] task<result<parsed_stream<T>>> try_parse_stream(
        const request& req, const call_options& opt = call_options::none()) {
        request asked = detail::asking_for<T>(req);
        // What finish() makes of the chunks has the usage that parse() answers with.
        if (!asked.stream_options) asked.stream_options.emplace();
        if (!asked.stream_options->include_usage) asked.stream_options->include_usage = true;
        return parsed_stream<T>::open(try_stream(asked, opt));
    }

    /// Asks, runs the tools that the model calls, tells it their answers, and asks again, until it answers
    /// without a call. The calls of one message run at the same time. Tools of the request itself stay offered;
    /// a call of one that is not in the box is answered with an error.
    /// @param opt  its timeout is for the whole run.
    /// Errors: those of create(); budget, the model still called tools in the last round. @throws what a tool
    /// throws, with tool_errors::rethrow. Cancellation: all types, passed on to the tools that suspend.
    [[nodiscard]] task<tool_run> run_tools(const request& req, const toolbox& tools,
                                           const tool_options& limits = tool_options::standard(),
                                           const call_options& opt = call_options::none());
    [[nodiscard]] task<result<tool_run>> try_run_tools(const request& req, const toolbox& tools,
                                                       const tool_options& limits = tool_options::standard(),
                                                       const call_options& opt = call_options::none());

#if MODELMESH_GCC12_COROUTINES
    // g++ < 13 destroys such a temporary twice inside co_await: name the request instead.
    template <class T> task<parsed<T>> parse(request&&, const call_options& = call_options::none()) = delete;
    template <class T>
    task<result<parsed<T>>> try_parse(request&&, const call_options& = call_options::none()) = delete;
    template <class T>
    task<parsed_stream<T>> parse_stream(request&&, const call_options& = call_options::none()) = delete;
    template <class T>
    task<result<parsed_stream<T>>> try_parse_stream(request&&,
                                                    const call_options& = call_options::none()) = delete;
    task<reply> create(request&&, const call_options& = call_options::none()) = delete;
    task<result<reply>> try_create(request&&, const call_options& = call_options::none()) = delete;
    task<chat::stream> stream(request&&, const call_options& = call_options::none()) = delete;
    task<result<chat::stream>> try_stream(request&&, const call_options& = call_options::none()) = delete;
#endif

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};

/// The namespace `client.chat`.
class resource {
public:
    chat::completions completions;
};

} // namespace chat
} // namespace modelmesh
