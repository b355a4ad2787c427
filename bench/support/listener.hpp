// The accepting side: listening sockets on 127.0.0.1, and a certificate that lives as long as the run.
#pragma once

#include "support/connection.hpp"

#include <cstdint>
#include <string>

namespace modelmesh::bench {

/// Never blocks. @param port  0: one that is free. @throws std::runtime_error
int listen_on(std::uint16_t port);
std::uint16_t port_of(int listener);
/// A waiting connection, or -1.
int accept_from(int listener);

/// Makes an authority and a certificate for 127.0.0.1. @param ca_file  where clients find the authority.
/// @throws std::runtime_error
ssl_context_ptr server_context(const std::string& ca_file);
ssl_ptr server_tls(SSL_CTX* context);

/// Allows as many descriptors as the system lets this process have. @throws std::runtime_error below
/// `needed`.
void raise_descriptor_limit(std::uint64_t needed);

} // namespace modelmesh::bench
