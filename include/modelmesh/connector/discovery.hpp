// The discovery connector: which models a provider has that was configured without any. Derive from discovery, or from
// server_discovery, and register it (registry::add_discovery) to have one of your own.
#pragma once

#include <modelmesh/connector/provider.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::connector {

/// A provider as a discovery connector sees it.
class discovered_provider {
public:
    /// Its name in the configuration.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Id of its provider connector.
    [[nodiscard]] virtual std::string_view connector() const noexcept = 0;
    /// When it is too late for an answer.
    [[nodiscard]] virtual time_point deadline() const noexcept = 0;
    /// What its connector takes a model of this name for: canonical paths.
    [[nodiscard]] virtual std::vector<std::string> capabilities_of(std::string_view model) const = 0;
    /// Asks its server which models it has, with the provider's credentials.
    /// Errors: what the server answers, connect, timed_out, and protocol when the list cannot be read.
    [[nodiscard]] virtual task<result<std::vector<model_info>>> list_models() = 0;

protected:
    ~discovered_provider() = default;
};

/// Lists models. A client has one, and asks it before its first request and again after each `sync_interval`.
/// Threads: one call after the other for each provider, those for several providers at the same time on one event
/// loop, which may be another the next time. Must not block.
class discovery {
public:
    virtual ~discovery() = default;
    /// The models of a provider, in the order in which pools are to try them.
    /// @param provider  outlives the task.
    /// Errors: any, and an empty list is one. The provider keeps the models that it had; one that had none is asked
    /// again later, and no other provider suffers. Without an answer at the deadline the task is canceled.
    [[nodiscard]] virtual task<result<std::vector<model_info>>> models_of(discovered_provider& provider) = 0;
};

/// Base of those that go by the server's own list: says of each model on it whether it is taken, and for what.
class server_discovery : public discovery {
public:
    [[nodiscard]] task<result<std::vector<model_info>>> models_of(discovered_provider& provider) final;

protected:
    /// May change what the model is taken for. False: it is left out.
    [[nodiscard]] virtual bool take(const discovered_provider& of, model_info& listed) const = 0;
};

} // namespace modelmesh::connector
