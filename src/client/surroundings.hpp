// What a configuration puts around the calls of a client: sinks for its events, and middlewares.
#pragma once

#include "client/event_outlet.hpp"

#include <modelmesh/config/config.hpp>
#include <modelmesh/connector/registry.hpp>
#include <modelmesh/core/redactor.hpp>
#include <modelmesh/event_hub.hpp>
#include <modelmesh/middleware.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::detail {

class surroundings {
public:
    std::vector<sink_plan> sinks{};
    redactor secrets{};                                   ///< what no sink gets
    std::vector<std::shared_ptr<middleware>> outermost{}; ///< the log of requests
    std::vector<std::shared_ptr<middleware>> innermost{}; ///< those of `middleware`

    /// Made from a connector and its options, which are the key. The next configuration that says the same of one goes
    /// on with it: a file that is open, a rate that is counted, replies that are kept.
    template <class T> using made = std::vector<std::pair<std::string, std::shared_ptr<T>>>;
    made<connector::event_sink> own_sinks{};
    made<middleware> own_middlewares{};
};

/// Makes what the configuration says. What is wrong with it is added to `problems`.
/// @param before  of the configuration that is left. @param log  what middlewares write to, and what knows all secrets;
/// outlives them.
[[nodiscard]] surroundings surroundings_of(const config& from, const surroundings& before,
                                           const connector::registry& connectors, event_outlet& log,
                                           std::vector<std::string>& problems);

} // namespace modelmesh::detail
