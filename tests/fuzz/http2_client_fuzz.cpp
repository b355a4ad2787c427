// The client's side of an HTTP/2 connection must come to the same end however the server's bytes are split,
// give out nothing but the bytes of bodies, and forget no request.
// Input: one byte with the width of the split and whether to read, then what the server sends.
// fuzz-uses: proto
#include "proto/http2_client.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using modelmesh::proto::http2_answer;
using modelmesh::proto::http2_client_session;
using phase = http2_answer::phase;

class answer final : public http2_answer {
public:
    std::string body;
    std::size_t untaken = 0;

private:
    void body_arrived(std::string_view slice) override {
        if (slice.empty() || !has_head()) std::abort();
        body += slice; // reads every byte, for the sanitizer
        untaken += slice.size();
    }
    void changed() noexcept override {}
};

struct outcome {
    std::vector<phase> ends;
    std::vector<int> status;
    std::string bodies;
    bool failed = false;
    bool operator==(const outcome&) const = default;
};

outcome run(std::string_view wire, std::size_t width, bool reads) {
    modelmesh::proto::http2_limits limits;
    limits.response.line = 256;
    limits.response.head_bytes = 1024;
    limits.response.head_fields = 8;
    limits.response.interim = 2;
    http2_client_session session(limits);
    modelmesh::proto::request_defaults defaults;
    defaults.host = "host.test";
    auto get = std::make_shared<modelmesh::http::request>();
    auto post = std::make_shared<modelmesh::http::request>();
    post->method = "POST";
    post->body = std::string(100, 'x');
    answer answers[3];
    for (answer& one : answers)
        if (!session.submit(one, &one == &answers[1] ? post : get, defaults, "https")) std::abort();
    std::string out;
    session.take_output(out);

    outcome result;
    for (std::size_t at = 0; at < wire.size() && !result.failed; at += width) {
        const std::string_view piece = wire.substr(at, width);
        const auto memory = std::make_unique<char[]>(piece.size()); // of exactly this size, for the sanitizer
        std::memcpy(memory.get(), piece.data(), piece.size());
        result.failed = !session.receive(std::string_view(memory.get(), piece.size()));
        for (answer& one : answers)
            if (reads && one.untaken != 0) session.consumed(one, std::exchange(one.untaken, 0));
    }
    session.take_output(out);
    for (answer& one : answers) {
        result.ends.push_back(one.state());
        result.status.push_back(one.has_head() ? one.status() : 0);
        // Of an answer that fails, how much came before that depends on the split.
        if (one.state() != phase::failed) result.bodies += one.body;
        result.bodies += '|';
        if (result.failed && one.state() != phase::ended && one.state() != phase::failed) std::abort();
    }
    session.leave(answers[0]);
    session.abandon(answers[1]);
    session.lose(modelmesh::fault(modelmesh::errc::connect, "the end"));
    if (answers[2].state() != phase::ended && answers[2].state() != phase::failed) std::abort();
    if (session.accepts()) std::abort();
    return result;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
    const bool reads = (data[0] & 0x80) != 0;
    const outcome first = run(wire, std::size_t{1} + (data[0] & 0x7f), reads);
    const outcome second = run(wire, 1, reads);
    // A connection that fails loses what the same bytes might still have brought, so where it ends may
    // differ.
    if (!first.failed && !second.failed && first != second) std::abort();
    return 0;
}
