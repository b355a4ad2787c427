#include "middleware/onion.hpp"

#include <array>

namespace modelmesh::detail {

onion::onion(std::vector<std::shared_ptr<middleware>> layers, log_sink* log)
    : layers_(std::move(layers)), log_(log) {
    for (const std::shared_ptr<middleware>& each : layers_)
        if (each->sees_attempts()) attempt_layers_.push_back(each);
}

std::optional<fault> onion::broken(const middleware& by, const std::string& request_id,
                                   const std::exception_ptr& thrown) const noexcept {
    std::string why = "unknown exception";
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        why = e.what();
    } catch (...) {
    }
    const bool is_closed = by.on_hook_failure() == hook_failure::fail_closed;
    if (log_ != nullptr && log_->wants(severity::error)) {
        const std::array<log_field, 4> fields{{{"request_id", request_id},
                                               {"middleware", by.name()},
                                               {"effect", is_closed ? "fail_closed" : "fail_open"},
                                               {"message", why}}};
        log_->write(severity::error, "middleware.failed", fields);
    }
    if (!is_closed) return std::nullopt;
    return fault(errc::internal, "the middleware '" + std::string(by.name()) + "' failed: " + why);
}

bool is_cancellation(const std::exception_ptr& thrown) noexcept {
    try {
        std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& e) {
        return core::is_cancellation(e);
    } catch (...) {
        return false;
    }
}

} // namespace modelmesh::detail
