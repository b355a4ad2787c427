#include "config/environment.hpp"

#include "config/yaml.hpp"

#include <optional>
#include <unistd.h>
#include <utility>

namespace modelmesh::settings {
namespace {

// As a variable's name has to spell it.
std::string folded(std::string_view key) {
    std::string text(key);
    for (char& c : text) {
        if (c >= 'a' && c <= 'z')
            c = static_cast<char>(c - 'a' + 'A');
        else if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            c = '_';
    }
    return text;
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return lower;
}

node wrapped(std::string key, const place& at, node value) {
    node map;
    map.what = shape::map;
    map.at = at;
    map.entries.push_back({std::move(key), at, std::move(value)});
    return map;
}

} // namespace

environment process_environment() {
    environment all;
    for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
        const std::string_view line = *each;
        const std::size_t equals = line.find('=');
        if (equals == line.npos || equals + 1 == line.size()) continue;
        all.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    return all;
}

node override_tree(const std::string& name, const std::string& value, const node& known, findings& found) {
    const place at{std::make_shared<const std::string>("environment variable " + name)};
    std::vector<std::string> keys;
    const node* level = &known;
    std::string_view rest = std::string_view(name).substr(override_prefix.size());
    for (bool is_last = false; !is_last;) {
        const std::size_t cut = rest.find("__");
        is_last = cut == rest.npos;
        const std::string_view part = rest.substr(0, cut);
        if (!is_last) rest.remove_prefix(cut + 2);
        if (part.empty() || keys.size() == yaml_limits::depth) {
            found.problem(at, {}, "its name is no path of keys, each behind two underscores");
            return {};
        }
        const entry* match = nullptr;
        bool is_ambiguous = false;
        if (level != nullptr)
            for (const entry& each : level->entries) {
                if (folded(each.key) != folded(part)) continue;
                is_ambiguous = match != nullptr;
                if (match == nullptr) match = &each;
            }
        if (is_ambiguous)
            found.problem(at, level->path, "its name fits several keys; '" + match->key + "' is one");
        keys.push_back(match == nullptr ? lower_case(part) : match->key);
        level = match == nullptr ? nullptr : &match->value;
    }
    node tree;
    tree.what = shape::text;
    tree.at = at;
    tree.text = tree.value = value;
    tree.is_variable = true;
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) tree = wrapped(*key, at, std::move(tree));
    set_paths(tree, {});
    return tree;
}

} // namespace modelmesh::settings
