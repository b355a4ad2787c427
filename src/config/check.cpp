#include "config/check.hpp"

#include "config/options.hpp"
#include "net/url.hpp"

#include <modelmesh/json/detail/describe.hpp>
#include <modelmesh/router/capability.hpp>

#include <algorithm>

namespace modelmesh::settings {
namespace {

// An entry of a section, and the key of it that a problem is about, or the entry where it has no such key.
const entry& entry_of(const node& root, std::string_view section, const std::string& name) {
    return *find(find(root, section)->value, name);
}
const node& node_of(const entry& of, std::string_view key) {
    const entry* found = find(of.value, key);
    return found == nullptr ? of.value : found->value;
}

void check_provider(const std::string& name, provider_config& provider, const entry& from,
                    const connector::registry& connectors, findings& found) {
    if (provider.connector.empty()) {
        if (found.has_problem_at(from.value.path)) return; // it may have been meant to say
        provider.connector = name;
    }
    const auto made = connectors.make_provider(provider.connector);
    if (!made) {
        const node& at = node_of(from, "connector");
        const bool is_own = &at != &from.value;
        found.problem(is_own ? at.at : from.at, at.path,
                      is_own && at.has_reference ? at.text + " stands for no provider connector"
                                                 : made.error().message);
        return;
    }
    if (found.has_problem_at(node_of(from, "base_url").path)) return;
    if (provider.base_url.empty()) provider.base_url = (*made)->default_base_url();
    if (provider.base_url.empty()) {
        found.problem(from.at, from.value.path, "needs base_url: the connector knows no address of its own");
    } else if (const auto url = net::parse_url(provider.base_url); !url) {
        const node& at = node_of(from, "base_url");
        found.problem(at.at, at.path, url.error().message);
    }
}

std::string_view without_prefix(std::string_view id) {
    constexpr std::string_view prefix = "provider.";
    return id.starts_with(prefix) ? id.substr(prefix.size()) : id;
}

// The providers of this name; else those of this connector; else those of this vendor.
std::vector<std::string> providers_called(const std::string& wanted, const config& in) {
    for (const auto& [name, provider] : in.providers)
        if (name == wanted) return {name};
    std::vector<std::string> by_connector;
    std::vector<std::string> by_vendor;
    for (const auto& [name, provider] : in.providers) {
        const std::string_view id = without_prefix(provider.connector);
        if (id == without_prefix(wanted)) by_connector.push_back(name);
        if (id.substr(0, id.find('.')) == wanted) by_vendor.push_back(name);
    }
    return by_connector.empty() ? by_vendor : by_connector;
}

void check_pool(const std::string& name, pool_config& pool, const entry& from, const config& in,
                findings& found) {
    const bool is_unclear = pool.capability.empty() && found.has_problem_at(from.value.path);
    if (pool.capability.empty()) pool.capability = name;
    if (is_unclear) {
        // it may have been meant to say
    } else if (const auto path = capability::canonical(pool.capability); !path) {
        const node& at = node_of(from, "capability");
        const bool is_own = &at != &from.value;
        found.problem(is_own ? at.at : from.at, at.path,
                      at.has_reference ? at.text + " stands for no capability" : path.error().message);
    }
    if (pool.providers.empty()) return;
    std::vector<std::string> names;
    const node& list = node_of(from, "providers");
    for (std::size_t i = 0; i < list.items.size() && i < pool.providers.size(); ++i) {
        const node& item = list.items[i];
        if (found.has_problem_at(item.path)) continue;
        const std::vector<std::string> called = providers_called(pool.providers[i], in);
        if (called.empty()) {
            std::vector<std::string_view> known;
            for (const auto& [provider, settings] : in.providers) known.push_back(provider);
            found.problem(item.at, item.path,
                          "there is no provider '" + item.text + "'" +
                              (item.has_reference ? "" : suggestion(item.text, known)));
        }
        for (const std::string& provider : called)
            if (std::find(names.begin(), names.end(), provider) == names.end()) names.push_back(provider);
    }
    pool.providers = std::move(names);
}

void check_storage(const node& section, const connector::registry& connectors, config& into,
                   findings& found) {
    storage_config& storage = into.storage;
    if (section.what != shape::map || section.entries.empty()) return;
    const auto& kinds = connectors.storages();
    (void)read_options({&section, &json::detail::describe<storage_config>(), "storage connector", "connector",
                        storage.connector},
                       kinds.find(storage.connector), kinds.ids(), found, &storage.options,
                       &into.never_shown);
}

} // namespace

void check(const node& root, const connector::registry& connectors, config& into, findings& found) {
    for (auto& [name, provider] : into.providers)
        check_provider(name, provider, entry_of(root, "providers", name), connectors, found);
    for (auto& [name, pool] : into.pools) check_pool(name, pool, entry_of(root, "pools", name), into, found);
    if (const entry* section = find(root, "storage")) check_storage(section->value, connectors, into, found);
}

} // namespace modelmesh::settings
