#include "config/keys.hpp"

#include "config/quantity.hpp"
#include "config/secrets_section.hpp"
#include "config/yaml.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/json/detail/describe.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace modelmesh::settings {
namespace {

namespace reflected = json::detail;

// What the format has and this version does not do: refused by its name instead of ignored. A key that becomes
// a member wins over its line here. Whatever stands below one of these belongs to it.
constexpr std::string_view later_at_top[] = {
    "connectors",
    "proxy",
    "server",
};
constexpr std::string_view later_of_storage[] = {"locking.timeout", "locking.retry_interval"};
constexpr std::string_view later_of_discovery[] = {
    "connectors",
    "instance",
    "health",
    "sync.enabled",
    "sync.auto_register",
    "sync.providers",
    "sync.on_new_model",
    "sync.on_deprecated_model",
};
constexpr std::string_view later_of_providers[] = {
    "quota", "discovery", "catalogue", "batch", "files", "fine_tuning", "infrastructure",
};
constexpr std::string_view later_of_models[] = {"batch"};
constexpr std::string_view later_of_features[] = {"fine_tunable"};
constexpr std::string_view later_of_constraints[] = {"max_file_size", "supported_languages"};
constexpr std::string_view later_of_observability[] = {"statistics"};

std::span<const std::string_view> later_of(const reflected::object_type& type) {
    if (&type == &reflected::describe<config>()) return later_at_top;
    if (&type == &reflected::describe<storage_config>()) return later_of_storage;
    if (&type == &reflected::describe<discovery_config>()) return later_of_discovery;
    if (&type == &reflected::describe<observability_config>()) return later_of_observability;
    if (&type == &reflected::describe<provider_config>()) return later_of_providers;
    if (&type == &reflected::describe<model_config>()) return later_of_models;
    if (&type == &reflected::describe<model_features>()) return later_of_features;
    if (&type == &reflected::describe<model_constraints>()) return later_of_constraints;
    return {};
}

constexpr settled_key settled_of_storage[] = {
    {"persistence.format", "json", "entries are JSON in every storage"},
    {"persistence.compression", "false", "entries are written as they are"},
    {"persistence.encryption", "false", "entries are written as they are, and have no keys in them"},
    {"locking.enabled", "true", "one client at a time has a storage"},
};
constexpr std::string_view looked_up_once = "a secret is looked up once while a configuration is read";
constexpr std::string_view never_kept = "whatever it is, no reading goes by what an earlier one said";
constexpr std::string_view read_again =
    "a key that refers to elsewhere is read again when its provider refuses it";
constexpr settled_key settled_of_secrets[] = {
    {"cache_enabled", "true", looked_up_once},  {"resolution.cache_enabled", "true", looked_up_once},
    {"cache_ttl", any_duration, never_kept},    {"resolution.cache_ttl", any_duration, never_kept},
    {"reload_on_rotation", "true", read_again}, {"resolution.reload_on_rotation", "true", read_again},
};
constexpr settled_key settled_of_providers[] = {{"auth.key_rotation", "true", read_again}};
constexpr settled_key settled_of_observability[] = {
    {"events.include_metadata", "true", "sinks get events with all of their fields"},
};

key_tree& grow(key_tree& root, std::string_view path) {
    key_tree* at = &root;
    for (bool is_last = false; !is_last;) {
        const std::size_t cut = path.find('.');
        is_last = cut == path.npos;
        const std::string_view name = path.substr(0, cut);
        const auto known = std::find_if(at->below.begin(), at->below.end(),
                                        [name](const key_tree& each) { return each.name == name; });
        at = known != at->below.end() ? &*known : &at->below.emplace_back(key_tree{std::string(name)});
        if (!is_last) path.remove_prefix(cut + 1);
    }
    return *at;
}

void hide(node& at) {
    at.is_variable = true;
    for (node& item : at.items) hide(item);
    for (entry& each : at.entries) hide(each.value);
}

// A variable's text is a list or a map where one is expected: `[a, b]` may also be some text.
void read_flow(node& at, findings& found) {
    if (!at.is_variable || at.what != shape::text || !(at.text.starts_with('[') || at.text.starts_with('{')))
        return;
    std::optional<node> parsed = read_yaml(at.text, at.at.source, found);
    if (!parsed) {
        at.what = shape::nothing; // that it is wrong has been said
        return;
    }
    set_paths(*parsed, at.path);
    hide(*parsed);
    at = std::move(*parsed);
}

/// The entry that a member is read from, so far.
struct candidate {
    entry taken;
    std::size_t rank;
    std::size_t field;
};

class own_names {
public:
    own_names(const reflected::object_type& type, const key_tree* beside, findings& found)
        : type_(type), options_(options_member(type)), beside_(beside), found_(found) {}

