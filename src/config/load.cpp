#include "config/load.hpp"

#include "config/bind.hpp"
#include "config/check.hpp"
#include "config/keys.hpp"
#include "config/merge.hpp"
#include "config/options.hpp"
#include "config/references.hpp"
#include "config/secrets_section.hpp"
#include "config/templates.hpp"
#include "config/yaml.hpp"
#include "core/joined.hpp"

#include <modelmesh/config/load.hpp>
#include <modelmesh/core/error.hpp>
#include <modelmesh/json/detail/describe.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace modelmesh {
namespace settings {
namespace {

namespace reflected = json::detail;

const reflected::object_type& object_of(const reflected::descriptor& type) {
    return static_cast<const reflected::object_type&>(type);
}

/// Takes an entry out of a map.
std::optional<entry> take(node& from, std::string_view key) {
    entry* known = find(from, key);
    if (known == nullptr) return std::nullopt;
    entry taken = std::move(*known);
    from.entries.erase(from.entries.begin() + (known - from.entries.data()));
    return taken;
}

/// The keys at the top, of which some are no members of the configuration: they are about files.
key_tree keys_at_top() {
    key_tree keys = keys_of(object_of(reflected::describe<config>()));
    for (const char* name : {"version", "template", "secrets"}) keys.below.push_back(key_tree{name});
    return keys;
}

/// @param secrets  the section. @param otherwise  where problems of a store are that it does not name.
std::unique_ptr<connector::secret_store> make_store(const node& secrets, const secrets_section& section,
                                                    const place& otherwise,
                                                    const connector::registry& connectors, log_sink* log,
                                                    findings& found) {
    const entry* named = find(secrets, "store");
    const auto& stores = connectors.secret_stores();
    const connector::kind<connector::secret_store>* kind = stores.find(section.store);
    if (kind == nullptr && named == nullptr)
        return nullptr; // the registry has no default store: whoever refers to a secret is told
    const std::shared_ptr<void> options = read_options(
        {&secrets, &reflected::describe<secrets_section>(), "secret store", "store", section.store}, kind,
        stores.ids(), found);
    if (!options) return nullptr;
    auto made = kind->make(options.get(), log);
    if (made) return std::move(*made);
    found.problem(named == nullptr ? otherwise : named->value.at, "secrets", made.error().message);
    return nullptr;
}

/// Makes the store of a section, and lets references look there. @param references  uses it from now on.
std::unique_ptr<connector::secret_store> open_store(node& secrets, const place& otherwise,
                                                    const connector::registry& connectors, log_sink* log,
                                                    resolver& references, findings& found) {
    secrets_section section;
    references.resolve(secrets, found);
    bind(secrets, reflected::describe<secrets_section>(), &section, found);
    const std::size_t before = found.problem_count();
    std::unique_ptr<connector::secret_store> store =
        make_store(secrets, section, otherwise, connectors, log, found);
    references.use(store.get(), section.fail_on_missing, found.problem_count() != before);
    return store;
}

/// What references of a configuration are looked up in.
struct secrets_at {
    node section;
    connector::registry connectors;
};

/// What a text with references comes to by now. A store is made anew: it may have read its secrets when it was made.
result<resolved_key> read_again(const secrets_at& in, node text) {
    findings found;
    const environment variables = process_environment();
    resolver references(variables);
    node section = in.section;
    const std::unique_ptr<connector::secret_store> store =
        open_store(section, section.at, in.connectors, nullptr, references, found);
    references.resolve(text, found);
    if (found.has_problems()) return fault(errc::config, core::joined(found.problems()));
    return resolved_key(std::move(text.value), references.looked_up());
}

/// One source on its way into the whole.
class loader {
public:
    loader(const environment& variables, const connector::registry& connectors, log_sink* log)
        : variables_(variables), connectors_(connectors), log_(log) {
        root_.what = shape::map;
    }

    void add(const document& from) {
        const auto name = std::make_shared<const std::string>(from.name);
        if (!root_.at.source) root_.at.source = name;
        if (std::optional<node> tree = read_yaml(from.text, name, found_))
            add(std::move(*tree));
        else
            is_complete_ = false;
    }

    /// What the files say over the template that they name, or that a variable does.
    void put_together() {
        const std::string variable = std::string(override_prefix) + "TEMPLATE";
        if (const auto named = variables_.find(variable); named != variables_.end()) {
            node text;
            text.what = shape::text;
            text.at.source = std::make_shared<const std::string>("environment variable " + variable);
            text.path = "template";
            text.text = named->second;
            text.is_variable = true;
            template_ = std::move(text);
        }
        if (template_) add_template();
        for (node& each : files_) lay(std::move(each));
        files_.clear();
    }

    void add_overrides() {
        const auto first = variables_.lower_bound(override_prefix);
        for (auto each = first; each != variables_.end() && each->first.starts_with(override_prefix); ++each)
            if (each->first.substr(override_prefix.size()) != "TEMPLATE")
                lay(override_tree(each->first, each->second, root_, found_));
    }

