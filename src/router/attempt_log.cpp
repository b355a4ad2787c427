#include "router/attempt_log.hpp"

#include <array>
#include <string>

namespace modelmesh::router {

void report_failure(log_sink* log, std::string_view provider, std::string_view model, int number,
                    const fault& f) {
    if (log == nullptr || !log->wants(severity::warning)) return;
    const std::string attempt = std::to_string(number);
    const std::string status = std::to_string(f.http_status);
    const std::array<log_field, 5> fields{{{"model", model},
                                           {"provider", provider},
                                           {"attempt", attempt},
                                           {"kind", to_string(f.kind())},
                                           {"status", status}}};
    log->write(severity::warning, "attempt.failed", fields);
}

} // namespace modelmesh::router
