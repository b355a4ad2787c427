// The immutable picture of a configuration that requests are routed on.
#pragma once

#include "budget/book.hpp"
#include "router/cron.hpp"
#include "router/needs.hpp"
#include "state/health.hpp"
#include "state/minute_limit.hpp"
#include "state/model_slot.hpp"
#include "state/pace.hpp"
#include "state/positions.hpp"
#include "state/provider_slot.hpp"
#include "state/retry_budget.hpp"

#include <modelmesh/connector/deactivation.hpp>
#include <modelmesh/connector/operation.hpp>
#include <modelmesh/connector/provider.hpp>
#include <modelmesh/connector/rotation.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/router/capability_tree.hpp>
#include <modelmesh/router/exclusion.hpp>
#include <modelmesh/router/retry.hpp>
#include <modelmesh/router/streaming.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace modelmesh::router {

class key_renewal;

/// Where a provider's server is; made and understood by the transport (src/client), opaque here.
class endpoint {
public:
    virtual ~endpoint() = default;
    /// Whether they are one server, asked in one way, so that either may stand for the other.
    [[nodiscard]] virtual bool is_same(const endpoint& other) const noexcept { return this == &other; }
    /// The same server, and connections to it are used in the same way.
    [[nodiscard]] virtual bool is_used_as(const endpoint& other) const noexcept { return is_same(other); }
    /// The same text in every process; empty: it has none.
    [[nodiscard]] virtual std::string address() const { return {}; }
};

struct provider_entry {
    std::string id; ///< name in the configuration
    std::string base_path;
    std::string api_key;
    bool may_be_asked_twice = false;    ///< a call that was lost with its connection
    std::optional<duration> timeout;    ///< of one attempt
    unsigned max_retries = UINT32_MAX;  ///< of one call at one of its models
    std::vector<int> retryable_codes{}; ///< before those of a pool, as the next
    std::vector<int> non_retryable_codes{};
    std::shared_ptr<const connector::provider> codec;
    std::shared_ptr<const endpoint> where;
    std::shared_ptr<state::provider_slot> slot{}; ///< the same in the next snapshot while the key is
    std::shared_ptr<key_renewal> renewal{};       ///< null: the key is what the configuration says, for good
    state::minute_rule lets_through{};            ///< of all its models, with this key
    std::shared_ptr<state::minute_limit> limit{}; ///< that of the key; null: there is none

    /// Takes the key out of a server's text: a server may echo the key that it refuses.
    void redact(std::string& text) const;

    [[nodiscard]] connector::target target_for(std::string_view model) const noexcept {
        return {base_path, model, api_key};
    }
};

/// Whether both are one account on one server: what is known of its models holds for the other, too.
[[nodiscard]] bool is_same_account(const provider_entry& a, const provider_entry& b) noexcept;
/// By which another process knows the account again. Too short to tell anything of the key.
[[nodiscard]] std::uint32_t mark_of_account(const provider_entry& of);

struct model_entry {
    std::string id;   ///< `<provider>.<wire name>`, unique
    std::string name; ///< the vendor's own name
    const provider_entry* provider;
    std::vector<std::string> capabilities;   ///< canonical; none: answers only those who name it
    std::shared_ptr<state::model_slot> slot; ///< the same in the next snapshot
    std::uint32_t operations = 0;            ///< bit_of() each that its capabilities are good for
    model_traits traits{};
    std::shared_ptr<state::minute_limit> limit{}; ///< null: there is none of its own
};

/// By its id, or by the vendor's name.
[[nodiscard]] inline bool is_called(const model_entry& model, std::string_view name) noexcept {
    return model.id == name || model.name == name;
}

/// Of a set of operations.
[[nodiscard]] constexpr std::uint32_t bit_of(operation what) noexcept {
    return std::uint32_t{1} << static_cast<unsigned>(what);
}

/// What a pool does about a provider as a whole.
struct provider_rule {
    bool on_auth_failure = true;
    bool on_api_outage = false;
    bool returns_by_probe = true;
    state::outage_rule outage{3, 10, std::chrono::seconds(30)};
};

/// Health and position of one pool; mutable, shared by all threads. A pool of the next snapshot shares the
/// slots of the models that both have.
struct pool_state {
    std::vector<std::shared_ptr<state::health_slot>> health; ///< indexed like pool::models
    /// Index of the model that a policy stays on. Relaxed: it is a hint, and any valid index is correct.
    std::atomic<std::uint32_t> cursor{0};
    state::position_table positions{0}; ///< of the pool's policy
    /// When to look at the pool's maintenance windows, in ms of the steady clock. Relaxed: a hint as well.
    std::atomic<std::int64_t> windows_due{0};
    /// When they were looked at last, in ms of the wall clock; relaxed, too.
    std::atomic<std::int64_t> windows_seen{0};
    std::vector<std::shared_ptr<state::pace_slot>>
        paces; ///< indexed like pool::models; empty: the pool has none
    std::shared_ptr<state::retry_budget> retries = std::make_shared<state::retry_budget>();
    /// Of second attempts beside others.
    std::shared_ptr<state::retry_budget> hedges = std::make_shared<state::retry_budget>();
};

