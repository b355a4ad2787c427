#include "net/tls_pem.hpp"

#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <memory>

namespace modelmesh::net {
namespace {

struct bio_free {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct certificate_free {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
struct key_free {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using bio_ptr = std::unique_ptr<BIO, bio_free>;
using certificate_ptr = std::unique_ptr<X509, certificate_free>;

bio_ptr open_text(const std::string& pem) {
    return bio_ptr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Hands every certificate to `take`. False: there is none, one is broken, or take said so.
template <class Take> bool each_certificate(const std::string& pem, Take take) {
    const bio_ptr bio = open_text(pem);
    if (!bio) return false;
    std::size_t count = 0;
    for (;;) {
        const certificate_ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
        if (!certificate) break;
        if (!take(certificate.get(), count)) return false;
        ++count;
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (count != 0 && at_end) ERR_clear_error();
    return count != 0 && at_end;
}

// Nobody is there to be asked for the password of a key.
int no_password(char*, int, int, void*) { return 0; }

bool use_chain_pem(SSL_CTX* context, const std::string& pem) {
    return each_certificate(pem, [context](X509* certificate, std::size_t index) {
        return index == 0 ? SSL_CTX_use_certificate(context, certificate) == 1
                          : SSL_CTX_add1_chain_cert(context, certificate) == 1;
    });
}

bool use_key_pem(SSL_CTX* context, const std::string& pem) {
    const bio_ptr bio = open_text(pem);
    if (!bio) return false;
    const std::unique_ptr<EVP_PKEY, key_free> key(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, nullptr));
    return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
}

} // namespace

bool trust_pem(X509_STORE* store, const std::string& pem) {
    return each_certificate(pem, [store](X509* certificate, std::size_t) {
        return X509_STORE_add_cert(store, certificate) == 1;
    });
}

result<void> use_identity(SSL_CTX* context, const tls_identity& who) {
    SSL_CTX_set_default_passwd_cb(context, &no_password); // OpenSSL's own would ask at the terminal
    if (!who.certificate_pem.empty()) {
        if (!use_chain_pem(context, who.certificate_pem))
            return unusable_tls("certificate_pem is no list of PEM certificates");
    } else if (SSL_CTX_use_certificate_chain_file(context, who.certificate_file.c_str()) != 1) {
        return unusable_tls("certificate_file cannot be read");
    }
    if (!who.key_pem.empty()) {
        if (!use_key_pem(context, who.key_pem)) return unusable_tls("key_pem is not the certificate's key");
    } else if (SSL_CTX_use_PrivateKey_file(context, who.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(context) != 1) {
        return unusable_tls("key_file cannot be read or is not the certificate's key");
    }
    return {};
}

fault unusable_tls(std::string_view what) {
    std::string text = "TLS settings: ";
    text += what;
    text += ": ";
    text += take_tls_error("not valid");
    return {errc::config, std::move(text)};
}

} // namespace modelmesh::net
