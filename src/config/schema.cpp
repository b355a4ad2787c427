// JSON Schema of configuration files, from the keys and types that they are read by.
#include "config/keys.hpp"
#include "config/load.hpp"

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

template <class T> const T& as(const reflected::descriptor& type) noexcept {
    return static_cast<const T&>(type);
}

// What only the reading can look behind.
constexpr std::string_view reference = R"({"type":"string","pattern":"\\$\\{"})";

std::string quoted(std::string_view text) {
    std::string out;
    json::append_string(out, text);
    return out;
}

class schema_writer {
public:
    /// @param more  members behind those of the type, each with a comma before it.
    std::string object(const reflected::object_type& type, const key_tree& keys,
                       const std::string& more = {}) {
        std::string properties;
        for (const key_tree& key : keys.below) {
            if (key.is_later) continue; // would be refused
            const bool is_member = key.field != key_tree::none;
            const std::string inner =
                is_member ? value(type.fields[key.field].type(), &type.fields[key.field]) : object(type, key);
            if (inner.empty()) continue;
            properties.append(properties.empty() ? "" : ",").append(quoted(key.name)) += ':' + inner;
        }
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
                return R"({"type":["number","string"],"examples":["30s","1h30m","none"])" + notes + "}";
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
            for (std::size_t i = 0; i < values.count; ++i)
                names.append(i == 0 ? "" : ",").append(quoted(values.names[i]));
            return choice(R"({"enum":[)" + names + "]}", notes);
        }
        case kind::sequence:
            return R"({"type":"array","items":)" +
                   value(as<reflected::sequence_type>(type).element(), nullptr) + notes + "}";
        case kind::map:
            return R"({"type":["object","null"],"additionalProperties":)" +
                   value(as<reflected::map_type>(type).element(), nullptr) + notes + "}";
        case kind::wrapper:
            return value(as<reflected::wrapper_type>(type).element(), member);
        case kind::object: {
            std::string text =
                object(as<reflected::object_type>(type), keys_of(as<reflected::object_type>(type)));
            return text.insert(text.size() - 1, notes);
        }
        default:
            // A name of digits is a number to YAML.
            return R"({"type":["string","number","boolean"])" + notes + "}";
        }
    }

private:
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
};

const reflected::object_type& object_of(const reflected::descriptor& type) {
    return as<reflected::object_type>(type);
}

/// The section `secrets`: its own keys, and the options of every store, beside them and below `config`.
std::string secrets_schema(const connector::registry& connectors) {
    std::string ids;
    std::string options;
    schema_writer writer;
    std::vector<std::string> known;
    for (const std::string_view id : connectors.secret_stores().ids()) {
        ids.append(" ").append(id);
        const auto& type = object_of(*connectors.secret_stores().find(id)->type);
        for (const key_tree& key : keys_of(type).below) {
            if (key.field == key_tree::none || std::find(known.begin(), known.end(), key.name) != known.end())
                continue;
            known.push_back(key.name);
            options += "," + quoted(key.name) + ":" +
                       writer.value(type.fields[key.field].type(), &type.fields[key.field]);
        }
    }
    const std::string nested =
        options.empty() ? ""
                        : R"(,"config":{"type":["object","null"],"properties":{)" + options.substr(1) + "}}";
    const auto& own = object_of(reflected::describe<secrets_section>());
    std::string text = writer.object(own, keys_of(own), options + nested);
    return text.insert(text.size() - 1,
                       ",\"description\":" + quoted("where ${secrets:NAME} is looked up; stores:" + ids));
}

} // namespace
} // namespace settings

std::string config_schema(const connector::registry& connectors) {
    const auto& type = settings::object_of(json::detail::describe<config>());
    std::string text = settings::schema_writer().object(type, settings::keys_of(type),
                                                        R"(,"version":{"const":1},"secrets":)" +
                                                            settings::secrets_schema(connectors));
    return text.insert(
        1, R"("$schema":"https://json-schema.org/draft/2020-12/schema","title":"ModelMesh configuration",)");
}

std::string config_schema() {
    connector::registry connectors;
    connector::register_builtin(connectors);
    return config_schema(connectors);
}

} // namespace modelmesh
