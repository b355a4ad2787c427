#include "client/reload.hpp"

#include <modelmesh/json/members.hpp>
#include <modelmesh/json/write.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace modelmesh::detail {
namespace {

// Values by name: comparing them as text needs no list of what a configuration has.
using text_map = std::vector<std::pair<std::string, std::string>>;

text_map members_of(std::string_view object) {
    text_map all;
    const auto members = json::members(object);
    if (members)
        for (const json::member& each : *members) all.emplace_back(each.name, each.value);
    return all;
}

const std::string* find(const text_map& in, std::string_view name) {
    const auto found =
        std::find_if(in.begin(), in.end(), [name](const auto& each) { return each.first == name; });
    return found == in.end() ? nullptr : &found->second;
}

name_changes changes(const text_map& before, const text_map& after) {
    name_changes found;
    for (const auto& [name, value] : after) {
        const std::string* old = find(before, name);
        if (old == nullptr)
            found.added.push_back(name);
        else if (*old != value)
            found.changed.push_back(name);
    }
    for (const auto& [name, value] : before)
        if (find(after, name) == nullptr) found.removed.push_back(name);
    return found;
}

// The models that are served, each with what is set for it alone.
text_map models_of(const router::snapshot& served, const text_map& settings) {
    text_map all;
    for (const auto& model : served.models) {
        const std::string* own = find(settings, model->id);
        all.emplace_back(model->id, own == nullptr ? std::string() : *own);
    }
    return all;
}

text_map section(const text_map& of, std::string_view name) {
    const std::string* text = find(of, name);
    return text == nullptr ? text_map() : members_of(*text);
}

} // namespace

std::string text_of(const config& from, std::vector<std::string>& problems) {
    try {
        return json::write(from);
    } catch (const std::invalid_argument& odd) { // a text that is not UTF-8, or a number that is not finite
        problems.emplace_back(odd.what());
        return {};
    }
}

reload_report difference(const std::string& before, const std::string& after,
                         const router::snapshot& models_before, const router::snapshot& models_after) {
    const text_map was = members_of(before);
    const text_map is = members_of(after);
    reload_report made;
    made.providers = changes(section(was, "providers"), section(is, "providers"));
    made.pools = changes(section(was, "pools"), section(is, "pools"));
    made.models = changes(models_of(models_before, section(was, "models")),
                          models_of(models_after, section(is, "models")));
    name_changes other = changes(was, is);
    for (auto* names : {&other.added, &other.removed, &other.changed})
        for (std::string& name : *names) {
            const bool is_told = (name == "providers" && !made.providers.empty()) ||
                                 (name == "pools" && !made.pools.empty()) ||
                                 (name == "models" && !made.models.empty());
            if (!is_told) made.settings.push_back(std::move(name));
        }
    return made;
}

void report_reload(log_sink* log, const result<reload_report>& outcome) {
    const severity level = outcome ? severity::info : severity::error;
    if (log == nullptr || !log->wants(level)) return;
    if (!outcome) {
        const fault why = outcome.error(); // which the result gives by value
        const std::array<log_field, 1> fields{{{"reason", why.message}}};
        log->write(level, "config.rejected", fields);
        return;
    }
    const std::array<std::pair<const char*, std::size_t>, 10> counts{
        {{"providers_added", outcome->providers.added.size()},
         {"providers_removed", outcome->providers.removed.size()},
         {"providers_changed", outcome->providers.changed.size()},
         {"pools_added", outcome->pools.added.size()},
         {"pools_removed", outcome->pools.removed.size()},
         {"pools_changed", outcome->pools.changed.size()},
         {"models_added", outcome->models.added.size()},
         {"models_removed", outcome->models.removed.size()},
         {"models_changed", outcome->models.changed.size()},
         {"settings_changed", outcome->settings.size()}}};
    std::array<std::string, counts.size()> texts;
    std::array<log_field, counts.size()> fields;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        texts[i] = std::to_string(counts[i].second);
        fields[i] = {counts[i].first, texts[i]};
    }
    log->write(level, "config.reloaded", fields);
}

} // namespace modelmesh::detail
