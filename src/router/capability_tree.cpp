#include <modelmesh/router/capability_tree.hpp>

#include <modelmesh/router/capability.hpp>

#include <algorithm>
#include <array>

namespace modelmesh::capability {
namespace {

// Names are lower case already.
std::string lower(std::string_view word) {
    std::string text(word);
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

constexpr std::size_t ranks = 4; // is the word, begins with it, contains it, is below one that contains it

std::size_t rank_of(const node& candidate, std::string_view word) noexcept {
    std::size_t best = candidate.path.find(word) == std::string::npos ? ranks : ranks - 1;
    const auto take = [&best, word](std::string_view name) {
        if (const std::size_t at = name.find(word); at != std::string_view::npos)
            best = std::min(best, name == word ? std::size_t{0} : at == 0 ? std::size_t{1} : std::size_t{2});
    };
    take(last_segment(candidate.path));
    for (const std::string_view name : candidate.aliases) take(name);
    return best;
}

} // namespace

std::size_t node::depth() const noexcept {
    return 1 + static_cast<std::size_t>(std::count(path.begin(), path.end(), '.'));
}

tree::tree() {
    for (const shipped_node& each : shipped()) paths_.emplace_back(each.path);
}

std::size_t tree::find(std::string_view path) const noexcept {
    return static_cast<std::size_t>(std::find(paths_.begin(), paths_.end(), path) - paths_.begin());
}

std::size_t tree::end_of(std::size_t at) const noexcept {
    std::size_t end = at;
    while (end < paths_.size() && within(paths_[end], paths_[at])) ++end;
    return end;
}

void tree::insert(std::string_view path) {
    if (find(path) != paths_.size()) return;
    std::size_t place = paths_.size();
    if (const std::size_t dot = path.rfind('.'); dot != std::string_view::npos) {
        insert(path.substr(0, dot));
        place = end_of(find(path.substr(0, dot)));
    }
    paths_.emplace(paths_.begin() + static_cast<std::ptrdiff_t>(place), path);
}

result<void> tree::add(std::string_view name) {
    const result<std::string> path = canonical(name);
    if (!path) return path.error();
    insert(*path);
    return {};
}

bool tree::contains(std::string_view name) const {
    const result<std::string> path = canonical(name);
    return path && find(*path) != paths_.size();
}

node tree::made(std::size_t at) const {
    node found{paths_[at]};
    found.is_leaf = end_of(at) == at + 1;
    for (const shipped_node& each : shipped())
        if (each.path == found.path) found.description = each.description;
    for (const alias& each : aliases())
        if (each.path == found.path) found.aliases.push_back(each.name);
    return found;
}

std::vector<node> tree::nodes() const {
    std::vector<node> all;
    for (std::size_t at = 0; at < paths_.size(); ++at) all.push_back(made(at));
    return all;
}

std::vector<node> tree::nodes(std::string_view name) const {
    const result<std::string> path = canonical(name);
    std::vector<node> found;
    if (!path) return found;
    const std::size_t first = find(*path);
    for (std::size_t at = first; at < end_of(first); ++at) found.push_back(made(at));
    return found;
}

std::vector<std::string> tree::leaves(std::string_view name) const {
    std::vector<std::string> found;
    for (node& each : nodes(name))
        if (each.is_leaf) found.push_back(std::move(each.path));
    return found;
}

std::vector<node> tree::search(std::string_view word) const {
    if (word.empty()) return {};
    const std::string wanted = lower(word);
    std::array<std::vector<node>, ranks> by_rank;
    for (node& each : nodes())
        if (const std::size_t rank = rank_of(each, wanted); rank < ranks)
            by_rank[rank].push_back(std::move(each));
    std::vector<node> found;
    for (std::vector<node>& some : by_rank) std::move(some.begin(), some.end(), std::back_inserter(found));
    return found;
}

} // namespace modelmesh::capability
