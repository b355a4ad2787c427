// How the settings of single models become what the router works with.
#pragma once

#include "router/snapshot.hpp"

#include <modelmesh/config/config.hpp>

#include <string>
#include <vector>

namespace modelmesh::detail {

/// What a rate_limit lets through. @param where  of it, for problems.
[[nodiscard]] state::minute_rule lets_through(const rate_limit_config& settings, const std::string& where,
                                              std::vector<std::string>& problems);

/// Adds what is wrong to `problems`, each with the model.
[[nodiscard]] router::model_plans models_of(const config& from, std::vector<std::string>& problems);

/// The vendor's names of all models that a provider is configured with, those of the section `models` last; empty:
/// its server is asked.
[[nodiscard]] std::vector<std::string> listed_models(const config& from, const std::string& provider,
                                                     const router::model_plans& models);

} // namespace modelmesh::detail
