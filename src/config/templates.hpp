// Configurations for a purpose, which files name and go on from.
#pragma once

#include "config/environment.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::settings {

/// The template as the text of a file, with those of its providers whose key the variables have.
/// @param name  as config_templates() has it; `-` is as good as `_`. Nothing: there is none of this name.
[[nodiscard]] std::optional<std::string> template_text(std::string_view name, const environment& variables);

/// What is said to who names another.
[[nodiscard]] std::string unknown_template(std::string_view name);

/// "OPENAI_API_KEY, ...": the variables that templates look for.
[[nodiscard]] std::string template_variables();

} // namespace modelmesh::settings
