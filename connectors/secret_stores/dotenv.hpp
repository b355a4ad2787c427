// Secrets from a .env file (dotenv_parser.hpp has its format).
#pragma once

#include <modelmesh/connector/secret_store.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/json/fields.hpp>

#include <map>
#include <memory>

namespace modelmesh::connector {

struct dotenv_options {
    std::string path{".env"};
    bool override_environment{};

    static constexpr json::field_rule json_fields[] = {
        json::about("path", "the file, from the working directory; none is as good as an empty one"),
        json::also("path", "file_path"),
        json::rename("override_environment", "override"),
        json::about("override_environment", "true: the file wins over a variable of the process"),
        json::also("override_environment", "override_env"),
    };
};

/// The file is read once. A variable of the process that has a value wins, unless the options say otherwise.
class dotenv_secrets final : public secret_store {
public:
    /// Warns when others than the file's owner may read it.
    /// Errors: config when there is a file that cannot be read, or is no .env file: names the line.
    static result<std::unique_ptr<secret_store>> make(const dotenv_options& options, log_sink* log);
    dotenv_secrets(std::map<std::string, std::string, std::less<>> entries, bool override_environment);
    result<std::optional<std::string>> get(std::string_view name) const override;

private:
    std::map<std::string, std::string, std::less<>> entries_;
    bool override_environment_;
};

} // namespace modelmesh::connector
