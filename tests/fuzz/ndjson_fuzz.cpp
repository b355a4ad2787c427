// The line framer must give the same lines however the bytes are split, and never read outside of them.
// Input: one byte with the width of the split, then the stream.
// fuzz-uses: proto
#include "splits.hpp"

#include "proto/ndjson.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace {

struct outcome {
    std::vector<std::string> lines;
    std::string failure;
    bool operator==(const outcome&) const = default;
};

outcome run(std::string_view wire, std::size_t width) {
    modelmesh::proto::ndjson_decoder decoder(512);
    outcome out;
    std::string_view line;
    for (std::size_t at = 0; at < wire.size() && out.failure.empty(); at += width) {
        const fuzz::exact_copy copy(wire.substr(at, width));
        decoder.feed(copy.view());
        for (;;) {
            const modelmesh::result<bool> more = decoder.next(line);
            if (!more) out.failure = more.error().message;
            if (!more || !*more) break;
            out.lines.emplace_back(line);
        }
    }
    const modelmesh::result<bool> last = decoder.finish(line);
    if (last && *last) out.lines.push_back("last " + std::string(line));
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    fuzz::expect_one_outcome(fuzz::wire_of(data, size), std::size_t{1} + data[0], run);
    return 0;
}
