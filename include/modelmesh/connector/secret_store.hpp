// The secret store connector: where `${secrets:NAME}` in a configuration file is looked up.
#pragma once

#include <modelmesh/core/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::connector {

/// Secrets by name. Reading a configuration asks it for each name once, on the thread that reads.
class secret_store {
public:
    virtual ~secret_store() = default;
    /// The secret of this name; nothing when there is none.
    /// Errors: config when the store cannot say. The message has no secret in it.
    [[nodiscard]] virtual result<std::optional<std::string>> get(std::string_view name) const = 0;
};

} // namespace modelmesh::connector
