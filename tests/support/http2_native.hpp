// What the HTTP/2 client and server of the tests share of their dealings with nghttp2.
#pragma once

#include "support/http2_peer.hpp"

#include <nghttp2/nghttp2.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace support {

inline void check_native(int code) {
    if (code < 0) throw std::runtime_error(nghttp2_strerror(code));
}

/// Views of the fields.
inline std::vector<nghttp2_nv> native_fields(const http2_fields& fields) {
    std::vector<nghttp2_nv> all;
    const auto bytes = [](const std::string& text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    for (const auto& [name, value] : fields)
        all.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    return all;
}

/// The value of the first field of this name.
inline std::string field_of(const http2_fields& fields, std::string_view name) {
    for (const auto& [key, value] : fields)
        if (key == name) return value;
    return "";
}

inline void feed_native(nghttp2_session* session, std::string_view bytes) {
    check_native(static_cast<int>(nghttp2_session_mem_recv(
        session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size())));
}

/// All that a session has to send.
inline std::string flush_native(nghttp2_session* session) {
    std::string out;
    for (;;) {
        const std::uint8_t* bytes = nullptr;
        const ssize_t size = nghttp2_session_mem_send(session, &bytes);
        check_native(static_cast<int>(size));
        if (size == 0) return out;
        out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
}

} // namespace support
