// A configuration as YAML, with its secrets left out.
#include "config/dump.hpp"

#include "config/quantity.hpp"
#include "config/yaml.hpp"

#include <modelmesh/config/load.hpp>
#include <modelmesh/json/detail/describe.hpp>
#include <modelmesh/json/members.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <stdexcept>

namespace modelmesh {
namespace {

namespace reflected = json::detail;
using reflected::kind;

class yaml_writer {
public:
    explicit yaml_writer(const std::vector<std::string>& never_shown) : never_shown_(never_shown) {}

    /// The lines of an object: members that are as they are by default are left out.
    std::string members(const reflected::object_type& type, const void* object, std::size_t indent) {
        std::vector<void*> members(type.count);
        type.locate(const_cast<void*>(object), members.data()); // only read from
        std::string text;
        for (std::size_t i = 0; i < type.count; ++i) {
            const reflected::field& member = type.fields[i];
            if (member.skipped || is_default(type, i, members[i])) continue;
            append(text, member.name, member.type(), members[i], indent, &member);
        }
        return text;
    }

    /// A value that is neither an object nor a map of objects, in one line.
    std::string single(const reflected::descriptor& type, const void* value, const reflected::field* member) {
        if (member != nullptr && member->secret && !is_empty(type, value)) return "'***'";
        if (type.what == kind::raw) {
            const std::string& text = static_cast<const json::raw*>(value)->text;
            return is_hidden(text) ? "'***'" : text.empty() ? "{}" : text;
        }
        if (type.what != kind::map) return line(type, value, member);
        const auto& map = as<reflected::map_type>(type);
        struct target {
            yaml_writer* self;
            const reflected::descriptor* element;
            std::string text;
        } to{this, &map.element(), {}};
        map.each(value, &to, [](void* context, std::string_view key, const void* each) {
            target& into = *static_cast<target*>(context);
            into.text.append(into.text.empty() ? "" : ", ").append(settings::yaml_text(key)).append(": ");
            into.text.append(into.self->line(*into.element, each, nullptr));
        });
        return "{" + to.text + "}";
    }

private:
    static bool is_empty(const reflected::descriptor& type, const void* value) {
        const std::string text = reflected::write_erased(value, type);
        return text == "\"\"" || text == "[]";
    }
    static bool is_default(const reflected::object_type& type, std::size_t index, const void* value) {
        const reflected::resolved_member& member = type.resolve().members[index];
        return reflected::write_erased(value, *member.type) ==
               reflected::write_erased(member.initial, *member.type);
    }

    void append(std::string& out, std::string_view key, const reflected::descriptor& type, const void* value,
                std::size_t indent, const reflected::field* member) {
        out.append(indent, ' ').append(settings::yaml_text(key)).append(":");
        const bool is_secret = member != nullptr && member->secret;
        std::string below;
        if (is_secret)
            below.clear();
        else if (type.what == kind::object)
            below = members(as<reflected::object_type>(type), value, indent + 2);
        else if (type.what == kind::map)
            below = entries(as<reflected::map_type>(type), value, indent + 2);
        else if (type.what == kind::sequence)
            below = objects(as<reflected::sequence_type>(type), value, indent + 2);
        else if (type.what == kind::raw)
            below = options(*static_cast<const json::raw*>(value), indent + 2);
        if (below.empty())
            out.append(" ").append(is_secret ? "'***'" : line(type, value, member)).append("\n");
        else
            out.append("\n").append(below);
    }

    std::string entries(const reflected::map_type& type, const void* map, std::size_t indent) {
        struct target {
            yaml_writer* self;
            const reflected::descriptor* element;
            std::size_t indent;
            std::string text;
        } to{this, &type.element(), indent, {}};
        type.each(map, &to, [](void* context, std::string_view key, const void* value) {
            target& into = *static_cast<target*>(context);
            into.self->append(into.text, key, *into.element, value, into.indent, nullptr);
        });
        return std::move(to.text);
    }

    // The lines of a list of objects; of any other list none, which is written in one line.
    std::string objects(const reflected::sequence_type& type, const void* list, std::size_t indent) {
        std::string text;
        if (type.element().what != kind::object) return text;
        for (std::size_t i = 0; i < type.size(list); ++i) {
            std::string below =
                members(as<reflected::object_type>(type.element()), type.get(list, i), indent + 2);
            if (below.empty()) below = std::string(indent + 2, ' ') + "{}\n";
            text.append(below.replace(indent, 1, "-"));
        }
        return text;
    }

    // Of a connector. JSON is YAML, so that only what must not be shown, or would be a reference, is written anew.
    std::string options(const json::raw& object, std::size_t indent) const {
        std::string text;
        const result<std::vector<json::member>> members = json::members(object.text);
        if (!members) throw std::invalid_argument("options of a connector are no JSON object");
        for (const json::member& each : *members)
            text.append(indent, ' ')
                .append(settings::yaml_text(each.name))
                .append(": ")
                .append(is_hidden(each.value) ? "'***'" : escaped(each.value))
                .append("\n");
        return text;
    }

    std::string line(const reflected::descriptor& type, const void* value, const reflected::field* member) {
        switch (type.what) {
        case kind::object:
        case kind::map:
            return "{}";
        case kind::sequence: {
            const auto& list = as<reflected::sequence_type>(type);
            std::string text = "[";
            for (std::size_t i = 0; i < list.size(value); ++i)
                text.append(i == 0 ? "" : ", ").append(line(list.element(), list.get(value, i), nullptr));
            return text + "]";
        }
        case kind::wrapper: {
            const void* const inner = as<reflected::wrapper_type>(type).get(value);
            if (inner == nullptr) return "null";
            return line(as<reflected::wrapper_type>(type).element(), inner, member);
        }
        case kind::string:
            return string(*static_cast<const std::string*>(value));
        case kind::integer: {
            const auto& integer = as<reflected::integer_type>(type);
            if (integer.tick == 0) break;
            return settings::format_duration(static_cast<std::int64_t>(integer.load(value)) * integer.tick);
        }
        default:
            break;
        }
        const std::string text = reflected::write_erased(value, type);
        return type.what == kind::enumeration ? text.substr(1, text.size() - 2) : text;
    }

    std::string string(const std::string& text) const {
        return is_hidden(text) ? "'***'" : settings::yaml_text(escaped(text));
    }
    [[nodiscard]] bool is_hidden(std::string_view text) const {
        return std::any_of(never_shown_.begin(), never_shown_.end(), [text](const std::string& hidden) {
            return !hidden.empty() && text.find(hidden) != text.npos;
        });
    }
    static std::string escaped(std::string_view text) {
        std::string made;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text.substr(i, 2) == "${") made += '$';
            made += text[i];
        }
        return made;
    }

    const std::vector<std::string>& never_shown_;
};

} // namespace

std::string settings::shown_value(const reflected::descriptor& type, const void* value,
                                  const reflected::field* member,
                                  const std::vector<std::string>& never_shown) {
    return yaml_writer(never_shown).single(type, value, member);
}

std::string to_yaml(const config& shown) {
    const auto& type = as<reflected::object_type>(reflected::describe<config>());
    return "version: 1\n" + yaml_writer(shown.never_shown).members(type, &shown, 0);
}

} // namespace modelmesh
