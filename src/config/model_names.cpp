#include "config/model_names.hpp"

#include "config/node.hpp"
#include "core/connector_id.hpp"

#include <algorithm>

namespace modelmesh::settings {
namespace {

bool has_prefix(std::string_view id, std::string_view name) {
    return !name.empty() && id.size() > name.size() + 1 && id.starts_with(name) && id[name.size()] == '.';
}

} // namespace

std::string vendors_name(std::string_view id, const model_config& model, std::string_view provider,
                         std::string_view connector) {
    if (!model.model.empty()) return model.model;
    for (const std::string_view prefix : {provider, core::vendor_of(connector)})
        if (has_prefix(id, prefix)) return std::string(id.substr(prefix.size() + 1));
    return std::string(id);
}

std::string provider_of(std::string_view id, const config& in) {
    std::string_view longest;
    for (const auto& [name, provider] : in.providers)
        if (has_prefix(id, name) && name.size() > longest.size()) longest = name;
    return std::string(longest);
}

model_names::model_names(const config& of) {
    for (const auto& [name, provider] : of.providers) {
        if (!provider.enabled) continue;
        bool is_listed = !provider.models.empty();
        for (const std::string& model : provider.models) {
            known_.push_back(name + "." + model);
            known_.push_back(model);
        }
        for (const auto& [id, model] : of.models) {
            if (model.provider != name) continue;
            is_listed = true;
            known_.push_back(id);
            known_.push_back(vendors_name(id, model, name, provider.connector));
        }
        if (is_listed) listed_.push_back(name);
        is_complete_ = is_complete_ && is_listed;
    }
}

std::string model_names::problem(std::string_view name) const {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) return {};
    const bool is_of_listed =
        std::any_of(listed_.begin(), listed_.end(),
                    [name](const std::string& provider) { return has_prefix(name, provider); });
    if (!is_complete_ && !is_of_listed) return {};
    return "there is no model '" + std::string(name) + "'" +
           suggestion(name, std::vector<std::string_view>(known_.begin(), known_.end()));
}

} // namespace modelmesh::settings
