// Configuration files: reading them, showing a configuration as one, and their JSON Schema.
#pragma once

#include <modelmesh/config/config.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace modelmesh {

namespace connector {
class registry; // <modelmesh/connector/registry.hpp>
}
class log_sink; // <modelmesh/core/log.hpp>

/// Reads a configuration from a YAML file, with the environment variables over it whose names begin with
/// `MODELMESH__` (`MODELMESH__POOLS__CHAT__FAILURE_THRESHOLD=5`). What a program changes in the result comes last.
/// References in it (`${NAME}`, `${secrets:NAME}`) are resolved. Reads the file, and what its secret store reads.
/// @throws error  config: every problem found, one line each: `file:line:column: path: what is wrong`. No value
///         of a secret or of a variable is in it.
[[nodiscard]] config load_config(const std::string& path);

/// The same from several files, later ones over earlier ones: maps are merged, lists and texts replaced, and
/// `key: !reset` takes a value away.
/// @param connectors  where the ids of providers and of the secret store are looked up.
/// @param log  receives `config.warning` and the store's events. May be null.
[[nodiscard]] config load_config(const std::vector<std::string>& paths, const connector::registry& connectors,
                                 log_sink* log = nullptr);

/// A configuration for a purpose. A file that says `template: NAME` goes on from it: its own values lie over those of
/// the template. It has those of its providers whose key the environment has (OPENAI_API_KEY, GROQ_API_KEY,
/// DEEPSEEK_API_KEY), and one pool, `text-generation`.
struct config_template {
    std::string_view name;
    std::string_view about;
};
[[nodiscard]] std::vector<config_template> config_templates();

/// What a file that names only this template comes to, with the variables over it.
/// @throws error  config: there is no such template, or none of its providers has a key.
[[nodiscard]] config load_template(std::string_view name);
/// The template as a file. @throws error  config: there is no such template.
[[nodiscard]] std::string template_yaml(std::string_view name);

/// Who says what a value is; later ones win.
enum class setting_source : unsigned char { by_default, by_template, by_file, by_environment, by_code };
/// "default", "template", "file", "environment", "code"
[[nodiscard]] std::string_view to_string(setting_source source) noexcept;

/// One value of a configuration.
struct setting {
    std::string path{};  ///< `pools.chat.failure_threshold`: by its own name, wherever it was written
    std::string value{}; ///< as to_yaml() shows it: no secret
    setting_source source{setting_source::by_default};
    /// `mesh.yaml:3:7`, `template balanced:4:20`, `environment variable MODELMESH__...`; empty: nowhere.
    std::string where{};
};

/// Every value of the configuration that these files come to, as load_config() reads them, and where it comes from.
/// @param effective  what a program has made of it: what differs was said by code. Null: nothing does.
/// @throws error  as load_config().
[[nodiscard]] std::vector<setting> explain_config(const std::vector<std::string>& paths,
                                                  const connector::registry& connectors,
                                                  const config* effective = nullptr);

/// A configuration as YAML: what differs from the defaults, each member by its own name. Secrets are shown as
/// `***`: keys, addresses of proxies, and every text with a value from a secret store in it. Without those,
/// load_config() reads an equal configuration from it.
/// @throws std::invalid_argument  a text is not UTF-8.
[[nodiscard]] std::string to_yaml(const config& shown);

/// JSON Schema (2020-12) of a configuration file, for editors: made from the same description as the reading,
/// so it has every key in every place that is read.
/// @param connectors  whose secret stores have their options in it.
[[nodiscard]] std::string config_schema();
[[nodiscard]] std::string config_schema(const connector::registry& connectors);

} // namespace modelmesh