/// What takes models of a pool out of service besides the failures that health_slot counts.
struct outcome_rules {
    std::shared_ptr<const connector::deactivation_policy> deactivation;
    std::shared_ptr<const connector::recovery_policy> recovery;
    bool is_daily = false; ///< use is counted by day, else by month
};

/// When a model is not asked, or all models of a pool.
struct maintenance_window {
    std::string model; ///< id; empty: all
    cron begins;
    std::chrono::seconds lasts;
    budget::time_zone zone{}; ///< whose clocks say when it begins
};

/// What happens to requests when all models have had as many as a pool's pace lets them.
struct pace_plan {
    state::pace_rule rule{};
    bool delays = false; ///< they wait; else they go where the policy says
};

/// A model of a pool, as selection looks at it: all in one place, because it looks at each.
struct pool_member {
    const provider_entry* provider;
    std::uint32_t operations; ///< bit_of() each that it is asked for
    model_traits traits;
};

enum class pool_kind : std::uint8_t {
    configured,
    of_one_model, ///< for requests that name it
    joint,        ///< of the models of several pools, for requests that name a capability above theirs
};

/// What a pool does with streams that break off.
struct streaming_plan {
    stream_failure_action on_failure = stream_failure_action::error;
    duration hold_back{}; ///< from the first content on
    unsigned max_failovers = 2;
};

/// Fewer latencies than these say too little about what is unusual.
inline constexpr unsigned least_hedging_samples = 20;

/// When a pool makes a second attempt beside one that takes long.
struct hedging_plan {
    bool is_enabled = false;
    double percentile = 95; ///< of the model's recent latencies
    duration min_delay{};
    double max_extra_load = 0.05; ///< second attempts per request
};

struct pool {
    std::string name;
    std::string capability; ///< canonical; empty: it has the models that it names
    pool_kind kind = pool_kind::configured;
    std::vector<const model_entry*> models;
    std::vector<pool_member> members; ///< indexed like models
    /// What some of its models lack, and the least that they take: nothing else of a request matters to it.
    model_traits least{};
    std::vector<connector::rotation_model> known; ///< of each model, for the policy
    state::trip_rule trips_at;
    std::string strategy; ///< what the policy is called in the configuration
    /// Null: the first model that may be asked.
    std::shared_ptr<const connector::rotation_policy> policy;
    std::shared_ptr<pool_state> state;
    bool rotates_on_budget = false;         ///< a model that a budget forbids is passed over
    bool rotates_on_content_filter = false; ///< another model is asked for what one refuses to talk about
    streaming_plan streaming{};
    retry_config retry{};
    provider_rule providers{};
    hedging_plan hedging{};
    bool probes_on_start = false; ///< what failures took out in an earlier life may be probed at once
    /// HTTP statuses that count against health; empty: as the failure's kind says.
    std::vector<int> error_codes{};
    std::shared_ptr<const outcome_rules> rules; ///< null: there are none
    std::vector<maintenance_window> windows;
    pace_plan pace;
    bool is_limited = false; ///< some of its models has a limit, its own or that of its provider's key
    std::string session_key; ///< member of `metadata` that names a session
    /// Of a joint pool, for each model: where it comes from, and is judged.
    struct origin {
        const pool* of;
        std::size_t index;
    };
    std::vector<origin> origins;
    std::vector<std::shared_ptr<budget::line>> lines{}; ///< indexed like models; empty: nothing is counted
};

/// What a call wants of a pool's models.
struct scope {
    const provider_entry* only = nullptr; ///< its models; null: those of any provider
    std::uint32_t operations =
        0; ///< those that are good for one of these; 0: whatever, the caller has named one
    request_needs needs{};
    bool is_spare = false; ///< the call goes on without it as well: nobody is asked who would rather not be
};

/// What of a request's needs a model does not meet.
[[nodiscard]] inline exclusion unmet(const request_needs& needs, const model_traits& model) noexcept {
    if (!needs.are_met_by(model))
        return (needs.bits & model.lacks & delivery_needs) != 0 ? exclusion::other_delivery
                                                                : exclusion::missing_feature;
    return needs.fit(model) ? exclusion::none : exclusion::too_small;
}

/// What speaks against a model for such a call at any time; its health is looked at behind this, in why_not().
/// @param has_needs  asked.needs.any(), for those who look at many models.
[[nodiscard]] inline exclusion ineligible(const pool& in, std::size_t index, const scope& asked,
                                          bool has_needs) noexcept {
    const pool_member& model = in.members[index];
    if (asked.only != nullptr && model.provider != asked.only) return exclusion::other_provider;
    if (asked.operations != 0 && (model.operations & asked.operations) == 0)
        return exclusion::other_operation;
    return has_needs ? unmet(asked.needs, model.traits) : exclusion::none;
}
[[nodiscard]] inline exclusion ineligible(const pool& in, std::size_t index, const scope& asked) noexcept {
    return ineligible(in, index, asked, asked.needs.any());
}
[[nodiscard]] inline bool is_eligible(const pool& in, std::size_t index, const scope& asked) noexcept {
    return ineligible(in, index, asked) == exclusion::none;
}

