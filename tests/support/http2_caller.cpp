#include "support/http2_caller.hpp"

#include "support/http2_native.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace support {
http2_fields http2_head(std::string method, std::string path, http2_fields more) {
    http2_fields all{{":method", std::move(method)},
                     {":scheme", "http"},
                     {":authority", "host.test"},
                     {":path", std::move(path)}};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

std::string http2_caller::answer::field(std::string_view name) const { return field_of(fields, name); }

struct http2_caller::callbacks {
    static http2_caller& home(void* user) { return *static_cast<http2_caller*>(user); }

    static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        home(user).answers_[frame->hd.stream_id].fields.clear();
        return 0;
    }
    static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t n,
                      const std::uint8_t* value, std::size_t v, std::uint8_t, void* user) {
        home(user).answers_[frame->hd.stream_id].fields.emplace_back(
            std::string(reinterpret_cast<const char*>(name), n),
            std::string(reinterpret_cast<const char*>(value), v));
        return 0;
    }
    static int data_received(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                             std::size_t size, void* user) {
        http2_caller& self = home(user);
        self.answers_[id].body.append(reinterpret_cast<const char*>(data), size);
        self.unread_[id] += size;
        if (self.settings_.reads) self.read(id);
        return 0;
    }
    static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        http2_caller& self = home(user);
        const std::uint8_t type = frame->hd.type;
        if (type == NGHTTP2_GOAWAY)
            self.goodbyes.emplace_back(frame->goaway.error_code, frame->goaway.last_stream_id);
        if (type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) ++self.pongs;
        if (type == NGHTTP2_SETTINGS)
            for (std::size_t i = 0; i < frame->settings.niv; ++i)
                self.settings_seen[frame->settings.iv[i].settings_id] = frame->settings.iv[i].value;
        if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA) return 0;
        answer& to = self.answers_[frame->hd.stream_id];
        if (type == NGHTTP2_HEADERS && to.status().starts_with("1")) to.interim.push_back(to.status());
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) to.is_ended = true;
        return 0;
    }
    static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
        answer& which = home(user).answers_[id];
        which.is_closed = true;
        which.error = code;
        return 0;
    }
    static ssize_t next_data(nghttp2_session*, std::int32_t id, std::uint8_t* out, std::size_t length,
                             std::uint32_t* flags, nghttp2_data_source*, void* user) {
        upload& from = home(user).uploads_[id];
        const std::size_t size = std::min(length, from.bytes.size());
        if (size == 0 && !from.is_last) return NGHTTP2_ERR_DEFERRED;
        std::memcpy(out, from.bytes.data(), size);
        from.bytes.erase(0, size);
        if (from.bytes.empty() && from.is_last) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(size);
    }
};

http2_caller::http2_caller(settings wanted) : settings_(wanted) {
    nghttp2_session_callbacks* calls = nullptr;
    nghttp2_option* option = nullptr;
    check_native(nghttp2_session_callbacks_new(&calls));
    check_native(nghttp2_option_new(&option));
    nghttp2_session_callbacks_set_on_begin_headers_callback(calls, &callbacks::begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(calls, &callbacks::header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, &callbacks::frame_received);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, &callbacks::data_received);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, &callbacks::stream_closed);
    nghttp2_option_set_no_auto_window_update(option, 1);
    // A test may send what a proper client must not.
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, 100'000);
    const int code = nghttp2_session_client_new2(&native_, calls, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(calls);
    check_native(code);
    std::vector<nghttp2_settings_entry> entries;
    if (settings_.window) entries.push_back({NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, *settings_.window});
    check_native(nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, entries.data(), entries.size()));
    if (settings_.connection_window != 0)
        check_native(nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, 0,
                                                           settings_.connection_window));
}

http2_caller::~http2_caller() { nghttp2_session_del(native_); }

std::string http2_caller::flush() { return flush_native(native_); }

void http2_caller::receive(std::string_view bytes) { feed_native(native_, bytes); }

std::int32_t http2_caller::ask(const http2_fields& fields, std::string body, bool is_last) {
    const std::vector<nghttp2_nv> native = native_fields(fields);
    const bool has_body = !body.empty() || !is_last;
    nghttp2_data_provider from{};
    from.read_callback = &callbacks::next_data;
    const std::int32_t id = nghttp2_submit_request(native_, nullptr, native.data(), native.size(),
                                                   has_body ? &from : nullptr, nullptr);
    check_native(id);
    uploads_[id] = upload{std::move(body), is_last};
    return id;
}

void http2_caller::more(std::int32_t id, std::string_view bytes, bool is_last) {
    uploads_[id].bytes += bytes;
    uploads_[id].is_last = is_last;
    static_cast<void>(nghttp2_session_resume_data(native_, id)); // where the last was not deferred
}

void http2_caller::reset(std::int32_t id, std::uint32_t code) {
    check_native(nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, id, code));
}

void http2_caller::ping() { check_native(nghttp2_submit_ping(native_, NGHTTP2_FLAG_NONE, nullptr)); }

void http2_caller::go_away() {
    check_native(nghttp2_submit_goaway(native_, NGHTTP2_FLAG_NONE, 0, 0, nullptr, 0));
}

void http2_caller::read(std::int32_t id) {
    check_native(nghttp2_session_consume(native_, id, std::exchange(unread_[id], 0)));
}

std::size_t http2_caller::open() const {
    return static_cast<std::size_t>(std::count_if(answers_.begin(), answers_.end(),
                                                  [](const auto& one) { return !one.second.is_closed; }));
}

} // namespace support
