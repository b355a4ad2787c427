#include <modelmesh/connector/quick_provider.hpp>

#include <algorithm>

namespace modelmesh::connector {

void quick_provider::authorize(const target& to, http::headers& output) const {
    for (const auto& [name, value] : of_.headers) output.set(name, value);
    if (http::iequals(of_.key_header, "Authorization"))
        openai_compatible::authorize(to, output);
    else if (!to.api_key.empty())
        output.set(of_.key_header, to.api_key);
}

std::vector<std::string> quick_provider::capabilities_of(std::string_view model) const {
    const auto known = std::find_if(of_.models.begin(), of_.models.end(),
                                    [model](const model_info& each) { return each.name == model; });
    return known == of_.models.end() ? openai_compatible::capabilities_of(model) : known->capabilities;
}

} // namespace modelmesh::connector