/// "; did you mean 'a', 'b'?" for those of the known names that are near; nothing when none is.
[[nodiscard]] std::string did_you_mean(std::string_view name, const std::vector<std::string_view>& known);

/// Lookup of heterogeneous strings in an unordered_map.
struct string_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
        return std::hash<std::string_view>{}(text);
    }
};

/// Immutable once built; requests in flight keep the one they began with. Never moved: entries hold pointers.
struct snapshot {
    snapshot() = default;
    snapshot(const snapshot&) = delete;
    snapshot& operator=(const snapshot&) = delete;

    std::vector<std::unique_ptr<provider_entry>> providers;
    std::vector<std::unique_ptr<model_entry>> models;
    std::vector<std::unique_ptr<pool>>
        pools; ///< in configuration order; implicit pools of single models last
    /// Every node of the capability tree, those of pools and models among them.
    std::vector<capability::offer> capabilities;
    /// Every name a request may use: pools, model ids, vendors' names, and the nodes of the capability tree that a
    /// pool serves, by path, bare name and aliases.
    std::unordered_map<std::string, const pool*, string_hash, std::equal_to<>> names;
    /// Whether requests may be routed on it: every provider has been asked for its models, if it had to be, or some
    /// have while the others go on.
    bool is_ready = false;

    /// One hash lookup, unless it is a path in another spelling. A capability goes to its own pool, else to that
    /// of the nearest node above it, else below it, and to a pool without models only when there is no other;
    /// among those alike to the first in configuration order. Errors: not_found, naming the nearest known names.
    [[nodiscard]] result<const pool*> resolve(std::string_view name) const;
    /// The same for a call that asks one provider only: a vendor's name of a model that several have stands for
    /// that provider's.
    [[nodiscard]] result<const pool*> resolve(std::string_view name, const provider_entry& only) const;
    /// The provider of this name, or the first one when it is empty. Errors: not_found, naming those there are.
    [[nodiscard]] result<const provider_entry*> find_provider(std::string_view name) const;
};

/// How a pool chooses among its models.
struct rotation_plan {
    std::string strategy{};
    std::shared_ptr<const connector::rotation_policy> policy{}; ///< null: the first model that may be asked
    std::vector<std::string> model_priority{};                  ///< ids or the vendor's names, best first
    std::vector<std::string> provider_priority{};          ///< for models that model_priority does not name
    std::vector<std::pair<std::string, double>> weights{}; ///< by id or the vendor's name; 1 for the others
    unsigned latency_window = 50; ///< samples; a model of several pools has the longest
};

/// What is configured for one model of a provider.
struct model_plan {
    std::string id;
    std::string provider;
    std::string name;                        ///< the vendor's
    std::vector<std::string> capabilities{}; ///< canonical; empty: as the provider says
    model_traits traits{};
    std::vector<maintenance_window> windows{}; ///< in every pool
    state::minute_rule lets_through{};
};

/// A pool to build: the plan is the configuration with names resolved.
struct pool_plan {
    std::string name;
    std::string capability;             ///< empty: it has the models that it names
    std::vector<std::string> providers; ///< empty: all
    state::trip_rule trips_at;
    bool is_optional{false}; ///< there is none when no model would be in it
    rotation_plan rotation{};
    bool rotates_on_budget{false};
    streaming_plan streaming{};
    std::vector<std::string> models{}; ///< behind those of the capability: ids or the vendor's names
    std::vector<std::string> excluded_providers{};
    std::shared_ptr<const outcome_rules> rules{};
    std::vector<maintenance_window> windows{};
    pace_plan pace{};
    std::string session_key{"session_id"};
    bool rotates_on_content_filter{false};
    retry_config retry{};
    std::vector<int> error_codes{};
    provider_rule provider_actions{};
    hedging_plan hedging{};
    bool probes_on_start{false};
};

/// What is configured of the models, apart from their pools.
struct model_plans {
    std::vector<model_plan> models{};
    /// By provider: what its models can do, for those whose plan does not say it; canonical.
    std::vector<std::pair<std::string, std::vector<std::string>>> capabilities{};
    bool answer_by_name = true; ///< a request may name a model
};

/// Builds a snapshot, which nobody is told of yet.
/// @param models    per provider, in the order of `providers`.
/// @param previous  the snapshot that this one takes the place of; may be null. What it knows stays: of a model by
///                  its id, of a pool by its name. Where the provider is another account or server, its models'
///                  failures are forgotten, and where the strategy is another, the positions of the one before.
/// @param ledger    where its calls are counted, and what knows the sizes of models; null: nowhere, and nothing does.
/// @param configured  those of its models of which something is configured.
[[nodiscard]] std::shared_ptr<snapshot> build_snapshot(
    std::vector<std::unique_ptr<provider_entry>> providers,
    const std::vector<std::vector<connector::model_info>>& models, const std::vector<pool_plan>& pools,
    const snapshot* previous = nullptr, budget::book* ledger = nullptr, const model_plans& configured = {});

} // namespace modelmesh::router
