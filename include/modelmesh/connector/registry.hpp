// Connector ids and what they stand for.
#pragma once

#include <modelmesh/connector/provider.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace modelmesh::connector {

/// Maps connector ids (`openai.llm.v1`) to factories. Each client has its own; nothing registers itself.
/// Threads: fill it before it is handed to a client.
class registry {
public:
    using factory = std::function<std::unique_ptr<provider>()>;

    /// Adds a provider connector. Errors: config when the id is empty or taken, or there is no factory.
    result<void> add_provider(std::string id, factory make);
    /// Makes a connector. Accepts the id with or without the `provider.` prefix.
    /// Errors: config when there is none of this id, naming those there are, or when its factory returns
    /// null.
    [[nodiscard]] result<std::unique_ptr<provider>> make_provider(std::string_view id) const;

private:
    std::map<std::string, factory, std::less<>> providers_;
};

/// Adds every connector that ships with the library.
void register_builtin(registry& to);

} // namespace modelmesh::connector
