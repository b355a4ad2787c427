#include "core/connector_id.hpp"

#include <modelmesh/connector/registry.hpp>

namespace modelmesh::connector {

result<void> registry::add_provider(std::string id, factory make) {
    if (id.empty()) return fault(errc::config, "a connector needs an id");
    if (!make) return fault(errc::config, "connector '" + id + "' needs a factory");
    if (providers_.contains(id)) return fault(errc::config, "connector '" + id + "' is registered already");
    providers_.emplace(std::move(id), std::move(make));
    return {};
}

result<std::unique_ptr<provider>> registry::make_provider(std::string_view id) const {
    if (const auto found = providers_.find(core::without_type(id)); found != providers_.end()) {
        std::unique_ptr<provider> made = found->second();
        if (!made) return fault(errc::config, "the factory of connector '" + found->first + "' makes none");
        return made;
    }
    std::string text = "no provider connector '" + std::string(id) + "'; there are:";
    for (const auto& [known, make] : providers_) text += " " + known;
    return fault(errc::config, std::move(text));
}

} // namespace modelmesh::connector
