// From an origin to a stream that is ready to carry HTTP.
#pragma once

#include "net/engine.hpp"
#include "net/proxy.hpp"
#include "net/stream.hpp"
#include "net/tls_context.hpp"
#include "net/url.hpp"

#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <memory>
#include <optional>

namespace modelmesh::net {

/// Resolves the host, connects to the first of its addresses that answers (RFC 8305: families in turn, the
/// next address is tried when one fails or after 250 ms), sets TCP_NODELAY, and for `tls` completes the
/// handshake. Nothing is read from `where`, `tls` and `via` after this returns. The engine must outlive the
/// task.
/// @param via  a proxy: all this leads to the proxy, which is asked with CONNECT for a tunnel to `where`. Of
/// `tls` only the authorities are used for a proxy that is spoken to over TLS; it is always verified.
/// Errors: connect ("connect to 127.0.0.1:9: connection refused", or OpenSSL's reason, or the status with
/// which the proxy refuses), timed_out, canceled, protocol, config (the TLS settings cannot be used).
[[nodiscard]] task<result<std::unique_ptr<stream>>> connect(engine& io, const origin& where,
                                                            const tls_settings& tls, time_point deadline,
                                                            const std::optional<proxy>& via = std::nullopt);

} // namespace modelmesh::net
