// Secrets from the environment of the process.
#pragma once

#include <modelmesh/connector/secret_store.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/json/fields.hpp>

#include <memory>
#include <optional>

namespace modelmesh::connector {

struct environment_options {
    std::string prefix{};

    static constexpr json::field_rule json_fields[] = {
        json::about("prefix", "put before a name: MY_ and KEY are the variable MY_KEY"),
    };
};

/// A variable that is set to nothing is no secret.
class environment_secrets final : public secret_store {
public:
    static result<std::unique_ptr<secret_store>> make(const environment_options& options, log_sink* log);
    explicit environment_secrets(std::string prefix) : prefix_(std::move(prefix)) {}
    result<std::optional<std::string>> get(std::string_view name) const override;

private:
    std::string prefix_;
};

/// Nothing when it is not set, or empty.
[[nodiscard]] std::optional<std::string> environment_variable(const std::string& name);

} // namespace modelmesh::connector
