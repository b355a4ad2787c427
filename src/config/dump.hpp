// Single values of a configuration as YAML.
#pragma once

#include <modelmesh/json/detail/descriptor.hpp>

#include <string>
#include <vector>

namespace modelmesh::settings {

/// A value in one line, as to_yaml() shows it. @param member  the one that has it; null: none.
[[nodiscard]] std::string shown_value(const json::detail::descriptor& type, const void* value,
                                      const json::detail::field* member,
                                      const std::vector<std::string>& never_shown);

} // namespace modelmesh::settings
