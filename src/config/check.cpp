#include "config/check.hpp"

#include "config/model_names.hpp"
#include "config/options.hpp"
#include "core/connector_id.hpp"
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

// As it was written, for messages: which is a reference and not what it stands for, and no variable's value.
std::string shown(const node& at) { return at.is_variable && !at.has_reference ? "this text" : at.text; }
bool is_shown(const node& at) { return !at.has_reference && !at.is_variable; }

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
                      is_own && !is_shown(at) ? shown(at) + " stands for no provider connector"
                                              : made.error().message);
        return;
    }
    if (found.has_problem_at(node_of(from, "base_url").path)) return;
    if (provider.base_url.empty()) provider.base_url = (*made)->default_base_url();
    if (provider.base_url.empty()) {
        found.problem(from.at, from.value.path, "needs base_url: the connector knows no address of its own");
    } else if (const auto url = net::parse_url(provider.base_url); !url) {
        const node& at = node_of(from, "base_url");
        found.problem(at.at, at.path,
                      at.is_variable && !at.has_reference ? shown(at) + " stands for no URL"
                                                          : url.error().message);
    }
}

// The providers of this name; else those of this connector; else those of this vendor.
std::vector<std::string> providers_called(const std::string& wanted, const config& in) {
    for (const auto& [name, provider] : in.providers)
        if (name == wanted) return {name};
    std::vector<std::string> by_connector;
    std::vector<std::string> by_vendor;
    for (const auto& [name, provider] : in.providers) {
        if (core::without_type(provider.connector) == core::without_type(wanted))
            by_connector.push_back(name);
        if (core::vendor_of(provider.connector) == wanted) by_vendor.push_back(name);
    }
    return by_connector.empty() ? by_vendor : by_connector;
}

std::string no_provider(const node& named, const config& in) {
    std::vector<std::string_view> known;
    for (const auto& [provider, settings] : in.providers) known.push_back(provider);
    if (named.is_variable && !named.has_reference) return shown(named) + " stands for no provider";
    return "there is no provider '" + named.text + "'" +
           (named.has_reference ? "" : suggestion(named.text, known));
}

// The names of the providers that a list of them stands for.
void resolve_providers(std::vector<std::string>& listed, std::string_view key, const entry& from,
                       const config& in, findings& found) {
    if (listed.empty()) return;
    std::vector<std::string> names;
    const node& list = node_of(from, key);
    for (std::size_t i = 0; i < list.items.size() && i < listed.size(); ++i) {
        const node& item = list.items[i];
        if (found.has_problem_at(item.path)) continue;
        const std::vector<std::string> called = providers_called(listed[i], in);
        if (called.empty()) found.problem(item.at, item.path, no_provider(item, in));
        for (const std::string& provider : called)
            if (std::find(names.begin(), names.end(), provider) == names.end()) names.push_back(provider);
    }
    listed = std::move(names);
}

void check_model(model_config& model, const entry& from, const config& in, findings& found) {
    if (model.provider.empty()) return;
    const node& at = node_of(from, "provider");
    const std::vector<std::string> called = providers_called(model.provider, in);
    if (called.empty()) return found.problem(at.at, at.path, no_provider(at, in));
    if (called.size() > 1)
        return found.problem(at.at, at.path, "fits several providers; '" + called.front() + "' is one");
    model.provider = called.front();
}

void check_pool(const std::string& name, pool_config& pool, const entry& from, const config& in,
                const model_names& models, findings& found) {
    const bool is_unclear = pool.capability.empty() && found.has_problem_at(from.value.path);
    if (pool.capability.empty() && pool.models.empty()) pool.capability = name;
    if (is_unclear || pool.capability.empty()) {
        // it may have been meant to say; or has the models that it names
    } else if (const auto path = capability::canonical(pool.capability); !path) {
        const node& at = node_of(from, "capability");
        const bool is_own = &at != &from.value;
        found.problem(is_own ? at.at : from.at, at.path,
                      is_shown(at) ? path.error().message : shown(at) + " stands for no capability");
    }
    resolve_providers(pool.providers, "providers", from, in, found);
    resolve_providers(pool.excluded_providers, "excluded_providers", from, in, found);
    const node& named = node_of(from, "models");
    for (std::size_t i = 0; i < named.items.size() && i < pool.models.size(); ++i)
        if (const std::string problem = models.problem(pool.models[i]); !problem.empty())
            found.problem(named.items[i].at, named.items[i].path,
                          is_shown(named.items[i]) ? problem
                                                   : shown(named.items[i]) + " stands for no model");
}

// A section that names one connector, with the connector's options.
template <class Section, class Connector>
void check_section(const node& root, std::string_view key, Section& section,
                   const connector::kind_table<Connector>& kinds, config& into, findings& found) {
    const entry* written = find(root, key);
    if (written == nullptr || written->value.what != shape::map || written->value.entries.empty()) return;
    const std::string what = std::string(key) + " connector";
    (void)read_options(
        {&written->value, &json::detail::describe<Section>(), what, "connector", section.connector},
        kinds.find(section.connector), kinds.ids(), found, &section.options, &into.never_shown);
}

} // namespace

void check(const node& root, const connector::registry& connectors, config& into, findings& found) {
    for (auto& [name, provider] : into.providers)
        check_provider(name, provider, entry_of(root, "providers", name), connectors, found);
    for (auto& [id, model] : into.models) check_model(model, entry_of(root, "models", id), into, found);
    const model_names models(into);
    for (auto& [name, pool] : into.pools)
        check_pool(name, pool, entry_of(root, "pools", name), into, models, found);
    check_section(root, "storage", into.storage, connectors.storages(), into, found);
    check_section(root, "discovery", into.discovery, connectors.discoveries(), into, found);
}

} // namespace modelmesh::settings
