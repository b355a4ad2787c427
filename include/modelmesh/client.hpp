// The client and the functions that make one.
#pragma once

#include <modelmesh/api/completions.hpp>
#include <modelmesh/api/objects.hpp>
#include <modelmesh/api/resources.hpp>
#include <modelmesh/api/usage_report.hpp>
#include <modelmesh/config/config.hpp>
#include <modelmesh/reload.hpp>
#include <modelmesh/router/capability_tree.hpp>
#include <modelmesh/router/introspection.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh {

namespace connector {
class registry; // <modelmesh/connector/registry.hpp>
}
class log_sink;   // <modelmesh/core/log.hpp>
class middleware; // <modelmesh/middleware.hpp>

/// A handle to the mesh: cheap to copy, bound to no executor. Idle connections are kept by the event loop
/// that made them, and are closed with it. A call runs on the event loop that awaits it when that loop is an
/// `asio::io_context` made with the concurrency hint 1; on any other executor it runs on an I/O thread of the
/// library and completes on the caller's executor. Providers that did not say which models they have are
/// asked again on that thread, once in half a minute. Destroying the last copy joins the thread when it was
/// started: that takes no longer than cancelling what runs there, except while a host's name is being looked
/// up, because getaddrinfo cannot be interrupted and is waited for. Threads: may be used from any thread.
class client {
public:
    modelmesh::chat::resource chat;                    ///< client.chat.completions.create(...)
    modelmesh::responses::resource responses;          ///< client.responses.create(...)
    modelmesh::embeddings::resource embeddings;        ///< client.embeddings.create(...)
    modelmesh::moderations::resource moderations;      ///< client.moderations.create(...)
    modelmesh::images::resource images;                ///< client.images.generate(...)
    modelmesh::audio::resource audio;                  ///< client.audio.speech.create(...)
    modelmesh::rerank::resource rerank;                ///< client.rerank.create(...)
    modelmesh::search::resource search;                ///< client.search.create(...)
    modelmesh::text_completions::resource completions; ///< client.completions.create(...), the older kind
    modelmesh::models::resource models;                ///< client.models.list()
    modelmesh::files::resource files;                  ///< client.files.create(...)
    modelmesh::uploads::resource uploads;              ///< client.uploads.parts.create(...)
    modelmesh::batches::resource batches;              ///< client.batches.create(...)
    modelmesh::fine_tuning::resource fine_tuning;      ///< client.fine_tuning.jobs.create(...)

    /// Asks providers that were configured without models which ones they serve, all at once and 10 s at
    /// most. The first call does it otherwise. A model whose name says that it is none for chat is in no
    /// pool, but answers to its name.
    /// @throws error  when no provider has a model: the kind of failure that all of them share, else
    ///         no_active_model, with a line for each.
    [[nodiscard]] task<void> ready();
    [[nodiscard]] task<result<void>> try_ready();

    /// Opens connections, so that the first requests wait for no handshake: to all providers at once, to each
    /// one after the other, with 10 seconds for every connection. They serve the calls of the event loop on
    /// which a call that is awaited here would run, and rest there for 55 seconds unless used.
    /// @param connections  at each provider, 32 at most, those counted that rest already; one where HTTP/2
    ///         serves all, and none where a request is just opening that one; 0 does nothing.
    /// @throws error  when some failed, after all have been tried: the kind of the first failure, and a line
    ///         for each. What was opened stays. Cancellation: all types; the error is `canceled`.
    [[nodiscard]] task<void> warm_up(std::size_t connections = 1);
    [[nodiscard]] task<result<void>> try_warm_up(std::size_t connections = 1);

    /// Writes what the client knows to its storage (config::storage), with nothing left out: what its calls have spent
    /// and used, which models are out of service. Destroying the last copy of the client does the same; a program
    /// that may be ended otherwise can do it before. Completes at once when nothing is kept.
    /// @throws error  storage: it could not be written. It is tried again while the client lives. Cancellation: all
    ///         types; the error is `canceled`, and the write goes on.
    [[nodiscard]] task<void> flush();
    [[nodiscard]] task<result<void>> try_flush();

