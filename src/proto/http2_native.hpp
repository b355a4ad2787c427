// What both sides of HTTP/2 share of their dealings with nghttp2. For their .cpp files only: it includes
// nghttp2's header.
#pragma once

#include <modelmesh/core/result.hpp>

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <tuple>

namespace modelmesh::proto {

inline constexpr std::size_t frame_head_size = 9;

[[nodiscard]] inline std::string_view view(const std::uint8_t* data, std::size_t size) noexcept {
    return {reinterpret_cast<const char*>(data), size};
}

[[nodiscard]] inline nghttp2_nv native_field(std::string_view name, std::string_view value) noexcept {
    const auto bytes = [](std::string_view text) {
        // nghttp2 copies; only its interface is not const.
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

/// What nghttp2 calls is C, which an exception must not pass through: it ends the connection instead.
/// `Home::keep_exception(user)` keeps the one that is being handled.
template <class Home, auto Handler> struct native_callback;
template <class Home, class Result, class... Arguments, Result (*Handler)(Arguments...)>
struct native_callback<Home, Handler> {
    static Result call(Arguments... arguments) {
        try {
            return Handler(arguments...);
        } catch (...) {
            Home::keep_exception(std::get<sizeof...(Arguments) - 1>(std::tuple(arguments...)));
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }
};

[[nodiscard]] inline fault malformed_http2(std::string_view why) {
    return fault(errc::protocol, "malformed HTTP/2: " + std::string(why));
}

/// @param code  what nghttp2 answered instead of a size. @param thrown  by a callback, or null.
[[nodiscard]] inline fault native_failure(long code, const std::exception_ptr& thrown) {
    const char* const text = nghttp2_strerror(static_cast<int>(code));
    if (code == NGHTTP2_ERR_NOMEM) return fault(errc::internal, "HTTP/2: out of memory");
    if (!thrown) return malformed_http2(text);
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
        return fault(errc::internal, std::string("HTTP/2: ") + e.what());
    } catch (...) {
        return fault(errc::internal, std::string("HTTP/2: ") + text);
    }
}

} // namespace modelmesh::proto
