// The shared part of TLS.
#include "net/tls_context.hpp"

#include "net/tls_pem.hpp"
#include "net/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <new>
#include <string_view>
#include <utility>

namespace modelmesh::net {
namespace {

// ALPN's list of names with their lengths, the preferred first.
constexpr std::array<unsigned char, 12> protocols{2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr std::size_t http1_at = 3;

int new_session(SSL* connection, SSL_SESSION* session) {
    auto* const stream = static_cast<tls_stream*>(SSL_get_app_data(connection));
    stream->session_arrived(session);
    return 1; // the reference is ours now
}

} // namespace

std::string take_tls_error(std::string_view otherwise) {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    if (code == 0) return std::string(otherwise);
    if (ERR_SYSTEM_ERROR(code))
        return ERR_reason_error_string(code) != nullptr ? ERR_reason_error_string(code) : "system error";
    const char* const reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : std::string(otherwise);
}

tls_context::tls_context(const tls_settings& settings)
    : settings_(settings), native_(SSL_CTX_new(TLS_client_method())) {
    if (native_ == nullptr) throw std::bad_alloc();
}

result<std::shared_ptr<tls_context>> tls_context::create(const tls_settings& settings) {
    ERR_clear_error();
    std::shared_ptr<tls_context> made(new tls_context(settings));
    SSL_CTX* const native = made->native_;
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_read_ahead(native, 1); // one read a record, not two
    const std::size_t skipped = settings.offer_http2 ? 0 : http1_at;
    SSL_CTX_set_alpn_protos(native, protocols.data() + skipped,
                            static_cast<unsigned>(protocols.size() - skipped));
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(native, &new_session);
    SSL_CTX_set_verify(native, settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (settings.verify) {
        SSL_CTX_set_default_verify_paths(native);
        ERR_clear_error(); // a system without authorities is allowed: the settings may name their own
        if (!settings.ca_file.empty() &&
            SSL_CTX_load_verify_locations(native, settings.ca_file.c_str(), nullptr) != 1)
            return unusable_tls("ca_file cannot be read");
        if (!settings.ca_pem.empty() && !trust_pem(SSL_CTX_get_cert_store(native), settings.ca_pem))
            return unusable_tls("ca_pem is no list of PEM certificates");
    }
    if (settings.is_given())
        if (auto shown = use_identity(native, settings); !shown) return shown.error();
    return made;
}

tls_context::~tls_context() {
    for (const auto& [peer, session] : sessions_) SSL_SESSION_free(session);
    SSL_CTX_free(native_);
}

void tls_context::offer_session(const std::string& peer, SSL* connection) {
    const auto known = sessions_.find(peer);
    if (known == sessions_.end()) return;
    SSL_SESSION* const session = known->second;
    SSL_set_session(connection, session);
    // A TLS 1.3 ticket is for one use: a second one would let an observer link the two connections (RFC 8446,
    // C.4).
    if (SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION) return;
    SSL_SESSION_free(session);
    sessions_.erase(known);
}

void tls_context::keep_session(const std::string& peer, SSL_SESSION* session) {
    if (sessions_.size() >= kept_sessions && !sessions_.contains(peer)) {
        SSL_SESSION_free(sessions_.begin()->second);
        sessions_.erase(sessions_.begin());
    }
    if (SSL_SESSION* const old = std::exchange(sessions_[peer], session)) SSL_SESSION_free(old);
}

tls_contexts& tls_contexts::of(boost::asio::io_context& context) {
    return boost::asio::use_service<tls_contexts>(context);
}

result<std::shared_ptr<tls_context>> tls_contexts::get(const tls_settings& settings) {
    for (const auto& known : contexts_)
        if (known->settings() == settings) return known;
    auto made = tls_context::create(settings);
    if (made) contexts_.push_back(*made);
    return made;
}

} // namespace modelmesh::net
