#include <modelmesh/json/schema.hpp>

#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::json::detail {
namespace {

/// Writes one schema. An object inside itself is a reference: "#" to the whole, else to a definition.
class schema_writer {
public:
    explicit schema_writer(schema_style style) : is_strict_(style == schema_style::strict) {}

    std::string whole(const descriptor& type) {
        find_recursion(type);
        root_ = &type;
        std::string text;
        append(text, type, {}, true);
        if (definitions_.empty()) return text;
        // What a definition refers to may be a definition, too.
        std::string all;
        for (std::size_t i = 0; i < definitions_.size(); ++i) {
            all += (i == 0 ? ",\"$defs\":{\"" : ",\"") + std::to_string(i) + "\":";
            append_object(all, as<object_type>(*definitions_[i]), {});
        }
        text.insert(text.size() - 1, all + "}");
        return text;
    }

private:
    // Objects that have themselves inside.
    void find_recursion(const descriptor& type) {
        switch (type.what) {
        case kind::wrapper:
            return find_recursion(as<wrapper_type>(type).element());
        case kind::sequence:
            return find_recursion(as<sequence_type>(type).element());
        case kind::map:
            return find_recursion(as<map_type>(type).element());
        case kind::variant: {
            const auto& variant = as<variant_type>(type);
            for (std::size_t i = 0; i < variant.count; ++i) find_recursion(variant.alternatives[i]());
            return;
        }
        case kind::object:
            break;
        default:
            return;
        }
        const auto is_type = [&type](const descriptor* each) { return each == &type; };
        if (std::any_of(open_.begin(), open_.end(), is_type)) {
            if (std::none_of(recursive_.begin(), recursive_.end(), is_type)) recursive_.push_back(&type);
            return;
        }
        if (std::any_of(known_.begin(), known_.end(), is_type)) return;
        open_.push_back(&type);
        const auto& object = as<object_type>(type);
        for (std::size_t i = 0; i < object.count; ++i)
            if (!object.fields[i].skipped) find_recursion(object.fields[i].type());
        open_.pop_back();
        known_.push_back(&type);
    }

    // @param extra  further members of this schema, each with a comma before it.
    void append(std::string& out, const descriptor& type, std::string_view extra, bool is_root = false) {
        switch (type.what) {
        case kind::boolean:
            return simple(out, "boolean", extra);
        case kind::integer:
            return simple(out, "integer",
                          as<integer_type>(type).is_unsigned && extra.find("\"minimum\"") == extra.npos
                              ? ",\"minimum\":0" + std::string(extra)
                              : std::string(extra));
        case kind::floating:
            return simple(out, "number", extra);
        case kind::string:
            return simple(out, "string", extra);
        case kind::view: // what is read by a schema outlives the text that it was read from
            throw std::invalid_argument("a type with a JSON Schema owns its texts: std::string and not "
                                        "std::string_view, as in " +
                                        place());
        case kind::null:
            return simple(out, "null", extra);
        case kind::enumeration: {
            const auto& enumeration = as<enumeration_type>(type);
            if (enumeration.is_open) return simple(out, "string", extra);
            std::string names;
            for (std::size_t i = 0; i < enumeration.count; ++i) {
                names += i == 0 ? ",\"enum\":[" : ",";
                append_string(names, enumeration.names[i]);
            }
            return simple(out, "string", names + "]" + std::string(extra));
        }
        case kind::sequence: {
            out += "{\"type\":\"array\",\"items\":";
            append(out, as<sequence_type>(type).element(), {});
            out.append(extra) += '}';
            return;
        }
        case kind::map:
            refuse("a map");
            out += "{\"type\":\"object\",\"additionalProperties\":";
            append(out, as<map_type>(type).element(), {});
            out.append(extra) += '}';
            return;
        case kind::variant: {
            const auto& variant = as<variant_type>(type);
            out += "{\"anyOf\":[";
            for (std::size_t i = 0; i < variant.count; ++i) {
                if (i != 0) out += ',';
                append(out, variant.alternatives[i](), {});
            }
            out += ']';
            out.append(extra) += '}';
            return;
        }
        case kind::wrapper: {
            const auto& wrapper = as<wrapper_type>(type);
            if (!is_strict_ && !wrapper.may_be_null) return append(out, wrapper.element(), extra);
            out += "{\"anyOf\":[";
            append(out, wrapper.element(), {});
            out += ",{\"type\":\"null\"}]";
            out.append(extra) += '}';
            return;
        }
        case kind::raw:
        case kind::raw_view:
        case kind::extra:
            refuse("any JSON value");
            out += '{';
            if (!extra.empty()) out.append(extra.substr(1));
            out += '}';
            return;
        case kind::object:
            break;
        }
        if (!is_root && &type == root_ && is_recursive(type)) {
            out += "{\"$ref\":\"#\"}";
        } else if (!is_root && is_recursive(type)) {
            out += "{\"$ref\":\"#/$defs/" + std::to_string(definition(type)) + "\"}";
        } else {
            append_object(out, as<object_type>(type), extra);
        }
    }

