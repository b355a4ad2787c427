// Ids and what they stand for, of rules that are made of a pool's settings.
#pragma once

#include <modelmesh/core/error.hpp>
#include <modelmesh/core/result.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::connector {

/// One kind of rules, by id (`modelmesh.round-robin.v1`), or, where they ship with the library, the part of it that is
/// their name. Threads: fill it before it is handed to a client.
template <class Rule, class Settings> class rule_table {
public:
    using factory = std::function<std::unique_ptr<Rule>(const Settings&)>;

    /// @param noun  what messages call a rule. @param prefix  that an id may have: "rotation.". Both outlive it.
    constexpr rule_table(std::string_view noun, std::string_view prefix) : noun_(noun), prefix_(prefix) {}

    /// Errors: config when the id is empty or taken, or there is no factory.
    result<void> add(std::string id, factory make) {
        if (id.empty()) return fault(errc::config, "a " + std::string(noun_) + " needs an id");
        if (!make) return fault(errc::config, called(id) + " needs a factory");
        if (rules_.contains(id)) return fault(errc::config, called(id) + " is registered already");
        rules_.emplace(std::move(id), std::move(make));
        return {};
    }

    /// Errors: config when there is none of this name, naming those there are, or when its factory returns null.
    [[nodiscard]] result<std::unique_ptr<Rule>> make(std::string_view name, const Settings& settings) const {
        const std::string_view id = name.starts_with(prefix_) ? name.substr(prefix_.size()) : name;
        auto found = rules_.find(id);
        if (found == rules_.end()) found = rules_.find(std::string(own_prefix).append(id).append(own_suffix));
        if (found != rules_.end()) {
            std::unique_ptr<Rule> made = found->second(settings);
            if (!made) return fault(errc::config, "the factory of " + called(found->first) + " makes none");
            return made;
        }
        std::string text = "no " + called(name) + "; there are:";
        for (const std::string_view known : names()) text.append(" ").append(known);
        return fault(errc::config, std::move(text));
    }

    /// The shortest name of each.
    [[nodiscard]] std::vector<std::string_view> names() const {
        std::vector<std::string_view> all;
        for (const auto& [id, make] : rules_) {
            std::string_view name = id;
            if (name.starts_with(own_prefix) && name.ends_with(own_suffix))
                name = name.substr(own_prefix.size(), name.size() - own_prefix.size() - own_suffix.size());
            all.push_back(name);
        }
        return all;
    }

private:
    // What the ids of our own rules have around their names.
    static constexpr std::string_view own_prefix = "modelmesh.";
    static constexpr std::string_view own_suffix = ".v1";

    [[nodiscard]] std::string called(std::string_view id) const {
        return std::string(noun_).append(" '").append(id).append("'");
    }

    std::string_view noun_;
    std::string_view prefix_;
    std::map<std::string, factory, std::less<>> rules_{};
};

} // namespace modelmesh::connector
