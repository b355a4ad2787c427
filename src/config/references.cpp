#include "config/references.hpp"

#include <algorithm>

namespace modelmesh::settings {
namespace {

constexpr int most_nested = 8;
constexpr std::size_t most_text = 1 << 20; // what references may make of one text

bool is_name(std::string_view text) {
    if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

// The end of the reference whose `${` ends at `from`: defaults may have references in them.
std::size_t closing_brace(std::string_view text, std::size_t from) {
    int open = 1;
    for (std::size_t i = from; i < text.size(); ++i) {
        if (text.substr(i, 2) == "${") ++open;
        if (text[i] == '}' && --open == 0) return i;
    }
    return text.npos;
}

} // namespace

void resolver::use(const connector::secret_store* store, bool fail_on_missing, bool is_told) {
    is_told_ = is_told;
    store_ = store;
    may_use_secrets_ = true;
    fail_on_missing_ = fail_on_missing;
}

void resolver::resolve(node& at, findings& found) {
    for (node& item : at.items) resolve(item, found);
    for (entry& each : at.entries) resolve(each.value, found);
    if (at.what != shape::text || at.text.find("${") == at.text.npos) return;
    at.value = expand(at.text, at, found, 0);
}

std::string resolver::expand(std::string_view text, node& at, findings& found, int depth) {
    if (depth > most_nested) {
        found.problem(at.at, at.path, "references within references, more than 8 levels of them");
        return {};
    }
    std::string out;
    while (!text.empty()) {
        const std::size_t begin = text.find("${");
        if (begin == text.npos) break;
        if (begin > 0 && text[begin - 1] == '$') { // $${
            out.append(text.substr(0, begin - 1)).append("${");
            text.remove_prefix(begin + 2);
            continue;
        }
        const std::size_t end = closing_brace(text, begin + 2);
        if (end == text.npos) {
            found.problem(at.at, at.path,
                          "a reference that is not closed: ${...} ends with }; $${ is the text ${");
            return {};
        }
        out += text.substr(0, begin);
        at.has_reference = true;
        out += variable(text.substr(begin + 2, end - begin - 2), at, found, depth);
        if (out.size() > most_text) {
            found.problem(at.at, at.path, "more than 1 MiB with its references resolved");
            return {};
        }
        text.remove_prefix(end + 1);
    }
    return out.append(text);
}

std::string resolver::variable(std::string_view body, node& at, findings& found, int depth) {
    if (body.starts_with("secrets:")) return secret(body.substr(8), at, found);
    std::string_view name = body.starts_with("env:") ? body.substr(4) : body;
    std::string_view otherwise;
    char how = 0;
    if (const std::size_t colon = name.find(':'); colon != name.npos) {
        how = colon + 1 < name.size() ? name[colon + 1] : ' ';
        if (how == '-' || how == '?') {
            otherwise = name.substr(colon + 2);
            name = name.substr(0, colon);
        }
    }
    if (!is_name(name)) {
        found.problem(at.at, at.path,
                      "not a reference: write ${NAME}, ${NAME:-default}, ${NAME:?message}, ${env:NAME} or "
                      "${secrets:NAME}; $${ is the text ${");
        return {};
    }
    if (const auto known = variables_.find(name); known != variables_.end()) return known->second;
    if (how == '-') return expand(otherwise, at, found, depth + 1);
    std::string what = "the environment variable " + std::string(name) + " is not set";
    if (how == '?' && !otherwise.empty()) what.append(": ").append(otherwise);
    found.problem(at.at, at.path, what);
    return {};
}

std::string resolver::secret(std::string_view name, node& at, findings& found) {
    if (!may_use_secrets_) {
        found.problem(at.at, at.path, "the options of the secret store cannot refer to its secrets");
        return {};
    }
    if (name.empty()) {
        found.problem(at.at, at.path, "${secrets:NAME} needs a name");
        return {};
    }
    if (const auto known = secrets_.find(name); known != secrets_.end()) return known->second;
    if (store_ == nullptr) {
        if (!is_told_)
            found.problem(at.at, at.path,
                          "there is no secret store to look it up in; 'secrets.store' names one");
        return {};
    }
    result<std::optional<std::string>> value = store_->get(name);
    if (!value) {
        found.problem(at.at, at.path, value.error().message);
        return {};
    }
    if (!*value && fail_on_missing_) {
        found.problem(at.at, at.path, "there is no secret '" + std::string(name) + "' in the store");
        return {};
    }
    return secrets_.emplace(name, value->value_or("")).first->second;
}

std::vector<std::string> resolver::looked_up() const {
    std::vector<std::string> all;
    for (const auto& [name, value] : secrets_)
        if (!value.empty()) all.push_back(value);
    return all;
}

} // namespace modelmesh::settings
