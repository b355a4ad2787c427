#include <modelmesh/connector/registry.hpp>

namespace modelmesh::connector {
namespace {

// What the ids of our own policies have around their names.
constexpr std::string_view own_prefix = "modelmesh.";
constexpr std::string_view own_suffix = ".v1";

std::string_view short_name(std::string_view id) {
    if (!id.starts_with(own_prefix) || !id.ends_with(own_suffix)) return id;
    return id.substr(own_prefix.size(), id.size() - own_prefix.size() - own_suffix.size());
}

} // namespace

result<void> registry::add_provider(std::string id, factory make) {
    if (id.empty()) return fault(errc::config, "a connector needs an id");
    if (!make) return fault(errc::config, "connector '" + id + "' needs a factory");
    if (providers_.contains(id)) return fault(errc::config, "connector '" + id + "' is registered already");
    providers_.emplace(std::move(id), std::move(make));
    return {};
}

result<std::unique_ptr<provider>> registry::make_provider(std::string_view id) const {
    constexpr std::string_view prefix = "provider.";
    const std::string_view short_id = id.starts_with(prefix) ? id.substr(prefix.size()) : id;
    if (const auto found = providers_.find(short_id); found != providers_.end()) {
        std::unique_ptr<provider> made = found->second();
        if (!made) return fault(errc::config, "the factory of connector '" + found->first + "' makes none");
        return made;
    }
    std::string text = "no provider connector '" + std::string(id) + "'; there are:";
    for (const auto& [known, make] : providers_) text += " " + known;
    return fault(errc::config, std::move(text));
}

result<void> registry::add_rotation(std::string id, rotation_factory make) {
    if (id.empty()) return fault(errc::config, "a rotation policy needs an id");
    if (!make) return fault(errc::config, "rotation policy '" + id + "' needs a factory");
    if (rotations_.contains(id))
        return fault(errc::config, "rotation policy '" + id + "' is registered already");
    rotations_.emplace(std::move(id), std::move(make));
    return {};
}

result<std::unique_ptr<rotation_policy>> registry::make_rotation(std::string_view name,
                                                                 const rotation_settings& settings) const {
    constexpr std::string_view prefix = "rotation.";
    const std::string_view id = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
    auto found = rotations_.find(id);
    if (found == rotations_.end())
        found = rotations_.find(std::string(own_prefix).append(id).append(own_suffix));
    if (found != rotations_.end()) {
        std::unique_ptr<rotation_policy> made = found->second(settings);
        if (!made)
            return fault(errc::config, "the factory of rotation policy '" + found->first + "' makes none");
        return made;
    }
    std::string text = "no rotation policy '" + std::string(name) + "'; there are:";
    for (const std::string_view known : rotations()) text.append(" ").append(known);
    return fault(errc::config, std::move(text));
}

std::vector<std::string_view> registry::rotations() const {
    std::vector<std::string_view> names;
    for (const auto& [id, make] : rotations_) names.push_back(short_name(id));
    return names;
}

} // namespace modelmesh::connector
