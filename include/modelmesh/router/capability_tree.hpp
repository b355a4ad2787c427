// The capability tree with the nodes of the user's own: what can be asked for, listed and searched.
#pragma once

#include <modelmesh/core/result.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::capability {

struct node {
    std::string path;                        ///< canonical
    std::string description{};               ///< what its models give; empty for a node of the user's own
    std::vector<std::string_view> aliases{}; ///< short names beside the last segment of the path
    bool is_leaf{true};

    /// Segments of the path: 1 for `generation`.
    [[nodiscard]] std::size_t depth() const noexcept;
};

/// A node and what serves it.
struct offer {
    capability::node node;
    std::string pool{};    ///< the one that a request for the node goes to; empty when there is none
    std::size_t models{0}; ///< that have this capability or one below it, in whatever pool
};

/// A value: copies are apart. Threads: as for a standard container. Every name may be given in any spelling that
/// canonical() accepts.
class tree {
public:
    /// The shipped tree.
    tree();

    /// Adds a node and those above it that are missing; nothing happens where it is there. A new node comes
    /// behind what its parent has already.
    /// Errors: config, the name is not made of lower-case segments [a-z0-9-].
    result<void> add(std::string_view name);

    [[nodiscard]] bool contains(std::string_view name) const;

    /// Every node: parents before their children, each with all that is below it.
    [[nodiscard]] std::vector<node> nodes() const;
    /// The node of this name and all that is below it, in the same order; nothing when there is none.
    [[nodiscard]] std::vector<node> nodes(std::string_view name) const;

    /// Paths of the leaves at or below a node, in the order of the tree; nothing when there is no such node.
    [[nodiscard]] std::vector<std::string> leaves(std::string_view name) const;

    /// Nodes that a word names, whatever the case of its letters, best first: its own name or alias is the word,
    /// then begins with it, then contains it, then its path does. Those alike in this: in the order of the tree.
    /// An empty word finds nothing.
    [[nodiscard]] std::vector<node> search(std::string_view word) const;

private:
    [[nodiscard]] node made(std::size_t at) const;
    [[nodiscard]] std::size_t find(std::string_view path) const noexcept;
    /// The first place behind the node at `at` and all that is below it.
    [[nodiscard]] std::size_t end_of(std::size_t at) const noexcept;
    void insert(std::string_view path);

    std::vector<std::string> paths_; ///< parents before their children, each with all that is below it
};

} // namespace modelmesh::capability
