#include "config/keys.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/json/detail/describe.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace modelmesh::settings {
namespace {

namespace reflected = json::detail;

template <class T> const T& as(const reflected::descriptor& type) noexcept {
    return static_cast<const T&>(type);
}

// What the format has and this version does not do: refused by its name instead of ignored. A key that becomes
// a member wins over its line here. Whatever stands below one of these belongs to it.
constexpr std::string_view later_at_top[] = {
    "storage", "observability", "discovery", "connectors", "proxy", "server",
};
constexpr std::string_view later_of_providers[] = {
    "auth.method",
    "auth.key_rotation",
    "timeout",
    "execution",
    "max_retries",
    "capabilities",
    "quota",
    "discovery",
    "catalogue",
    "error",
    "batch",
    "files",
    "fine_tuning",
    "infrastructure",
    "connection_pool",
    "config.timeout",
    "config.max_retries",
};
constexpr std::string_view later_of_pools[] = {
    "models",
    "excluded_providers",
    "model_request_limits",
    "model_token_limits",
    "max_latency_ms",
    "session_timeout",
    "session_header",
    "deactivation.error_codes",
    "deactivation.request_limit",
    "deactivation.token_limit",
    "deactivation.budget_limit",
    "deactivation.quota_window",
    "deactivation.maintenance_window",
    "recovery.probe_on_start",
    "recovery.probe_interval",
    "recovery.on_quota_reset",
    "recovery.quota_reset_schedule",
    "retry",
    "rate_limit.min_delta",
    "rate_limit.max_rpm",
    "rate_limit.action",
    "provider_deactivation",
    "provider_recovery",
    "rotation.selection",
    "rotation.deactivation.error_codes",
    "rotation.deactivation.request_limit",
    "rotation.deactivation.token_limit",
    "rotation.deactivation.budget_limit",
    "rotation.deactivation.quota_window",
    "rotation.deactivation.maintenance_window",
    "rotation.recovery.probe_on_start",
    "rotation.recovery.probe_interval",
    "rotation.recovery.on_quota_reset",
    "rotation.recovery.quota_reset_schedule",
    "rotation.retry",
    "rotation.rate_limit.min_delta",
    "rotation.rate_limit.max_rpm",
    "rotation.rate_limit.action",
};

std::span<const std::string_view> later_of(const reflected::object_type& type) {
    if (&type == &reflected::describe<config>()) return later_at_top;
    if (&type == &reflected::describe<provider_config>()) return later_of_providers;
    if (&type == &reflected::describe<pool_config>()) return later_of_pools;
    return {};
}

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

/// The entry that a member is read from, so far.
struct candidate {
    entry taken;
    std::size_t rank;
    std::size_t field;
};

class own_names {
public:
    own_names(const reflected::object_type& type, findings& found) : type_(type), found_(found) {}

    void collect(node& at, const key_tree& keys) {
        for (entry& each : at.entries) {
            const key_tree* known = keys.find(each.key);
            if (known == nullptr && each.key.starts_with("x-")) continue;
            if (known == nullptr)
                unknown(each, keys);
            else if (known->is_later)
                found_.problem(each.at, each.value.path, "is not supported yet");
            else if (known->field != key_tree::none)
                choose({std::move(each), known->rank, known->field});
            else if (each.value.what == shape::map)
                collect(each.value, *known);
            else if (each.value.what != shape::nothing)
                found_.problem(each.value.at, each.value.path, "must be a map of settings");
        }
    }

    std::vector<entry> take() && {
        std::vector<entry> all;
        for (candidate& each : candidates_) {
            const reflected::field& member = type_.fields[each.field];
            each.taken.key = member.name;
            use_own_names(each.taken.value, member.type(), found_);
            all.push_back(std::move(each.taken));
        }
        return all;
    }

private:
    void unknown(const entry& each, const key_tree& keys) {
        std::vector<std::string_view> names;
        for (const key_tree& known : keys.below) names.push_back(known.name);
        std::string what = "there is no such key";
        const std::string near = suggestion(each.key, names);
        if (near.empty()) {
            what += "; there are:";
            for (const std::string_view name : names) what.append(" ").append(name);
        }
        found_.problem(each.at, each.value.path, what + near);
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
    findings& found_;
    std::vector<candidate> candidates_;
};

} // namespace

const key_tree* key_tree::find(std::string_view key) const noexcept {
    const auto known =
        std::find_if(below.begin(), below.end(), [key](const key_tree& each) { return each.name == key; });
    return known == below.end() ? nullptr : &*known;
}

key_tree keys_of(const reflected::object_type& type) {
    key_tree root;
    for (std::size_t i = 0; i < type.count; ++i)
        if (!type.fields[i].skipped) grow(root, type.fields[i].name).field = i;
    for (std::size_t i = 0; i < type.place_count; ++i) {
        key_tree& key = grow(root, type.places[i].path);
        key.field = type.places[i].field;
        key.rank = i + 1;
    }
    for (const std::string_view path : later_of(type)) {
        key_tree& key = grow(root, path);
        key.is_later = key.field == key_tree::none && key.below.empty();
    }
    return root;
}

void use_own_names(node& at, const reflected::object_type& type, const key_tree& keys, findings& found) {
    if (at.what != shape::map) return; // told when it is read
    own_names names(type, found);
    names.collect(at, keys);
    at.entries = std::move(names).take();
}

void use_own_names(node& at, const reflected::descriptor& type, findings& found) {
    switch (type.what) {
    case reflected::kind::object:
        return use_own_names(at, as<reflected::object_type>(type), keys_of(as<reflected::object_type>(type)),
                             found);
    case reflected::kind::map:
        for (entry& each : at.entries)
            use_own_names(each.value, as<reflected::map_type>(type).element(), found);
        return;
    case reflected::kind::sequence:
        for (node& item : at.items) use_own_names(item, as<reflected::sequence_type>(type).element(), found);
        return;
    case reflected::kind::wrapper:
        return use_own_names(at, as<reflected::wrapper_type>(type).element(), found);
    default:
        return;
    }
}

} // namespace modelmesh::settings
