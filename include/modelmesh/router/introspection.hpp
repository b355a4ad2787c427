// What a client says about its pools: who is in service, and why a request would go where.
#pragma once

#include <modelmesh/core/error.hpp>
#include <modelmesh/router/exclusion.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace modelmesh {

/// One model in one pool.
struct model_status {
    std::string id{};
    std::string provider{};
    exclusion why{exclusion::none}; ///< of those that are asked about; none: it may be asked
    std::string reason{}; ///< the same for people: "in standby for 12000 ms after connect"; empty for none
    /// Until it returns, when it is out of service and does so by itself.
    std::optional<std::chrono::milliseconds> returns_in{};
    std::optional<errc> last_failure{}; ///< that put it out of service
    int last_http_status{0};            ///< with it; 0: there was no answer
    double error_rate{0};               ///< share of failures among the last outcomes
    unsigned in_flight{0};
    /// What the pool's policy compares candidates by, the lowest is best; where it has such a number.
    std::optional<double> score{};
};

/// Active are those that a request may be sent to, a probe's included; standby are the others.
struct pool_status {
    std::string pool{};
    std::string strategy{};   ///< empty for a model that is its own pool
    std::string capability{}; ///< the same
    std::size_t active{0};
    std::size_t standby{0};
    std::size_t total{0};
    std::optional<std::string> current_model{}; ///< that the next request would go to
    std::vector<model_status> models{};         ///< in the order of the pool
};

/// What is left of a pool's models after a rule.
struct explained_stage {
    std::string name{}; ///< "provider", "operation", "health", "budget", ...
    std::vector<std::string> survivors{};
};

/// Why a request would go where it would go now. Nothing was moved or reserved to find out; where chance decides, it
/// is one of those that may be chosen.
struct explanation {
    std::string pool{};
    std::string strategy{};   ///< empty for a model that is its own pool
    std::string capability{}; ///< the same
    std::optional<std::string> selected_model{};
    std::string reason{};                   ///< for people
    std::vector<model_status> candidates{}; ///< every model of the pool, in its order
    std::vector<explained_stage> stages{};  ///< in the order in which models are left out
    /// Who would be asked next, if the one before failed in a way that another may mend.
    std::vector<std::string> fallback_chain{};
};

} // namespace modelmesh
