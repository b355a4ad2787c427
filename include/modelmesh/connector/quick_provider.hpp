// A provider by description: for vendors that speak OpenAI's format and differ in where they are, how they are
// shown the key, and what they serve.
#pragma once

#include <modelmesh/connector/openai_compatible.hpp>

#include <string>
#include <utility>
#include <vector>

namespace modelmesh::connector {

/// connectors.add_provider("acme.chat.v1", [] { return std::make_unique<quick_provider>(settings); });
class quick_provider final : public openai_compatible {
public:
    struct settings {
        /// Where it is when a configuration does not say it, up to and with the version: `https://api.acme.example/v1`.
        std::string base_url{};
        /// Field that shows the key, like `x-api-key`; `Authorization` shows it as `Bearer <key>`.
        std::string key_header = "Authorization";
        /// Other fields of every request.
        std::vector<std::pair<std::string, std::string>> headers{};
        /// What its models can do, for those whose names do not say it: canonical paths.
        std::vector<model_info> models{};
        /// Whether it knows `stream_options.include_usage`; without it the usage of streams is estimated.
        bool has_stream_usage = true;
    };
    explicit quick_provider(settings of) : of_(std::move(of)) {}

    [[nodiscard]] std::string_view default_base_url() const noexcept override { return of_.base_url; }
    [[nodiscard]] std::vector<std::string> capabilities_of(std::string_view model) const override;

protected:
    void authorize(const target& to, http::headers& output) const override;
    [[nodiscard]] bool wants_stream_usage() const noexcept override { return of_.has_stream_usage; }

private:
    const settings of_;
};

} // namespace modelmesh::connector
