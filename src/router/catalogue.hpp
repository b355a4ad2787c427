// What the providers serve: asks those that were configured without models, and keeps the snapshot that is
// made of the answers.
#pragma once

#include "router/snapshot.hpp"
#include "router/transport.hpp"

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
    std::vector<std::string> models; ///< empty: the provider is asked
};

/// Threads: may be used from any thread, each with the transport of its own event loop. Providers are asked
/// all at once; whoever comes while they are being asked waits for the same answers.
class catalogue : public std::enable_shared_from_this<catalogue> {
public:
    /// Longest wait for a provider's list.
    static constexpr std::chrono::seconds list_limit{10};
    /// How long a provider that gave no list is left alone.
    static constexpr std::chrono::seconds cooldown{30};

    /// @param log  outlives the catalogue; may be null. @param ledger  counts the calls; may be null.
    /// @param configured  what is set for single models.
    /// @param prepare  sees each snapshot before any request does; may be empty.
    catalogue(std::vector<provider_plan> providers, std::vector<pool_plan> pools, log_sink* log,
              std::shared_ptr<budget::book> ledger = nullptr,
              std::function<void(const snapshot&)> prepare = {}, model_plans configured = {});

    /// What requests are routed on now.
    [[nodiscard]] std::shared_ptr<const snapshot> current() const;

    /// Completes when every provider without configured models has been asked and there are models to route
    /// on. The first caller asks, all providers at once; it waits for the slowest, or half of its time,
    /// because a pool tries its models in the order of the configuration, whoever answers first. Later
    /// callers return at once, and ask again only while no provider at all has a model. Errors: timed_out,
    /// canceled; when no provider has a model, the kind that their failures share, else no_active_model, with
    /// a line for each provider.
    /// @param via  outlives the task.
    static task<result<void>> ready(std::shared_ptr<catalogue> self, transport& via, time_point deadline);

    /// Whether ready() returns at once.
    [[nodiscard]] bool is_ready() const noexcept { return ready_.load(std::memory_order_acquire); }

    /// Whether it is time to ask the providers again that gave no list. True for one caller, who then calls
    /// refresh(), where no request waits for it.
    [[nodiscard]] bool claim_refresh(time_point now) noexcept;
    static task<void> refresh(std::shared_ptr<catalogue> self, transport& via);

private:
    /// A caller that waits for the answers to another's questions.
    struct waiter;
    class place_in_line;
    class turn;
    class listing;

    static task<listing> ask_one(std::shared_ptr<catalogue> self, std::size_t index, transport* via,
                                 time_point limit);
    static task<result<void>> ask_all(std::unique_ptr<turn> mine, std::shared_ptr<catalogue> self,
                                      transport* via, time_point deadline);
    static task<result<void>> wait_in_line(std::shared_ptr<waiter> place, duration limit);

    // The first two are called under the lock (or by the constructor).
    [[nodiscard]] std::unique_ptr<turn> take_turn();
    [[nodiscard]] std::vector<std::size_t> unlisted() const;
    [[nodiscard]] std::shared_ptr<const snapshot> build(
        const std::vector<std::vector<connector::model_info>>& models, const snapshot* previous) const;
    /// @pre the caller has the turn.
    /// @param is_curtailed  the caller's own end, not the providers', ended the questions.
    [[nodiscard]] result<void> take_in(std::vector<listing> listings, bool is_curtailed, time_point now);
    [[nodiscard]] fault no_models(const std::vector<listing>& failed, bool is_curtailed) const;
    void report(const listing& failed) const;

    const std::vector<provider_plan> providers_;
    const std::vector<pool_plan> pools_;
    log_sink* const log_;
    const std::shared_ptr<budget::book> ledger_;
    const std::function<void(const snapshot&)> prepare_;
    const model_plans configured_;

    mutable std::mutex mutex_; ///< guards what follows; never held over I/O
    std::shared_ptr<const snapshot> snapshot_;
    std::vector<std::vector<connector::model_info>> models_; ///< per provider; empty: not known
    bool asking_ = false;
    std::list<std::shared_ptr<waiter>> waiting_;

    /// Release after snapshot_ has models, acquire before requests skip the question. Never taken back.
    std::atomic<bool> ready_{false};
    /// When to ask again. Relaxed: it guards no data, and the exchange in claim_refresh picks one caller.
    std::atomic<time_point> refresh_at_{time_point::max()};
};

} // namespace modelmesh::router
