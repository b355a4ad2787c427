// What providers keep for those who ask for it: client.files, client.uploads, client.batches, client.fine_tuning.
// The types of requests and replies are in headers of their own.
//
// An id means something to one provider only, so each of these calls goes to one: to the provider that
// call_options::provider() names, or else to the first of the configuration. No other provider takes its place
// when it fails. `x_modelmesh` of a reply says who served it.
//
// A call that only reads is sent up to three times: again after a connection failed or was lost, and where the
// provider is busy (429, 503) and says how long, if the wait ends before the call's deadline. Any other call is
// sent again only where a 429 says how long, because only then nothing was done: also where a kept connection
// dies under it, which is otherwise replaced unseen.
//
// All of them complete when the reply is read, the deadline passes, or the caller cancels. Requests, ids and
// queries are read before the call returns; they need not outlive it.
// @throws error  not_found (no such provider, or no such object there), unsupported (this provider has no such
//         calls), what the provider reports, connect, timed_out, canceled, protocol (what came is no such reply).
// @throws std::invalid_argument  at once, also from the try_ forms: an id is empty or a path, a file is missing.
// Cancellation: all types; the connection is then not reused. Threads: as creating.
#pragma once

#include <modelmesh/api/call_options.hpp>
#include <modelmesh/api/item_stream.hpp>
#include <modelmesh/core/compiler.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <memory>
#include <string_view>
#include <vector>