    config finish(origin* from) {
        config made;
        resolver references(variables_);
        const std::unique_ptr<connector::secret_store> store =
            open_store(secrets_, root_.at, connectors_, log_, references, found_);
        references.resolve(root_, found_);
        made.never_shown = references.looked_up();
        bind(root_, reflected::describe<config>(), &made, found_);
        add_sources(made);
        const entry* providers = find(root_, "providers");
        if (from_template_ && (providers == nullptr || providers->value.entries.empty()))
            found_.problem(template_->at, template_->path,
                           "finds no provider: set one of " + template_variables() + ", or configure one");
        if (is_complete_) check(root_, connectors_, made, found_);
        warn();
        if (found_.has_problems()) throw error(fault(errc::config, core::joined(found_.problems())));
        if (from != nullptr) *from = {std::move(root_), std::move(from_template_)};
        return made;
    }

private:
    // Files are laid over each other when it is known which template they name.
    void add(node tree) {
        if (tree.what == shape::map)
            if (std::optional<entry> named = take(tree, "template")) template_ = std::move(named->value);
        files_.push_back(std::move(tree));
    }

    void add_template() {
        const node& named = *template_;
        if (named.what != shape::text)
            return found_.problem(named.at, named.path, "must be the name of a template");
        const std::optional<std::string> text = template_text(named.text, variables_);
        if (!text)
            return found_.problem(named.at, named.path,
                                  named.is_variable ? "its value is no template's name"
                                                    : unknown_template(named.text));
        from_template_ = std::make_shared<const std::string>("template " + named.text);
        std::optional<node> tree = read_yaml(*text, from_template_, found_);
        if (tree) lay(std::move(*tree));
    }

    void lay(node tree) {
        if (tree.what == shape::nothing) return; // an empty file
        if (tree.what != shape::map)
            return found_.problem(tree.at, tree.path, "must be a map of sections: providers, pools, secrets");
        if (const std::optional<entry> version = take(tree, "version"); version && version->value.text != "1")
            found_.problem(version->value.at, version->value.path, "must be 1, the only version there is");
        std::optional<entry> secrets = take(tree, "secrets");
        use_own_names(tree, object_of(reflected::describe<config>()), keys_at_top(), found_);
        merge(root_, std::move(tree));
        if (!secrets || secrets->value.what == shape::nothing) return;
        if (secrets->value.what != shape::map)
            return found_.problem(secrets->value.at, secrets->value.path, "must be a map of settings");
        use_own_names(secrets->value, reflected::describe<secrets_section>(), found_);
        forget_options(secrets->value);
        merge(secrets_, std::move(secrets->value));
    }

    // Those of one store mean nothing to another, which a later source has chosen.
    void forget_options(const node& later) {
        const entry* next = find(later, "store");
        const entry* last = find(secrets_, "store");
        if (next == nullptr ||
            next->value.text == (last == nullptr ? secrets_section().store : last->value.text))
            return;
        (void)take(secrets_, "options");
    }

    // A key that is made of references may be another one later.
    void add_sources(config& made) const {
        std::shared_ptr<const secrets_at> where;
        for (auto& [name, provider] : made.providers) {
            const entry* key = find(find(find(root_, "providers")->value, name)->value, "api_key");
            if (key == nullptr || !key->value.has_reference) continue;
            if (!where) where = std::make_shared<const secrets_at>(secrets_at{secrets_, connectors_});
            provider.key_source = std::make_shared<const key_source>(key_source{
                provider.api_key, [where, text = key->value] { return read_again(*where, text); }});
        }
    }

    void warn() const {
        if (log_ == nullptr || !log_->wants(severity::warning)) return;
        for (const std::string& line : found_.warnings()) {
            const std::array<log_field, 1> fields{{{"message", line}}};
            log_->write(severity::warning, "config.warning", fields);
        }
    }

    const environment& variables_;
    const connector::registry& connectors_;
    log_sink* log_;
    findings found_;
    bool is_complete_ = true;      // every document could be read
    std::vector<node> files_;      // not laid over each other yet
    std::optional<node> template_; // what the last source says that has this key
    std::shared_ptr<const std::string> from_template_;
    node root_;    // the members of config
    node secrets_; // the members of secrets_section
};

} // namespace

config load(const std::vector<document>& documents, const environment& variables,
            const connector::registry& connectors, log_sink* log, origin* from) {
    loader whole(variables, connectors, log);
    for (const document& each : documents) whole.add(each);
    whole.put_together();
    whole.add_overrides();
    return whole.finish(from);
}

} // namespace settings

namespace {

std::string read_file(const std::string& path) {
    if (std::error_code none; std::filesystem::is_directory(path, none))
        throw error(fault(errc::config, path + ": cannot be read: Is a directory"));
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file.is_open() || file.bad())
        throw error(fault(errc::config, path + ": cannot be read: " + std::strerror(errno)));
    return text;
}

} // namespace

namespace {
std::vector<settings::document> read_files(const std::vector<std::string>& paths) {
    std::vector<settings::document> documents;
    for (const std::string& path : paths) documents.push_back({path, read_file(path)});
    return documents;
}
} // namespace

config load_config(const std::vector<std::string>& paths, const connector::registry& connectors,
                   log_sink* log) {
    return settings::load(read_files(paths), settings::process_environment(), connectors, log);
}

std::vector<setting> explain_config(const std::vector<std::string>& paths,
                                    const connector::registry& connectors, const config* effective) {
    settings::origin from;
    const config loaded =
        settings::load(read_files(paths), settings::process_environment(), connectors, nullptr, &from);
    return settings::explain(from, loaded, effective == nullptr ? loaded : *effective);
}

config load_template(std::string_view name) {
    connector::registry connectors;
    connector::register_builtin(connectors);
    const std::string named = "template: " + settings::yaml_text(name) + "\n";
    return settings::load({{"template", named}}, settings::process_environment(), connectors, nullptr);
}

config load_config(const std::string& path) {
    connector::registry connectors;
    connector::register_builtin(connectors);
    return load_config({path}, connectors);
}

} // namespace modelmesh
