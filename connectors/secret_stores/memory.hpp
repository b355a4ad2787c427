// Secrets that the configuration itself gives, for tests and experiments.
#pragma once

#include <modelmesh/connector/secret_store.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/json/fields.hpp>

#include <map>
#include <memory>

namespace modelmesh::connector {

struct memory_options {
    std::map<std::string, std::string> secrets{};

    static constexpr json::field_rule json_fields[] = {
        json::about("secrets", "the secrets by name"),
        json::secret("secrets"),
    };
};

class memory_secrets final : public secret_store {
public:
    static result<std::unique_ptr<secret_store>> make(const memory_options& options, log_sink* log);
    explicit memory_secrets(std::map<std::string, std::string> secrets);
    result<std::optional<std::string>> get(std::string_view name) const override;

private:
    std::map<std::string, std::string, std::less<>> secrets_;
};

} // namespace modelmesh::connector
