// nghttp2's callbacks, and what they mean for a request.
#include "proto/http2_server.hpp"

#include "proto/http1_syntax.hpp"
#include "proto/http2_native.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <utility>
#include <vector>

namespace modelmesh::proto {
namespace {

using phase = http2_request::phase;

// A client that gives back so much at a time has read what it was sent: the window bounds how often it can.
constexpr std::int32_t least_window_update = 1024;

void check(int code) {
    if (code == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
}

// Fields of HTTP/1.1's connections: a handler that does not know the version may set them, and they mean
// nothing here.
bool is_of_the_connection(std::string_view name) noexcept {
    for (const std::string_view one : {"keep-alive", "proxy-connection", "te"})
        if (http::iequals(name, one)) return true;
    return false;
}

} // namespace

struct http2_server_session::callbacks {
    static http2_server_session& home(void* user) { return *static_cast<http2_server_session*>(user); }
    static void keep_exception(void* user) { home(user).thrown_ = std::current_exception(); }

    static http2_request* request_of(nghttp2_session* native, std::int32_t id) {
        return static_cast<http2_request*>(nghttp2_session_get_stream_user_data(native, id));
    }
    static bool ends_stream(const nghttp2_frame* frame) {
        return (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
               (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA);
    }

    static int begin_headers(nghttp2_session* native, const nghttp2_frame* frame, void* user) {
        http2_server_session& self = home(user);
        self.head_of_ = frame->hd.stream_id;
        if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0; // trailers
        http2_request* const made = self.user_.begin();
        if (made == nullptr) {
            self.spoil();
            check(nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                            NGHTTP2_REFUSED_STREAM));
            return 0;
        }
        made->id_ = frame->hd.stream_id;
        nghttp2_session_set_stream_user_data(native, made->id_, made);
        return 0;
    }
    static int header(nghttp2_session* native, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                      void* user) {
        http2_request* const request = request_of(native, frame->hd.stream_id);
        if (request != nullptr && request->phase_ == phase::head)
            home(user).on_field(*request, view(name, name_size), view(value, value_size));
        return 0;
    }
    static int frame_received(nghttp2_session* native, const nghttp2_frame* frame, void* user) {
        http2_server_session& self = home(user);
        const bool is_ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
        switch (frame->hd.type) {
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA: {
            if (frame->hd.type == NGHTTP2_HEADERS) {
                self.head_of_ = 0;
                self.chatter_ = 0;
            } else if (frame->hd.length == 0) {
                self.chatter();
            }
            http2_request* const request = request_of(native, frame->hd.stream_id);
            if (request == nullptr) return 0;
            if (request->phase_ == phase::head) {
                request->phase_ = phase::body;
                self.on_head_end(*request);
                if (ends_stream(frame)) request->phase_ = phase::ended;
                self.user_.head_arrived(*request);
            } else if (request->phase_ == phase::body && ends_stream(frame)) {
                request->phase_ = phase::ended;
                request->changed();
            }
            return 0;
        }
        case NGHTTP2_RST_STREAM:
            self.spoil();
            return 0;
        case NGHTTP2_SETTINGS:
            self.has_settings_ = true;
            self.chatter();
            return 0;
        case NGHTTP2_PING:
            self.chatter();
            if (is_ack && self.is_end_announced_) self.end();
            return 0;
        case NGHTTP2_WINDOW_UPDATE:
            if (frame->window_update.window_size_increment < least_window_update) self.chatter();
            return 0;
        default:
            self.chatter();
            return 0;
        }
    }
    static int frame_invalid(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
        http2_server_session& self = home(user);
        if (frame->hd.stream_id == self.head_of_) self.head_of_ = 0;
        self.spoil();
        return 0;
    }
    static int data_received(nghttp2_session* native, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                             std::size_t size, void* user) {
        http2_server_session& self = home(user);
        self.chatter_ = 0;
        http2_request* const request = request_of(native, id);
        if (request == nullptr || request->phase_ != phase::body || request->refusal_ != 0 ||
            request->is_stopped_) {
            check(nghttp2_session_consume(native, id, size));
            return 0;
        }
        request->body_bytes_ += size;
        if (request->body_bytes_ > self.limits_.request.body) {
            request->refusal_ = 413;
            request->phase_ = phase::failed;
            request->changed();
            check(nghttp2_session_consume(native, id, size));
            return 0;
        }
        request->body_arrived(view(data, size));
        return 0;
    }
    static int stream_closed(nghttp2_session* native, std::int32_t id, std::uint32_t code, void* user) {
        http2_server_session& self = home(user);
        if (id == self.head_of_) self.head_of_ = 0;
        http2_request* const request = request_of(native, id);
        const bool is_answered = request != nullptr && request->is_answered_;
        if (is_answered && self.spoiled_ > 0) --self.spoiled_;
        // By nghttp2, for what the client sent: a reset of our own has another code.
        if (!is_answered && (code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR))
            self.spoil();
        if (request == nullptr) return 0;
        request->out_ = {};
        request->is_closed_ = true;
        request->closed();
        return 0;
    }
    static int frame_sent(nghttp2_session* native, const nghttp2_frame* frame, void* user) {
        http2_server_session& self = home(user);
        if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
            self.is_violated_ = true;
        // What the client sent before it heard of the end has arrived when it answers.
        if (frame->hd.type == NGHTTP2_GOAWAY && self.is_end_announced_ && !self.is_ending_)
            check(nghttp2_submit_ping(native, NGHTTP2_FLAG_NONE, nullptr));
        if (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) self.chatter_ = 0;
        http2_request* const request = ends_stream(frame) ? request_of(native, frame->hd.stream_id) : nullptr;
        if (request == nullptr || request->is_answered_) return 0;
        request->is_answered_ = true;
        request->taken();
        if (request->is_stopped_) self.stop_request(*request);
        return 0;
    }

