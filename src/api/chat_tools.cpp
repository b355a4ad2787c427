#include <modelmesh/api/chat/tools.hpp>

#include <modelmesh/json/read.hpp>

#include <algorithm>
#include <stdexcept>

namespace modelmesh::detail {
namespace {

const json::read_options& complete() noexcept {
    static const json::read_options options = [] {
        json::read_options o(errc::bad_request);
        o.exactness = json::exactness::lenient;
        o.missing = json::missing_members::reject;
        o.unknown = json::unknown_members::reject;
        return o;
    }();
    return options;
}

} // namespace

result<void> read_arguments(std::string_view arguments, void* target, const json::detail::descriptor& type) {
    if (arguments.empty()) arguments = "{}"; // what some models send when there are none
    result<void> read = json::detail::read_once(arguments, target, type, complete());
    if (read) return read;
    return fault(errc::bad_request, "the arguments do not fit: " + read.error().message);
}

} // namespace modelmesh::detail

namespace modelmesh::chat {
namespace {

constexpr std::size_t longest_name = 64;

bool is_tool_name(std::string_view name) {
    return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    });
}

} // namespace

void toolbox::add_erased(std::string name, std::string description, std::string schema, runner run) {
    if (!is_tool_name(name))
        throw std::invalid_argument("'" + name +
                                    "' is no name for a tool: letters, digits, '_' and '-', 64 at most");
    for (const auto& each : entries_)
        if (each->definition.name == name)
            throw std::invalid_argument("there is a tool '" + name + "' already");
    auto made = std::make_shared<entry>();
    made->definition.name = std::move(name);
    if (!description.empty()) made->definition.description = std::move(description);
    made->definition.parameters = json::raw(std::move(schema));
    made->run = std::move(run);
    entries_.push_back(std::move(made));
}

std::vector<tool> toolbox::definitions() const {
    std::vector<tool> all;
    for (const auto& each : entries_) {
        tool made;
        made.function = each->definition;
        all.push_back(std::move(made));
    }
    return all;
}

namespace {
task<result<std::string>> refuse(std::string why) { co_return fault(errc::bad_request, std::move(why)); }
} // namespace

task<result<std::string>> toolbox::call(std::string_view name, std::string arguments) const {
    std::string known;
    for (const auto& each : entries_) {
        if (each->definition.name == name) return each->run(std::move(arguments));
        known += (known.empty() ? "" : ", ") + each->definition.name;
    }
    return refuse("there is no tool '" + std::string(name) + "', only: " + known);
}

const tool_options& tool_options::standard() noexcept {
    static const tool_options options;
    return options;
}

} // namespace modelmesh::chat
