#include "client/storage_settings.hpp"

#include "config/options.hpp"

#include <utility>

namespace modelmesh::detail {

void check_storage(const storage_config& settings, std::vector<std::string>& problems) {
    const bool is_named = !settings.connector.empty();
    if (is_named && settings.instance)
        problems.push_back("storage: has a connector and an instance; one of them is enough");
    if (!is_named && !settings.instance && (settings.sync_policy || !settings.options.text.empty()))
        problems.push_back("storage: needs a connector");
    if (settings.sync_interval < std::chrono::seconds(1))
        problems.push_back("storage: sync_interval must be at least a second");
}

std::shared_ptr<persistence::keeper> open_storage(const storage_config& from,
                                                  const connector::registry& connectors, log_sink* log) {
    const sync_policy policy = from.sync_policy.value_or(sync_policy::periodic);
    if ((from.connector.empty() && !from.instance) || policy == sync_policy::in_memory) return nullptr;
    std::shared_ptr<connector::storage> storage = from.instance;
    if (!storage) {
        auto made = settings::make_connector(connectors.storages(), from.connector, from.options,
                                             "storage connector", "storage", log);
        if (!made) throw error(std::move(made).error());
        storage = std::move(*made);
    }
    persistence::schedule when;
    when.after_every_change = policy == sync_policy::immediate;
    if (policy == sync_policy::periodic) when.interval = from.sync_interval;
    auto opened = persistence::keeper::open(std::move(storage), when, clock::system(), log);
    if (!opened) throw error(std::move(opened).error());
    return std::move(*opened);
}

} // namespace modelmesh::detail
