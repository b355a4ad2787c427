// What is around the attempts of one call: the middlewares that look at attempts, as the router sees them.
#pragma once

#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <string_view>

namespace modelmesh::router {

/// One attempt, as hooks are told of it.
struct attempt_place {
    std::string_view pool;
    std::string_view provider;
    std::string_view model;
    int number;
};

/// Of one call.
class attempt_hooks {
public:
    virtual ~attempt_hooks() = default;
    /// The attempt's request is made, and nothing is reserved or sent. Adds to its headers.
    /// Errors: the call's, which ends with it and is no model's fault.
    virtual result<void> begin(const attempt_place& at, http::headers& headers) = 0;
    /// @param failure  null: it has a reply, or the first content of a stream.
    virtual void end(const attempt_place& at, const fault* failure) noexcept = 0;
};

} // namespace modelmesh::router
