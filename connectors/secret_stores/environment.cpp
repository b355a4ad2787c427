#include "environment.hpp"

#include <cstdlib>

namespace modelmesh::connector {

result<std::unique_ptr<secret_store>> environment_secrets::make(const environment_options& options,
                                                                log_sink* /*log*/) {
    return std::make_unique<environment_secrets>(options.prefix);
}

result<std::optional<std::string>> environment_secrets::get(std::string_view name) const {
    return environment_variable(prefix_ + std::string(name));
}

std::optional<std::string> environment_variable(const std::string& name) {
    if (name.find('\0') != name.npos) return std::nullopt; // where the system would take the name to end
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

} // namespace modelmesh::connector
