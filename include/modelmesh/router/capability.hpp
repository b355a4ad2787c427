// Names of what a model can do: the shipped capabilities and every spelling that is accepted for them.
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

/// The bare name of a node: `chat-completion`.
[[nodiscard]] constexpr std::string_view last_segment(std::string_view path) noexcept {
    return path.substr(path.rfind('.') + 1);
}

struct shipped_node {
    std::string_view path;        ///< canonical
    std::string_view description; ///< what its models give
};

/// The tree that comes with the library: parents before their children, each with all that is below it.
[[nodiscard]] std::span<const shipped_node> shipped() noexcept;

/// A short name of a shipped node beside the last segment of its path.
struct alias {
    std::string_view name;
    std::string_view path; ///< canonical
};

/// Sorted by name.
[[nodiscard]] std::span<const alias> aliases() noexcept;

/// Up to `most` known names that are nearest to `name` by edit distance, nearest first.
[[nodiscard]] std::vector<std::string> nearest(std::string_view name, std::span<const std::string_view> known,
                                               std::size_t most);

} // namespace modelmesh::capability
