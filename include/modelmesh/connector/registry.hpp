// Connector ids and what they stand for.
#pragma once

#include <modelmesh/connector/provider.hpp>
#include <modelmesh/connector/rotation.hpp>
#include <modelmesh/connector/secret_store.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/json/detail/describe.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::connector {

/// A registered secret store: what its options are, and how one is made of them.
struct secret_store_kind {
    const json::detail::descriptor* options; ///< of the options' type
    std::function<std::shared_ptr<void>()> make_options;
    std::function<result<std::unique_ptr<secret_store>>(const void* options, log_sink* log)> make;
};

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
    result<void> add_secret_store(
        std::string id,
        std::function<result<std::unique_ptr<secret_store>>(const Options&, log_sink* log)> make) {
        secret_store_kind kind{
            &json::detail::describe<Options>(), [] { return std::make_shared<Options>(); }, {}};
        if (make)
            kind.make = [make = std::move(make)](const void* options, log_sink* log) {
                return make(*static_cast<const Options*>(options), log);
            };
        return add(std::move(id), std::move(kind));
    }
    /// The store of this id, with or without the `secret-store.` prefix; null when there is none. Lives as
    /// long as the registry.
    [[nodiscard]] const secret_store_kind* find_secret_store(std::string_view id) const;
    /// Ids of all secret stores, sorted.
    [[nodiscard]] std::vector<std::string_view> secret_stores() const;
    using rotation_factory = std::function<std::unique_ptr<rotation_policy>(const rotation_settings&)>;

    /// Adds a rotation policy. Errors: config when the id is empty or taken, or there is no factory.
    result<void> add_rotation(std::string id, rotation_factory make);
    /// Makes a policy. Accepts the id (`modelmesh.round-robin.v1`) with or without the `rotation.` prefix, and the
    /// short name of one that ships (`round-robin`).
    /// Errors: config when there is none of this name, naming those there are, or when its factory returns null.
    [[nodiscard]] result<std::unique_ptr<rotation_policy>> make_rotation(
        std::string_view name, const rotation_settings& settings) const;
    /// The shortest name of each policy.
    [[nodiscard]] std::vector<std::string_view> rotations() const;

private:
    result<void> add(std::string id, secret_store_kind kind);

    std::map<std::string, factory, std::less<>> providers_;
    std::map<std::string, secret_store_kind, std::less<>> secret_stores_;
    std::map<std::string, rotation_factory, std::less<>> rotations_;
};

/// Adds every connector that ships with the library.
void register_builtin(registry& to);

} // namespace modelmesh::connector
