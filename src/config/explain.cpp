#include "config/explain.hpp"

#include "config/dump.hpp"

#include <modelmesh/json/detail/describe.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace modelmesh {
namespace settings {
namespace {

namespace reflected = json::detail;
using reflected::kind;

/// A place in a configuration, as it is, as it was loaded (null: it was not there), and as it was written (null: it
/// was not).
struct spot {
    const void* is;
    const void* was;
    const node* written;
};

using values_by_name = std::vector<std::pair<std::string, const void*>>;

class walker {
public:
    walker(const origin& from, const std::vector<std::string>& never_shown)
        : from_(from), never_shown_(never_shown) {}

    void object(const std::string& path, const reflected::object_type& type, const spot& at) {
        const std::vector<void*> is = members_of(type, at.is);
        const std::vector<void*> was =
            at.was == nullptr ? std::vector<void*>(type.count) : members_of(type, at.was);
        for (std::size_t i = 0; i < type.count; ++i) {
            const reflected::field& member = type.fields[i];
            if (member.skipped) continue;
            const entry* written = at.written == nullptr ? nullptr : find(*at.written, member.name);
            const spot below{is[i], was[i], written == nullptr ? nullptr : &written->value};
            value(join(path, member.name), member, type.resolve().members[i], below);
        }
    }

    std::vector<setting> take() && { return std::move(found_); }

private:
    static std::vector<void*> members_of(const reflected::object_type& type, const void* object) {
        std::vector<void*> members(type.count);
        type.locate(const_cast<void*>(object), members.data()); // only read from
        return members;
    }

    void value(const std::string& path, const reflected::field& member,
               const reflected::resolved_member& resolved, const spot& at) {
        const reflected::descriptor& type = member.type();
        if (type.what == kind::object) return object(path, as<reflected::object_type>(type), at);
        if (type.what == kind::map && as<reflected::map_type>(type).element().what == kind::object)
            return entries(path, as<reflected::map_type>(type), at);
        if (type.what == kind::sequence && as<reflected::sequence_type>(type).element().what == kind::object)
            return items(path, as<reflected::sequence_type>(type), at);
        const std::string text = reflected::write_erased(at.is, type);
        const bool is_default = text == reflected::write_erased(resolved.initial, type);
        const bool is_changed =
            at.was == nullptr ? !is_default : text != reflected::write_erased(at.was, type);
        setting made{path, shown_value(type, at.is, &member, never_shown_), setting_source::by_default, {}};
        if (is_changed)
            made.source = setting_source::by_code;
        else if (at.written != nullptr && at.written->what != shape::nothing)
            written_at(*at.written, made);
        else if (!is_default)
            made.where = "follows from other settings";
        found_.push_back(std::move(made));
    }

    void written_at(const node& here, setting& made) const {
        made.source = from_.from_template && here.at.source == from_.from_template
                          ? setting_source::by_template
                      : here.is_variable ? setting_source::by_environment
                                         : setting_source::by_file;
        made.where = to_string(here.at);
    }

    static values_by_name all_of(const reflected::map_type& type, const void* map) {
        values_by_name all;
        if (map != nullptr)
            type.each(map, &all, [](void* context, std::string_view key, const void* value) {
                static_cast<values_by_name*>(context)->emplace_back(key, value);
            });
        return all;
    }

    void entries(const std::string& path, const reflected::map_type& type, const spot& at) {
        const values_by_name was = all_of(type, at.was);
        for (const auto& [name, value] : all_of(type, at.is)) {
            const std::string_view key = name;
            const auto before =
                std::find_if(was.begin(), was.end(), [key](const auto& each) { return each.first == key; });
            const entry* written = at.written == nullptr ? nullptr : find(*at.written, name);
            object(join(path, name), as<reflected::object_type>(type.element()),
                   {value, before == was.end() ? nullptr : before->second,
                    written == nullptr ? nullptr : &written->value});
        }
    }

    void items(const std::string& path, const reflected::sequence_type& type, const spot& at) {
        for (std::size_t i = 0; i < type.size(at.is); ++i) {
            const bool was_there = at.was != nullptr && i < type.size(at.was);
            const bool is_written = at.written != nullptr && i < at.written->items.size();
            object(path + "[" + std::to_string(i) + "]", as<reflected::object_type>(type.element()),
                   {type.get(at.is, i), was_there ? type.get(at.was, i) : nullptr,
                    is_written ? &at.written->items[i] : nullptr});
        }
    }

    const origin& from_;
    const std::vector<std::string>& never_shown_;
    std::vector<setting> found_;
};

} // namespace

std::vector<setting> explain(const origin& from, const config& loaded, const config& effective) {
    walker walk(from, effective.never_shown);
    walk.object({}, as<reflected::object_type>(reflected::describe<config>()),
                {&effective, &loaded, &from.root});
    return std::move(walk).take();
}

} // namespace settings

std::string_view to_string(setting_source source) noexcept {
    switch (source) {
    case setting_source::by_default:
        return "default";
    case setting_source::by_template:
        return "template";
    case setting_source::by_file:
        return "file";
    case setting_source::by_environment:
        return "environment";
    case setting_source::by_code:
        return "code";
    }
    return {};
}

} // namespace modelmesh
