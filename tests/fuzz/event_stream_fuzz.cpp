// The message framer must give the same messages however the bytes are split, and never read outside of them.
// Input: one byte with the width of the split, then the stream.
// fuzz-uses: proto
#include "splits.hpp"

#include "proto/event_stream.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace {

struct outcome {
    std::vector<std::string> messages;
    std::string failure;
    bool operator==(const outcome&) const = default;
};

outcome run(std::string_view wire, std::size_t width) {
    modelmesh::proto::event_stream_decoder decoder(4096);
    outcome out;
    for (std::size_t at = 0; at < wire.size() && out.failure.empty(); at += width) {
        const fuzz::exact_copy copy(wire.substr(at, width));
        decoder.feed(copy.view());
        modelmesh::proto::event_stream_message message;
        for (;;) {
            const modelmesh::result<bool> more = decoder.next(message);
            if (!more) out.failure = more.error().message;
            if (!more || !*more) break;
            out.messages.push_back(std::string(message.text(":message-type")) + '\0' +
                                   std::string(message.payload));
        }
    }
    if (const modelmesh::result<void> whole = decoder.finish(); !whole) out.failure = whole.error().message;
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    fuzz::expect_one_outcome(fuzz::wire_of(data, size), std::size_t{1} + data[0], run);
    return 0;
}