namespace modelmesh {

namespace detail {
class client_impl;
} // namespace detail

namespace http {
class attachment;
} // namespace http

class page;
struct deletion;

namespace chat {
struct reply;
struct request;
} // namespace chat

namespace files {
struct request;
class query;
struct file;
struct list;
struct content;

/// `client.files`; its types are in <modelmesh/api/files.hpp>.
class resource {
public:
    /// Uploads a file, which is read while it is sent.
    [[nodiscard]] task<file> create(const request& req, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<file>> try_create(const request& req,
                                                const call_options& opt = call_options::none());

    /// One page of the files, the newest first unless the query says otherwise.
    [[nodiscard]] task<files::list> list(const query& which, const call_options& opt = call_options::none());
    [[nodiscard]] task<files::list> list(const call_options& opt = call_options::none());
    [[nodiscard]] task<result<files::list>> try_list(const query& which,
                                                     const call_options& opt = call_options::none());
    [[nodiscard]] task<result<files::list>> try_list(const call_options& opt = call_options::none());

    [[nodiscard]] task<file> retrieve(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<file>> try_retrieve(std::string_view id,
                                                  const call_options& opt = call_options::none());

    /// OpenAI's `delete`.
    [[nodiscard]] task<deletion> remove(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<deletion>> try_remove(std::string_view id,
                                                    const call_options& opt = call_options::none());

    /// What is in a file, in memory.
    /// @throws error  protocol: it is larger than 64 MiB. content_stream() has no limit.
    [[nodiscard]] task<files::content> content(std::string_view id,
                                               const call_options& opt = call_options::none());
    [[nodiscard]] task<result<files::content>> try_content(std::string_view id,
                                                           const call_options& opt = call_options::none());
    /// The same as it arrives. Completes when it begins.
    [[nodiscard]] task<byte_stream> content_stream(std::string_view id,
                                                   const call_options& opt = call_options::none());
    [[nodiscard]] task<result<byte_stream>> try_content_stream(
        std::string_view id, const call_options& opt = call_options::none());

#if MODELMESH_GCC12_COROUTINES
    // g++ < 13 destroys such a temporary twice inside co_await: name the request instead.
    task<file> create(request&&, const call_options& = call_options::none()) = delete;
    task<result<file>> try_create(request&&, const call_options& = call_options::none()) = delete;
#endif

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};
} // namespace files

/// <modelmesh/api/uploads.hpp>
namespace uploads {
struct request;
struct upload;
struct part;
struct completion;

/// `client.uploads.parts`
class parts_resource {
public:
    /// Adds a part, which is read while it is sent. Parts may be sent at the same time; complete() says in which
    /// order they are.
    [[nodiscard]] task<part> create(std::string_view upload_id, const http::attachment& data,
                                    const call_options& opt = call_options::none());
    [[nodiscard]] task<result<part>> try_create(std::string_view upload_id, const http::attachment& data,
                                                const call_options& opt = call_options::none());

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};

/// `client.uploads`: a large file in parts.
class resource {
public:
    parts_resource parts;

    [[nodiscard]] task<upload> create(const request& req, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<upload>> try_create(const request& req,
                                                  const call_options& opt = call_options::none());

    /// Makes the file, which is in the reply, of the parts.
    [[nodiscard]] task<upload> complete(std::string_view id, const completion& of,
                                        const call_options& opt = call_options::none());
    [[nodiscard]] task<result<upload>> try_complete(std::string_view id, const completion& of,
                                                    const call_options& opt = call_options::none());

    [[nodiscard]] task<upload> cancel(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<upload>> try_cancel(std::string_view id,
                                                  const call_options& opt = call_options::none());

#if MODELMESH_GCC12_COROUTINES
    task<upload> create(request&&, const call_options& = call_options::none()) = delete;
    task<result<upload>> try_create(request&&, const call_options& = call_options::none()) = delete;
    task<upload> complete(std::string_view, completion&&,
                          const call_options& = call_options::none()) = delete;
    task<result<upload>> try_complete(std::string_view, completion&&,
                                      const call_options& = call_options::none()) = delete;
#endif

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};
} // namespace uploads

namespace batches {
struct request;
struct batch;
struct list;

/// `client.batches`; its types are in <modelmesh/api/batches.hpp>.
class resource {
public:
    [[nodiscard]] task<batch> create(const request& req, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<batch>> try_create(const request& req,
                                                 const call_options& opt = call_options::none());

    /// Makes a batch of chat requests at a model of a capability or pool: routed as a call is, to models that take
    /// batches (model_delivery::batch), and on to the next where the provider takes none, or no more now. The batch
    /// is that provider's: its name is in `x_modelmesh`, for call_options::provider() of the calls about it. Where it
    /// is not known whether it was made, nobody else is asked. What it costs is in no usage and no budget.
    /// @param model     a capability, a pool or a model; those of the requests are not read.
    /// @param requests  all that the model has to be able to do; their custom ids are `request-0` and so on.
    /// Errors: besides those above and of routing, unsupported, no model of the pool takes such a batch.
    /// @throws std::invalid_argument  at once, also from the try_ form: no requests, one without messages, or a stream.
    [[nodiscard]] task<batch> submit(std::string_view model, const std::vector<chat::request>& requests,
                                     const call_options& opt = call_options::none());
    [[nodiscard]] task<result<batch>> try_submit(std::string_view model,
                                                 const std::vector<chat::request>& requests,
                                                 const call_options& opt = call_options::none());

    /// The replies to what submit() was given, in the order of its requests; each may have failed by itself. Asks the
    /// provider of the batch's `x_modelmesh` unless the option names another. What is read is 64 MiB at most.
    /// Errors: besides those above, bad_request, the batch has no replies yet.
    [[nodiscard]] task<std::vector<result<chat::reply>>> replies(
        const batch& of, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<std::vector<result<chat::reply>>>> try_replies(
        const batch& of, const call_options& opt = call_options::none());

    [[nodiscard]] task<batch> retrieve(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<batch>> try_retrieve(std::string_view id,
                                                   const call_options& opt = call_options::none());

    [[nodiscard]] task<batch> cancel(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<batch>> try_cancel(std::string_view id,
                                                 const call_options& opt = call_options::none());

    [[nodiscard]] task<batches::list> list(const page& which, const call_options& opt = call_options::none());
    [[nodiscard]] task<batches::list> list(const call_options& opt = call_options::none());
    [[nodiscard]] task<result<batches::list>> try_list(const page& which,
                                                       const call_options& opt = call_options::none());
    [[nodiscard]] task<result<batches::list>> try_list(const call_options& opt = call_options::none());

#if MODELMESH_GCC12_COROUTINES
    task<batch> create(request&&, const call_options& = call_options::none()) = delete;
    task<result<batch>> try_create(request&&, const call_options& = call_options::none()) = delete;
#endif

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};
} // namespace batches

/// <modelmesh/api/fine_tuning.hpp>
namespace fine_tuning {
struct request;
class query;
struct job;
struct job_list;
struct event_list;
struct checkpoint_list;

/// `client.fine_tuning.jobs.checkpoints`
class checkpoints_resource {
public:
    [[nodiscard]] task<checkpoint_list> list(std::string_view job_id, const page& which,
                                             const call_options& opt = call_options::none());
    [[nodiscard]] task<checkpoint_list> list(std::string_view job_id,
                                             const call_options& opt = call_options::none());
    [[nodiscard]] task<result<checkpoint_list>> try_list(std::string_view job_id, const page& which,
                                                         const call_options& opt = call_options::none());
    [[nodiscard]] task<result<checkpoint_list>> try_list(std::string_view job_id,
                                                         const call_options& opt = call_options::none());

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};

/// `client.fine_tuning.jobs`
class jobs_resource {
public:
    checkpoints_resource checkpoints;

    [[nodiscard]] task<job> create(const request& req, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<job>> try_create(const request& req,
                                               const call_options& opt = call_options::none());

    [[nodiscard]] task<job> retrieve(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<job>> try_retrieve(std::string_view id,
                                                 const call_options& opt = call_options::none());

    [[nodiscard]] task<job> cancel(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<job>> try_cancel(std::string_view id,
                                               const call_options& opt = call_options::none());
    [[nodiscard]] task<job> pause(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<job>> try_pause(std::string_view id,
                                              const call_options& opt = call_options::none());
    [[nodiscard]] task<job> resume(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<job>> try_resume(std::string_view id,
                                               const call_options& opt = call_options::none());

    [[nodiscard]] task<job_list> list(const query& which, const call_options& opt = call_options::none());
    [[nodiscard]] task<job_list> list(const call_options& opt = call_options::none());
    [[nodiscard]] task<result<job_list>> try_list(const query& which,
                                                  const call_options& opt = call_options::none());
    [[nodiscard]] task<result<job_list>> try_list(const call_options& opt = call_options::none());

    [[nodiscard]] task<event_list> list_events(std::string_view id, const page& which,
                                               const call_options& opt = call_options::none());
    [[nodiscard]] task<event_list> list_events(std::string_view id,
                                               const call_options& opt = call_options::none());
    [[nodiscard]] task<result<event_list>> try_list_events(std::string_view id, const page& which,
                                                           const call_options& opt = call_options::none());
    [[nodiscard]] task<result<event_list>> try_list_events(std::string_view id,
                                                           const call_options& opt = call_options::none());

#if MODELMESH_GCC12_COROUTINES
    task<job> create(request&&, const call_options& = call_options::none()) = delete;
    task<result<job>> try_create(request&&, const call_options& = call_options::none()) = delete;
#endif

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};

/// `client.fine_tuning`
class resource {
public:
    jobs_resource jobs;
};
} // namespace fine_tuning

} // namespace modelmesh
