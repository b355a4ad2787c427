#include "config/merge.hpp"

#include <utility>

namespace modelmesh::settings {

void merge(node& into, node over) {
    if (over.what == shape::nothing && into.what == shape::map) return;
    if (over.what != shape::map) {
        into = std::move(over);
        return;
    }
    if (into.what != shape::map) {
        node fresh = over; // its place and its path
        fresh.entries.clear();
        into = std::move(fresh);
    }
    for (entry& each : over.entries) {
        entry* known = find(into, each.key);
        if (each.value.is_reset) {
            if (known != nullptr) into.entries.erase(into.entries.begin() + (known - into.entries.data()));
        } else if (known != nullptr) {
            merge(known->value, std::move(each.value));
        } else {
            // By merging, because a map may have a !reset in it that has nothing to take away.
            into.entries.push_back({std::move(each.key), each.at, {}});
            merge(into.entries.back().value, std::move(each.value));
        }
    }
}

} // namespace modelmesh::settings
