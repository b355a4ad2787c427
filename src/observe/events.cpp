#include <modelmesh/core/events.hpp>

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

namespace modelmesh {
namespace {

// Names in other words, as the format has them.
constexpr std::pair<std::string_view, std::string_view> aliases[] = {
    {"model.activated", "model.reactivated"},
    {"circuit.opened", "model.deactivated"}, // a model's standby and its probe are its circuit
    {"circuit.closed", "model.reactivated"},
    {"retry", "retry.attempted"},
};
constexpr std::pair<std::string_view, event_group> groups[] = {
    {"request", event_group::request},
    {"rotation", event_group::rotation},
    {"deactivation", event_group::deactivation},
    {"recovery", event_group::recovery},
    {"health", event_group::health},
    {"budget", event_group::budget},
    {"config", event_group::config},
    {"internal", event_group::internal},
};

bool same(std::string_view a, std::string_view b) noexcept {
    const auto plain = [](char c) { return c == '.' ? '_' : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [plain](char x, char y) { return plain(x) == plain(y); });
}

} // namespace

event_filter::event_filter(const std::vector<std::string_view>& wanted) {
    for (std::string_view word : wanted) {
        if (word == "all") {
            names_.clear();
            return;
        }
        for (const auto& [other, name] : aliases)
            if (same(word, other)) word = name;
        const std::size_t before = names_.size();
        for (const auto& [name, group] : groups)
            if (word == name)
                for (const event_kind& each : every_event)
                    if (each.group == group) names_.push_back(each.name);
        for (const event_kind& each : every_event)
            if (same(word, each.name)) names_.push_back(each.name);
        if (names_.size() != before) continue;
        std::string known;
        for (const std::string_view each : words()) known.append(" ").append(each);
        throw std::invalid_argument("there is no event '" + std::string(word) + "'; there are:" + known);
    }
}

std::vector<std::string_view> event_filter::words() {
    std::vector<std::string_view> all{"all"};
    for (const auto& [name, group] : groups) all.push_back(name);
    for (const event_kind& each : every_event) all.push_back(each.name);
    return all;
}

bool event_filter::passes(std::string_view event) const noexcept {
    return names_.empty() || std::find(names_.begin(), names_.end(), event) != names_.end();
}

} // namespace modelmesh
