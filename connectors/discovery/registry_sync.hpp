// Discovery: the lists of the servers themselves, without the models that nobody wants.
#pragma once

#include <modelmesh/connector/discovery.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/json/fields.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::connector {

struct registry_sync_options {
    std::vector<std::string> include{};
    std::vector<std::string> exclude{};

    static constexpr json::field_rule json_fields[] = {
        json::about("include", "patterns of names, with * for any text; empty: every model is taken"),
        json::also("include", "include_patterns"),
        json::about("exclude", "patterns of names that are not taken, whatever include says"),
        json::also("exclude", "exclude_patterns"),
    };
};

class registry_sync final : public server_discovery {
public:
    static result<std::unique_ptr<discovery>> make(const registry_sync_options& options, log_sink* log);

protected:
    [[nodiscard]] bool take(const discovered_provider& of, model_info& listed) const override;

private:
    explicit registry_sync(registry_sync_options options) : options_(std::move(options)) {}
    const registry_sync_options options_;
};

/// Whether the text is as the pattern says, in which `*` stands for any text, also none.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view text) noexcept;

} // namespace modelmesh::connector
