// JSON Schema of configuration files, from the keys and types that they are read by.
#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/secrets_section.hpp"

#include <modelmesh/config/load.hpp>
#include <modelmesh/json/detail/describe.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <cmath>

namespace modelmesh {
namespace settings {
namespace {

namespace reflected = json::detail;
using reflected::kind;

// What only the reading can look behind.
constexpr std::string_view reference = R"({"type":"string","pattern":"\\$\\{"})";

std::string quoted(std::string_view text) {
    std::string out;
    json::append_string(out, text);
    return out;
}

const reflected::object_type& object_of(const reflected::descriptor& type) {
    return as<reflected::object_type>(type);
}

/// The connectors that a section with options may name.
struct choices {
    std::vector<std::string_view> ids;
    std::vector<const connector::options_type*> options;
};
template <class Connector, class Pointer>
choices all_of(const connector::kind_table<Connector, Pointer>& table) {
    choices all{table.ids(), {}};
    for (const std::string_view id : all.ids) all.options.push_back(table.find(id));
    return all;
}
choices choices_of(const reflected::object_type& section, const connector::registry& connectors) {
    if (&section == &reflected::describe<secrets_section>()) return all_of(connectors.secret_stores());
    if (&section == &reflected::describe<storage_config>()) return all_of(connectors.storages());
    if (&section == &reflected::describe<discovery_config>()) return all_of(connectors.discoveries());
    if (&section == &reflected::describe<sink_config>() ||
        &section == &reflected::describe<logging_config>() ||
        &section == &reflected::describe<observability_config>())
        return all_of(connectors.sinks());
    if (&section == &reflected::describe<middleware_config>()) return all_of(connectors.middlewares());
    return {};
}

class schema_writer {
public:
    explicit schema_writer(const connector::registry& connectors) : connectors_(connectors) {}

    /// @param more  members behind those of the type, each with a comma before it.
    std::string object(const reflected::object_type& type, const key_tree& keys,
                       const std::string& more = {}) {
        std::string properties;
        for (const key_tree& key : keys.below) {
            if (key.is_later) continue; // would be refused
            const bool is_member = key.field != key_tree::none;
            std::string inner = key.settled != nullptr ? settled(*key.settled)
                                : is_member            ? member(type, key)
                                                       : object(type, key);
            if (inner.empty()) continue;
            properties.append(properties.empty() ? "" : ",").append(quoted(key.name)) += ':' + inner;
        }
        if (options_member(type) != type.count && keys.name.empty()) properties += options(type);
        if (properties.empty() && more.empty()) return {}; // all below it is for later
        properties += properties.empty() ? more.substr(1) : more;
        return R"({"type":["object","null"],"properties":{)" + properties +
               R"(},"patternProperties":{"^x-":{}},"additionalProperties":false})";
    }

    std::string value(const reflected::descriptor& type, const reflected::field* member) {
        const std::string notes = about(member);
        switch (type.what) {
        case kind::boolean:
            return choice(R"({"type":"boolean"})", notes);
        case kind::integer:
            if (as<reflected::integer_type>(type).tick != 0 || is(member, json::measure::seconds))
                return duration(notes);
            if (is(member, json::measure::bytes))
                return R"({"type":["number","string"],"examples":["512KB","10MiB"])" + notes + "}";
            return choice(R"({"type":"integer")" +
                              bounds(member, as<reflected::integer_type>(type).is_unsigned) + "}",
                          notes);
        case kind::floating:
            return choice(R"({"type":"number")" + bounds(member, false) + "}", notes,
                          R"({"type":"string","pattern":"%$"})");
        case kind::enumeration: {
            const auto& values = as<reflected::enumeration_type>(type);
            std::string names;
            for (std::size_t i = 0; i < values.count; ++i) {
                names.append(i == 0 ? "" : ",").append(spellings(values.names[i]));
            }
            return choice(R"({"enum":[)" + names + "]}", notes);
        }
        case kind::sequence:
            return R"({"type":"array","items":)" +
                   value(as<reflected::sequence_type>(type).element(), nullptr) + notes + "}";
        case kind::map:
            return R"({"type":["object","null"],"additionalProperties":)" +
                   value(as<reflected::map_type>(type).element(), nullptr) + notes + "}";
        case kind::wrapper: {
            std::string text = value(as<reflected::wrapper_type>(type).element(), member);
            constexpr std::string_view choice_of = R"({"anyOf":[)";
            if (text.starts_with(choice_of)) text.insert(choice_of.size(), R"({"type":"null"},)");
            return text;
        }
        case kind::object: {
            const auto& members = as<reflected::object_type>(type);
            const key_tree keys = keys_of(members);
            std::string text = object(members, keys);
            if (keys.itself != key_tree::none) {
                const reflected::field& single = members.fields[keys.itself];
                text = R"({"anyOf":[)" + text + "," + value(single.type(), &single) + "]}";
            }
            return text.insert(text.size() - 1, notes);
        }
        default:
            // A name of digits is a number to YAML.
            return R"({"type":["string","number","boolean"])" + notes + "}";
        }
    }

    static std::string duration(const std::string& notes) {
        return R"({"type":["number","string"],"examples":["30s","1h30m","none"])" + notes + "}";
    }

    static std::string settled(const settled_key& key) {
        const std::string notes = R"(,"description":)" + quoted(key.why);
        const bool is_switch = key.only == "true" || key.only == "false";
        const std::string only = key.only == any_duration ? duration({})
                                 : is_switch              ? R"({"const":)" + std::string(key.only) + "}"
                                                          : R"({"const":)" + quoted(key.only) + "}";
        return choice(only, notes, R"({"type":"null"})");
    }

    static std::string templates() {
        std::string names;
        for (const config_template& each : config_templates())
            names.append(names.empty() ? "" : ",").append(spellings(each.name));
        return R"({"enum":[)" + names + R"(],"description":"what the file goes on from"})";
    }

private:
    // `in-memory` is as good as `in_memory`.
    static std::string spellings(std::string_view text) {
        std::string name(text);
        std::string both = quoted(name);
        if (name.find('_') == name.npos) return both;
        std::replace(name.begin(), name.end(), '_', '-');
        return both + "," + quoted(name);
    }

    std::string member(const reflected::object_type& type, const key_tree& key) {
        const reflected::field& field = type.fields[key.field];
        if (field.type().what == kind::raw)
            return R"({"type":["object","null"],"properties":{)" + without_comma(options(type)) + "}" +
                   about(&field) + "}";
        std::string text = value(field.type(), &field);
        if (field.type().what != kind::sequence) return text;
        // One entry without a list around it, as use_own_names() takes it.
        const auto& element = as<reflected::sequence_type>(field.type()).element();
        if (key.rank == 0 && element.what != kind::object) return text;
        return R"({"anyOf":[)" + text + "," + value(element, nullptr) + "]}";
    }

    /// Those of every connector that the section may name, each with a comma before it.
    std::string options(const reflected::object_type& section) {
        std::string text;
        std::vector<std::string> known;
        for (const key_tree& own : keys_of(section).below) known.push_back(own.name);
        for (const connector::options_type* each : choices_of(section, connectors_).options) {
            const auto& type = object_of(*each->type);
            for (const key_tree& key : keys_of(type).below) {
                if (key.field == key_tree::none ||
                    std::find(known.begin(), known.end(), key.name) != known.end())
                    continue;
                known.push_back(key.name);
                text += "," + quoted(key.name) + ":" + member(type, key);
            }
        }
        return text;
    }
    static std::string without_comma(const std::string& list) { return list.empty() ? list : list.substr(1); }

    static bool is(const reflected::field* member, json::measure measure) {
        return member != nullptr && member->measure == measure;
    }
    static std::string about(const reflected::field* member) {
        std::string text;
        if (member == nullptr) return text;
        if (!member->description.empty()) text += R"(,"description":)" + quoted(member->description);
        if (member->secret) text += R"(,"writeOnly":true)";
        return text;
    }
    static std::string bounds(const reflected::field* member, bool is_unsigned) {
        std::string text;
        const bool has_minimum = member != nullptr && std::isfinite(member->minimum);
        if (has_minimum) text += R"(,"minimum":)" + json::write(member->minimum);
        if (!has_minimum && is_unsigned) text += R"(,"minimum":0)";
        if (member != nullptr && std::isfinite(member->maximum))
            text += R"(,"maximum":)" + json::write(member->maximum);
        return text;
    }
    static std::string choice(const std::string& schema, const std::string& notes,
                              std::string_view other = {}) {
        std::string text = R"({"anyOf":[)" + schema + ",";
        if (!other.empty()) text.append(other) += ',';
        return text.append(reference).append("]").append(notes) + "}";
    }

    const connector::registry& connectors_;
};

} // namespace
} // namespace settings

std::string config_schema(const connector::registry& connectors) {
    const auto& type = settings::object_of(json::detail::describe<config>());
    const auto& secrets = json::detail::describe<settings::secrets_section>();
    settings::schema_writer writer(connectors);
    std::string text = writer.object(type, settings::keys_of(type),
                                     R"(,"version":{"const":1},"template":)" + writer.templates() +
                                         R"(,"secrets":)" + writer.value(secrets, nullptr));
    return text.insert(
        1, R"("$schema":"https://json-schema.org/draft/2020-12/schema","title":"ModelMesh configuration",)");
}

std::string config_schema() {
    connector::registry connectors;
    connector::register_builtin(connectors);
    return config_schema(connectors);
}

} // namespace modelmesh