    void collect(node& at, const key_tree& keys, bool is_top = true) {
        for (entry& each : at.entries) {
            const key_tree* known = keys.find(each.key);
            if (known == nullptr && each.key.starts_with("x-")) continue;
            if (known == nullptr && is_top && options_ != type_.count)
                others_.push_back(std::move(each));
            else if (known == nullptr)
                unknown(each, keys);
            else if (known->is_later)
                found_.problem(each.at, each.value.path, "is not supported yet");
            else if (known->settled != nullptr)
                settled_.push_back({std::string(known->settled->path), each.at, std::move(each.value)});
            else if (known->field != key_tree::none)
                choose({std::move(each), known->rank, known->field});
            else if (read_flow(each.value, found_); each.value.what == shape::map)
                collect(each.value, *known, false);
            else if (each.value.what != shape::nothing)
                found_.problem(each.value.at, each.value.path, "must be a map of settings");
        }
    }

    std::vector<entry> take() && {
        if (!others_.empty()) add_others();
        std::vector<entry> all;
        for (candidate& each : candidates_) {
            const reflected::field& member = type_.fields[each.field];
            each.taken.key = member.name;
            node& value = each.taken.value;
            if (is_one_of_list(value, member.type(), each.rank)) {
                node list = value; // its place and its path
                list.what = shape::list;
                list.items.push_back(std::move(value));
                value = std::move(list);
            }
            use_own_names(value, member.type(), found_);
            all.push_back(std::move(each.taken));
        }
        std::move(settled_.begin(), settled_.end(), std::back_inserter(all));
        return all;
    }

private:
    // A list of objects may be written as the one that it has; a list of values in another place of the member.
    bool is_one_of_list(node& value, const reflected::descriptor& type, std::size_t rank) {
        if (type.what != reflected::kind::sequence) return false;
        if (as<reflected::sequence_type>(type).element().what != reflected::kind::object)
            return rank > 0 && value.what == shape::text;
        read_flow(value, found_);
        return value.what == shape::map || value.what == shape::text;
    }

    void unknown(const entry& each, const key_tree& keys) {
        std::vector<std::string_view> names;
        for (const key_tree& known : keys.below) names.push_back(known.name);
        if (beside_ != nullptr)
            for (const key_tree& known : beside_->below) names.push_back(known.name);
        std::string what = "there is no such key";
        const std::string near = suggestion(each.key, names);
        if (near.empty()) {
            what += "; there are:";
            for (const std::string_view name : names) what.append(" ").append(name);
        }
        found_.problem(each.at, each.value.path, what + near);
    }

    // Options beside the section's own keys, and those below a key of their own, which win.
    void add_others() {
        auto options = std::find_if(candidates_.begin(), candidates_.end(),
                                    [this](const candidate& each) { return each.field == options_; });
        if (options == candidates_.end()) {
            entry made{std::string(type_.fields[options_].name), others_.front().at, {}};
            made.value.at = made.at;
            options = candidates_.insert(candidates_.end(), {std::move(made), 0, options_});
        }
        node& all = options->taken.value;
        if (all.what == shape::nothing) all.what = shape::map;
        if (all.what != shape::map) return; // told when it is read
        for (entry& each : others_) {
            if (const entry* same = settings::find(all, each.key))
                found_.warning(each.at, each.value.path,
                               "is the same as " + same->value.path + ", which counts");
            else
                all.entries.push_back(std::move(each));
        }
    }

