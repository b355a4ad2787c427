// Calls into connectors, which may be the application's own code: what they throw fails one attempt.
#pragma once

#include <modelmesh/core/error.hpp>

#include <exception>
#include <string>

namespace modelmesh::router {

/// What a connector's exception tells.
[[nodiscard]] inline fault connector_fault(const std::exception_ptr& thrown) {
    std::string text = "the connector failed: ";
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        text += e.what();
    } catch (...) {
        text += "unknown exception";
    }
    return fault(errc::internal, std::move(text));
}

/// What `use` returns, a fault or a result; internal when it throws.
template <class Use> [[nodiscard]] auto guarded(const Use& use) -> decltype(use()) {
    try {
        return use();
    } catch (...) {
        return connector_fault(std::current_exception());
    }
}

} // namespace modelmesh::router
