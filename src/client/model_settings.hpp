// How the settings of single models become what the router works with.
#pragma once

#include "router/snapshot.hpp"

#include <modelmesh/config/config.hpp>

#include <string>
#include <vector>

namespace modelmesh::detail {

/// Adds what is wrong to `problems`, each with the model.
[[nodiscard]] router::model_plans models_of(const config& from, std::vector<std::string>& problems);

/// The vendor's names of all models that a provider is configured with, those of the section `models` last; empty:
/// its server is asked.
[[nodiscard]] std::vector<std::string> listed_models(const config& from, const std::string& provider,
                                                     const router::model_plans& models);

} // namespace modelmesh::detail
