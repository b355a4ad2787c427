// Which HTTP proxy a connection goes through, if any: from the configuration or from the environment.
#pragma once

#include "net/url.hpp"

#include <modelmesh/core/result.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::net {

/// An HTTP proxy. An aggregate: name it before a statement that awaits.
struct proxy {
    origin where;              ///< tls: the proxy itself is spoken to over TLS
    std::string authorization; ///< value of the Proxy-Authorization field, empty for none; a secret

    friend bool operator==(const proxy&, const proxy&) = default;
};

/// Reads `[http://|https://][user[:password]@]host[:port]`; user and password are percent-decoded. Errors:
/// config, naming what is wrong; the text itself is never repeated.
[[nodiscard]] result<proxy> parse_proxy(std::string_view text);

/// Whether connections to `to` bypass the proxy, as curl reads NO_PROXY: names separated by commas or spaces.
/// `*` stands for all; a name for the host and everything below it, with or without a dot (or `*.`) in front;
/// an address for itself, in any spelling; `10.0.0.0/8` or `fd00::/8` for a block of addresses. A name or
/// address with `:port` behind it is for that port only. Malformed entries match nothing.
[[nodiscard]] bool bypasses_proxy(const origin& to, std::string_view no_proxy);

/// Reads a variable of the environment; empty values count as unset.
using environment_reader = std::function<std::optional<std::string>(const char* name)>;

/// The proxy of connections to `to`; nothing: directly.
/// @param configured  a proxy's URL, which alone decides, or "none"; empty: the environment decides, as it
/// does for curl: `https_proxy` or `HTTPS_PROXY` for https origins and `http_proxy` for others, then
/// `all_proxy` or `ALL_PROXY`, unless `no_proxy` or `NO_PROXY` has the host. HTTP_PROXY is not read: a web
/// server sets it for its CGI programs, to what the client wrote in a field called Proxy.
/// Errors: config, naming the variable.
[[nodiscard]] result<std::optional<proxy>> choose_proxy(const origin& to, std::string_view configured,
                                                        const environment_reader& environment);

} // namespace modelmesh::net
