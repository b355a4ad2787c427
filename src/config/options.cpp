#include "config/options.hpp"

#include "config/bind.hpp"
#include "config/keys.hpp"
#include "config/yaml.hpp"
#include "core/joined.hpp"

#include <modelmesh/json/write.hpp>
#include <modelmesh/router/capability.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace modelmesh::settings {
namespace {

namespace reflected = json::detail;

const reflected::object_type& object_of(const reflected::descriptor& type) {
    return static_cast<const reflected::object_type&>(type);
}

// `json-log` of `modelmesh.json-log.v1`
std::string_view short_name(std::string_view id) noexcept {
    constexpr std::string_view before = "modelmesh.";
    constexpr std::string_view behind = ".v1";
    if (id.starts_with(before)) id.remove_prefix(before.size());
    if (id.ends_with(behind)) id.remove_suffix(behind.size());
    return id;
}

void append_json(std::string& out, const node& from) {
    switch (from.what) {
    case shape::nothing:
        out += "null";
        return;
    case shape::text:
        json::append_string(out, from.value);
        return;
    case shape::list:
        out += '[';
        for (const node& item : from.items) {
            if (&item != from.items.data()) out += ',';
            append_json(out, item);
        }
        out += ']';
        return;
    case shape::map:
        out += '{';
        for (const entry& each : from.entries) {
            if (&each != from.entries.data()) out += ',';
            json::append_string(out, each.key);
            out += ':';
            append_json(out, each.value);
        }
        out += '}';
        return;
    }
}

void append_texts(std::vector<std::string>& into, const node& from) {
    if (from.what == shape::text) into.push_back(from.value);
    for (const node& item : from.items) append_texts(into, item);
    for (const entry& each : from.entries) append_texts(into, each.value);
}

} // namespace

std::string unknown_connector(std::string_view what, std::string_view id,
                              const std::vector<std::string_view>& known) {
    std::string text = "there is no " + std::string(what) + " '" + std::string(id) + "'";
    // Compared by what tells them apart: all of ours begin and end alike.
    std::vector<std::string_view> names;
    for (const std::string_view each : known) names.push_back(short_name(each));
    if (const std::vector<std::string> near = capability::nearest(short_name(id), names, 1); !near.empty()) {
        const auto which = std::find(names.begin(), names.end(), near.front()) - names.begin();
        return text.append("; did you mean '").append(known[static_cast<std::size_t>(which)]).append("'?");
    }
    text += "; there are:";
    for (const std::string_view each : known) text.append(" ").append(each);
    return text;
}

std::shared_ptr<void> read_options(const connector_section& section, const connector::options_type* of,
                                   const std::vector<std::string_view>& known, findings& found,
                                   json::raw* as_text, std::vector<std::string>* secrets) {
    const node& from = *section.from;
    if (of == nullptr) {
        const entry* named = find(from, section.key);
        if (named == nullptr)
            found.problem(from.at, from.path,
                          "needs '" + std::string(section.key) + "', the id of a " +
                              std::string(section.what));
        else if (!found.has_problem_at(named->value.path))
            found.problem(named->value.at, named->value.path,
                          unknown_connector(section.what, named->value.text, known));
        return nullptr;
    }
    const std::size_t before = found.problem_count();
    std::shared_ptr<void> made = of->make_options();
    const auto& own = object_of(*section.type);
    const std::string_view options_key = own.fields[options_member(own)].name;
    const key_tree options_keys = keys_of(object_of(*of->type));
    for (const settled_key& each : settled_of(own))
        if (const entry* said = find(from, each.path); said != nullptr && options_keys.find(each.path))
            found.warning(said->value.at, said->value.path,
                          "is the section's own; that of the " + std::string(section.what) + " is '" +
                              std::string(options_key) + "." + std::string(each.path) + "'");
    const entry* given = find(from, options_key);
    if (given == nullptr) return made;
    const key_tree beside = keys_of(own);
    node options = given->value;
    if (options.what != shape::map && options.what != shape::nothing) {
        found.problem(options.at, options.path, "must be a map of settings");
        return nullptr;
    }
    use_own_names(options, object_of(*of->type), options_keys, found, &beside);
    bind(options, *of->type, made.get(), found);
    if (found.problem_count() != before) return nullptr;
    if (as_text != nullptr && options.what == shape::map && !options.entries.empty())
        append_json(as_text->text, options);
    const auto& type = object_of(*of->type);
    for (std::size_t i = 0; secrets != nullptr && i < type.count; ++i)
        if (const entry* secret = type.fields[i].secret ? find(options, type.fields[i].name) : nullptr)
            append_texts(*secrets, secret->value);
    return made;
}

result<std::shared_ptr<void>> read_options(const json::raw& options, const connector::options_type& of,
                                           const std::string& where) {
    std::shared_ptr<void> made = of.make_options();
    if (options.text.empty()) return made;
    findings found;
    const auto source = std::make_shared<const std::string>(where + ".options");
    if (std::optional<node> read = read_yaml(options.text, source, found)) {
        use_own_names(*read, *of.type, found);
        bind(*read, *of.type, made.get(), found);
    }
    if (!found.has_problems()) return made;
    return fault(errc::config, core::joined(found.problems()));
}

} // namespace modelmesh::settings