    void choose(candidate next) {
        const auto same = std::find_if(candidates_.begin(), candidates_.end(),
                                       [&next](const candidate& each) { return each.field == next.field; });
        if (same == candidates_.end()) {
            candidates_.push_back(std::move(next));
            return;
        }
        if (next.rank < same->rank) std::swap(*same, next);
        found_.warning(next.taken.at, next.taken.value.path,
                       "is the same as " + same->taken.value.path + ", which counts");
    }

    const reflected::object_type& type_;
    const std::size_t options_;
    const key_tree* beside_;
    findings& found_;
    std::vector<candidate> candidates_;
    std::vector<entry> settled_; ///< of no member: see settled_key
    std::vector<entry> others_;  ///< the same: options of a connector
};

} // namespace

std::span<const settled_key> settled_of(const reflected::object_type& type) {
    if (&type == &reflected::describe<storage_config>()) return settled_of_storage;
    if (&type == &reflected::describe<secrets_section>()) return settled_of_secrets;
    if (&type == &reflected::describe<provider_config>()) return settled_of_providers;
    if (&type == &reflected::describe<observability_config>()) return settled_of_observability;
    return {};
}

const key_tree* key_tree::find(std::string_view key) const noexcept {
    const auto known =
        std::find_if(below.begin(), below.end(), [key](const key_tree& each) { return each.name == key; });
    return known == below.end() ? nullptr : &*known;
}

std::size_t options_member(const reflected::object_type& type) noexcept {
    std::size_t found = 0;
    while (found < type.count &&
           (type.fields[found].skipped || type.fields[found].type().what != reflected::kind::raw))
        ++found;
    return found;
}

key_tree keys_of(const reflected::object_type& type) {
    key_tree root;
    for (std::size_t i = 0; i < type.count; ++i)
        if (!type.fields[i].skipped) grow(root, type.fields[i].name).field = i;
    for (std::size_t i = 0; i < type.place_count; ++i) {
        if (type.places[i].path == json::itself) {
            root.itself = type.places[i].field;
            continue;
        }
        key_tree& key = grow(root, type.places[i].path);
        key.field = type.places[i].field;
        key.rank = i + 1;
    }
    for (const std::string_view path : later_of(type)) {
        key_tree& key = grow(root, path);
        key.is_later = key.field == key_tree::none && key.below.empty();
    }
    for (const settled_key& each : settled_of(type)) grow(root, each.path).settled = &each;
    return root;
}

void use_own_names(node& at, const reflected::object_type& type, const key_tree& keys, findings& found,
                   const key_tree* beside) {
    read_flow(at, found);
    if (at.what == shape::text && keys.itself != key_tree::none) {
        node map;
        map.what = shape::map;
        map.at = at.at;
        map.path = at.path;
        map.entries.push_back({std::string(type.fields[keys.itself].name), at.at, std::move(at)});
        at = std::move(map);
    }
    if (at.what != shape::map) return; // told when it is read
    own_names names(type, beside, found);
    names.collect(at, keys);
    at.entries = std::move(names).take();
}

void use_own_names(node& at, const reflected::descriptor& type, findings& found) {
    switch (type.what) {
    case reflected::kind::object:
        return use_own_names(at, as<reflected::object_type>(type), keys_of(as<reflected::object_type>(type)),
                             found);
    case reflected::kind::map:
        read_flow(at, found);
        for (entry& each : at.entries)
            use_own_names(each.value, as<reflected::map_type>(type).element(), found);
        return;
    case reflected::kind::sequence:
        read_flow(at, found);
        for (node& item : at.items) use_own_names(item, as<reflected::sequence_type>(type).element(), found);
        return;
    case reflected::kind::wrapper:
        return use_own_names(at, as<reflected::wrapper_type>(type).element(), found);
    default:
        return;
    }
}

} // namespace modelmesh::settings