    static ssize_t next_data(nghttp2_session* native, std::int32_t id, std::uint8_t*, std::size_t length,
                             std::uint32_t* flags, nghttp2_data_source*, void*) {
        const http2_request* const request = request_of(native, id);
        if (request == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        if (request->out_.empty() && !request->is_last_) return NGHTTP2_ERR_DEFERRED;
        const std::size_t size = std::min(length, request->out_.size());
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (request->is_last_ && size == request->out_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(size);
    }
    static int write_data(nghttp2_session* native, nghttp2_frame* frame, const std::uint8_t* head,
                          std::size_t length, nghttp2_data_source*, void* user) {
        http2_request* const request = request_of(native, frame->hd.stream_id);
        if (request == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        std::string& out = home(user).output_;
        out.append(view(head, frame_head_size));
        out.append(request->out_.substr(0, length));
        request->out_.remove_prefix(length);
        if (length != 0 && request->out_.empty() && !request->is_last_) request->taken();
        return out.size() < home(user).limits_.output ? 0 : NGHTTP2_ERR_PAUSE;
    }
};

http2_server_session::http2_server_session(user& told, http2_server_limits limits)
    : user_(told), limits_(limits), native_(open_native<callbacks>(nghttp2_session_server_new2, this)) {
    const std::array<nghttp2_settings_entry, 3> settings{{
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.request.head_bytes)},
    }};
    if (nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) != 0 ||
        nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, 0,
                                              static_cast<std::int32_t>(limits_.connection_window)) != 0) {
        nghttp2_session_del(native_);
        throw std::bad_alloc();
    }
}

http2_server_session::~http2_server_session() { nghttp2_session_del(native_); }

// A client may open and reset streams as fast as it can write, each of them work for a handler. One that ends
// as it should makes up for one that does not.
void http2_server_session::spoil() {
    if (++spoiled_ > limits_.spoiled)
        check(nghttp2_session_terminate_session(native_, NGHTTP2_ENHANCE_YOUR_CALM));
}

void http2_server_session::chatter() {
    if (++chatter_ > limits_.chatter)
        check(nghttp2_session_terminate_session(native_, NGHTTP2_ENHANCE_YOUR_CALM));
}

void http2_server_session::on_field(http2_request& request, std::string_view name, std::string_view value) {
    if (request.refusal_ != 0) return;
    const request_limits& limits = limits_.request;
    request.head_bytes_ += name.size() + value.size();
    if (name.size() + value.size() > limits.line)
        request.refusal_ = name == ":path" ? 414 : 431;
    else if (request.head_bytes_ > limits.head_bytes || request.headers_.size() >= limits.head_fields)
        request.refusal_ = 431;
    if (request.refusal_ != 0) return;
    if (name == ":method") {
        request.method_ = value;
    } else if (name == ":path") {
        request.target_ = value;
    } else if (name == ":authority") {
        request.host_ = value;
        request.headers_.add("host", value);
    } else if (name == "host") {
        if (request.host_.empty()) {
            request.host_ = value;
            request.headers_.add("host", value);
        } else if (!http::iequals(request.host_, value)) {
            request.refusal_ = 400;
        }
    } else if (name == "cookie") {
        // RFC 9113, section 8.2.3: split only for compression.
        request.cookie_.append(request.cookie_.empty() ? "" : "; ").append(value);
    } else if (!name.starts_with(':')) {
        request.headers_.add(name, value);
    }
}

// nghttp2 has seen to it that the pseudo-fields are there, and that no field is of HTTP/1.1's connections.
void http2_server_session::on_head_end(http2_request& request) {
    if (!request.cookie_.empty()) request.headers_.add("cookie", request.cookie_);
    const std::string_view expected = request.headers_.get("expect");
    const std::string_view length = request.headers_.get("content-length");
    if (!length.empty()) request.content_length_ = parse_number(length, 10);
    if (request.refusal_ != 0) return;
    if (request.method_ == "CONNECT")
        request.refusal_ = 501;
    else if (!is_token(request.method_) || !is_authority(request.host_) || !is_target_text(request.target_))
        request.refusal_ = 400;
    else if (!request.target_.starts_with('/') && (request.target_ != "*" || request.method_ != "OPTIONS"))
        request.refusal_ = 400;
    else if (request.content_length_ && *request.content_length_ > limits_.request.body)
        request.refusal_ = 413;
    else if (http::iequals(expected, "100-continue"))
        request.expects_continue_ = true;
    else if (!expected.empty())
        request.refusal_ = 417;
}

result<void> http2_server_session::receive(std::string_view bytes) {
    if (failure_) return *failure_;
    const ssize_t taken =
        nghttp2_session_mem_recv(native_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken >= 0) return {};
    failure_ = native_failure(taken, thrown_);
    is_violated_ = failure_->kind() == errc::protocol;
    return *failure_;
}

void http2_server_session::consumed(http2_request& request, std::size_t bytes) {
    if (request.is_closed_)
        check(nghttp2_session_consume_connection(native_, bytes));
    else
        check(nghttp2_session_consume(native_, request.id_, bytes));
}

void http2_server_session::go_on(http2_request& request) {
    if (request.is_closed_) return;
    const nghttp2_nv status = native_field(":status", "100");
    check(nghttp2_submit_headers(native_, NGHTTP2_FLAG_NONE, request.id_, nullptr, &status, 1, nullptr));
}

bool http2_server_session::can_carry(const http::headers& fields) noexcept {
    constexpr std::size_t own = 1024;      // those that answer() adds
    constexpr std::size_t each_field = 12; // nghttp2_hd_deflate_bound()
    std::size_t size = own;
    for (const http::header field : fields) size += field.name.size() + field.value.size() + each_field;
    return size <= longest_head_sent;
}

void http2_server_session::answer(http2_request& request, int status, const http::headers& fields,
                                  std::optional<std::uint64_t> length, std::string_view date, bool has_body) {
    if (request.is_closed_) return;
    std::array<char, 4> status_text{};
    std::array<char, 20> length_text{};
    const auto text = [](auto& room, std::uint64_t number) {
        const auto end = std::to_chars(room.data(), room.data() + room.size(), number).ptr;
        return std::string_view(room.data(), static_cast<std::size_t>(end - room.data()));
    };
    std::vector<nghttp2_nv> native;
    native.reserve(fields.size() + 3);
    native.push_back(native_field(":status", text(status_text, static_cast<std::uint64_t>(status))));
    for (const http::header own : fields)
        if (!is_of_the_connection(own.name)) native.push_back(native_field(own.name, own.value));
    if (!date.empty() && !fields.contains("date")) native.push_back(native_field("date", date));
    if (length) native.push_back(native_field("content-length", text(length_text, *length)));
    nghttp2_data_provider body{};
    body.read_callback = &callbacks::next_data;
    request.is_last_ = !has_body;
    check(nghttp2_submit_response(native_, request.id_, native.data(), native.size(),
                                  has_body ? &body : nullptr));
}

void http2_server_session::send(http2_request& request, std::string_view slice, bool is_last) {
    if (request.is_closed_) return;
    request.out_ = slice;
    request.is_last_ = is_last;
    // It fails where the head is still to become a frame: then nothing was deferred.
    static_cast<void>(nghttp2_session_resume_data(native_, request.id_));
}

bool http2_server_session::is_held_back(const http2_request& request) const noexcept {
    return nghttp2_session_get_remote_window_size(native_) <= 0 ||
           nghttp2_session_get_stream_remote_window_size(native_, request.id_) <= 0;
}

void http2_server_session::reset(http2_request& request) {
    request.out_ = {};
    request.is_stopped_ = true;
    if (request.is_closed_) return;
    check(nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, request.id_, NGHTTP2_INTERNAL_ERROR));
}

