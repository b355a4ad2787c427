// Files that are whole or not there, for connectors that keep something.
#pragma once

#include <modelmesh/core/result.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::connector {

/// Puts `data` in the place of the file: whoever reads it, also after the machine lost its power, has the old
/// contents or the new ones. Only the user may read it (mode 0600). Blocks: written to a new file beside it, flushed
/// to the disk, and renamed.
/// Errors: storage, naming the file, the step and the system's reason; the old contents are still there, and the new
/// file is removed.
[[nodiscard]] result<void> write_file_atomically(const std::string& path, std::string_view data);

/// The contents of a file; nothing when there is none. Blocks.
/// @param most  bytes. Errors: storage, it cannot be read, is no plain file, or is longer.
[[nodiscard]] result<std::optional<std::string>> read_whole_file(const std::string& path,
                                                                 std::size_t most = std::size_t{64} << 20);

} // namespace modelmesh::connector
