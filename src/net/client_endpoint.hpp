// Where requests go: an origin and how its certificate is checked, worked out once and shared by all
// requests.
#pragma once

#include "net/connect.hpp"
#include "net/url.hpp"

#include <string>
#include <utility>

namespace modelmesh::net {

/// Immutable. Endpoints with the same origin and TLS settings share connections.
class endpoint {
public:
    explicit endpoint(origin where, tls_settings tls = tls_settings())
        : where_(std::move(where)), tls_(std::move(tls)), name_(to_string(where_)),
          host_(host_header(where_)) {}

    [[nodiscard]] const origin& where() const noexcept { return where_; }
    [[nodiscard]] const tls_settings& tls() const noexcept { return tls_; }
    /// host:port, for messages.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Value of the Host field.
    [[nodiscard]] const std::string& host() const noexcept { return host_; }

private:
    origin where_;
    tls_settings tls_;
    std::string name_;
    std::string host_;
};

} // namespace modelmesh::net
