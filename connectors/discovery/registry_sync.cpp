#include "registry_sync.hpp"

#include <algorithm>
#include <utility>

namespace modelmesh::connector {

result<std::unique_ptr<discovery>> registry_sync::make(const registry_sync_options& options, log_sink*) {
    return std::unique_ptr<discovery>(new registry_sync(options));
}

bool registry_sync::take(const discovered_provider&, model_info& listed) const {
    const auto is_named = [&listed](const std::string& pattern) { return matches(pattern, listed.name); };
    if (std::any_of(options_.exclude.begin(), options_.exclude.end(), is_named)) return false;
    return options_.include.empty() ||
           std::any_of(options_.include.begin(), options_.include.end(), is_named);
}

// Each star takes as little as it can; when the rest does not fit, the last one takes one more.
bool matches(std::string_view pattern, std::string_view text) noexcept {
    std::size_t at = 0;
    std::size_t star = pattern.npos;
    std::size_t taken = 0; // where the text behind the last star begins
    for (std::size_t i = 0; i < text.size();) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            taken = i;
        } else if (at < pattern.size() && pattern[at] == text[i]) {
            ++at;
            ++i;
        } else if (star != pattern.npos) {
            at = star + 1;
            i = ++taken;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', at) == pattern.npos;
}

} // namespace modelmesh::connector
