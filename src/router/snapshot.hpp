// The immutable picture of a configuration that requests are routed on.
#pragma once

#include "state/health.hpp"

#include <modelmesh/connector/provider.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/router/capability_tree.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace modelmesh::router {

/// Where a provider's server is; made and understood by the transport (src/client), opaque here.
class endpoint {
public:
    virtual ~endpoint() = default;
};

struct provider_entry {
    std::string id; ///< name in the configuration
    std::string base_path;
    std::string api_key;
    bool may_be_asked_twice = false; ///< a call that was lost with its connection
    std::shared_ptr<const connector::provider> codec;
    std::shared_ptr<const endpoint> where;

    /// Takes the key out of a server's text: a server may echo the key that it refuses.
    void redact(std::string& text) const;

    [[nodiscard]] connector::target target_for(std::string_view model) const noexcept {
        return {base_path, model, api_key};
    }
};

struct model_entry {
    std::string id;   ///< `<provider>.<wire name>`, unique
    std::string name; ///< the vendor's own name
    const provider_entry* provider;
    std::vector<std::string> capabilities; ///< canonical; none: answers only those who name it
};

/// Health and position of one pool; mutable, shared by all threads. A pool of the next snapshot shares the
/// slots of the models that both have.
struct pool_state {
    std::vector<std::shared_ptr<state::health_slot>> health; ///< indexed like pool::models
    /// Index of the model that stick-until-failure stays on. Relaxed: it is a hint, and any valid index is
    /// correct.
    std::atomic<std::uint32_t> cursor{0};
};

struct pool {
    std::string name;
    std::string capability; ///< canonical; empty for the implicit pool of a single model
    std::vector<const model_entry*> models;
    unsigned failure_threshold = 3;
    std::chrono::milliseconds cooldown{60000};
    std::shared_ptr<pool_state> state;
};

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

    /// One hash lookup, unless it is a path in another spelling. A capability goes to its own pool, else to that
    /// of the nearest node above it, else below it, and to a pool without models only when there is no other;
    /// among those alike to the first in configuration order. Errors: not_found, naming the nearest known names.
    [[nodiscard]] result<const pool*> resolve(std::string_view name) const;
    /// The provider of this name, or the first one when it is empty. Errors: not_found, naming those there are.
    [[nodiscard]] result<const provider_entry*> find_provider(std::string_view name) const;
};

/// A pool to build: the plan is the configuration with names resolved.
struct pool_plan {
    std::string name;
    std::string capability;
    std::vector<std::string> providers; ///< empty: all
    unsigned failure_threshold;
    std::chrono::milliseconds cooldown;
    bool is_optional{false}; ///< there is none when no model would be in it
};

/// Builds a snapshot.
/// @param models    per provider, in the order of `providers`.
/// @param previous  the snapshot that this one takes the place of, whose health and positions it takes over;
///                  may be null.
[[nodiscard]] std::shared_ptr<const snapshot> build_snapshot(
    std::vector<std::unique_ptr<provider_entry>> providers,
    const std::vector<std::vector<connector::model_info>>& models, const std::vector<pool_plan>& pools,
    const snapshot* previous = nullptr);

} // namespace modelmesh::router
