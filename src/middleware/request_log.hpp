// The log of requests, where secrets are added while it is there.
#pragma once

#include <modelmesh/middleware/request_log.hpp>

#include <functional>
#include <memory>

namespace modelmesh::detail {

/// As the public one. @param secrets  what is taken out, asked for each text; may be called from any thread.
[[nodiscard]] std::shared_ptr<middleware> make_request_log(
    log_sink& log, request_log_options options, std::function<std::shared_ptr<const redactor>()> secrets);

} // namespace modelmesh::detail
