// What both sides of HTTP/2 share of their dealings with nghttp2. For their .cpp files only: it includes
// nghttp2's header.
#pragma once

#include <modelmesh/core/result.hpp>

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <tuple>

namespace modelmesh::proto {

inline constexpr std::size_t frame_head_size = 9;
/// As nghttp2 estimates it; beyond this it sends no head, and does not always tell.
inline constexpr std::size_t longest_head_sent = 1 << 20;

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

/// What is freed by a function of nghttp2's.
template <auto Free> struct native_deleter {
    template <class Object> void operator()(Object* object) const noexcept { Free(object); }
};

/// A session that calls the functions of `Callbacks`; of these frame_not_sent may be missing.
/// @param make  nghttp2_session_client_new2 or nghttp2_session_server_new2. @param user  what each call is
/// given last. @throws std::bad_alloc
template <class Callbacks, class Make> [[nodiscard]] nghttp2_session* open_native(Make make, void* user) {
    nghttp2_session_callbacks* calls = nullptr;
    if (nghttp2_session_callbacks_new(&calls) != 0) throw std::bad_alloc();
    const std::unique_ptr<nghttp2_session_callbacks, native_deleter<nghttp2_session_callbacks_del>> own(
        calls);
    nghttp2_option* option = nullptr;
    if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
    const std::unique_ptr<nghttp2_option, native_deleter<nghttp2_option_del>> own_option(option);

    using c = Callbacks;
    nghttp2_session_callbacks_set_on_begin_headers_callback(calls,
                                                            native_callback<c, &c::begin_headers>::call);
    nghttp2_session_callbacks_set_on_header_callback(calls, native_callback<c, &c::header>::call);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, native_callback<c, &c::frame_received>::call);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls,
                                                                 native_callback<c, &c::frame_invalid>::call);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls,
                                                              native_callback<c, &c::data_received>::call);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls,
                                                           native_callback<c, &c::stream_closed>::call);
    nghttp2_session_callbacks_set_on_frame_send_callback(calls, native_callback<c, &c::frame_sent>::call);
    if constexpr (requires { &c::frame_not_sent; })
        nghttp2_session_callbacks_set_on_frame_not_send_callback(
            calls, native_callback<c, &c::frame_not_sent>::call);
    nghttp2_session_callbacks_set_send_data_callback(calls, native_callback<c, &c::write_data>::call);
    nghttp2_option_set_no_auto_window_update(option, 1); // the reader decides, see consumed()
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_send_header_block_length(option, longest_head_sent);
    nghttp2_session* made = nullptr;
    if (make(&made, calls, user, option) != 0) throw std::bad_alloc();
    return made;
}

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
