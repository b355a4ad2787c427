// Nodes into C++ objects, by their reflection.
#pragma once

#include "config/node.hpp"

#include <modelmesh/json/detail/descriptor.hpp>

namespace modelmesh::settings {

/// Reads a tree whose members have their own names (keys.hpp) into an object of this type. Reports everything
/// that does not fit, with what would; members that the tree does not have keep their values. A text that came
/// through a reference, or of a secret member, is never repeated.
void bind(const node& from, const json::detail::descriptor& type, void* to, findings& found);

} // namespace modelmesh::settings
