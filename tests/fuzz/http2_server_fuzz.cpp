// The server's side of an HTTP/2 connection must come to the same end however the client's bytes are split,
// give out only what a handler may see, and hold no slice of an answer longer than it says.
// Input: one byte with the width of the split and how requests are answered, then what the client sends
// behind the preface.
// fuzz-uses: proto
#include "proto/http2_server.hpp"

#include "splits.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using modelmesh::proto::http2_request;
using modelmesh::proto::http2_server_session;
using phase = http2_request::phase;

constexpr std::size_t body_limit = 200;

class request final : public http2_request {
public:
    std::string body;
    std::string answer; // the slice that was given to send(); freed when it is taken
    std::size_t unread = 0;
    bool has_head = false;
    bool is_over = false;
    bool is_answered_by_us = false;

private:
    void body_arrived(std::string_view slice) override {
        if (slice.empty() || !has_head || is_over || refusal() != 0) std::abort();
        body += slice; // reads every byte, for the sanitizer
        unread += slice.size();
        if (body.size() > body_limit) std::abort();
    }
    void changed() noexcept override {
        if (is_over) std::abort();
    }
    void taken() noexcept override {}
    void closed() noexcept override {
        if (std::exchange(is_over, true) || !is_closed()) std::abort();
        std::string().swap(answer);
    }
};

struct outcome {
    std::vector<std::string> requests;
    bool failed = false;
    bool operator==(const outcome&) const = default;
};

class server final : public http2_server_session::user {
public:
    explicit server(bool refuses) : refuses_(refuses) {}
    http2_request* begin() override {
        if (refuses_ && all.size() % 4 == 3) return nullptr;
        all.push_back(std::make_unique<request>());
        return all.back().get();
    }
    void head_arrived(http2_request& which) override {
        auto& one = static_cast<request&>(which);
        if (std::exchange(one.has_head, true) || one.is_over) std::abort();
        if (one.refusal() != 0) return;
        const bool is_path = one.target().starts_with('/') || one.target() == "*";
        if (one.method().empty() || !is_path || one.host().empty()) std::abort();
        for (const modelmesh::http::header field : one.headers())
            if (field.name.empty() || field.name.front() == ':') std::abort();
    }
    std::vector<std::unique_ptr<request>> all; // outlives the session

private:
    bool refuses_;
};

// @param answers  requests as they arrive: then what is refused by the number of open streams depends on the
// split.
outcome run(std::string_view wire, std::size_t width, bool answers) {
    modelmesh::proto::http2_server_limits limits;
    limits.request.line = 256;
    limits.request.head_bytes = 1024;
    limits.request.head_fields = 8;
    limits.request.body = body_limit;
    limits.streams = 16;
    limits.spoiled = 10;
    limits.chatter = 50;
    server user(answers);
    http2_server_session session(user, limits);
    std::string out;
    outcome result;
    result.failed = !session.receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    for (std::size_t at = 0; at < wire.size() && !result.failed; at += width) {
        const fuzz::exact_copy piece(wire.substr(at, width));
        result.failed = !session.receive(piece.view());
        if (!answers) continue;
        for (const auto& one : user.all) {
            if (one->unread != 0) session.consumed(*one, std::exchange(one->unread, 0));
            if (!one->has_head || one->is_over || std::exchange(one->is_answered_by_us, true)) continue;
            const modelmesh::http::headers none;
            const bool has_body = one->method() != "HEAD";
            session.answer(*one, one->refusal() != 0 ? one->refusal() : 200, none, std::nullopt, "",
                           has_body);
            one->answer.assign(100'000, 'x'); // larger than the window
            if (has_body) session.send(*one, one->answer, true);
            if (one->state() == phase::body) session.stop_request(*one);
        }
        if (session.wants_output()) static_cast<void>(session.take_output(out));
    }
    for (const auto& one : user.all) {
        // Of a body that fails, how much came before that depends on the split.
        if (one->state() != phase::ended) one->body.clear();
        result.requests.push_back(std::string(one->method()) + ' ' + std::string(one->target()) + ' ' +
                                  std::to_string(one->refusal()) + ' ' + one->body);
        session.reset(*one);
        std::string().swap(one->answer);
    }
    session.announce_end();
    session.end();
    while (session.wants_output() && session.take_output(out) && !out.empty()) continue;
    result.failed = result.failed || session.is_violated();
    return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view wire = fuzz::wire_of(data, size);
    const bool answers = (data[0] & 0x80) != 0;
    const outcome first = run(wire, std::size_t{1} + (data[0] & 0x7f), answers);
    const outcome second = run(wire, 1, answers);
    // A connection that fails loses what the same bytes might still have brought, and answers free streams.
    if (!answers && !first.failed && !second.failed && first != second) std::abort();
    return 0;
}
