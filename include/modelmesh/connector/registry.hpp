// Connector ids and what they stand for.
#pragma once

#include <modelmesh/connector/deactivation.hpp>
#include <modelmesh/connector/discovery.hpp>
#include <modelmesh/connector/kind.hpp>
#include <modelmesh/connector/observability.hpp>
#include <modelmesh/connector/provider.hpp>
#include <modelmesh/connector/rotation.hpp>
#include <modelmesh/connector/rule_table.hpp>
#include <modelmesh/connector/secret_store.hpp>
#include <modelmesh/connector/storage.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh {
class middleware; // <modelmesh/middleware.hpp>
}

namespace modelmesh::connector {

/// Maps connector ids (`openai.llm.v1`) to factories. Each client has its own; nothing registers itself.
/// Threads: fill it before it is handed to a client.
class registry {
public:
    using factory = std::function<std::unique_ptr<provider>()>;

    /// Adds a provider connector. Errors: config when the id is empty or taken, or there is no factory.
    result<void> add_provider(std::string id, factory make);
    /// Makes a connector. Accepts the id with or without the `provider.` prefix.
    /// Errors: config when there is none of this id, naming those there are, or when its factory returns
    /// null.
    [[nodiscard]] result<std::unique_ptr<provider>> make_provider(std::string_view id) const;

    /// Adds a secret store connector. Options is an aggregate as reflected JSON has them (json/fields.hpp):
    /// what a configuration file says under `secrets` is read into it.
    /// @param make  its log may be null. Errors of it: config, with no secret in the message.
    /// Errors: config when the id is empty or taken, or there is no factory.
    template <class Options>
    result<void> add_secret_store(std::string id, kind_table<secret_store>::factory<Options> make) {
        return secret_stores_.add<Options>(std::move(id), std::move(make));
    }
    /// The secret stores, by id with or without the `secret-store.` prefix. Lives as long as the registry.
    [[nodiscard]] const kind_table<secret_store>& secret_stores() const noexcept { return secret_stores_; }

    /// Adds a storage connector, as above; its options are read from the section `storage`.
    /// @param make  may open files. Errors of it: config, which fails the client that is being made.
    template <class Options>
    result<void> add_storage(std::string id, kind_table<storage>::factory<Options> make) {
        return storages_.add<Options>(std::move(id), std::move(make));
    }
    /// The same with the `storage.` prefix.
    [[nodiscard]] const kind_table<storage>& storages() const noexcept { return storages_; }

    /// Adds a discovery connector, as above; its options are read from the section `discovery`.
    template <class Options>
    result<void> add_discovery(std::string id, kind_table<discovery>::factory<Options> make) {
        return discoveries_.add<Options>(std::move(id), std::move(make));
    }
    /// The same with the `discovery.` prefix.
    [[nodiscard]] const kind_table<discovery>& discoveries() const noexcept { return discoveries_; }

    /// Adds a sink of events; its options are read from an entry of `observability.sinks` or `.logging`.
    /// @param make  as above; a file is better opened with the first event.
    template <class Options>
    result<void> add_sink(std::string id, kind_table<event_sink>::factory<Options> make) {
        return sinks_.add<Options>(std::move(id), std::move(make));
    }
    /// The same with the `observability.` prefix.
    [[nodiscard]] const kind_table<event_sink>& sinks() const noexcept { return sinks_; }

    /// Adds a middleware; its options are read from an entry of `middleware`.
    /// @param make  its log is the client's.
    using middleware_table = kind_table<middleware, std::shared_ptr<middleware>>;
    template <class Options>
    result<void> add_middleware(std::string id, middleware_table::factory<Options> make) {
        return middlewares_.add<Options>(std::move(id), std::move(make));
    }
    /// The same with the `middleware.` prefix.
    [[nodiscard]] const middleware_table& middlewares() const noexcept { return middlewares_; }

    using rotation_factory = rule_table<rotation_policy, rotation_settings>::factory;

    /// Adds a rotation policy. Errors: config when the id is empty or taken, or there is no factory.
    result<void> add_rotation(std::string id, rotation_factory make) {
        return rotations_.add(std::move(id), std::move(make));
    }
    /// Makes a policy. Accepts the id (`modelmesh.round-robin.v1`) with or without the `rotation.` prefix, and the
    /// short name of one that ships (`round-robin`).
    /// Errors: config when there is none of this name, naming those there are, or when its factory returns null.
    [[nodiscard]] result<std::unique_ptr<rotation_policy>> make_rotation(
        std::string_view name, const rotation_settings& settings) const {
        return rotations_.make(name, settings);
    }
    /// The shortest name of each policy.
    [[nodiscard]] std::vector<std::string_view> rotations() const { return rotations_.names(); }

    /// Rules by which models go out of service, and by which they return: the same for each.
    using deactivation_table = rule_table<deactivation_policy, deactivation_settings>;
    using recovery_table = rule_table<recovery_policy, recovery_settings>;
    result<void> add_deactivation(std::string id, deactivation_table::factory make) {
        return deactivations_.add(std::move(id), std::move(make));
    }
    result<void> add_recovery(std::string id, recovery_table::factory make) {
        return recoveries_.add(std::move(id), std::move(make));
    }
    [[nodiscard]] const deactivation_table& deactivations() const noexcept { return deactivations_; }
    [[nodiscard]] const recovery_table& recoveries() const noexcept { return recoveries_; }

private:
    std::map<std::string, factory, std::less<>> providers_;
    kind_table<secret_store> secret_stores_{"secret-store."};
    kind_table<storage> storages_{"storage."};
    kind_table<discovery> discoveries_{"discovery."};
    kind_table<event_sink> sinks_{"observability."};
    middleware_table middlewares_{"middleware."};
    rule_table<rotation_policy, rotation_settings> rotations_{"rotation policy", "rotation."};
    deactivation_table deactivations_{"deactivation policy", "deactivation."};
    recovery_table recoveries_{"recovery policy", "recovery."};
};

/// Adds every connector that ships with the library.
void register_builtin(registry& to);

} // namespace modelmesh::connector