    /// What can be asked for: every node of the capability tree, those of the configuration among them, with
    /// the pool that a request for it goes to and the number of models that have it, as known now (see
    /// ready()). In the order of the tree: parents before their children. Cost: a copy of some hundred strings.
    [[nodiscard]] std::vector<capability::offer> capabilities() const;

    /// What this client's calls have used and cost, and what its budgets have left: a picture of this moment,
    /// summed up here over the models that were asked. Calls under way are in it when they end.
    [[nodiscard]] usage_report usage() const;

    /// Goes on with another configuration, for all copies of the client. Calls under way end with the one that they
    /// began with; no call waits or fails for the change, unless nothing but providers that have to be asked for
    /// their models is left. What is known stays: of a model by its id (failures, latency, limits), of a pool by its
    /// name, of budgets and usage by scope and name, under the new limits and prices. Connections to providers that
    /// are the same are kept, those to others are closed when no call needs them. A provider with another key or
    /// address begins without the failures of the one before. New providers are asked for their models on the
    /// library's I/O thread. Does no I/O, but for the certificate files that it names. Threads: any. Cost: as making
    /// a client. The log gets `config.reloaded` or `config.rejected`.
    /// @throws error  config: every problem found, one line each; nothing has changed.
    reload_report reload(const config& next);
    [[nodiscard]] result<reload_report> try_reload(const config& next);
    /// The same from files: reload(load_config(paths)), with the client's connectors and log.
    reload_report reload_from_files(const std::vector<std::string>& paths);
    [[nodiscard]] result<reload_report> try_reload_from_files(const std::vector<std::string>& paths);

    /// Reloads from these files whenever they change, until the watch is destroyed: also when a file is replaced by
    /// another of its name, or is reached through symbolic links that are moved, as Kubernetes does. A file that is
    /// not valid changes nothing, and is tried again when it changes. Runs on the library's I/O thread, which it
    /// starts. Each outcome goes to the log and to `options`.
    /// @throws error  config: a directory of these files cannot be watched.
    [[nodiscard]] config_watch watch(std::vector<std::string> paths, watch_options options = watch_options());

    /// Where a call would go now, and why not elsewhere. Nothing is moved, reserved or asked; what providers serve is
    /// as known now (see ready()). Without a request, what the name alone says: any operation, of no cost.
    /// @param name  a pool, a capability or a model. @param opt  the provider in it is that of the call.
    /// @throws error  not_found, naming the nearest names; bad_request, as for the call.
    [[nodiscard]] explanation explain(const modelmesh::chat::request& request,
                                      const call_options& opt = call_options::none()) const;
    [[nodiscard]] result<explanation> try_explain(const modelmesh::chat::request& request,
                                                  const call_options& opt = call_options::none()) const;
    [[nodiscard]] explanation explain(std::string_view name,
                                      const call_options& opt = call_options::none()) const;
    [[nodiscard]] result<explanation> try_explain(std::string_view name,
                                                  const call_options& opt = call_options::none()) const;

    /// The pools of the configuration with their models, in its order; or one pool, by any name that a request may
    /// use, also that of a single model.
    /// @throws error  not_found, naming the nearest names.
    [[nodiscard]] std::vector<modelmesh::pool_status> pool_status() const;
    [[nodiscard]] modelmesh::pool_status pool_status(std::string_view pool) const;
    [[nodiscard]] result<modelmesh::pool_status> try_pool_status(std::string_view pool) const;

    /// Providers with at least one model in service, by their names in the configuration and in its order.
    [[nodiscard]] std::vector<std::string> active_providers() const;