void http2_server_session::stop_request(http2_request& request) {
    if (request.is_closed_ || request.phase_ == phase::ended) return;
    request.is_stopped_ = true;
    // Not before the end of the answer is sent: it would be dropped.
    if (request.is_answered_)
        check(nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, request.id_, NGHTTP2_NO_ERROR));
}

void http2_server_session::announce_end() {
    if (is_ending_ || std::exchange(is_end_announced_, true)) return;
    check(nghttp2_submit_shutdown_notice(native_));
}

void http2_server_session::end() {
    if (std::exchange(is_ending_, true)) return;
    check(nghttp2_submit_goaway(native_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(native_),
                                NGHTTP2_NO_ERROR, nullptr, 0));
}

bool http2_server_session::wants_output() const noexcept {
    return !failure_ && (!output_.empty() || nghttp2_session_want_write(native_) != 0);
}

result<void> http2_server_session::take_output(std::string& out) {
    out.clear();
    if (failure_) return *failure_;
    while (output_.size() < limits_.output) {
        const std::uint8_t* frame = nullptr;
        const ssize_t size = nghttp2_session_mem_send(native_, &frame);
        if (size < 0) {
            failure_ = native_failure(size, thrown_);
            return *failure_;
        }
        if (size == 0) break;
        output_.append(view(frame, static_cast<std::size_t>(size)));
    }
    out.swap(output_);
    return {};
}

bool http2_server_session::is_over() const noexcept {
    return failure_ || (nghttp2_session_want_read(native_) == 0 && !wants_output());
}

} // namespace modelmesh::proto
