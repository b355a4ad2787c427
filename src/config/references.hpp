// `${...}` in the texts of a configuration.
#pragma once

#include "config/environment.hpp"
#include "config/node.hpp"

#include <modelmesh/connector/secret_store.hpp>

#include <map>
#include <string>
#include <vector>

namespace modelmesh::settings {

/// Resolves the references of one configuration:
///
///     ${NAME}  ${env:NAME}     the environment variable; not set, or set to nothing, is an error
///     ${NAME:-default}         the default instead; it may have references itself
///     ${NAME:?message}         an error with this message
///     ${secrets:NAME}          the secret of this name, asked of the store once
///     $${                      the two characters ${
class resolver {
public:
    /// @param variables  outlives the resolver.
    explicit resolver(const environment& variables) : variables_(variables) {}

    /// From now on secrets are looked up here.
    /// @param store  outlives the resolver; null: there is none.
    /// @param fail_on_missing  false: a missing secret is an empty text.
    /// @param is_told  why there is no store has been reported.
    void use(const connector::secret_store* store, bool fail_on_missing, bool is_told);

    /// Resolves all texts at and below a node. Reports every reference that cannot be resolved at its node.
    void resolve(node& at, findings& found);

    /// Every secret that was looked up, in no order.
    [[nodiscard]] std::vector<std::string> looked_up() const;

private:
    std::string expand(std::string_view text, node& at, findings& found, int depth);
    std::string variable(std::string_view body, node& at, findings& found, int depth);
    std::string secret(std::string_view name, node& at, findings& found);

    const environment& variables_;
    const connector::secret_store* store_ = nullptr;
    bool may_use_secrets_ = false;
    bool fail_on_missing_ = true;
    bool is_told_ = false;
    std::map<std::string, std::string, std::less<>> secrets_;
};

} // namespace modelmesh::settings
