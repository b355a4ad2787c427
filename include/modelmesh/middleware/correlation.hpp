// An id that ties a call to what it was made for.
#pragma once

#include <modelmesh/json/fields.hpp>
#include <modelmesh/middleware.hpp>

#include <memory>
#include <string>
#include <vector>

namespace modelmesh {

struct correlation_options {
    std::string header{"X-Correlation-ID"};
    bool send{true};
    std::vector<std::string> providers{};

    static constexpr json::field_rule json_fields[] = {
        json::about("header", "the field of the request to the provider that has the id"),
        json::also("header", "header_name"),
        json::about("send", "false: no provider is told"),
        json::about("providers", "the providers that are told; left out: all"),
    };
};

/// Gives every call `metadata["correlation_id"]`, the request's id unless the caller has set it
/// (`call_options().metadata("correlation_id", ...)`), and sends it to the provider.
/// A caller's id of other than 1 to 128 visible ASCII characters fails the call: bad_request.
/// @throws std::invalid_argument  `header` is no name of a header field.
[[nodiscard]] std::shared_ptr<middleware> make_correlation(correlation_options options = {});

} // namespace modelmesh
