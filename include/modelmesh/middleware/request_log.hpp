// A line in the log for every call.
#pragma once

#include <modelmesh/core/log.hpp>
#include <modelmesh/core/log_detail.hpp>
#include <modelmesh/core/redactor.hpp>
#include <modelmesh/json/fields.hpp>
#include <modelmesh/middleware.hpp>

#include <cstdint>
#include <memory>

namespace modelmesh {

struct request_log_options {
    log_detail level{log_detail::metadata};
    modelmesh::severity severity{modelmesh::severity::info};
    std::uint64_t max_payload_size{4096};

    static constexpr json::field_rule json_fields[] = {
        json::about("level", "how much of a call is told"),
        json::about("severity", "of the events"),
        json::about("max_payload_size", "of each payload, with level full"),
        json::measured("max_payload_size", json::measure::bytes),
    };
};

/// Writes the event `request.log` when a call has ended, or its stream.
/// With `full` it writes what is said to models and what they say, as no other part of the library does.
/// @param log      outlives it.
/// @param secrets  what is taken out of payloads and errors.
[[nodiscard]] std::shared_ptr<middleware> make_request_log(log_sink& log, request_log_options options = {},
                                                           redactor secrets = {});

} // namespace modelmesh
