// The request parser must give the same requests however their bytes are split, and never read outside of
// them. Input: one byte with the width of the split, then the bytes of a connection.
// fuzz-uses: proto
#include "splits.hpp"

#include "proto/http1_server.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using modelmesh::proto::request_parser;

struct outcome {
    std::vector<std::string> requests; ///< each as far as it came
    int refusal = 0;
    bool whole = false; ///< what finish() said
    bool operator==(const outcome&) const = default;
};

outcome run(std::string_view wire, std::size_t width) {
    modelmesh::proto::request_limits limits;
    limits.line = 256;
    limits.head_bytes = 1024;
    limits.head_fields = 8;
    limits.body = 512;
    request_parser parser(limits);
    parser.start();
    outcome out;
    for (std::size_t at = 0; at < wire.size() && out.refusal == 0; at += width) {
        const std::string_view piece = wire.substr(at, width);
        const fuzz::exact_copy copy(piece);
        std::string_view input = copy.view();
        for (bool more = true; more;) {
            std::string_view slice;
            const auto event = parser.step(input, slice);
            if (!event) {
                out.refusal = parser.refusal();
                if (out.refusal < 400 || out.refusal > 599 || parser.keep_alive()) std::abort();
                break;
            }
            switch (*event) {
            case request_parser::event::need_more:
                if (!input.empty()) std::abort();
                more = false;
                break;
            case request_parser::event::head:
                if (parser.target().empty() || (parser.host().empty() && !parser.http_1_0())) std::abort();
                out.requests.push_back(std::string(parser.method()).append(" ").append(parser.target()));
                for (const auto& field : parser.headers())
                    out.requests.back().append("\n").append(field.name).append(":").append(field.value);
                out.requests.back() += '\n';
                break;
            case request_parser::event::body:
                if (slice.empty()) std::abort();
                out.requests.back() += slice;
                break;
            case request_parser::event::end:
                for (const auto& field : parser.trailers())
                    out.requests.back().append("\n").append(field.name).append(":").append(field.value);
                out.requests.back() += parser.keep_alive() ? " +" : " -";
                parser.start();
                break;
            }
        }
    }
    out.whole = parser.finish().has_value();
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t width = std::size_t{1} + data[0];
    fuzz::expect_one_outcome(fuzz::wire_of(data, size), width, run);
    return 0;
}
