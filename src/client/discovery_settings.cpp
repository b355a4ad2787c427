#include "client/discovery_settings.hpp"

#include "config/options.hpp"

#include <utility>

namespace modelmesh::detail {

router::discovery_plan discovery_of(const discovery_config& settings, const connector::registry& connectors,
                                    log_sink* log, std::vector<std::string>& problems) {
    router::discovery_plan plan;
    const bool is_named = !settings.connector.empty();
    if (is_named && settings.instance)
        problems.push_back("discovery: has a connector and an instance; one of them is enough");
    if (!is_named && !settings.instance) {
        if (!settings.options.text.empty()) problems.push_back("discovery: needs a connector");
        return plan;
    }
    if (settings.sync_interval < std::chrono::seconds(0))
        problems.push_back("discovery: sync_interval must not be negative");
    plan.interval = settings.sync_interval;
    plan.from = settings.instance;
    if (plan.from) return plan;
    auto made = settings::make_connector(connectors.discoveries(), settings.connector, settings.options,
                                         "discovery connector", "discovery", log);
    if (!made) {
        problems.push_back(made.error().message);
        return plan;
    }
    plan.from = std::move(*made);
    plan.settings = settings.connector + " " + settings.options.text;
    return plan;
}

} // namespace modelmesh::detail
