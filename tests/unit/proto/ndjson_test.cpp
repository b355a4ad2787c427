#include "proto/ndjson.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace modelmesh::proto {
namespace {

// The lines of a stream fed in slices of `width`; each in a block of exactly its size, for a sanitizer.
std::vector<std::string> lines_of(std::string_view wire, std::size_t width, std::size_t limit = 1000) {
    ndjson_decoder decoder(limit);
    std::vector<std::string> lines;
    std::string_view line;
    for (std::size_t at = 0; at < wire.size(); at += width) {
        const std::string_view piece = wire.substr(at, width);
        const auto slice = std::make_unique<char[]>(piece.size());
        piece.copy(slice.get(), piece.size());
        decoder.feed({slice.get(), piece.size()});
        for (;;) {
            const result<bool> more = decoder.next(line);
            if (!more) {
                EXPECT_FALSE(decoder.next(line)) << "a failure repeats";
                lines.push_back("failed: " + more.error().message);
                return lines;
            }
            if (!*more) break;
            lines.emplace_back(line);
        }
    }
    if (decoder.finish(line).value()) lines.push_back("last: " + std::string(line));
    EXPECT_FALSE(decoder.finish(line).value()) << "given once";
    return lines;
}

using list = std::vector<std::string>;

TEST(Ndjson, EverySplitGivesTheSameLines) {
    const std::string_view wire = "{\"a\":1}\n\r\n {\"b\":\"\xC3\xA4\"}\r\n\n \t\n[]\nno end";
    const list want{"{\"a\":1}", " {\"b\":\"\xC3\xA4\"}", "[]", "last: no end"};
    for (std::size_t width = 1; width <= wire.size(); ++width)
        EXPECT_EQ(lines_of(wire, width), want) << width;
}

TEST(Ndjson, TheEndOfTheLastLineMayBeMissing) {
    EXPECT_EQ(lines_of("", 1), list());
    EXPECT_EQ(lines_of("{}\n", 2), list{"{}"});
    EXPECT_EQ(lines_of("{}\n{}", 2), (list{"{}", "last: {}"}));
    EXPECT_EQ(lines_of("{}\n  ", 2), list{"{}"});
}

TEST(Ndjson, ALineOfTheLimitPassesAndALongerOneFails) {
    const std::string failed = "failed: a line of the stream is longer than 8 bytes";
    for (std::size_t width = 1; width <= 10; ++width) {
        EXPECT_EQ(lines_of("12345678\n", width, 8), list{"12345678"});
        EXPECT_EQ(lines_of("ok\n123456789\n", width, 8), (list{"ok", failed}));
    }
}

TEST(Ndjson, CopiesOnlyWhatStraddlesSlices) {
    ndjson_decoder decoder;
    std::string_view line;
    const std::string whole = "{\"whole\":1}\n{\"wh";
    decoder.feed(whole);
    ASSERT_TRUE(decoder.next(line).value());
    EXPECT_EQ(line.data(), whole.data());
    EXPECT_FALSE(decoder.next(line).value());
    EXPECT_EQ(decoder.bytes_copied(), 4u);
    decoder.feed("ole\":2}\n");
    ASSERT_TRUE(decoder.next(line).value());
    EXPECT_EQ(line, "{\"whole\":2}");
    EXPECT_EQ(decoder.bytes_copied(), line.size());
    EXPECT_EQ(decoder.lines(), 2u);
}

} // namespace
} // namespace modelmesh::proto
