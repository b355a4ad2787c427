#include "certificate.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>
#include <stdexcept>

namespace modelmesh::testing::detail {
namespace {

template <auto Free> struct deleter {
    template <class T> void operator()(T* object) const { Free(object); }
};
using key_ptr = std::unique_ptr<EVP_PKEY, deleter<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, deleter<X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, deleter<X509_EXTENSION_free>>;
using bio_ptr = std::unique_ptr<BIO, deleter<BIO_free_all>>;

void check(bool succeeded, const char* what) {
    if (succeeded) return;
    throw std::runtime_error(std::string("simulator certificate: ") + what + ": " +
                             ERR_error_string(ERR_get_error(), nullptr));
}

key_ptr make_key() {
    key_ptr key(EVP_EC_gen("P-256"));
    check(key != nullptr, "key");
    return key;
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const extension_ptr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
    check(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

/// A certificate without extensions and signature, valid from an hour ago (clocks differ) for thirty days.
certificate_ptr make_certificate(const std::string& common_name, EVP_PKEY* key) {
    certificate_ptr certificate(X509_new());
    check(certificate != nullptr, "certificate");
    check(X509_set_version(certificate.get(), X509_VERSION_3) == 1, "version");
    unsigned char serial[8];
    check(RAND_bytes(serial, sizeof serial) == 1, "serial");
    std::uint64_t number = 0;
    for (const unsigned char byte : serial) number = number << 8 | byte;
    check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), number >> 1) == 1, "serial");
    check(X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600) != nullptr, "validity");
    check(X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 30L * 24 * 3600) != nullptr, "validity");
    const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
    check(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8, text, -1,
                                     -1, 0) == 1,
          "name");
    check(X509_set_pubkey(certificate.get(), key) == 1, "public key");
    return certificate;
}

void sign(X509* certificate, X509* issuer, EVP_PKEY* issuer_key) {
    check(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1, "issuer");
    check(X509_sign(certificate, issuer_key, EVP_sha256()) != 0, "signature");
}

template <class Write> std::string to_pem(Write write) {
    const bio_ptr out(BIO_new(BIO_s_mem()));
    check(out && write(out.get()) == 1, "PEM");
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

} // namespace

identity make_identity() {
    const key_ptr ca_key = make_key();
    const certificate_ptr ca = make_certificate("ModelMesh simulator authority", ca_key.get());
    add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
    sign(ca.get(), ca.get(), ca_key.get());

    const key_ptr key = make_key();
    const certificate_ptr leaf = make_certificate("localhost", key.get());
    add_extension(leaf.get(), ca.get(), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(leaf.get(), ca.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(leaf.get(), ca.get(), NID_ext_key_usage, "serverAuth");
    add_extension(leaf.get(), ca.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
    add_extension(leaf.get(), ca.get(), NID_subject_key_identifier, "hash");
    add_extension(leaf.get(), ca.get(), NID_authority_key_identifier, "keyid");
    sign(leaf.get(), ca.get(), ca_key.get());

    identity out;
    out.ca_certificate = to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, ca.get()); });
    out.certificate = to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, leaf.get()); });
    out.private_key = to_pem([&](BIO* bio) {
        return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return out;
}

} // namespace modelmesh::testing::detail
