#include <modelmesh/core/base64.hpp>

#include <openssl/evp.h>

#include <limits>

namespace modelmesh::base64 {
namespace {

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

} // namespace

std::string encode(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0'); // OpenSSL ends it with a zero
    const int size = EVP_EncodeBlock(bytes_of(text), bytes_of(bytes), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

result<std::string> decode(std::string_view text) {
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    // OpenSSL passes over white space around the text, and takes any '=' for zeros.
    const bool is_plain =
        text.substr(0, text.size() - padding).find_first_of("= \t\r\n-") == std::string_view::npos;
    const bool is_whole = text.size() % 4 == 0 && text.size() <= std::numeric_limits<int>::max();
    std::string bytes(text.size() / 4 * 3, '\0');
    if (!is_whole || !is_plain ||
        EVP_DecodeBlock(bytes_of(bytes), bytes_of(text), static_cast<int>(text.size())) < 0)
        return fault(errc::protocol, "not base64");
    bytes.resize(bytes.size() - padding);
    return bytes;
}

} // namespace modelmesh::base64
