// What requests are routed on: asks the providers that were configured without models, keeps the snapshot that is
// made of the answers, and puts another configuration in its place.
#pragma once

#include "core/published.hpp"
#include "router/credentials.hpp"
#include "router/saved_state.hpp"
#include "router/snapshot.hpp"
#include "router/transport.hpp"

#include <modelmesh/config/key_source.hpp>
#include <modelmesh/connector/discovery.hpp>
#include <modelmesh/core/log.hpp>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace modelmesh::router {

/// A provider as it was configured.
struct provider_plan {
    provider_entry entry;
    std::string connector;                        ///< id of entry.codec
    std::vector<std::string> models;              ///< empty: the provider is asked
    std::shared_ptr<const key_source> key_from{}; ///< what entry.renewal reads; null: there is none
};

/// Who lists the models of the providers that were configured without any.
struct discovery_plan {
    std::shared_ptr<connector::discovery> from{}; ///< null: their servers, once
    std::string settings{};                       ///< what `from` was made of; empty: the program made it
    duration interval{};                          ///< how old a list may become; 0: any age
};

/// What a configuration says of models and of where they are.
struct mesh_plan {
    std::vector<provider_plan> providers{};
    std::vector<pool_plan> pools{};
    model_plans models{}; ///< what is set for single ones
    discovery_plan discovery{};
};

/// Threads: may be used from any thread, each with the transport of its own event loop. Providers are asked
/// all at once; whoever comes while they are being asked waits for the same answers.
class catalogue : public credentials, public std::enable_shared_from_this<catalogue> {
public:
    /// Longest wait for a provider's list.
    static constexpr std::chrono::seconds list_limit{10};
    /// How long a provider that gave no list is left alone.
    static constexpr std::chrono::seconds cooldown{30};
    /// Longest wait of a request for a provider's key that is read again.
    static constexpr std::chrono::seconds key_limit{10};

    /// @param log  outlives the catalogue; may be null. @param ledger  counts the calls; may be null.
    /// @param saved  what models begin with; may be null.
    explicit catalogue(mesh_plan from, log_sink* log = nullptr,
                       std::shared_ptr<budget::book> ledger = nullptr,
                       std::shared_ptr<saved_state> saved = nullptr);

    /// What requests are routed on now. Takes no lock; see core::published.
    [[nodiscard]] std::shared_ptr<const snapshot> current() const { return published_.load(); }

    struct replacement {
        std::shared_ptr<const snapshot> before;
        std::shared_ptr<const snapshot> after;
    };
    /// Routes by another configuration from now on. Calls under way end on the snapshot that they began with. What
    /// is known stays: keys that were read again where `key_from` is the same place, endpoints and connectors of
    /// providers that are the same as before and the lists of their models, the state of models and pools
    /// (build_snapshot), and what the ledger has counted. Requests wait for the lists of new providers only where no
    /// other has a model. Threads: any; one after the other.
    /// @param before_it_serves  is called when nothing but this can fail any more, and must change nothing when it
    /// throws; may be empty. @throws  what connectors, policies and this throw: nothing has changed.
    replacement replace(mesh_plan next, budget::plan money, std::chrono::system_clock::time_point wall,
                        const std::function<void(const replacement&)>& before_it_serves = {});

    /// Completes when every provider without configured models has been asked and there are models to route
    /// on. The first caller asks, all providers at once; it waits for the slowest, or half of its time,
    /// because a pool tries its models in the order of the configuration, whoever answers first. Later
    /// callers return at once, and ask again only while no provider at all has a model. Errors: timed_out,
    /// canceled; when no provider has a model, the kind that their failures share, else no_active_model, with
    /// a line for each provider.
    /// @param via  outlives the task.
    static task<result<void>> ready(std::shared_ptr<catalogue> self, transport& via, time_point deadline);

    /// Whether ready() returns at once.
    [[nodiscard]] bool is_ready() const { return current()->is_ready; }

    /// Whether it is time to ask the providers again that gave no list, or all of them, because the lists are too old
    /// by the configuration. True for one caller, who then calls refresh(), where no request waits for it.
    [[nodiscard]] bool claim_refresh(time_point now) noexcept;
    static task<void> refresh(std::shared_ptr<catalogue> self, transport& via);

    /// Reads the key again, if nobody has done so, and routes with it from now on. What is known stays as in replace().
    /// Takes half of the caller's time at most: other models may be left.
    task<result<std::shared_ptr<const snapshot>>> renew(transport& via, refusal of) override;

private:
    /// A caller that waits for the answers to another's questions.
    struct waiter;
    class place_in_line;
    class turn;
    class listing;
    class asked_provider;

    using model_lists = std::vector<std::vector<connector::model_info>>; ///< by provider; empty: not known

    static task<listing> ask_one(std::shared_ptr<const mesh_plan> of, std::size_t index, transport* via,
                                 time_point limit);
    /// Nothing: another configuration came meanwhile, and its providers may have to be asked.
    static task<std::optional<result<void>>> ask_all(std::unique_ptr<turn> mine,
                                                     std::shared_ptr<catalogue> self, transport* via,
                                                     time_point deadline);
    static task<result<std::shared_ptr<const snapshot>>> renew_key(std::shared_ptr<catalogue> self,
                                                                   transport* via, refusal of);
    /// Puts a key in the place of the one that was refused, unless another is there.
    void replace_key(const refusal& of, const std::string& key);
    static task<result<void>> wait_in_line(std::shared_ptr<waiter> place, duration limit);

    // The first three are called under the lock (or by the constructor).
    [[nodiscard]] std::unique_ptr<turn> take_turn();
    [[nodiscard]] std::vector<std::size_t> unlisted() const;
    [[nodiscard]] bool has_discovered() const;
    [[nodiscard]] std::shared_ptr<snapshot> build(const mesh_plan& from, const model_lists& models,
                                                  const snapshot* previous) const;
    /// Routes on it from now on.
    void publish(const std::shared_ptr<const snapshot>& picture);
    /// @pre the caller has the turn. @param asked  what was configured when it asked.
    /// @param is_curtailed  the caller's own end, not the providers', ended the questions.
    /// @param is_sync  all were asked, also those whose models were known.
    [[nodiscard]] std::optional<result<void>> take_in(const mesh_plan& asked, std::vector<listing> listings,
                                                      bool is_curtailed, bool is_sync, time_point now);
    [[nodiscard]] static fault no_models(const mesh_plan& asked, const std::vector<listing>& failed,
                                         bool is_curtailed);
    void report(const mesh_plan& asked, const listing& failed) const;
    void report_changes(const std::string& provider, const std::vector<connector::model_info>& before,
                        const std::vector<connector::model_info>& after) const;

    log_sink* const log_;
    const std::shared_ptr<budget::book> ledger_;
    const std::shared_ptr<saved_state> saved_;

    /// Held while a snapshot is made and put in the place of the one that it was made from; taken before mutex_.
    std::mutex changing_;
    core::published<snapshot> published_;

    mutable std::mutex mutex_; ///< guards what follows; never held over I/O
    std::shared_ptr<const mesh_plan> plan_;
    model_lists models_;
    bool asking_ = false;
    time_point sync_at_ = time_point::max(); ///< when lists are too old
    std::list<std::shared_ptr<waiter>> waiting_;

    /// When to ask again. Relaxed: it guards no data, and the exchange in claim_refresh picks one caller.
    std::atomic<time_point> refresh_at_{time_point::max()};
};

} // namespace modelmesh::router
