// Connectors that a configuration names, with their options.
#pragma once

#include "config/node.hpp"

#include <modelmesh/connector/kind.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/json/types.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::settings {

/// A section that names a connector, as it was read.
struct connector_section {
    const node* from; ///< with own names
    const json::detail::descriptor* type;
    std::string_view what; ///< for people: "storage connector"
    std::string_view key;  ///< of the connector's id: "connector"
    std::string_view id;   ///< what it says
};

/// Reads the options of a section into an object of the connector's type: null when something is wrong with them or
/// there is no such connector. Reports what.
/// @param of  the connector of the section's id; null: there is none. @param known  those there are.
/// @param as_text  unless null: gets the options as one JSON object, with own names and with the texts that
///                 references stand for, or nothing when there are none.
/// @param secrets  unless null: gets the texts of members that are secret.
[[nodiscard]] std::shared_ptr<void> read_options(const connector_section& section,
                                                 const connector::options_type* of,
                                                 const std::vector<std::string_view>& known, findings& found,
                                                 json::raw* as_text = nullptr,
                                                 std::vector<std::string>* secrets = nullptr);

/// The same of options that a program gives, in the words of a file: `{"busy_timeout": "5s"}`.
/// Errors: config, everything that is wrong with them, each line beginning with `where`.
[[nodiscard]] result<std::shared_ptr<void>> read_options(const json::raw& options,
                                                         const connector::options_type& of,
                                                         const std::string& where);

/// "there is no storage connector 'x'; there are: a b"
[[nodiscard]] std::string unknown_connector(std::string_view what, std::string_view id,
                                            const std::vector<std::string_view>& known);

/// Makes a connector as a configuration says. Errors: config.
/// @param what  as above. @param where  what messages begin with: "storage".
template <class Connector, class Pointer>
[[nodiscard]] result<Pointer> make_connector(const connector::kind_table<Connector, Pointer>& kinds,
                                             const std::string& id, const json::raw& options,
                                             std::string_view what, const std::string& where, log_sink* log) {
    const connector::kind<Connector, Pointer>* kind = kinds.find(id);
    if (kind == nullptr) return fault(errc::config, where + ": " + unknown_connector(what, id, kinds.ids()));
    const result<std::shared_ptr<void>> read = read_options(options, *kind, where);
    if (!read) return read.error();
    auto made = kind->make(read->get(), log);
    if (!made) return fault(errc::config, where + ": " + made.error().message);
    if (!*made) return fault(errc::config, where + ": the factory of connector '" + id + "' makes none");
    return made;
}

} // namespace modelmesh::settings
