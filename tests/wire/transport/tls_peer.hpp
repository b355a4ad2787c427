// A TLS server on a thread, and certificates made while the test runs: nothing secret or expiring is
// committed.
#pragma once

#include "loopback.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace modelmesh::net::testing {

/// A key with its certificate; signed by `issuer`, or by itself.
class identity {
public:
    identity(const char* name, const char* alternative, const identity* issuer, bool expired = false) {
        key_ = EVP_EC_gen("P-256");
        certificate_ = X509_new();
        static std::atomic<long> serial{1};
        X509_set_version(certificate_, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate_), serial++);
        constexpr long day = 24L * 3600;
        X509_gmtime_adj(X509_getm_notBefore(certificate_), -10 * day);
        X509_gmtime_adj(X509_getm_notAfter(certificate_), expired ? -day : day);
        X509_set_pubkey(certificate_, key_);
        X509_NAME* const subject = X509_get_subject_name(certificate_);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name),
                                   -1, -1, 0);
        X509* const signer = issuer == nullptr ? certificate_ : issuer->certificate_;
        X509_set_issuer_name(certificate_, X509_get_subject_name(signer));
        extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "critical,CA:FALSE");
        if (alternative != nullptr) extend(NID_subject_alt_name, alternative);
        X509_sign(certificate_, issuer == nullptr ? key_ : issuer->key_, EVP_sha256());
    }
    identity(const identity&) = delete;
    identity& operator=(const identity&) = delete;
    ~identity() {
        X509_free(certificate_);
        EVP_PKEY_free(key_);
    }

    [[nodiscard]] std::string pem() const {
        BIO* const bio = BIO_new(BIO_s_mem());
        PEM_write_bio_X509(bio, certificate_);
        char* data = nullptr;
        const long size = BIO_get_mem_data(bio, &data);
        std::string text(data, static_cast<std::size_t>(size));
        BIO_free(bio);
        return text;
    }
    [[nodiscard]] std::string key_pem() const {
        BIO* const bio = BIO_new(BIO_s_mem());
        PEM_write_bio_PrivateKey(bio, key_, nullptr, nullptr, 0, nullptr, nullptr);
        char* data = nullptr;
        const long size = BIO_get_mem_data(bio, &data);
        std::string text(data, static_cast<std::size_t>(size));
        BIO_free(bio);
        return text;
    }
    [[nodiscard]] X509* certificate() const { return certificate_; }
    [[nodiscard]] EVP_PKEY* key() const { return key_; }

private:
    void extend(int nid, const char* value) {
        X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
        X509_add_ext(certificate_, extension, -1);
        X509_EXTENSION_free(extension);
    }
    EVP_PKEY* key_;
    X509* certificate_;
};

/// Accepts `connections` clients one after the other, runs the script on each, and joins at destruction.
/// Tickets that it issued are good for all of its connections.
class tls_server {
public:
    using script = std::function<void(SSL*, raw_socket&)>;

    tls_server(const identity& who, const identity* intermediate, int connections, script each,
               int max_version = TLS1_3_VERSION)
        : context_(SSL_CTX_new(TLS_server_method())) {
        SSL_CTX_set_max_proto_version(context_, max_version);
        SSL_CTX_use_certificate(context_, who.certificate());
        SSL_CTX_use_PrivateKey(context_, who.key());
        if (intermediate != nullptr) SSL_CTX_add1_chain_cert(context_, intermediate->certificate());
        SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>("test"), 4);
        SSL_CTX_set_alpn_select_cb(
            context_,
            [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned,
               void*) {
                *out = in + 1;
                *size = in[0];
                return SSL_TLSEXT_ERR_OK;
            },
            nullptr);
        thread_ = std::thread([this, connections, each = std::move(each)] {
            // OpenSSL writes with write(2). Only on this thread: our own code must not need it.
            sigset_t broken_pipe;
            sigemptyset(&broken_pipe);
            sigaddset(&broken_pipe, SIGPIPE);
            pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
            for (int i = 0; i < connections; ++i) {
                raw_socket socket = listener_.accept();
                const timeval limit{20, 0}; // a client that never comes must not hang the suite
                ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
                SSL* const ssl = SSL_new(context_);
                SSL_set_fd(ssl, socket.fd());
                if (SSL_accept(ssl) == 1) each(ssl, socket);
                SSL_free(ssl);
            }
        });
    }
    ~tls_server() {
        thread_.join();
        SSL_CTX_free(context_);
    }
    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

    static std::string read(SSL* ssl, std::size_t size) {
        std::string got;
        char buffer[16384];
        while (got.size() < size) {
            const int n = SSL_read(ssl, buffer, static_cast<int>(std::min(sizeof buffer, size - got.size())));
            if (n <= 0) break;
            got.append(buffer, static_cast<std::size_t>(n));
        }
        return got;
    }
    static void write(SSL* ssl, std::string_view bytes) {
        if (!bytes.empty()) SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size()));
    }

private:
    raw_listener listener_;
    SSL_CTX* context_;
    std::thread thread_;
};

} // namespace modelmesh::net::testing
