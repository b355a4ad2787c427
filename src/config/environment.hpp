// The variables that the process was started with, as far as a configuration has to do with them.
#pragma once

#include "config/node.hpp"

#include <functional>
#include <map>
#include <string>

namespace modelmesh::settings {

using environment = std::map<std::string, std::string, std::less<>>;

/// A copy, without the variables that are set to nothing: they count as not set.
[[nodiscard]] environment process_environment();

/// What a variable such as `MODELMESH__POOLS__CHAT__FAILURE_THRESHOLD` says, as a tree of its own. The parts of
/// the name stand for keys without regard to case, and `_` also for what names of variables cannot have. A key
/// that is not there yet is in small letters. A value that begins with `[` or `{` is YAML, any other is text.
/// @param known  what the files say: keys are looked up there.
[[nodiscard]] node override_tree(const std::string& name, const std::string& value, const node& known,
                                 findings& found);

/// What the names of overriding variables begin with.
inline constexpr std::string_view override_prefix = "MODELMESH__";

} // namespace modelmesh::settings
