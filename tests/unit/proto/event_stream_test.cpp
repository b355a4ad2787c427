// Against frames that another encoder made: tests/data/SOURCES.md.
#include "proto/event_stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace modelmesh::proto {
namespace {

struct vector_line {
    std::string stream, kind, type, payload, bytes;
};

std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    return bytes;
}

std::vector<vector_line> frames() {
    std::ifstream file(MODELMESH_TEST_DATA "/bedrock_frames.tsv");
    std::vector<vector_line> all;
    for (std::string line; std::getline(file, line);) {
        std::istringstream cells(line);
        vector_line one;
        for (std::string* cell : {&one.stream, &one.kind, &one.type, &one.payload, &one.bytes})
            std::getline(cells, *cell, '\t');
        one.bytes = from_hex(one.bytes);
        all.push_back(one);
    }
    return all;
}

struct outcome {
    std::vector<std::string> messages;
    std::string failure;
    bool operator==(const outcome&) const = default;
};

// What comes of a stream fed in slices of `width`; each in a block of exactly its size, for a sanitizer.
outcome decode(std::string_view wire, std::size_t width, std::size_t limit = 4096) {
    event_stream_decoder decoder(limit);
    outcome out;
    for (std::size_t at = 0; at < wire.size(); at += width) {
        const std::string_view piece = wire.substr(at, width);
        const auto slice = std::make_unique<char[]>(piece.size());
        piece.copy(slice.get(), piece.size());
        decoder.feed({slice.get(), piece.size()});
        event_stream_message message;
        for (;;) {
            const result<bool> more = decoder.next(message);
            if (!more) {
                EXPECT_FALSE(decoder.next(message)) << "a failure repeats";
                EXPECT_FALSE(decoder.finish());
                out.failure = more.error().message;
                return out;
            }
            if (!*more) break;
            const std::string_view kind = message.text(":message-type");
            const std::string_view type = message.text(kind == "event" ? ":event-type" : ":exception-type");
            out.messages.push_back(std::string(kind) + " " + std::string(type) + " " +
                                   std::string(message.payload));
        }
    }
    if (const result<void> whole = decoder.finish(); !whole) out.failure = whole.error().message;
    return out;
}

TEST(EventStream, EverySplitOfTheVectorsGivesTheirMessages) {
    const std::vector<vector_line> all = frames();
    ASSERT_EQ(all.size(), 16u);
    std::string wire;
    outcome want;
    for (const vector_line& one : all) {
        wire += one.bytes;
        want.messages.push_back(one.kind + " " + one.type + " " + one.payload);
    }
    for (std::size_t width = 1; width <= wire.size(); ++width) ASSERT_EQ(decode(wire, width), want) << width;
}

TEST(EventStream, ACutAnywhereInsideAMessageIsATruncation) {
    const std::string wire = frames().at(0).bytes;
    EXPECT_EQ(decode("", 1), outcome());
    for (std::size_t cut = 1; cut < wire.size(); ++cut)
        EXPECT_EQ(decode(wire.substr(0, cut), 7).failure, "truncated: the stream ended inside a message")
            << cut;
}

TEST(EventStream, EveryChangedBitIsFound) {
    const std::string wire = frames().at(1).bytes;
    for (std::size_t bit = 0; bit < wire.size() * 8; ++bit) {
        std::string changed = wire;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
        const outcome got = decode(changed, 5);
        EXPECT_TRUE(got.messages.empty()) << bit;
        EXPECT_NE(got.failure.find("checksum"), std::string::npos) << bit << ": " << got.failure;
    }
}

// A message with right sums around whatever headers and lengths.
std::string sealed(std::string_view headers, std::string_view payload, std::uint32_t headers_length,
                   std::uint32_t total) {
    const auto u32 = [](std::uint32_t n) {
        return std::string{static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                           static_cast<char>(n)};
    };
    // Bit by bit, unlike the decoder's.
    const auto crc = [](std::string_view bytes) {
        std::uint32_t sum = ~0u;
        for (const char byte : bytes) {
            sum ^= static_cast<unsigned char>(byte);
            for (int i = 0; i < 8; ++i) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0xEDB88320u : 0);
        }
        return ~sum;
    };
    std::string all = u32(total) + u32(headers_length);
    all += u32(crc(all));
    all.append(headers).append(payload);
    return all + u32(crc(all));
}
std::string sealed(std::string_view headers, std::string_view payload) {
    const std::size_t total = 16 + headers.size() + payload.size();
    return sealed(headers, payload, static_cast<std::uint32_t>(headers.size()),
                  static_cast<std::uint32_t>(total));
}

TEST(EventStream, EveryTypeOfHeaderIsPassedOver) {
    using namespace std::string_literals;
    const std::array types{"\x00"s,
                           "\x01"s,
                           "\x02"s + "b",
                           "\x03"s + "sh",
                           "\x04"s + "intg",
                           "\x05"s + "12345678",
                           "\x06\x00\x02xy"s,
                           "\x07\x00\x02st"s,
                           "\x08"s + "12345678",
                           "\x09"s + "0123456789abcdef"};
    std::string headers;
    for (const std::string& value : types) headers += "\x01n"s + value;
    headers += "\x04name\x07\x00\x05value"s;
    const std::string wire = sealed(headers, "{}");
    event_stream_decoder decoder;
    decoder.feed(wire);
    event_stream_message message;
    ASSERT_TRUE(decoder.next(message).value());
    EXPECT_EQ(message.text("name"), "value");
    EXPECT_EQ(message.text("n"), "st") << "only a string is text";
    EXPECT_EQ(message.text("other"), "");
    EXPECT_EQ(message.payload, "{}");
    EXPECT_EQ(decoder.bytes_copied(), 0u);
    EXPECT_EQ(decoder.messages(), 1u);
}

TEST(EventStream, RefusesWhatNoMessageCanBe) {
    using namespace std::string_literals;
    EXPECT_EQ(decode(sealed("", "", 0, 15), 3).failure, "malformed event stream: contradictory lengths");
    EXPECT_EQ(decode(sealed("", "", 1, 16), 3).failure, "malformed event stream: contradictory lengths");
    EXPECT_EQ(decode(sealed("", "", 0, 5000), 3).failure,
              "malformed event stream: a message is longer than the limit");
    for (const std::string& bad : {"\x01"s, "\x00\x00"s, "\x05name"s, "\x01n\x0a"s, "\x01n\x07\x00"s,
                                   "\x01n\x07\x00\x02x"s, "\x01n\x09"s + "0123"})
        EXPECT_EQ(decode(sealed(bad, ""), 4).failure, "malformed event stream: bad header");
    EXPECT_EQ(decode(sealed("", ""), 1).messages.size(), 1u) << "the least there can be";
}

} // namespace
} // namespace modelmesh::proto
