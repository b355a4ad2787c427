#include "support/http2_peer.hpp"

#include "support/http2_native.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace support {

std::string http2_request::field(std::string_view name) const { return field_of(fields, name); }

struct http2_peer::callbacks {
    static http2_peer& home(void* user) { return *static_cast<http2_peer*>(user); }

    static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t n,
                      const std::uint8_t* value, std::size_t v, std::uint8_t, void* user) {
        http2_request& request = home(user).streams_[frame->hd.stream_id].request;
        request.id = frame->hd.stream_id;
        request.fields.emplace_back(std::string(reinterpret_cast<const char*>(name), n),
                                    std::string(reinterpret_cast<const char*>(value), v));
        return 0;
    }
    static int data_received(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                             std::size_t size, void* user) {
        home(user).streams_[id].request.body.append(reinterpret_cast<const char*>(data), size);
        return 0;
    }
    static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        http2_peer& self = home(user);
        const bool is_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (frame->hd.type == NGHTTP2_RST_STREAM) self.count(self.resets_);
        if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
            self.count(self.pings_);
        if (frame->hd.type == NGHTTP2_HEADERS) self.heads_.push_back(frame->hd.stream_id);
        if (is_message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
            self.whole_.push_back(frame->hd.stream_id);
        const std::lock_guard lock(self.mutex_);
        self.most_open_ = std::max(self.most_open_, self.streams_.size());
        return 0;
    }
    static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
        home(user).streams_.erase(id);
        return 0;
    }
    static ssize_t next_data(nghttp2_session* native, std::int32_t id, std::uint8_t* out, std::size_t length,
                             std::uint32_t* flags, nghttp2_data_source*, void* user) {
        stream& from = home(user).streams_[id];
        const std::size_t size = std::min(length, from.out.size());
        if (size == 0 && !from.is_last) return NGHTTP2_ERR_DEFERRED;
        std::memcpy(out, from.out.data(), size);
        from.out.erase(0, size);
        if (from.out.empty() && from.is_last) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            if (!from.trailers.empty()) {
                *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                const auto fields = native_fields(from.trailers);
                nghttp2_submit_trailer(native, id, fields.data(), fields.size());
            }
        }
        return static_cast<ssize_t>(size);
    }
};

http2_peer::http2_peer(behaviour on_request, settings wanted)
    : on_request_(std::move(on_request)), settings_(std::move(wanted)) {
    nghttp2_session_callbacks* calls = nullptr;
    check_native(nghttp2_session_callbacks_new(&calls));
    nghttp2_session_callbacks_set_on_header_callback(calls, &callbacks::header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, &callbacks::data_received);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, &callbacks::frame_received);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, &callbacks::stream_closed);
    const int code = nghttp2_session_server_new(&native_, calls, this);
    nghttp2_session_callbacks_del(calls);
    check_native(code);
    std::vector<nghttp2_settings_entry> entries;
    if (settings_.streams) entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, *settings_.streams});
    if (settings_.window) entries.push_back({NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, *settings_.window});
    check_native(nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, entries.data(), entries.size()));
}

http2_peer::~http2_peer() { nghttp2_session_del(native_); }

std::string http2_peer::start() { return flush(); }

std::string http2_peer::receive(std::string_view bytes) {
    feed_native(native_, bytes);
    for (const std::int32_t id : std::exchange(heads_, {}))
        if (settings_.on_head && streams_.contains(id)) settings_.on_head(*this, streams_[id].request);
    for (const std::int32_t id : std::exchange(whole_, {})) {
        if (!streams_.contains(id)) continue; // reset meanwhile
        count(requests_);
        const http2_request request = streams_[id].request;
        on_request_(*this, request);
    }
    return flush();
}

std::string http2_peer::flush() { return flush_native(native_); }

void http2_peer::answer(std::int32_t id, std::string body, http2_fields fields, http2_fields trailers) {
    stream& to = streams_[id];
    to.trailers = std::move(trailers);
    const bool is_short = body.empty() && to.trailers.empty();
    head(id, std::move(fields), is_short);
    if (!is_short) data(id, std::move(body), true);
}

void http2_peer::head(std::int32_t id, http2_fields fields, bool is_last) {
    if (fields.empty() || fields.front().first != ":status")
        fields.insert(fields.begin(), {":status", "200"});
    const auto native = native_fields(fields);
    nghttp2_data_provider body{};
    body.read_callback = &callbacks::next_data;
    check_native(
        nghttp2_submit_response(native_, id, native.data(), native.size(), is_last ? nullptr : &body));
}

void http2_peer::interim(std::int32_t id, std::string status) {
    const http2_fields fields{{":status", std::move(status)}};
    const auto native = native_fields(fields);
    check_native(nghttp2_submit_headers(native_, NGHTTP2_FLAG_NONE, id, nullptr, native.data(), native.size(),
                                        nullptr));
}

void http2_peer::data(std::int32_t id, std::string bytes, bool is_last) {
    stream& to = streams_[id];
    to.out += bytes;
    to.is_last = to.is_last || is_last;
    nghttp2_session_resume_data(native_, id);
}

void http2_peer::reset(std::int32_t id, std::uint32_t code) {
    check_native(nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, id, code));
}

void http2_peer::go_away(std::int32_t last_id, std::uint32_t code) {
    check_native(nghttp2_submit_goaway(native_, NGHTTP2_FLAG_NONE, last_id, code, nullptr, 0));
}

void http2_peer::set_streams(std::uint32_t allowed) {
    const nghttp2_settings_entry entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, allowed};
    check_native(nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, &entry, 1));
}

void http2_peer::add_window(std::int32_t id, std::int32_t size) {
    check_native(nghttp2_submit_window_update(native_, NGHTTP2_FLAG_NONE, id, size));
}

void http2_peer::ping() { check_native(nghttp2_submit_ping(native_, NGHTTP2_FLAG_NONE, nullptr)); }

} // namespace support
