// nghttp2's callbacks, and what they mean for an answer.
#include "proto/http2_client.hpp"

#include "proto/http1_syntax.hpp"
#include "proto/http2_native.hpp"

#include <modelmesh/http/body_source.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <utility>

namespace modelmesh::proto {
namespace {

using phase = http2_answer::phase;

} // namespace

struct http2_client_session::callbacks {
    static http2_client_session& home(void* user) { return *static_cast<http2_client_session*>(user); }
    static http2_answer* answer_of(nghttp2_session* native, std::int32_t id) {
        return static_cast<http2_answer*>(nghttp2_session_get_stream_user_data(native, id));
    }

    static void keep_exception(void* user) { home(user).thrown_ = std::current_exception(); }

    static int begin_headers(nghttp2_session* native, const nghttp2_frame* frame, void*) {
        http2_answer* const answer = answer_of(native, frame->hd.stream_id);
        if (answer == nullptr) return 0;
        answer->started_ = true;
        answer->section_bytes_ = 0;
        if (answer->phase_ == phase::head) answer->headers_.clear();
        return 0;
    }
    static int header(nghttp2_session* native, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                      void* user) {
        http2_answer* const answer = answer_of(native, frame->hd.stream_id);
        if (answer == nullptr) return 0;
        const response_limits& limits = home(user).limits_.response;
        const std::string_view key = view(name, name_size);
        const std::string_view text = view(value, value_size);
        http::headers& into = answer->phase_ == phase::head ? answer->headers_ : answer->trailers_;
        answer->section_bytes_ += key.size() + text.size();
        if (key.size() + text.size() > limits.line)
            answer->why_ = "a field is too long";
        else if (answer->section_bytes_ > limits.head_bytes)
            answer->why_ = "the head is too long";
        else if (into.size() >= limits.head_fields)
            answer->why_ = "too many fields";
        if (!answer->why_.empty()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        if (key == ":status") {
            std::from_chars(text.data(), text.data() + text.size(), answer->status_); // checked by nghttp2
        } else {
            into.add(key, text);
        }
        return 0;
    }
    static int frame_received(nghttp2_session* native, const nghttp2_frame* frame, void* user) {
        http2_client_session& self = home(user);
        switch (frame->hd.type) {
        case NGHTTP2_SETTINGS:
            self.has_settings_ = self.has_settings_ || (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0;
            return 0;
        case NGHTTP2_GOAWAY:
            self.is_going_away_ = true;
            self.needs_http1_ = self.needs_http1_ || frame->goaway.error_code == NGHTTP2_HTTP_1_1_REQUIRED;
            // Not the text behind the code: a server may put anything there.
            self.goodbye_ = nghttp2_http2_strerror(frame->goaway.error_code);
            return 0;
        case NGHTTP2_RST_STREAM:
            // What the server says about a request that it refused is said by the code.
            if (http2_answer* const answer = answer_of(native, frame->hd.stream_id)) {
                const std::uint32_t code = frame->rst_stream.error_code;
                answer->needs_http1_ = code == NGHTTP2_HTTP_1_1_REQUIRED;
                answer->started_ =
                    answer->started_ || (code != NGHTTP2_REFUSED_STREAM && !answer->needs_http1_);
                answer->is_reset_by_server_ = true;
            }
            return 0;
        case NGHTTP2_HEADERS:
        case NGHTTP2_DATA: {
            http2_answer* const answer = answer_of(native, frame->hd.stream_id);
            if (answer == nullptr || !answer->why_.empty()) return 0;
            if (frame->hd.type == NGHTTP2_HEADERS && answer->phase_ == phase::head) self.head_ended(*answer);
            if (!answer->why_.empty()) return 0;
            if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
                answer->phase_ = phase::ended;
                answer->changed();
            }
            return 0;
        }
        default:
            return 0;
        }
    }
    static int frame_invalid(nghttp2_session* native, const nghttp2_frame* frame, int code, void* user) {
        home(user).why_ = nghttp2_strerror(code);
        http2_answer* const answer =
            frame->hd.stream_id == 0 ? nullptr : answer_of(native, frame->hd.stream_id);
        if (answer != nullptr && answer->why_.empty()) answer->why_ = nghttp2_strerror(code);
        return 0;
    }
    static int data_received(nghttp2_session* native, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                             std::size_t size, void* user) {
        http2_answer* const answer = answer_of(native, id);
        if (answer != nullptr && answer->phase_ == phase::body) {
            answer->body_arrived(view(data, size));
            return 0;
        }
        nghttp2_session_consume(native, id, size);
        std::vector<std::int32_t>& left = home(user).left_;
        if (const auto found = std::find(left.begin(), left.end(), id); found != left.end()) {
            left.erase(found);
            nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        }
        return 0;
    }
    static int stream_closed(nghttp2_session* native, std::int32_t id, std::uint32_t code, void* user) {
        http2_client_session& self = home(user);
        if (self.open_ > 0) --self.open_;
        std::erase(self.left_, id);
        http2_answer* const answer = answer_of(native, id);
        if (answer == nullptr) return 0;
        answer->is_sent_ = true; // nothing of it goes out any more
        const bool had_head = answer->has_head_;
        if (answer->phase_ == phase::body || answer->phase_ == phase::head) {
            std::string text;
            if (answer->failure_) {
                self.fail(*answer, *answer->failure_);
            } else if (!answer->why_.empty()) {
                self.fail(*answer, malformed_http2(answer->why_));
            } else if (code == NGHTTP2_REFUSED_STREAM || answer->needs_http1_ || answer->is_unprocessed_) {
                answer->is_unprocessed_ = !answer->started_;
                self.fail(*answer, fault(had_head ? errc::protocol : errc::connect,
                                         "the server did not take the request"));
            } else {
                text = had_head ? "truncated, " : "";
                text.append(answer->is_reset_by_server_ ? "the server reset the stream: "
                                                        : "the stream was closed: ");
                text.append(nghttp2_http2_strerror(code));
                self.fail(*answer, fault(had_head ? errc::protocol : errc::connect, std::move(text)));
            }
        }
        self.detach(*answer);
        return 0;
    }
    static int frame_sent(nghttp2_session* native, const nghttp2_frame* frame, void*) {
        const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
                          (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA);
        http2_answer* const answer = ends ? answer_of(native, frame->hd.stream_id) : nullptr;
        if (answer == nullptr || answer->is_sent_) return 0;
        answer->is_sent_ = true;
        answer->changed();
        return 0;
    }
    static int frame_not_sent(nghttp2_session* native, const nghttp2_frame* frame, int code, void*) {
        if (frame->hd.type != NGHTTP2_HEADERS) return 0;
        http2_answer* const answer = answer_of(native, frame->hd.stream_id);
        if (answer == nullptr) return 0; // its stream is closed next
        if (code == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED || code == NGHTTP2_ERR_SESSION_CLOSING)
            answer->is_unprocessed_ = true;
        else
            answer->failure_ = fault(errc::config, "HTTP/2 cannot carry the head of the request: " +
                                                       std::string(nghttp2_strerror(code)));
        return 0;
    }

    static ssize_t next_data(nghttp2_session* native, std::int32_t id, std::uint8_t*, std::size_t length,
                             std::uint32_t* flags, nghttp2_data_source*, void*) {
        http2_answer* const answer = answer_of(native, id);
        if (answer == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const bool is_streamed = answer->request_->source != nullptr;
        const std::size_t rest =
            is_streamed ? answer->piece_.size() : answer->request_->body.size() - answer->sent_;
        const std::size_t size = std::min(length, rest);
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        if (is_streamed && !answer->is_body_over_) {
            if (size != 0) return static_cast<ssize_t>(size);
            answer->is_body_awaited_ = true;
            return NGHTTP2_ERR_DEFERRED;
        }
        if (size == rest) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(size);
    }
    static int write_data(nghttp2_session* native, nghttp2_frame* frame, const std::uint8_t* head,
                          std::size_t length, nghttp2_data_source*, void* user) {
        http2_answer* const answer = answer_of(native, frame->hd.stream_id);
        if (answer == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        std::string& out = home(user).output_;
        out.append(view(head, frame_head_size));
        if (answer->request_->source) {
            out.append(answer->piece_.substr(0, length));
            answer->piece_.remove_prefix(length);
            if (answer->piece_.empty()) answer->body_taken();
        } else {
            out.append(answer->request_->body, answer->sent_, length);
        }
        answer->sent_ += length;
        return out.size() < home(user).limits_.output ? 0 : NGHTTP2_ERR_PAUSE;
    }
};

http2_client_session::http2_client_session(http2_limits limits)
    : limits_(limits), native_(open_native<callbacks>(nghttp2_session_client_new2, this)) {
    const std::array<nghttp2_settings_entry, 3> settings{{
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.response.head_bytes)},
    }};
    // The connection's window is that of all its answers together: one that is not read stops no other.
    const std::uint64_t whole = std::uint64_t{limits_.window} * limits_.streams;
    const auto window = static_cast<std::int32_t>(std::min<std::uint64_t>(whole, INT32_MAX));
    if (nghttp2_submit_settings(native_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) != 0 ||
        nghttp2_session_set_local_window_size(native_, NGHTTP2_FLAG_NONE, 0, window) != 0) {
        nghttp2_session_del(native_);
        throw std::bad_alloc();
    }
}

http2_client_session::~http2_client_session() { nghttp2_session_del(native_); }

result<void> http2_client_session::submit(http2_answer& answer, std::shared_ptr<const http::request> request,
                                          const request_defaults& defaults, std::string_view scheme) {
    const auto refuse = [this, &answer] {
        answer.is_unprocessed_ = true;
        answer.phase_ = phase::failed;
        answer.failure_ = end();
        return *answer.failure_;
    };
    if (!accepts()) return refuse();
    const std::string_view host = request->headers.get("host");
    const bool expects_body =
        request->method == "POST" || request->method == "PUT" || request->method == "PATCH";
    std::optional<std::uint64_t> size;
    if (request->source)
        size = request->source->length();
    else if (expects_body || !request->body.empty())
        size = request->body.size();
    const std::string length = std::to_string(size.value_or(0));
    std::vector<nghttp2_nv> fields;
    fields.reserve(request->headers.size() + 7);
    fields.push_back(native_field(":method", request->method));
    fields.push_back(native_field(":scheme", scheme));
    fields.push_back(native_field(":authority", host.empty() ? defaults.host : host));
    fields.push_back(native_field(":path", request->target));
    if (!request->headers.contains("user-agent"))
        fields.push_back(native_field("user-agent", defaults.user_agent));
    if (!request->headers.contains("accept-encoding"))
        fields.push_back(native_field("accept-encoding", "identity"));
    for (const http::header own : request->headers) {
        for (const std::string_view forbidden : {"keep-alive", "proxy-connection", "te"})
            if (http::iequals(own.name, forbidden))
                return fault(errc::config,
                             "the request header " + std::string(own.name) + " is not allowed in HTTP/2");
        if (!http::iequals(own.name, "host")) fields.push_back(native_field(own.name, own.value));
    }
    if (size) fields.push_back(native_field("content-length", length));

    nghttp2_data_provider body{};
    body.read_callback = &callbacks::next_data;
    const std::int32_t id =
        nghttp2_submit_request(native_, nullptr, fields.data(), fields.size(),
                               request->body.empty() && !request->source ? nullptr : &body, &answer);
    if (id == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
    if (id < 0) return refuse();
    answer.request_ = std::move(request);
    answer.id_ = id;
    answer.place_ = answers_.size();
    answers_.push_back(&answer);
    ++open_;
    return {};
}

void http2_client_session::send_body(http2_answer& answer, std::string_view piece) {
    if (answer.place_ == http2_answer::outside) return;
    answer.piece_ = piece;
    resume_body(answer);
}

void http2_client_session::end_body(http2_answer& answer) {
    if (answer.place_ == http2_answer::outside) return;
    answer.is_body_over_ = true;
    resume_body(answer);
}

void http2_client_session::resume_body(http2_answer& answer) {
    if (!std::exchange(answer.is_body_awaited_, false)) return;
    if (nghttp2_session_resume_data(native_, answer.id_) == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
}

void http2_client_session::head_ended(http2_answer& answer) {
    if (answer.status_ < 200) {
        if (++answer.interim_ > limits_.response.interim) {
            answer.why_ = "too many interim responses";
            nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, answer.id_, NGHTTP2_ENHANCE_YOUR_CALM);
        }
        return;
    }
    answer.content_length_ = parse_number(answer.headers_.get("content-length"), 10);
    answer.phase_ = phase::body;
    answer.has_head_ = true;
    answer.changed();
}

void http2_client_session::fail(http2_answer& answer, fault why) noexcept {
    answer.phase_ = phase::failed;
    answer.failure_ = std::move(why);
    answer.changed();
}

void http2_client_session::detach(http2_answer& answer) noexcept {
    if (answer.place_ == http2_answer::outside) return;
    answers_[answer.place_] = answers_.back();
    answers_[answer.place_]->place_ = answer.place_;
    answers_.pop_back();
    answer.place_ = http2_answer::outside;
}

result<void> http2_client_session::receive(std::string_view bytes) {
    if (failure_) return *failure_;
    const ssize_t taken =
        nghttp2_session_mem_recv(native_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken < 0) {
        failure_ = native_failure(taken, thrown_);
        lose(*failure_);
        return *failure_;
    }
    collect(); // what a violation leads to happens when nghttp2 sends
    if (failure_) return *failure_;
    return {};
}

void http2_client_session::collect() {
    while (output_.size() < limits_.output) {
        const std::uint8_t* frame = nullptr;
        const ssize_t size = nghttp2_session_mem_send(native_, &frame);
        if (size < 0) {
            failure_ = native_failure(size, thrown_);
            return lose(*failure_);
        }
        if (size == 0) break;
        output_.append(view(frame, static_cast<std::size_t>(size)));
    }
    if (failure_ || nghttp2_session_want_write(native_) != 0) return;
    if (nghttp2_session_want_read(native_) != 0) {
        why_ = {}; // the violation, if there was one, ended a stream only
        return;
    }
    // After a GOAWAY of the server, with nothing left to do, this is no failure of anything.
    failure_ = is_going_away_ && why_.empty()
                   ? end()
                   : malformed_http2(why_.empty() ? "the server broke the rules of the connection" : why_);
    lose(*failure_);
}

void http2_client_session::lose(const fault& why) noexcept {
    while (!answers_.empty()) {
        http2_answer& answer = *answers_.back();
        detach(answer);
        nghttp2_session_set_stream_user_data(native_, answer.id_, nullptr);
        if (answer.phase_ == phase::ended || answer.phase_ == phase::failed) continue;
        answer.is_sent_ = true;
        if (why.kind() == errc::connect && answer.phase_ != phase::head)
            fail(answer, fault(errc::protocol,
                               "truncated, the connection was lost inside the answer: " + why.message));
        else
            fail(answer, why);
    }
    if (!failure_) failure_ = why;
}

void http2_client_session::consumed(http2_answer& answer, std::size_t bytes) {
    nghttp2_session_consume(native_, answer.id_, bytes);
}

void http2_client_session::abandon(http2_answer& answer) noexcept {
    if (answer.place_ == http2_answer::outside) return;
    detach(answer);
    nghttp2_session_set_stream_user_data(native_, answer.id_, nullptr);
    nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, answer.id_, NGHTTP2_CANCEL);
}

void http2_client_session::leave(http2_answer& answer) noexcept {
    if (answer.place_ == http2_answer::outside) return;
    if (!answer.is_sent_) return abandon(answer);
    detach(answer);
    nghttp2_session_set_stream_user_data(native_, answer.id_, nullptr);
    left_.push_back(answer.id_);
}

void http2_client_session::stop_left() noexcept {
    for (const std::int32_t id : left_)
        nghttp2_submit_rst_stream(native_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    left_.clear();
}

void http2_client_session::ping() { nghttp2_submit_ping(native_, NGHTTP2_FLAG_NONE, nullptr); }

bool http2_client_session::wants_output() const noexcept {
    return !output_.empty() || nghttp2_session_want_write(native_) != 0;
}

void http2_client_session::take_output(std::string& out) {
    collect();
    out.clear();
    out.swap(output_);
}

std::size_t http2_client_session::capacity() const noexcept {
    if (!has_settings_) return 1;
    const std::uint32_t allowed =
        nghttp2_session_get_remote_settings(native_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return std::min(allowed, limits_.streams);
}

bool http2_client_session::accepts() const noexcept {
    return !failure_ && !is_going_away_ && nghttp2_session_check_request_allowed(native_) != 0;
}

fault http2_client_session::end() const {
    if (failure_) return *failure_;
    if (is_going_away_) return fault(errc::connect, "the server ended the connection: " + goodbye_);
    return fault(errc::connect, "the connection takes no more requests");
}

} // namespace modelmesh::proto
