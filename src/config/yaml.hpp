// YAML text as nodes. The only file that knows the YAML library.
#pragma once

#include "config/node.hpp"

#include <optional>
#include <string_view>

namespace modelmesh::settings {

/// Bounds of one source: a configuration is small, and what is not was not meant for us.
struct yaml_limits {
    static constexpr std::size_t bytes = 1 << 20;
    static constexpr std::size_t depth = 16;
    static constexpr std::size_t nodes = 10'000; ///< with every alias replaced by what it stands for
    static constexpr std::size_t key = 128;      ///< bytes of one key
};

/// Reads one document: a map, or nothing at all. Anchors, aliases and merge keys (`<<`) are replaced.
/// @returns nothing when the text is not YAML, is not UTF-8 or is beyond a limit; what was found wrong.
/// Duplicate keys are reported, and the first one is kept.
[[nodiscard]] std::optional<node> read_yaml(std::string_view text,
                                            const std::shared_ptr<const std::string>& source,
                                            findings& found);

/// Writes the paths of a tree's nodes, beginning with the root's.
void set_paths(node& root, std::string path);

/// Text as a YAML scalar that reads as the same text: plain where that is safe, else in double quotes.
[[nodiscard]] std::string yaml_text(std::string_view text);

} // namespace modelmesh::settings
