// Ids of provider connectors: "openai.llm.v1", or with their type before them, "provider.openai.llm.v1".
#pragma once

#include <string_view>

namespace modelmesh::core {

/// The id that a provider connector is registered under.
[[nodiscard]] constexpr std::string_view without_type(std::string_view connector) noexcept {
    constexpr std::string_view type = "provider.";
    if (connector.starts_with(type)) connector.remove_prefix(type.size());
    return connector;
}

/// The first part of that id: "openai".
[[nodiscard]] constexpr std::string_view vendor_of(std::string_view connector) noexcept {
    connector = without_type(connector);
    return connector.substr(0, connector.find('.'));
}

} // namespace modelmesh::core
