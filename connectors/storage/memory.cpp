#include "memory.hpp"

namespace modelmesh::connector {

result<std::unique_ptr<storage>> memory_storage::make(const memory_storage_options& /*options*/,
                                                      log_sink* /*log*/) {
    return std::make_unique<memory_storage>();
}

result<std::optional<std::string>> memory_storage::load(std::string_view key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second.data);
}

result<void> memory_storage::save(std::span<const storage_entry> entries, const lock_handle* under) {
    if (under != nullptr) {
        const auto held = locks_.find(under->key);
        if (held == locks_.end() || held->second != under->token)
            return fault(errc::storage, "the lock '" + under->key + "' is not held any more");
    }
    const auto now = std::chrono::system_clock::now();
    for (const storage_entry& each : entries) entries_.insert_or_assign(each.key, kept{each.data, now});
    return {};
}

result<std::vector<std::string>> memory_storage::list(std::string_view prefix) {
    std::vector<std::string> keys;
    for (auto at = entries_.lower_bound(prefix); at != entries_.end() && at->first.starts_with(prefix); ++at)
        keys.push_back(at->first);
    return keys;
}

result<bool> memory_storage::remove(std::string_view key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return false;
    entries_.erase(found);
    return true;
}

result<std::optional<storage_stat>> memory_storage::stat(std::string_view key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::optional<storage_stat>();
    return std::optional<storage_stat>(storage_stat{found->second.data.size(), found->second.modified});
}

result<lock_handle> memory_storage::acquire(std::string_view key) {
    if (locks_.contains(key))
        return fault(errc::storage, "the lock '" + std::string(key) + "' is held by another client");
    lock_handle held{std::string(key), ++last_token_};
    locks_.emplace(held.key, held.token);
    return held;
}

result<void> memory_storage::release(const lock_handle& held) {
    const auto found = locks_.find(held.key);
    if (found != locks_.end() && found->second == held.token) locks_.erase(found);
    return {};
}

} // namespace modelmesh::connector
