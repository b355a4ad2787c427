#include "router/snapshot.hpp"

#include <modelmesh/router/capability.hpp>

#include <algorithm>
#include <compare>

namespace modelmesh::router {
namespace {

bool can_do(const model_entry& model, std::string_view wanted) {
    return std::any_of(model.capabilities.begin(), model.capabilities.end(),
                       [wanted](const std::string& path) { return capability::within(path, wanted); });
}

// The state of a pool, with what `previous` knows of its models.
std::shared_ptr<pool_state> state_of(const pool& made, const snapshot* previous) {
    auto state = std::make_shared<pool_state>();
    const pool* before = nullptr;
    if (previous != nullptr)
        for (const auto& candidate : previous->pools)
            if (candidate->name == made.name && candidate->capability == made.capability)
                before = candidate.get();
    std::unordered_map<std::string_view, std::size_t> known; // index in `before` by model id
    if (before != nullptr)
        for (std::size_t i = 0; i < before->models.size(); ++i) known.emplace(before->models[i]->id, i);
    const std::uint32_t cursor =
        before == nullptr ? 0 : before->state->cursor.load(std::memory_order_relaxed);
    for (const model_entry* model : made.models) {
        const auto found = known.find(model->id);
        if (found == known.end()) {
            state->health.push_back(std::make_shared<state::health_slot>());
            continue;
        }
        if (found->second == cursor)
            state->cursor.store(static_cast<std::uint32_t>(state->health.size()), std::memory_order_relaxed);
        state->health.push_back(before->state->health[found->second]);
    }
    return state;
}

// How well a pool fits a node that is asked for: the less, the better.
struct mismatch {
    bool is_empty;     // none of its models is known
    bool is_below;     // it has only some of what is asked; above it, it has models for more than that
    std::size_t steps; // between the two nodes
    friend auto operator<=>(const mismatch&, const mismatch&) = default;
};

std::size_t depth(std::string_view path) { return capability::node{std::string(path)}.depth(); }

// The pool that a request for this node goes to: of those that have models the node's own, else the one of the
// nearest node above it, else below it. Among those alike the first in the configuration. Null when there is none.
const pool* pool_for(const std::vector<std::unique_ptr<pool>>& pools, std::string_view path) {
    const pool* best = nullptr;
    mismatch least{};
    for (const std::unique_ptr<pool>& each : pools) {
        const std::string_view target = each->capability;
        const bool is_above = capability::within(path, target);
        if (target.empty() || (!is_above && !capability::within(target, path))) continue;
        const std::size_t steps = is_above ? depth(path) - depth(target) : depth(target) - depth(path);
        const mismatch found{each->models.empty(), !is_above, steps};
        if (best != nullptr && found >= least) continue;
        best = each.get();
        least = found;
    }
    return best;
}

// Every node that can be asked for: the shipped ones, and those of pools and models.
capability::tree known_capabilities(const snapshot& of) {
    capability::tree known;
    const auto add = [&known](const std::string& path) {
        // What a connector says of a model may be no path: such a model answers to its own name.
        if (!path.empty()) static_cast<void>(known.add(path));
    };
    for (const std::unique_ptr<pool>& each : of.pools) add(each->capability);
    for (const std::unique_ptr<model_entry>& each : of.models)
        for (const std::string& path : each->capabilities) add(path);
    return known;
}

// Behind all other names: a model or a pool that is called like a capability keeps its name.
void name_capabilities(snapshot& of) {
    for (capability::node& each : known_capabilities(of).nodes()) {
        capability::offer made{std::move(each)};
        made.models = static_cast<std::size_t>(
            std::count_if(of.models.begin(), of.models.end(),
                          [&made](const auto& model) { return can_do(*model, made.node.path); }));
        if (const pool* serving = pool_for(of.pools, made.node.path)) {
            made.pool = serving->name;
            of.names.emplace(made.node.path, serving);
            of.names.emplace(capability::last_segment(made.node.path), serving);
            for (const std::string_view alias : made.node.aliases) of.names.emplace(alias, serving);
        }
        of.capabilities.push_back(std::move(made));
    }
}

} // namespace

void provider_entry::redact(std::string& text) const {
    constexpr std::string_view mask = "***";
    constexpr std::size_t least = 4; // shorter ones are placeholders, and would mangle every message
    if (api_key.size() < least) return;
    for (std::size_t at = text.find(api_key); at != std::string::npos;
         at = text.find(api_key, at + mask.size()))
        text.replace(at, api_key.size(), mask);
    // Texts are cut to a length: the cut may go through the key.
    for (std::size_t n = std::min(api_key.size() - 1, text.size()); n >= least; --n)
        if (text.ends_with(std::string_view(api_key).substr(0, n))) {
            text.replace(text.size() - n, n, mask);
            return;
        }
}

result<const pool*> snapshot::resolve(std::string_view name) const {
    if (const auto found = names.find(name); found != names.end()) return found->second;
    // Off the hot path: a spelling or a node that the snapshot was not built with, or a mistake.
    if (const result<std::string> path = capability::canonical(name); path)
        if (const pool* found = pool_for(pools, *path)) return found;
    std::vector<std::string_view> known;
    for (const auto& [key, value] : names) known.push_back(key);
    std::string text = "no pool or model named '" + std::string(name.substr(0, 100)) + "'";
    const std::vector<std::string> near = capability::nearest(name, known, 3);
    for (std::size_t i = 0; i < near.size(); ++i) text += (i == 0 ? "; did you mean '" : "', '") + near[i];
    if (!near.empty()) text += "'?";
    fault f(errc::not_found, std::move(text));
    f.param = "model";
    return f;
}

result<const provider_entry*> snapshot::find_provider(std::string_view name) const {
    for (const std::unique_ptr<provider_entry>& each : providers)
        if (name.empty() || each->id == name) return each.get();
    std::string known;
    for (const std::unique_ptr<provider_entry>& each : providers)
        known.append(known.empty() ? "'" : ", '").append(each->id).append("'");
    return fault(errc::not_found,
                 "there is no provider '" + std::string(name.substr(0, 100)) + "', but " + known);
}

std::shared_ptr<const snapshot> build_snapshot(std::vector<std::unique_ptr<provider_entry>> providers,
                                               const std::vector<std::vector<connector::model_info>>& models,
                                               const std::vector<pool_plan>& pools,
                                               const snapshot* previous) {
    auto built = std::make_shared<snapshot>();
    built->providers = std::move(providers);
    for (std::size_t i = 0; i < built->providers.size(); ++i) {
        const provider_entry* provider = built->providers[i].get();
        for (const connector::model_info& model : models[i])
            built->models.push_back(std::make_unique<model_entry>(
                model_entry{provider->id + "." + model.name, model.name, provider, model.capabilities}));
    }
    for (const pool_plan& plan : pools) {
        auto made = std::make_unique<pool>();
        made->name = plan.name;
        made->capability = plan.capability;
        made->failure_threshold = plan.failure_threshold;
        made->cooldown = plan.cooldown;
        for (const auto& model : built->models)
            if (can_do(*model, plan.capability) &&
                (plan.providers.empty() || std::find(plan.providers.begin(), plan.providers.end(),
                                                     model->provider->id) != plan.providers.end()))
                made->models.push_back(model.get());
        if (plan.is_optional && made->models.empty()) continue;
        made->state = state_of(*made, previous);
        built->pools.push_back(std::move(made));
    }
    // First come, first served: pool names win over capabilities, those over model ids, those over vendors'
    // names.
    for (const auto& entry : built->pools) built->names.emplace(entry->name, entry.get());
    for (const auto& entry : built->pools) {
        const pool* serving = pool_for(built->pools, entry->capability);
        built->names.emplace(entry->capability, serving);
        built->names.emplace(capability::last_segment(entry->capability), serving);
    }
    const std::size_t named_pools = built->pools.size();
    for (const auto& model : built->models) {
        auto single = std::make_unique<pool>();
        single->name = model->id;
        single->models.push_back(model.get());
        if (named_pools != 0) {
            single->failure_threshold = built->pools.front()->failure_threshold;
            single->cooldown = built->pools.front()->cooldown;
        }
        single->state = state_of(*single, previous);
        built->names.emplace(model->id, single.get());
        built->names.emplace(model->name, single.get());
        built->pools.push_back(std::move(single));
    }
    name_capabilities(*built);
    return built;
}

} // namespace modelmesh::router
