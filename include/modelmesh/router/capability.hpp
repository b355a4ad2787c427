// Names of what a model can do: the capability tree and every spelling that is accepted for its nodes.
#pragma once

#include <modelmesh/core/result.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::capability {

/// The path of a node, for example `generation.text-generation.chat-completion`, from any accepted spelling:
/// the path itself, a bare node name (`chat-completion`), an alias (`chat`), or a path with a short group
/// (`generation.audio.text-to-speech`). A well-formed path that is not in the tree is a node of the user's
/// own and comes back unchanged. Errors: config when the name is not made of lower-case segments [a-z0-9-],
/// naming the nearest known spelling.
[[nodiscard]] result<std::string> canonical(std::string_view name);

/// Whether the node `path` is `ancestor` itself or lies below it. Both canonical.
[[nodiscard]] bool within(std::string_view path, std::string_view ancestor) noexcept;

/// Canonical paths of all leaves of the shipped tree, in tree order.
[[nodiscard]] std::span<const std::string_view> leaves() noexcept;

/// Accepted short names, sorted.
[[nodiscard]] std::vector<std::string_view> aliases();

/// Up to `most` known names that are nearest to `name` by edit distance, nearest first.
[[nodiscard]] std::vector<std::string> nearest(std::string_view name, std::span<const std::string_view> known,
                                               std::size_t most);

} // namespace modelmesh::capability
