// Secrets that requests shall not carry to any provider.
#pragma once

#include <modelmesh/json/fields.hpp>
#include <modelmesh/middleware.hpp>

#include <memory>
#include <string>
#include <vector>

namespace modelmesh {

struct redaction_options {
    std::vector<std::string> secrets{};
    std::vector<std::string> names{};

    static constexpr json::field_rule json_fields[] = {
        json::about("secrets", "values that are taken out wherever they are"),
        json::secret("secrets"),
        json::about("names", "names whose values are taken out, besides api_key, password and the like"),
        json::also("names", "keys"),
    };
};

/// Puts `***` in place of secrets in requests, before any provider gets them: see redactor. A request that is
/// no JSON
/// any more after that is not sent: the call fails, bad_request. Fails closed.
[[nodiscard]] std::shared_ptr<middleware> make_redaction(redaction_options options = {});

} // namespace modelmesh
