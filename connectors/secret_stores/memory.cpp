#include "memory.hpp"

namespace modelmesh::connector {

result<std::unique_ptr<secret_store>> memory_secrets::make(const memory_options& options, log_sink* /*log*/) {
    return std::make_unique<memory_secrets>(options.secrets);
}

memory_secrets::memory_secrets(std::map<std::string, std::string> secrets)
    : secrets_(secrets.begin(), secrets.end()) {}

result<std::optional<std::string>> memory_secrets::get(std::string_view name) const {
    const auto found = secrets_.find(name);
    if (found == secrets_.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
}

} // namespace modelmesh::connector
