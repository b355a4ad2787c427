// Which keys a file may have: the members of the types, their other places, and what is not done yet.
#pragma once

#include "config/node.hpp"

#include <modelmesh/json/detail/descriptor.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::settings {

/// In place of the one value of a key that may have any duration.
inline constexpr std::string_view any_duration = "a duration, like 5m";

/// What the format lets a file choose and is always the same here: taken where the file says just that, and refused with
/// the reason where it says something else. None of them is a member, there is nothing to keep: its own name is its path.
struct settled_key {
    std::string_view path;
    std::string_view only;
    std::string_view why;
};
[[nodiscard]] std::span<const settled_key> settled_of(const json::detail::object_type& type);

/// The keys of one type as a tree: `recovery.cooldown` is a key below a key.
struct key_tree {
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    std::string name{};
    std::size_t field = none; ///< the member that it is
    std::size_t rank = 0;     ///< of two places of one member the lower rank wins; 0 is the member's own name
    std::size_t itself = none;            ///< the member that a single value in place of the object is
    bool is_later = false;                ///< the format has it, and this version does not do it
    const settled_key* settled = nullptr; ///< the format has it, and it is always the same
    std::vector<key_tree> below{};

    [[nodiscard]] const key_tree* find(std::string_view key) const noexcept;
};

[[nodiscard]] key_tree keys_of(const json::detail::object_type& type);

/// The member for the options of a connector, which is the one of type json::raw (options.hpp): it has the keys that
/// are no member's. type.count: there is none.
[[nodiscard]] std::size_t options_member(const json::detail::object_type& type) noexcept;

/// Gives every member its own name, wherever the file has it, so that sources can be merged and read.
/// Reports keys that are unknown or not done yet; takes out what is not to be read (`x-...`). Another place of a list
/// may have one value without the list around it: `alert_threshold` of `alert_thresholds`.
void use_own_names(node& at, const json::detail::descriptor& type, findings& found);

/// The same for one object whose keys are these.
/// @param beside  keys that may stand beside them, so that a misspelled one is recognised; may be null.
void use_own_names(node& at, const json::detail::object_type& type, const key_tree& keys, findings& found,
                   const key_tree* beside = nullptr);

} // namespace modelmesh::settings
