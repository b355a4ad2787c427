// What can be called on a client besides chat: client.responses, client.embeddings, client.images, client.audio, ...
// The types of requests and replies are in headers of their own, which a program includes that makes such calls.
#pragma once

#include <modelmesh/api/call_options.hpp>
#include <modelmesh/api/item_stream.hpp>
#include <modelmesh/core/compiler.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <memory>
#include <string_view>

namespace modelmesh {

namespace detail {
class client_impl;
} // namespace detail

/// A part of the client that creates one kind of thing: `co_await client.embeddings.create(request)`. The
/// request's `model` names a capability, a pool or a model.
/// Threads: any thread; any number of calls may be in flight. Each completes on the executor that awaits it.
template <class Request, class Reply> class creating {
public:
    /// Sends one request and waits for the reply. A model that fails is replaced by the next one of the pool.
    /// @param req  read before this function returns; need not outlive it.
    /// @throws error  not_found (no pool or model of that name), bad_request and its kin (a pool for something
    ///         else, or the provider refused the request itself), timed_out, canceled, no_active_model; the kind that all attempts
    ///         share, or exhausted with every attempt listed.
    /// @throws std::invalid_argument  at once, also from try_create(): a text is not UTF-8, a number is infinite
    ///         or not a number.
    /// Cancellation: all types; the connection is then not reused.
    [[nodiscard]] task<Reply> create(const Request& req, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<Reply>> try_create(const Request& req,
                                                 const call_options& opt = call_options::none());

#if MODELMESH_GCC12_COROUTINES
    // g++ < 13 destroys such a temporary twice inside co_await: name the request instead.
    task<Reply> create(Request&&, const call_options& = call_options::none()) = delete;
    task<result<Reply>> try_create(Request&&, const call_options& = call_options::none()) = delete;
#endif

protected:
    friend class detail::client_impl;
    std::shared_ptr<detail::client_impl> impl_;
};

/// One that also has its reply sent as it is being made, in Items: `co_await client.responses.stream(request)`.
template <class Request, class Reply, class Item> class streaming : public creating<Request, Reply> {
public:
    /// Completes with the first content; until then a failing model is replaced by the next one, and the caller
    /// does not notice. Parameters, errors and cancellation as for create().
    [[nodiscard]] task<item_stream<Item>> stream(const Request& req,
                                                 const call_options& opt = call_options::none());
    [[nodiscard]] task<result<item_stream<Item>>> try_stream(const Request& req,
                                                             const call_options& opt = call_options::none());

#if MODELMESH_GCC12_COROUTINES
    task<item_stream<Item>> stream(Request&&, const call_options& = call_options::none()) = delete;
    task<result<item_stream<Item>>> try_stream(Request&&,
                                               const call_options& = call_options::none()) = delete;
#endif
};

struct deletion;

namespace responses {
struct request;
struct reply;
struct event;
struct item_list;
class query;
class item_query;

/// `client.responses`; its types are in <modelmesh/api/responses.hpp>. Those which were created with `store` are kept
/// by the provider that made them, and the calls about them are as those of <modelmesh/api/objects.hpp>.
class resource : public streaming<request, reply, event> {
public:
    /// One that is made in the background says by its `status` how far it is.
    [[nodiscard]] task<reply> retrieve(std::string_view id, const query& which,
                                       const call_options& opt = call_options::none());
    [[nodiscard]] task<reply> retrieve(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<reply>> try_retrieve(std::string_view id, const query& which,
                                                   const call_options& opt = call_options::none());
    [[nodiscard]] task<result<reply>> try_retrieve(std::string_view id,
                                                   const call_options& opt = call_options::none());
    /// Its events, also those that have been before: from the first, or after the one that the query names,
    /// where an earlier stream was lost. Completes when the answer begins. A read fails with what the response
    /// failed with.
    [[nodiscard]] task<item_stream<event>> retrieve_stream(std::string_view id, const query& which,
                                                           const call_options& opt = call_options::none());
    [[nodiscard]] task<item_stream<event>> retrieve_stream(std::string_view id,
                                                           const call_options& opt = call_options::none());
    [[nodiscard]] task<result<item_stream<event>>> try_retrieve_stream(
        std::string_view id, const query& which, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<item_stream<event>>> try_retrieve_stream(
        std::string_view id, const call_options& opt = call_options::none());

    /// Of one that is made in the background.
    [[nodiscard]] task<reply> cancel(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<reply>> try_cancel(std::string_view id,
                                                 const call_options& opt = call_options::none());

    /// OpenAI's `delete`.
    [[nodiscard]] task<deletion> remove(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<deletion>> try_remove(std::string_view id,
                                                    const call_options& opt = call_options::none());

    /// One page of what the response was asked with.
    [[nodiscard]] task<item_list> list_input_items(std::string_view id, const item_query& which,
                                                   const call_options& opt = call_options::none());
    [[nodiscard]] task<item_list> list_input_items(std::string_view id,
                                                   const call_options& opt = call_options::none());
    [[nodiscard]] task<result<item_list>> try_list_input_items(
        std::string_view id, const item_query& which, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<item_list>> try_list_input_items(
        std::string_view id, const call_options& opt = call_options::none());
};
} // namespace responses

namespace text_completions {
struct request;
struct reply;
using resource = streaming<request, reply, reply>; ///< <modelmesh/api/text_completions.hpp>
} // namespace text_completions

namespace rerank {
struct request;
struct reply;
using resource = creating<request, reply>; ///< <modelmesh/api/rerank.hpp>
} // namespace rerank

namespace search {
struct request;
struct reply;
using resource = creating<request, reply>; ///< <modelmesh/api/search.hpp>
} // namespace search

namespace embeddings {
struct request;
struct reply;
using resource = creating<request, reply>; ///< <modelmesh/api/embeddings.hpp>
} // namespace embeddings

namespace moderations {
struct request;
struct reply;
using resource = creating<request, reply>; ///< <modelmesh/api/moderations.hpp>
} // namespace moderations

namespace images {
struct request;
struct edit_request;
struct variation_request;
struct reply;
struct event;

/// `client.images`; its types are in <modelmesh/api/images.hpp>. Pictures of requests are read while they are sent;
/// where a model fails, the next one gets them from their beginning, if their sources can be rewound.
class resource {
public:
    /// Makes pictures. As creating::create() otherwise; a request without a model asks for "text-to-image".
    [[nodiscard]] task<reply> generate(const request& req, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<reply>> try_generate(const request& req,
                                                   const call_options& opt = call_options::none());
    /// The same with pictures that are still coming, where the request has `partial_images`, and the complete one
    /// at last. Completes with the first picture; until then a failing model is replaced by the next one.
    [[nodiscard]] task<item_stream<event>> generate_stream(const request& req,
                                                           const call_options& opt = call_options::none());
    [[nodiscard]] task<result<item_stream<event>>> try_generate_stream(
        const request& req, const call_options& opt = call_options::none());

    /// Makes pictures of pictures. As creating::create() otherwise; a request without a model asks for
    /// "image-to-image".
    /// @throws std::invalid_argument  also: the request has no image.
    [[nodiscard]] task<reply> edit(const edit_request& req, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<reply>> try_edit(const edit_request& req,
                                               const call_options& opt = call_options::none());
    /// The same as a stream; see generate_stream().
    [[nodiscard]] task<item_stream<event>> edit_stream(const edit_request& req,
                                                       const call_options& opt = call_options::none());
    [[nodiscard]] task<result<item_stream<event>>> try_edit_stream(
        const edit_request& req, const call_options& opt = call_options::none());

    /// Makes others like a picture. As edit() otherwise.
    [[nodiscard]] task<reply> create_variation(const variation_request& req,
                                               const call_options& opt = call_options::none());
    [[nodiscard]] task<result<reply>> try_create_variation(const variation_request& req,
                                                           const call_options& opt = call_options::none());

#if MODELMESH_GCC12_COROUTINES
    task<reply> generate(request&&, const call_options& = call_options::none()) = delete;
    task<result<reply>> try_generate(request&&, const call_options& = call_options::none()) = delete;
    task<item_stream<event>> generate_stream(request&&, const call_options& = call_options::none()) = delete;
    task<result<item_stream<event>>> try_generate_stream(request&&,
                                                         const call_options& = call_options::none()) = delete;
    task<reply> edit(edit_request&&, const call_options& = call_options::none()) = delete;
    task<result<reply>> try_edit(edit_request&&, const call_options& = call_options::none()) = delete;
    task<item_stream<event>> edit_stream(edit_request&&, const call_options& = call_options::none()) = delete;
    task<result<item_stream<event>>> try_edit_stream(edit_request&&,
                                                     const call_options& = call_options::none()) = delete;
    task<reply> create_variation(variation_request&&, const call_options& = call_options::none()) = delete;
    task<result<reply>> try_create_variation(variation_request&&,
                                             const call_options& = call_options::none()) = delete;
#endif

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};
} // namespace images

/// <modelmesh/api/audio.hpp>
namespace audio {
struct speech_request;
struct recording;
struct transcription_request;
struct translation_request;
struct transcription;
struct transcription_event;

/// `client.audio.speech`
class speech_resource {
public:
    /// Text to speech, as a whole. As creating::create() otherwise.
    [[nodiscard]] task<recording> create(const speech_request& req,
                                         const call_options& opt = call_options::none());
    [[nodiscard]] task<result<recording>> try_create(const speech_request& req,
                                                     const call_options& opt = call_options::none());
    /// The same while it is being made. Completes with the first bytes; until then a failing model is
    /// replaced by the next one.
    [[nodiscard]] task<byte_stream> stream(const speech_request& req,
                                           const call_options& opt = call_options::none());
    [[nodiscard]] task<result<byte_stream>> try_stream(const speech_request& req,
                                                       const call_options& opt = call_options::none());

#if MODELMESH_GCC12_COROUTINES
    task<recording> create(speech_request&&, const call_options& = call_options::none()) = delete;
    task<result<recording>> try_create(speech_request&&, const call_options& = call_options::none()) = delete;
    task<byte_stream> stream(speech_request&&, const call_options& = call_options::none()) = delete;
    task<result<byte_stream>> try_stream(speech_request&&,
                                         const call_options& = call_options::none()) = delete;
#endif

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};

/// `client.audio`. Files of requests are read while they are sent; where a model fails, the next one gets the
/// file from its beginning, if its source can be rewound.
class resource {
public:
    speech_resource speech;
    /// The last event of a stream has the whole text.
    streaming<transcription_request, transcription, transcription_event> transcriptions;
    creating<translation_request, transcription> translations;
};
} // namespace audio

namespace models {
struct model;
struct list;

/// `client.models`; its types are in <modelmesh/api/models.hpp>.
class resource {
public:
    /// The models of all providers, by the names under which each can be asked for: `<provider>.<model>`.
    /// Asks providers as client::ready() does, whose errors it shares.
    [[nodiscard]] task<modelmesh::models::list> list();
    [[nodiscard]] task<result<modelmesh::models::list>> try_list();

    /// One model, by any name that requests may have: its own as in list(), its vendor's, or that of a pool or
    /// of a capability, which stands for the model that is asked now. It is told as in list(), by what the mesh
    /// knows; where the mesh knows no such model, or `opt` names a provider, that provider is asked, as in
    /// remove(). Completes, and fails, as list() and as the calls of <modelmesh/api/objects.hpp>.
    /// @param id   read before this function returns.
    /// @param opt  `provider`: what it says itself of the model, which is more than the mesh knows.
    [[nodiscard]] task<model> retrieve(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<model>> try_retrieve(std::string_view id,
                                                   const call_options& opt = call_options::none());

    /// OpenAI's `delete`: of a model that was fine-tuned. A call about an object of one provider, as those of
    /// <modelmesh/api/objects.hpp>: of the provider with whose name the id begins as in list()
    /// (`<provider>.<model>`), unless `opt` names another; else of that which `opt` names, or of the first. The
    /// mesh goes on listing the model until another client is made.
    [[nodiscard]] task<deletion> remove(std::string_view id, const call_options& opt = call_options::none());
    [[nodiscard]] task<result<deletion>> try_remove(std::string_view id,
                                                    const call_options& opt = call_options::none());

private:
    friend class modelmesh::detail::client_impl;
    std::shared_ptr<modelmesh::detail::client_impl> impl_;
};
} // namespace models

} // namespace modelmesh
