#include "config/node.hpp"

#include <modelmesh/router/capability.hpp>

#include <algorithm>
#include <tuple>

namespace modelmesh::settings {
namespace {

// A file with something wrong on every line is told so, not repeated.
constexpr std::size_t most_findings = 100;

std::string line_of(const place& at, std::string_view path, std::string_view what) {
    std::string line = to_string(at) + ": ";
    if (!path.empty()) line.append(path).append(": ");
    return line.append(what);
}

} // namespace

std::string to_string(const place& at) {
    const std::string source = at.source ? *at.source : "configuration";
    if (at.line == 0) return source;
    return source + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

const entry* find(const node& map, std::string_view key) noexcept {
    const auto found = std::find_if(map.entries.begin(), map.entries.end(),
                                    [key](const entry& each) { return each.key == key; });
    return found == map.entries.end() ? nullptr : &*found;
}

entry* find(node& map, std::string_view key) noexcept {
    return const_cast<entry*>(find(static_cast<const node&>(map), key));
}

std::string join(std::string_view path, std::string_view key) {
    return std::string(path).append(path.empty() ? "" : ".").append(key);
}

void findings::problem(const place& at, std::string_view path, std::string_view what) {
    if (problems_.size() == most_findings) problems_.push_back({{}, {}, "and more"});
    if (problems_.size() > most_findings) return;
    problems_.push_back({at, std::string(path), line_of(at, path, what)});
}

void findings::warning(const place& at, std::string_view path, std::string_view what) {
    if (warnings_.size() < most_findings) warnings_.push_back(line_of(at, path, what));
}

bool findings::has_problem_at(std::string_view path) const {
    return std::any_of(problems_.begin(), problems_.end(), [path](const finding& each) {
        return !each.path.empty() && each.path.starts_with(path) &&
               (each.path.size() == path.size() || each.path[path.size()] == '.' ||
                each.path[path.size()] == '[');
    });
}

std::vector<std::string> findings::problems() const {
    std::vector<std::string> sources; // in the order of their first problems
    std::vector<std::tuple<std::size_t, std::size_t, std::size_t, std::size_t>> order;
    for (std::size_t i = 0; i < problems_.size(); ++i) {
        const place& at = problems_[i].at;
        const std::string source = at.source ? *at.source : "";
        const auto known = std::find(sources.begin(), sources.end(), source);
        order.emplace_back(static_cast<std::size_t>(known - sources.begin()), at.line, at.column, i);
        if (known == sources.end()) sources.push_back(source);
    }
    std::sort(order.begin(), order.end());
    std::vector<std::string> lines;
    for (const auto& [source, line, column, index] : order) lines.push_back(problems_[index].line);
    return lines;
}

std::string suggestion(std::string_view name, const std::vector<std::string_view>& known) {
    const std::vector<std::string> near = capability::nearest(name, known, 1);
    return near.empty() ? "" : "; did you mean '" + near.front() + "'?";
}

} // namespace modelmesh::settings
