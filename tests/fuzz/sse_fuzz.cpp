// The event framer must give the same events however the bytes are split, and never read outside of them.
// Input: one byte with the width of the split, then the stream.
// fuzz-uses: proto
#include "splits.hpp"

#include "proto/sse.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct outcome {
    std::vector<std::string> events;
    std::uint64_t comments = 0;
    bool whole = false;
    bool operator==(const outcome&) const = default;
};

outcome run(std::string_view wire, std::size_t width) {
    modelmesh::proto::sse_decoder decoder;
    outcome out;
    for (std::size_t at = 0; at < wire.size(); at += width) {
        const std::string_view piece = wire.substr(at, width);
        const fuzz::exact_copy copy(piece);
        decoder.feed(copy.view());
        modelmesh::proto::sse_event event;
        while (decoder.next(event).value()) {
            if (event.event.find_first_of("\r\n") != std::string_view::npos) std::abort();
            if (event.data.find('\r') != std::string_view::npos) std::abort();
            out.events.push_back(std::string(event.event) + '\0' + std::string(event.data));
        }
    }
    out.comments = decoder.comments();
    out.whole = decoder.finish().has_value();
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t width = std::size_t{1} + data[0];
    fuzz::expect_one_outcome(fuzz::wire_of(data, size), width, run);
    return 0;
}
