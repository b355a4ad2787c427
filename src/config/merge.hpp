// Sources over each other.
#pragma once

#include "config/node.hpp"

namespace modelmesh::settings {

/// Lays one source over what earlier ones said: maps are merged at every level, lists and texts replaced, and
/// `!reset` takes the earlier value away. An entry without a value leaves an earlier map as it is.
void merge(node& into, node over);

} // namespace modelmesh::settings
