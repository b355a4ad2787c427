// HTTP/1.1 as a client speaks it, without I/O: a parser for responses fed any split of the bytes, and a
// writer for the head of a request.
#pragma once

#include "proto/http1_message.hpp"

#include <modelmesh/core/result.hpp>
#include <modelmesh/http/message.hpp>

#include <string>
#include <string_view>

namespace modelmesh::proto {

/// What one response may cost before its body.
class response_limits : public message_limits {
public:
    response_limits() = default;
    unsigned interim = 16; ///< 1xx responses before the final one
};

/// See message_parser for how it is fed.
class response_parser final : public message_parser {
public:
    explicit response_parser(response_limits limits = response_limits())
        : message_parser("response", limits), interim_limit_(limits.interim) {}

    /// Prepares for the response to the next request. @param to_head  that request's method is HEAD.
    void start(bool to_head);

    [[nodiscard]] int status() const noexcept { return status_; }

private:
    bool on_start_line(std::string_view line) override;
    bool on_head_end() override;

    unsigned interim_limit_;
    bool to_head_ = false;
    int status_ = 0;
    unsigned interim_ = 0;
};

/// Fields that every request to one origin carries; they outlive it.
class request_defaults {
public:
    request_defaults() = default;
    std::string_view host;       ///< host, or host:port when the port is not the scheme's own
    std::string_view user_agent; ///< used unless the request has one
};

/// Whether a request may go on the wire. Errors: config, naming the field but never its value: a method,
/// target or field that is not allowed there, a field that decides about framing or the connection, which
/// belong to the transport, or a body beside a body's source.
[[nodiscard]] result<void> check_request(const http::request& request);

/// Appends the head of a request, ready for the wire. Adds Host, User-Agent, `Accept-Encoding: identity`
/// unless the request has them, and Content-Length; the body follows as it is. Where its source does not know
/// its length, `Transfer-Encoding: chunked` instead. @pre check_request found nothing wrong.
void write_request_head(std::string& out, const http::request& request, const request_defaults& defaults);

} // namespace modelmesh::proto
