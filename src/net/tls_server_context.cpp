#include "net/tls_server_context.hpp"

#include "net/tls_pem.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <new>

namespace modelmesh::net {
namespace {

// A session may be resumed only by a server with this name: OpenSSL insists on one when clients are verified.
constexpr unsigned char session_context[] = "modelmesh";

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void* ours) {
    const auto& names = *static_cast<const std::string*>(ours);
    unsigned char* chosen = nullptr;
    const int found =
        SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(names.data()),
                              static_cast<unsigned>(names.size()), offered, offered_size);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

} // namespace

tls_server_context::tls_server_context() : native_(SSL_CTX_new(TLS_server_method())) {
    if (native_ == nullptr) throw std::bad_alloc();
}

tls_server_context::~tls_server_context() { SSL_CTX_free(native_); }

result<std::shared_ptr<tls_server_context>> tls_server_context::create(const tls_server_settings& settings) {
    ERR_clear_error();
    std::shared_ptr<tls_server_context> made(new tls_server_context);
    SSL_CTX* const native = made->native_;
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(native,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_read_ahead(native, 1); // one read a record, not two
    SSL_CTX_set_session_id_context(native, session_context, sizeof session_context - 1);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF); // sessions rest with clients, in tickets
    SSL_CTX_set_num_tickets(native, 1);                         // a client that needs another asks again
    for (const std::string& name : settings.alpn) {
        if (name.empty() || name.size() > 255) return fault(errc::config, "TLS settings: bad ALPN name");
        made->alpn_.push_back(static_cast<char>(name.size()));
        made->alpn_ += name;
    }
    SSL_CTX_set_alpn_select_cb(native, &choose_protocol, &made->alpn_);
    if (auto r = use_identity(native, settings); !r) return r.error();
    if (auto r = made->demand_certificates(settings); !r) return r.error();
    return made;
}

result<void> tls_server_context::demand_certificates(const tls_server_settings& settings) {
    if (settings.client_ca_pem.empty() && settings.client_ca_file.empty()) return {};
    if (!settings.client_ca_file.empty() &&
        SSL_CTX_load_verify_locations(native_, settings.client_ca_file.c_str(), nullptr) != 1)
        return unusable_tls("client_ca_file cannot be read");
    if (!settings.client_ca_pem.empty() &&
        !trust_pem(SSL_CTX_get_cert_store(native_), settings.client_ca_pem))
        return unusable_tls("client_ca_pem is no list of PEM certificates");
    SSL_CTX_set_verify(native_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    verifies_clients_ = true;
    return {};
}

} // namespace modelmesh::net
