// What the models of a configuration are called, as far as it says.
#pragma once

#include <modelmesh/config/config.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::settings {

/// The vendor's name of a model of the section `models`: what it says; else its id without the name of its provider,
/// or of the provider's vendor (`openai` of `openai.llm.v1`), and a dot before it; else its id.
/// @param provider  its provider's name. @param connector  of that provider.
[[nodiscard]] std::string vendors_name(std::string_view id, const model_config& model,
                                       std::string_view provider, std::string_view connector);

/// The provider whose name an id begins with, the longest of them; empty: none.
[[nodiscard]] std::string provider_of(std::string_view id, const config& in);

class model_names {
public:
    explicit model_names(const config& of);

    /// What is wrong with the name of a model: there is none, and its provider's list is configured. Empty: nothing,
    /// or a list that is still to come may have it.
    [[nodiscard]] std::string problem(std::string_view name) const;

private:
    std::vector<std::string> known_;  ///< ids and vendor's names
    std::vector<std::string> listed_; ///< providers whose models are all configured
    bool is_complete_ = true;         ///< of all providers
};

} // namespace modelmesh::settings