    static void simple(std::string& out, std::string_view type, std::string_view extra) {
        out.append("{\"type\":\"").append(type).append("\"").append(extra) += '}';
    }

    void append_object(std::string& out, const object_type& type, std::string_view extra) {
        std::string properties;
        std::string required;
        for (std::size_t i = 0; i < type.count; ++i) {
            const field& member = type.fields[i];
            if (member.skipped) continue;
            const std::size_t outside = path_.size();
            path_.append("/").append(member.name);
            if (!properties.empty()) properties += ',';
            append_string(properties, member.name);
            properties += ':';
            append(properties, member.type(), details(member));
            path_.resize(outside);
            if (!is_strict_ && member.type().what == kind::wrapper) continue;
            if (!required.empty()) required += ',';
            append_string(required, member.name);
        }
        out += "{\"type\":\"object\"";
        if (!type.description.empty() && extra.find("\"description\"") == extra.npos) {
            out += ",\"description\":";
            append_string(out, type.description);
        }
        out += ",\"properties\":{" + properties + "}";
        if (is_strict_ || !required.empty()) out += ",\"required\":[" + required + "]";
        if (is_strict_ || type.extra == type.count) out += ",\"additionalProperties\":false";
        if (is_strict_ && type.extra != type.count) refuse("members that it does not name");
        out.append(extra) += '}';
    }

    static std::string details(const field& member) {
        std::string text;
        if (!member.description.empty()) {
            text += ",\"description\":";
            append_string(text, member.description);
        }
        if (std::isfinite(member.minimum)) text += ",\"minimum\":" + json::write(member.minimum);
        if (std::isfinite(member.maximum)) text += ",\"maximum\":" + json::write(member.maximum);
        return text;
    }

    void refuse(std::string_view what) const {
        if (!is_strict_) return;
        throw std::invalid_argument("no strict JSON Schema can say " + std::string(what) + ", as in " +
                                    place());
    }
    [[nodiscard]] std::string place() const { return path_.empty() ? "the type itself" : path_; }
    [[nodiscard]] bool is_recursive(const descriptor& type) const {
        return std::find(recursive_.begin(), recursive_.end(), &type) != recursive_.end();
    }
    std::size_t definition(const descriptor& type) {
        const auto place = std::find(definitions_.begin(), definitions_.end(), &type);
        if (place != definitions_.end()) return static_cast<std::size_t>(place - definitions_.begin());
        definitions_.push_back(&type);
        return definitions_.size() - 1;
    }

    bool is_strict_;
    const descriptor* root_ = nullptr;
    std::string path_;
    std::vector<const descriptor*> open_;
    std::vector<const descriptor*> known_;
    std::vector<const descriptor*> recursive_;
    std::vector<const descriptor*> definitions_;
};

} // namespace

std::string schema_text(const descriptor& type, schema_style style) {
    return schema_writer(style).whole(type);
}

} // namespace modelmesh::json::detail
