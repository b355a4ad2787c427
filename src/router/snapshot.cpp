#include "router/snapshot.hpp"

#include "router/permit.hpp"

#include <modelmesh/core/hash.hpp>
#include <modelmesh/router/capability.hpp>

#include <algorithm>
#include <compare>

namespace modelmesh::router {
namespace {

bool can_do(const model_entry& model, std::string_view wanted) {
    return std::any_of(model.capabilities.begin(), model.capabilities.end(),
                       [wanted](const std::string& path) { return capability::within(path, wanted); });
}

std::uint32_t operations_of(const std::vector<std::string>& capabilities) {
    std::uint32_t all = 0;
    for (const operation what : every_operation) {
        const std::string_view wanted = capability_of(what);
        const bool is_good =
            std::any_of(capabilities.begin(), capabilities.end(), [wanted](const std::string& path) {
                return capability::within(path, wanted) || capability::within(wanted, path);
            });
        if (is_good) all |= bit_of(what);
    }
    return all;
}

// Adds a model, once. @param operations  what it does in this pool.
void add_member(pool& to, const model_entry& model, std::uint32_t operations) {
    if (std::find(to.models.begin(), to.models.end(), &model) != to.models.end()) return;
    to.models.push_back(&model);
    to.members.push_back({model.provider, operations, model.traits});
    to.is_limited = to.is_limited || model.limit || model.provider->limit;
    const model_traits& its = model.traits;
    to.least.lacks |= its.lacks;
    to.least.max_images = std::min(to.least.max_images, its.max_images);
    to.least.context_window = std::min(to.least.context_window, its.context_window);
    to.least.max_output_tokens = std::min(to.least.max_output_tokens, its.max_output_tokens);
}

// The state of a pool, with what `previous` knows of its models.
std::shared_ptr<pool_state> state_of(const pool& made, const snapshot* previous) {
    auto state = std::make_shared<pool_state>();
    const pool* before = nullptr;
    if (previous != nullptr)
        for (const auto& candidate : previous->pools)
            if (candidate->name == made.name && candidate->kind == made.kind) before = candidate.get();
    std::unordered_map<std::string_view, std::size_t> known; // index in `before` by model id
    if (before != nullptr)
        for (std::size_t i = 0; i < before->models.size(); ++i) known.emplace(before->models[i]->id, i);
    constexpr std::size_t gone = SIZE_MAX;
    std::vector<std::size_t> now_at(known.size(), gone); // by index in `before`
    for (const model_entry* model : made.models) {
        const auto found = known.find(model->id);
        if (found == known.end()) {
            state->health.push_back(std::make_shared<state::health_slot>());
            continue;
        }
        now_at[found->second] = state->health.size();
        const std::shared_ptr<state::health_slot>& health = before->state->health[found->second];
        const bool is_known = is_same_account(*before->models[found->second]->provider, *model->provider);
        // What failed was another account: whether this one works, nobody knows. By hand is by hand.
        state->health.push_back(
            is_known || health->load().is_manual() ? health : std::make_shared<state::health_slot>());
    }
    if (made.pace.rule.any())
        for (const model_entry* model : made.models) {
            const auto found = known.find(model->id);
            const bool has_pace = found != known.end() && before->pace.rule == made.pace.rule;
            state->paces.push_back(has_pace ? before->state->paces[found->second]
                                            : std::make_shared<state::pace_slot>(made.pace.rule));
        }
    const connector::position_words words =
        made.policy ? made.policy->positions() : connector::position_words{};
    const std::size_t word_count = words.cursors + words.per_model * made.models.size();
    state->positions = state::position_table(word_count);
    if (before == nullptr) return state;
    state->retries = before->state->retries;
    state->hedges = before->state->hedges;

    // The same model, or the next that is still there.
    const auto moved = [&](std::size_t index) -> std::size_t {
        for (std::size_t i = 0; i < now_at.size(); ++i)
            if (const std::size_t at = now_at[(index + i) % now_at.size()]; at != gone) return at;
        return 0;
    };
    state->cursor.store(
        static_cast<std::uint32_t>(moved(before->state->cursor.load(std::memory_order_relaxed))),
        std::memory_order_relaxed);
    if (before->strategy != made.strategy) return state; // its words mean something else
    const state::position_table& old = before->state->positions;
    for (std::size_t shard = 0; shard < state::position_table::shards; ++shard) {
        for (std::size_t word = 0; word < words.cursors; ++word)
            state->positions.set_of(
                shard, word, static_cast<double>(moved(static_cast<std::size_t>(old.get_of(shard, word)))));
        for (std::size_t index = 0; index < now_at.size(); ++index)
            for (std::size_t word = 0; now_at[index] != gone && word < words.per_model; ++word)
                state->positions.set_of(shard, words.cursors + now_at[index] * words.per_model + word,
                                        old.get_of(shard, words.cursors + index * words.per_model + word));
    }
    return state;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Those that the pool is for, then those that it names.
void fill(pool& made, const pool_plan& plan, const std::vector<std::unique_ptr<model_entry>>& models) {
    const auto is_excluded = [&plan](const model_entry& model) {
        return contains(plan.excluded_providers, model.provider->id);
    };
    if (!plan.capability.empty())
        for (const std::unique_ptr<model_entry>& model : models)
            if (can_do(*model, plan.capability) && !is_excluded(*model) &&
                (plan.providers.empty() || contains(plan.providers, model->provider->id)))
                add_member(made, *model, model->operations);
    const std::uint32_t of_pool = plan.capability.empty() ? 0 : operations_of({plan.capability});
    constexpr std::uint32_t any = ~std::uint32_t{0};
    for (const std::string& name : plan.models)
        for (const std::unique_ptr<model_entry>& model : models)
            if (is_called(*model, name) && !is_excluded(*model))
                add_member(made, *model,
                           model->operations == 0 && of_pool == 0 ? any : model->operations | of_pool);
}

connector::rotation_model known_of(const model_entry& model, const rotation_plan& plan) {
    connector::rotation_model known{
        .id = model.id, .provider = model.provider->id, .key = stable_hash(model.id)};
    const std::vector<std::string>& models = plan.model_priority;
    const std::vector<std::string>& providers = plan.provider_priority;
    const auto named = std::find_if(models.begin(), models.end(),
                                    [&model](const std::string& name) { return is_called(model, name); });
    const auto of = std::find(providers.begin(), providers.end(), model.provider->id);
    if (named != models.end())
        known.priority = static_cast<std::uint32_t>(named - models.begin());
    else if (of != providers.end())
        known.priority =
            static_cast<std::uint32_t>(models.size() + static_cast<std::size_t>(of - providers.begin()));
    for (const auto& [name, weight] : plan.weights)
        if (is_called(model, name)) known.weight = weight;
    return known;
}

// Of models when there is no pool.
constexpr state::trip_rule usual_trips{3, std::chrono::seconds(60)};

// With another window what is known goes on in another slot; requests under way end in the one that they began in.
std::shared_ptr<state::model_slot> slot_of(const model_entry* before, unsigned latency_window) {
    if (before == nullptr) return std::make_shared<state::model_slot>(latency_window);
    if (before->slot->total.window() == latency_window) return before->slot;
    return std::make_shared<state::model_slot>(latency_window, *before->slot);
}

// Of another account nobody knows whether it works.
std::shared_ptr<state::provider_slot> slot_of(const provider_entry& made, const snapshot* previous) {
    if (previous != nullptr)
        for (const std::unique_ptr<provider_entry>& before : previous->providers)
            if (before->id == made.id && is_same_account(*before, made)) return before->slot;
    return std::make_shared<state::provider_slot>();
}

std::unordered_map<std::string_view, const model_entry*> models_of(const snapshot* previous) {
    std::unordered_map<std::string_view, const model_entry*> models;
    if (previous != nullptr)
        for (const auto& model : previous->models) models.emplace(model->id, model.get());
    return models;
}

// Goes on where the one before is of the same rule; null: there is none.
std::shared_ptr<state::minute_limit> limit_of(const state::minute_rule& rule,
                                              const std::shared_ptr<state::minute_limit>& before) {
    if (!rule.any()) return nullptr;
    return before && before->rule() == rule ? before : std::make_shared<state::minute_limit>(rule);
}

// One for each key, with the rule of the first provider that has it and a rule.
void set_limits(const std::vector<std::unique_ptr<provider_entry>>& providers, const snapshot* previous) {
    for (const std::unique_ptr<provider_entry>& each : providers) {
        if (!each->lets_through.any() || each->limit) continue;
        std::shared_ptr<state::minute_limit> before;
        if (previous != nullptr)
            for (const std::unique_ptr<provider_entry>& other : previous->providers)
                if (other->id == each->id) before = other->limit;
        // Two that had one key, and now have two.
        const bool is_anothers =
            std::any_of(providers.begin(), providers.end(),
                        [&before](const auto& other) { return before && other->limit == before; });
        each->limit = limit_of(each->lets_through, is_anothers ? nullptr : before);
        for (const std::unique_ptr<provider_entry>& other : providers)
            if (!each->api_key.empty() && !other->limit && is_same_account(*each, *other))
                other->limit = each->limit;
    }
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

// The models of all pools below a node that no pool is for, when several have some: those of the pools nearest to it
// first. They are in service or out of it, and are counted, as in their own pools. Null: one pool has them all.
std::unique_ptr<pool> joined(const snapshot& of, const std::string& path, const snapshot* previous) {
    const auto is_nearer = [](const pool* a, const pool* b) {
        return depth(a->capability) < depth(b->capability);
    };
    std::vector<const pool*> parts; // nearest first, those alike as configured
    for (const std::unique_ptr<pool>& each : of.pools)
        if (!each->capability.empty() && each->kind == pool_kind::configured && !each->models.empty() &&
            capability::within(each->capability, path))
            parts.insert(std::upper_bound(parts.begin(), parts.end(), each.get(), is_nearer), each.get());
    if (parts.size() < 2) return nullptr;
    auto made = std::make_unique<pool>();
    made->name = path;
    made->capability = path;
    made->kind = pool_kind::joint;
    const pool& first = *parts.front();
    made->trips_at = first.trips_at;
    made->strategy = first.strategy;
    made->policy = first.policy;
    made->rotates_on_budget =
        std::all_of(parts.begin(), parts.end(), [](const pool* part) { return part->rotates_on_budget; });
    made->rotates_on_content_filter = first.rotates_on_content_filter;
    made->retry = first.retry;
    made->error_codes = first.error_codes;
    made->providers = first.providers;
    made->streaming = first.streaming;
    made->hedging = first.hedging;
    made->session_key = first.session_key;
    std::vector<std::shared_ptr<state::health_slot>> health;
    std::vector<std::shared_ptr<state::pace_slot>> paces;
    bool is_any_paced = false;
    for (const pool* part : parts)
        for (std::size_t i = 0; i < part->models.size(); ++i) {
            add_member(*made, *part->models[i], part->members[i].operations);
            if (health.size() == made->models.size()) continue; // an earlier part had it
            made->known.push_back(part->known[i]);
            if (!part->lines.empty()) made->lines.push_back(part->lines[i]);
            health.push_back(part->state->health[i]);
            // The pace of a part is that of its models, also when they are asked through here.
            const bool is_paced = !part->state->paces.empty();
            paces.push_back(is_paced ? part->state->paces[i]
                                     : std::make_shared<state::pace_slot>(state::pace_rule()));
            made->pace.delays = made->pace.delays || part->pace.delays;
            is_any_paced = is_any_paced || is_paced;
            made->origins.push_back({part, i});
        }
    made->state = state_of(*made, previous);
    made->state->health = std::move(health);
    if (is_any_paced) made->state->paces = std::move(paces);
    return made;
}

// Behind all other names: a model or a pool that is called like a capability keeps its name.
void name_capabilities(snapshot& of, const snapshot* previous) {
    std::vector<std::unique_ptr<pool>> joint;
    for (capability::node& each : known_capabilities(of).nodes()) {
        capability::offer made{std::move(each)};
        made.models = static_cast<std::size_t>(
            std::count_if(of.models.begin(), of.models.end(),
                          [&made](const auto& model) { return can_do(*model, made.node.path); }));
        if (const pool* serving = pool_for(of.pools, made.node.path)) {
            if (serving->models.empty() || !capability::within(made.node.path, serving->capability))
                if (std::unique_ptr<pool> all = joined(of, made.node.path, previous)) {
                    serving = all.get();
                    joint.push_back(std::move(all));
                }
            made.pool = serving->name;
            of.names.emplace(made.node.path, serving);
            of.names.emplace(capability::last_segment(made.node.path), serving);
            for (const std::string_view alias : made.node.aliases) of.names.emplace(alias, serving);
        }
        of.capabilities.push_back(std::move(made));
    }
    for (std::unique_ptr<pool>& each : joint) of.pools.push_back(std::move(each));
}

// Those of single models that are in the pool.
void add_windows(pool& to, const model_plans& configured) {
    for (const model_plan& plan : configured.models)
        for (const model_entry* model : to.models)
            if (model->id == plan.id)
                to.windows.insert(to.windows.end(), plan.windows.begin(), plan.windows.end());
}

// A model of a provider, with what is configured of it.
std::unique_ptr<model_entry> entry_of(const provider_entry& provider, const connector::model_info& listed,
                                      const model_plans& configured, const budget::book* ledger) {
    const auto plan =
        std::find_if(configured.models.begin(), configured.models.end(), [&](const model_plan& each) {
            return each.provider == provider.id && each.name == listed.name;
        });
    const auto of_provider = std::find_if(configured.capabilities.begin(), configured.capabilities.end(),
                                          [&](const auto& each) { return each.first == provider.id; });
    auto made = std::make_unique<model_entry>();
    made->id = provider.id + "." + listed.name;
    made->name = listed.name;
    made->provider = &provider;
    made->capabilities = listed.capabilities;
    if (of_provider != configured.capabilities.end()) made->capabilities = of_provider->second;
    if (plan != configured.models.end()) {
        made->id = plan->id;
        made->traits = plan->traits;
        if (!plan->capabilities.empty()) made->capabilities = plan->capabilities;
    }
    made->operations = operations_of(made->capabilities);
    if (ledger == nullptr) return made;
    const budget::model_sizes sizes = ledger->sizes_of(provider.id, listed.name);
    model_traits& traits = made->traits;
    if (traits.context_window == model_traits::unlimited && sizes.context_window > 0)
        traits.context_window = sizes.context_window;
    if (traits.max_output_tokens == model_traits::unlimited && sizes.max_output_tokens > 0)
        traits.max_output_tokens = sizes.max_output_tokens;
    return made;
}

state::minute_rule lets_through(const model_entry& model, const model_plans& configured) {
    for (const model_plan& plan : configured.models)
        if (plan.id == model.id) return plan.lets_through;
    return {};
}

void open_lines(pool& of, budget::book& ledger) {
    for (const model_entry* model : of.models)
        of.lines.push_back(ledger.line_of(of.name, model->provider->id, model->name, model->id));
    for (std::size_t i = 0; i < of.known.size(); ++i) {
        const budget::line& line = *of.lines[i];
        const bool has_token_price = line.prices.input >= 0 || line.prices.output >= 0;
        // A server of one's own has no prices, and costs nothing. What is sold by picture or second is not compared.
        if (!line.is_priced || (line.prices.any() && !has_token_price)) continue;
        const auto known = [](budget::pico_usd price) { return std::max<budget::pico_usd>(price, 0); };
        of.known[i].price = token_price{known(line.prices.input), known(line.prices.output)};
    }
}

} // namespace

bool is_same_account(const provider_entry& a, const provider_entry& b) noexcept {
    return a.api_key == b.api_key && a.base_path == b.base_path &&
           (a.where == b.where || a.where->is_same(*b.where));
}

std::uint32_t mark_of_account(const provider_entry& of) {
    const std::string where = of.where ? of.where->address() : std::string();
    return static_cast<std::uint32_t>(stable_hash(of.api_key + "\n" + where + "\n" + of.base_path));
}

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

std::string did_you_mean(std::string_view name, const std::vector<std::string_view>& known) {
    std::string text;
    const std::vector<std::string> near = capability::nearest(name, known, 3);
    for (std::size_t i = 0; i < near.size(); ++i) text += (i == 0 ? "; did you mean '" : "', '") + near[i];
    if (!near.empty()) text += "'?";
    return text;
}

result<const pool*> snapshot::resolve(std::string_view name) const {
    if (const auto found = names.find(name); found != names.end()) return found->second;
    // Off the hot path: a spelling or a node that the snapshot was not built with, or a mistake.
    if (const result<std::string> path = capability::canonical(name); path) {
        if (const auto found = names.find(*path); found != names.end()) return found->second;
        if (const pool* found = pool_for(pools, *path)) return found;
    }
    std::vector<std::string_view> known;
    for (const auto& [key, value] : names) {
        // A model's id is suggested once, in the form that the caller has chosen.
        const bool is_other_form = key.find('/') != key.npos && name.find('/') == name.npos;
        if (!is_other_form) known.push_back(key);
    }
    fault f(errc::not_found,
            "no pool or model named '" + std::string(name.substr(0, 100)) + "'" + did_you_mean(name, known));
    f.param = "model";
    return f;
}

result<const pool*> snapshot::resolve(std::string_view name, const provider_entry& only) const {
    result<const pool*> found = resolve(name);
    if (!found) return found;
    const auto is_its = [&only](const model_entry* model) { return model->provider == &only; };
    if (std::any_of((*found)->models.begin(), (*found)->models.end(), is_its)) return found;
    for (const std::unique_ptr<model_entry>& model : models)
        if (is_its(model.get()) && model->name == name)
            // Where models may not be asked by their names, it has none.
            if (const auto its = names.find(model->id); its != names.end()) return its->second;
    return found;
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

std::shared_ptr<snapshot> build_snapshot(std::vector<std::unique_ptr<provider_entry>> providers,
                                         const std::vector<std::vector<connector::model_info>>& models,
                                         const std::vector<pool_plan>& pools, const snapshot* previous,
                                         budget::book* ledger, const model_plans& configured) {
    auto built = std::make_shared<snapshot>();
    built->providers = std::move(providers);
    for (const std::unique_ptr<provider_entry>& each : built->providers) {
        // A key is one account, however many providers have it.
        const auto same =
            std::find_if(built->providers.begin(), built->providers.end(), [&each](const auto& other) {
                return other == each || (!each->api_key.empty() && is_same_account(*other, *each));
            });
        each->slot = *same == each ? slot_of(*each, previous) : (*same)->slot;
    }
    set_limits(built->providers, previous);
    const auto known = models_of(previous);
    unsigned latency_window = pools.empty() ? rotation_plan().latency_window : 1;
    for (const pool_plan& plan : pools)
        latency_window = std::max(latency_window, plan.rotation.latency_window);
    for (std::size_t i = 0; i < built->providers.size(); ++i)
        for (const connector::model_info& model : models[i]) {
            std::unique_ptr<model_entry> entry = entry_of(*built->providers[i], model, configured, ledger);
            const auto found = known.find(entry->id);
            const model_entry* before = found != known.end() ? found->second : nullptr;
            entry->slot = slot_of(before, latency_window);
            entry->limit =
                limit_of(lets_through(*entry, configured), before != nullptr ? before->limit : nullptr);
            built->models.push_back(std::move(entry));
        }
    for (const pool_plan& plan : pools) {
        auto made = std::make_unique<pool>();
        made->name = plan.name;
        made->capability = plan.capability;
        made->trips_at = plan.trips_at;
        made->strategy = plan.rotation.strategy;
        made->policy = plan.rotation.policy;
        made->rotates_on_budget = plan.rotates_on_budget;
        made->streaming = plan.streaming;
        made->rules = plan.rules;
        made->windows = plan.windows;
        made->pace = plan.pace;
        made->session_key = plan.session_key;
        made->rotates_on_content_filter = plan.rotates_on_content_filter;
        made->retry = plan.retry;
        made->error_codes = plan.error_codes;
        made->providers = plan.provider_actions;
        made->hedging = plan.hedging;
        made->probes_on_start = plan.probes_on_start;
        fill(*made, plan, built->models);
        add_windows(*made, configured);
        if (plan.is_optional && made->models.empty()) continue;
        for (const model_entry* model : made->models) made->known.push_back(known_of(*model, plan.rotation));
        made->state = state_of(*made, previous);
        built->pools.push_back(std::move(made));
    }
    // First come, first served: pool names win over capabilities, those over model ids, those over vendors'
    // names.
    for (const auto& entry : built->pools) built->names.emplace(entry->name, entry.get());
    for (const auto& entry : built->pools) {
        if (entry->capability.empty()) continue;
        const pool* serving = pool_for(built->pools, entry->capability);
        built->names.emplace(entry->capability, serving);
        built->names.emplace(capability::last_segment(entry->capability), serving);
    }
    const std::size_t named_pools = built->pools.size();
    for (const auto& model : built->models) {
        auto single = std::make_unique<pool>();
        single->name = model->id;
        single->kind = pool_kind::of_one_model;
        add_member(*single, *model, model->operations);
        add_windows(*single, configured);
        single->trips_at = named_pools != 0 ? built->pools.front()->trips_at : usual_trips;
        if (named_pools != 0) {
            single->retry = built->pools.front()->retry;
            single->pace.delays = built->pools.front()->pace.delays;
        }
        single->state = state_of(*single, previous);
        if (configured.answer_by_name) {
            built->names.emplace(model->id, single.get());
            built->names.emplace(model->name, single.get());
            built->names.emplace(model->provider->id + "/" + model->name, single.get());
        }
        built->pools.push_back(std::move(single));
    }
    if (ledger != nullptr)
        for (const auto& each : built->pools) open_lines(*each, *ledger);
    name_capabilities(*built, previous);
    return built;
}

} // namespace modelmesh::router
