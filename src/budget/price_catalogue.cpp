#include "budget/price_catalogue.hpp"

#include <algorithm>
#include <tuple>

namespace modelmesh::budget {
namespace {

struct key {
    std::string_view vendor;
    std::string_view name;
};
bool before(const listed_model& entry, const key& wanted) noexcept {
    return std::tie(entry.vendor, entry.name) < std::tie(wanted.vendor, wanted.name);
}

const listed_model* find_exactly(const key& wanted) noexcept {
    const std::span<const listed_model> all = price_table();
    const auto at = std::lower_bound(all.begin(), all.end(), wanted, before);
    return at != all.end() && at->vendor == wanted.vendor && at->name == wanted.name ? &*at : nullptr;
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// -2024-08-06, -20240806, @20240806, -0613, -001 (Google's versions), or nothing of the kind.
bool is_date(std::string_view text) noexcept {
    if (text.size() < 4 || (text.front() != '-' && text.front() != '@')) return false;
    text.remove_prefix(1);
    if (text.size() == 10 && text[4] == '-' && text[7] == '-')
        return std::all_of(text.begin(), text.end(), [](char c) { return c == '-' || is_digit(c); });
    const bool has_length = text.size() == 8 || text.size() == 4 || text.size() == 3;
    return has_length && std::all_of(text.begin(), text.end(), is_digit);
}

std::string_view without_date(std::string_view name) noexcept {
    constexpr std::string_view latest = "-latest";
    if (name.ends_with(latest)) return name.substr(0, name.size() - latest.size());
    for (const std::size_t length : {11u, 9u, 5u, 4u})
        if (name.size() > length && is_date(name.substr(name.size() - length)))
            return name.substr(0, name.size() - length);
    return name;
}

// Dates sort as texts, so the last one is the latest.
const listed_model* find_latest(const key& wanted) noexcept {
    const std::span<const listed_model> all = price_table();
    const listed_model* latest = nullptr;
    for (auto at = std::lower_bound(all.begin(), all.end(), wanted, before);
         at != all.end() && at->vendor == wanted.vendor && at->name.starts_with(wanted.name); ++at) {
        const std::string_view rest = at->name.substr(wanted.name.size());
        const bool is_other_purpose = latest != nullptr && latest->name == at->name;
        if (is_date(rest) && !is_other_purpose) latest = &*at;
    }
    return latest;
}

const listed_model* find_version(const key& wanted) noexcept {
    if (const listed_model* found = find_exactly(wanted)) return found;
    const key undated{wanted.vendor, without_date(wanted.name)};
    if (const listed_model* found = find_exactly(undated)) return found;
    return find_latest(undated);
}

} // namespace

const listed_model* find_model(std::string_view vendor, std::string_view name) noexcept {
    constexpr std::string_view tuned = "ft:";
    if (!name.starts_with(tuned)) return find_version({vendor, name});
    const std::string_view kind = name.substr(0, name.find(':', tuned.size()));
    if (const listed_model* found = find_version({vendor, kind})) return found;
    return find_version({vendor, kind.substr(tuned.size())});
}

} // namespace modelmesh::budget
