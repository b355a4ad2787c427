// What one part of a configuration says about another, and what its names must be names of.
#pragma once

#include "config/node.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/connector/registry.hpp>

namespace modelmesh::settings {

/// Fills in what follows from names: a provider's connector and base URL, a pool's capability. Providers that a
/// pool names by their connector or their vendor become those providers.
/// @param root  what `into` was read from: it has the places.
void check(const node& root, const connector::registry& connectors, config& into, findings& found);

} // namespace modelmesh::settings
