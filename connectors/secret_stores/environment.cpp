#include "environment.hpp"

#include <cstdlib>

namespace modelmesh::connector {

result<std::unique_ptr<secret_store>> environment_secrets::make(const environment_options& options,
                                                                log_sink* /*log*/) {
    return std::make_unique<environment_secrets>(options.prefix);
}

result<std::optional<std::string>> environment_secrets::get(std::string_view name) const {
    const char* value = std::getenv((prefix_ + std::string(name)).c_str());
    if (value == nullptr || *value == '\0') return std::optional<std::string>();
    return std::optional<std::string>(value);
}

} // namespace modelmesh::connector
