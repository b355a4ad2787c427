// Where a server is: an origin, and the base URL that names one in a configuration.
#pragma once

#include <modelmesh/core/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace modelmesh::net {

/// What connections are made to and pooled by. The host is lower case, without brackets. An aggregate: name
/// it before a statement that awaits.
struct origin {
    bool tls = false;
    std::string host;
    std::uint16_t port = 0;

    friend bool operator==(const origin&, const origin&) = default;
};

/// "host:port", with brackets around an IPv6 address: for messages and as a cache key.
[[nodiscard]] std::string to_string(const origin& o);
/// Value of the Host header: the port is left out where it is the scheme's default.
[[nodiscard]] std::string host_header(const origin& o);

struct url {
    origin where;
    std::string path; ///< empty, or begins with '/' and does not end with one: a request's path is appended
};

/// ASCII letters made small, as hosts and schemes compare.
[[nodiscard]] std::string lower_case(std::string_view text);
/// Reads a base URL: http or https, host, optional port, optional path. User name, password, query and
/// fragment are refused. Errors: config, naming what is wrong; the text itself is never repeated, it may hold
/// a secret.
[[nodiscard]] result<url> parse_url(std::string_view text);

} // namespace modelmesh::net
