// The response parser must give the same message however its bytes are split, and never read outside of them.
// Input: one byte with flags and the width of the split, then the bytes of a connection.
// fuzz-uses: proto
#include "splits.hpp"

#include "proto/http1.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

using modelmesh::proto::response_parser;

struct outcome {
    int heads = 0;
    int status = 0;
    std::size_t fields = 0;
    std::string body;
    std::size_t used = 0;
    bool failed = false;
    bool ended = false;
    bool whole = false; ///< what finish() said
    bool operator==(const outcome&) const = default;
};

outcome run(std::string_view wire, std::size_t width, bool to_head) {
    modelmesh::proto::response_limits limits;
    limits.line = 256;
    limits.head_bytes = 1024;
    limits.head_fields = 8;
    limits.interim = 2;
    response_parser parser(limits);
    parser.start(to_head);
    outcome out;
    for (std::size_t at = 0; at < wire.size() && !out.ended && !out.failed; at += width) {
        const std::string_view piece = wire.substr(at, width);
        const fuzz::exact_copy copy(piece);
        std::string_view input = copy.view();
        for (bool more = true; more;) {
            std::string_view slice;
            const auto event = parser.step(input, slice);
            if (!event) {
                out.failed = true;
                break;
            }
            switch (*event) {
            case response_parser::event::need_more:
                if (!input.empty()) std::abort();
                more = false;
                break;
            case response_parser::event::head:
                ++out.heads;
                break;
            case response_parser::event::body:
                if (slice.empty()) std::abort();
                out.body += slice;
                break;
            case response_parser::event::end:
                out.ended = true;
                more = false;
                break;
            }
        }
        if (!out.failed) out.used = at + piece.size() - input.size();
    }
    out.whole = parser.finish().has_value();
    if (out.heads > 1 || (out.failed && (out.whole || parser.keep_alive()))) std::abort();
    if (out.heads == 1 && !out.failed) {
        out.status = parser.status();
        out.fields = parser.headers().size() + parser.trailers().size();
    }
    if (out.failed) out.used = 0; // how far it came before the failure may differ
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const bool to_head = (data[0] & 0x80) != 0;
    const std::size_t width = 1 + (data[0] & 0x7f);
    fuzz::expect_one_outcome(
        fuzz::wire_of(data, size), width,
        [to_head](std::string_view wire, std::size_t pieces) { return run(wire, pieces, to_head); });
    return 0;
}
