#include "support/listener.hpp"

#include "certificate.hpp"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace modelmesh::bench {
namespace {

using bio_ptr = std::unique_ptr<BIO, releaser<BIO_free_all>>;

bio_ptr reader_of(const std::string& text) {
    return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

} // namespace

int listen_on(std::uint16_t port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    if (listener < 0 || ::bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(listener, 4096) != 0)
        throw std::runtime_error("cannot listen on port " + std::to_string(port));
    return listener;
}

std::uint16_t port_of(int listener) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
    return ntohs(at.sin_port);
}

int accept_from(int listener) { return ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }

ssl_context_ptr server_context(const std::string& ca_file) {
    const testing::detail::identity made = testing::detail::make_identity();
    if (!(std::ofstream(ca_file) << made.ca_certificate << std::flush))
        throw std::runtime_error("cannot write " + ca_file);
    ssl_context_ptr context(SSL_CTX_new(TLS_server_method()));
    const std::unique_ptr<X509, releaser<X509_free>> certificate(
        PEM_read_bio_X509(reader_of(made.certificate).get(), nullptr, nullptr, nullptr));
    const std::unique_ptr<EVP_PKEY, releaser<EVP_PKEY_free>> key(
        PEM_read_bio_PrivateKey(reader_of(made.private_key).get(), nullptr, nullptr, nullptr));
    if (SSL_CTX_use_certificate(context.get(), certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1)
        throw std::runtime_error("the certificate cannot be used");
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context.get(), 1);
    return context;
}

ssl_ptr server_tls(SSL_CTX* context) {
    ssl_ptr tls(SSL_new(context));
    SSL_set_accept_state(tls.get());
    return tls;
}

void raise_descriptor_limit(std::uint64_t needed) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < needed)
        throw std::runtime_error("needs " + std::to_string(needed) + " file descriptors, may have " +
                                 std::to_string(limit.rlim_cur));
}

} // namespace modelmesh::bench
