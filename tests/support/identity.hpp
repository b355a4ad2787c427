// Certificates made while the test runs: nothing secret or expiring is committed.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstddef>
#include <string>

namespace support {

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

} // namespace support