    /// Takes the model in front of a pool out of service, for this pool only and until reactivate() brings it back:
    /// it does not come back by itself. Calls under way at it go on. Returns the id of the model that comes next.
    /// @throws error  not_found, naming the nearest names; no_active_model, nobody would take its place: nothing has
    ///         changed.
    std::string rotate(std::string_view pool);
    [[nodiscard]] result<std::string> try_rotate(std::string_view pool);
    /// Brings a model of a pool back at once and forgets its failures. A provider that is out is not brought back by that.
    /// @param model  its id, or the vendor's name. @throws error  not_found, naming the nearest names.
    void reactivate(std::string_view pool, std::string_view model);
    [[nodiscard]] result<void> try_reactivate(std::string_view pool, std::string_view model);
    /// Brings a provider back at once whose key was refused, that was down, or that said to come back later; with
    /// `provider_recovery: [on_manual]` nothing else does. What put single models out of service stays.
    /// @param provider  its name in the configuration. @throws error  not_found, naming those there are.
    void reactivate_provider(std::string_view provider);
    [[nodiscard]] result<void> try_reactivate_provider(std::string_view provider);

    /// Lines for people: each pool, how it chooses, its capability and its models; an arrow shows the one
    /// that would get the next request. Models in none of the pools are pools of their own, at the end.
    [[nodiscard]] std::string describe() const;
    /// The same of one pool, as pool_status() finds it. @throws error  not_found, naming the nearest names.
    [[nodiscard]] std::string describe(std::string_view pool) const;

private:
    friend class detail::client_impl;
    client() = default;
    std::shared_ptr<detail::client_impl> impl_;
};

/// What a program brings to a client of its own.
class client_options {
public:
    client_options() = default;
    /// Where connector ids are looked up; read while the client is made. Null: those that ship with the library.
    const connector::registry* connectors = nullptr;
    log_sink* log = nullptr; ///< receives events; must outlive the client. May be null
    /// What is around every call (<modelmesh/middleware.hpp>), the outermost first. Shared with the client.
    std::vector<std::shared_ptr<middleware>> middlewares{};
};

/// Makes a client from what the environment offers: OPENAI_API_KEY and OPENAI_BASE_URL (both, or one of
/// them), OLLAMA_HOST, VLLM_HOST. Does no I/O.
/// @param capability  a capability in any spelling, for example "chat-completion"; also the name of the pool.
/// @throws error  config: no provider is configured (the message names the variables to set), or the
///         capability's name is malformed.
[[nodiscard]] client create(std::string_view capability);

/// What a program says about the client that create() makes from the environment.
struct create_options {
    std::vector<std::string> capabilities{
        "chat-completion"};               ///< a pool for each, by this name, in any spelling
    std::vector<std::string> providers{}; ///< of those that are found, the ones to use, by name; empty: all
    /// The models to use, by id (`openai.gpt-4o`) or the vendor's name; empty: those that providers have.
    std::vector<std::string> models{};
    std::string strategy{}; ///< of all pools; empty: the default
    /// Keys by the name of a provider (`openai`) or of its variable, in place of what the environment has.
    named<std::string> api_keys{};
};

/// The same, with what the options say.
/// @throws error  config: as above, and a provider or a model of the options that is not there.
[[nodiscard]] client create(const create_options& options);

/// Makes a client from a configuration. Reads the certificate files that it names, and opens and reads its storage;
/// does no other I/O. With a storage, the end of its last copy blocks until what is left is written.
/// @param from  read before this function returns.
/// @param connectors  where connector ids are looked up, copied for reloads; the default has the connectors that ship
///                    with the library.
/// @param log  receives events; must outlive the client. May be null.
/// @throws error  config: every problem found, one line each.
[[nodiscard]] client create(const config& from);
[[nodiscard]] client create(const config& from, const connector::registry& connectors,
                            log_sink* log = nullptr);
/// The same with all that a program may bring of its own.
[[nodiscard]] client create(const config& from, client_options options);

/// Makes a client from a configuration file: create(load_config(path)). A name of its own, because a path and a
/// capability are both texts: create("chat") could mean either, and a mistyped path would be taken for a
/// capability. <modelmesh/config/load.hpp> has what reads several files, and shows and checks them.
/// @throws error  config: every problem found, one line each, with its place in the file.
[[nodiscard]] client create_from_file(const std::string& path);
[[nodiscard]] client create_from_file(const std::string& path, const connector::registry& connectors,
                                      log_sink* log = nullptr);

/// The configuration that create(capability) would use, from the environment variables above.
[[nodiscard]] config detect(std::string_view capability);
[[nodiscard]] config detect(const create_options& options);

} // namespace modelmesh
