#include "config/check.hpp"

#include "config/keys.hpp"
#include "config/model_names.hpp"
#include "config/options.hpp"
#include "core/connector_id.hpp"
#include "net/url.hpp"

#include <modelmesh/core/events.hpp>
#include <modelmesh/json/detail/describe.hpp>
#include <modelmesh/router/capability.hpp>

#include <algorithm>
#include <stdexcept>

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

// Whether a section says nothing but what is always so.
bool is_settled(const node& section, const json::detail::object_type& type) {
    const auto settled = settled_of(type);
    return std::all_of(section.entries.begin(), section.entries.end(), [&settled](const entry& each) {
        return std::any_of(settled.begin(), settled.end(),
                           [&each](const settled_key& known) { return known.path == each.key; });
    });
}

// A section that names one connector, with the connector's options.
template <class Section, class Connector>
void check_section(const node& root, std::string_view key, Section& section,
                   const connector::kind_table<Connector>& kinds, config& into, findings& found) {
    const auto& type = static_cast<const json::detail::object_type&>(json::detail::describe<Section>());
    const entry* written = find(root, key);
    if (written == nullptr || written->value.what != shape::map || is_settled(written->value, type)) return;
    const std::string what = std::string(key) + " connector";
    (void)read_options({&written->value, &type, what, "connector", section.connector},
                       kinds.find(section.connector), kinds.ids(), found, &section.options,
                       &into.never_shown);
}

// An entry of the section, or the section itself: a sink with its options.
// @returns  whether it names one.
bool check_sink(const node& from, const json::detail::descriptor& type, const std::string& connector,
                json::raw& options, const connector::registry& connectors, config& into, findings& found) {
    if (connector.empty() && find(from, "connector") == nullptr) {
        const entry* given = find(from, "options");
        if (given == nullptr) return false;
        // What is no option of a sink is a key that is misspelled.
        std::vector<std::string> own;
        for (const key_tree& key : keys_of(static_cast<const json::detail::object_type&>(type)).below)
            if (!key.is_later) own.push_back(key.name);
        const std::vector<std::string_view> names(own.begin(), own.end());
        for (const entry& each : given->value.entries)
            found.problem(
                each.at, each.value.path,
                "there is no such key" + suggestion(each.key, names) +
                    (suggestion(each.key, names).empty() ? "; options of a sink need its 'connector'" : ""));
        return false;
    }
    const auto& kinds = connectors.sinks();
    (void)read_options({&from, &type, "sink", "connector", connector}, kinds.find(connector), kinds.ids(),
                       found, &options, &into.never_shown);
    return true;
}

void check_events(const std::vector<std::string>& words, const node& from, std::string_view key,
                  findings& found) {
    const entry* list = find(from, key);
    for (std::size_t i = 0; list != nullptr && i < list->value.items.size() && i < words.size(); ++i) {
        const node& item = list->value.items[i];
        if (found.has_problem_at(item.path)) continue;
        try {
            (void)event_filter({words[i]});
        } catch (const std::invalid_argument& unknown) {
            const std::string near = suggestion(words[i], event_filter::words());
            found.problem(item.at, item.path,
                          !is_shown(item) ? shown(item) + " stands for no event"
                          : near.empty()  ? std::string(unknown.what())
                                          : "there is no event '" + words[i] + "'" + near);
        }
    }
}

void check_observability(const node& section, const connector::registry& connectors, config& into,
                         findings& found) {
    if (section.what != shape::map) return;
    using json::detail::describe;
    observability_config& to = into.observability;
    check_sink(section, describe<observability_config>(), to.connector, to.options, connectors, into, found);
    check_events(to.event_filter, section, "event_filter", found);
    if (const entry* sinks = find(section, "sinks"))
        for (std::size_t i = 0; i < sinks->value.items.size() && i < to.sinks.size(); ++i) {
            const node& from = sinks->value.items[i];
            if (from.what != shape::map) continue;
            sink_config& sink = to.sinks[i];
            const std::size_t before = found.problem_count();
            if (!check_sink(from, describe<sink_config>(), sink.connector, sink.options, connectors, into,
                            found) &&
                found.problem_count() == before)
                found.problem(from.at, from.path, "needs 'connector', the id of a sink");
            check_events(sink.events, from, "events", found);
        }
    const entry* logging = find(section, "logging");
    for (std::size_t i = 0; logging != nullptr && i < logging->value.items.size() && i < to.logging.size();
         ++i) {
        const node& from = logging->value.items[i];
        if (from.what != shape::map) continue;
        logging_config& log = to.logging[i];
        check_sink(from, describe<logging_config>(), log.connector, log.options, connectors, into, found);
        if (!log.redact_secrets) {
            const node& at = find(from, "redact_secrets")->value;
            found.problem(at.at, at.path, "must be true: secrets are taken out of all that is told");
        }
    }
}

void check_middleware(const node& list, const connector::registry& connectors, config& into,
                      findings& found) {
    const auto& kinds = connectors.middlewares();
    for (std::size_t i = 0; i < list.items.size() && i < into.middleware.size(); ++i) {
        middleware_config& each = into.middleware[i];
        if (list.items[i].what == shape::map)
            (void)read_options({&list.items[i], &json::detail::describe<middleware_config>(), "middleware",
                                "connector", each.connector},
                               kinds.find(each.connector), kinds.ids(), found, &each.options,
                               &into.never_shown);
    }
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
    if (const entry* section = find(root, "observability"))
        check_observability(section->value, connectors, into, found);
    if (const entry* list = find(root, "middleware")) check_middleware(list->value, connectors, into, found);
}

} // namespace modelmesh::settings
