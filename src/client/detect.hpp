// The configuration that a program gets when it wrote none: from environment variables.
#pragma once

#include <modelmesh/client.hpp>
#include <modelmesh/config/config.hpp>
#include <modelmesh/core/error.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::detail {

/// Reads a variable; empty values count as unset.
using environment = std::function<std::optional<std::string>(const char* name)>;

/// The process's own environment.
[[nodiscard]] environment process_environment();

/// Providers in table order; none when no variable is set.
/// @throws error  config: a variable is set to something unusable, naming the variable and what would be
/// right.
[[nodiscard]] config detect(std::string_view capability, const environment& env);

/// What the options leave of that.
/// @throws error  the same, and config for what the options name and is not there.
[[nodiscard]] config detect(const create_options& options, const environment& env);

/// What to tell a program that has no provider: which variables to set, and which it set in vain.
[[nodiscard]] fault no_provider(const environment& env);

} // namespace modelmesh::detail
