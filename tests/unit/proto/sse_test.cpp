#include "proto/sse.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace modelmesh::proto {
namespace {

struct owned_event {
    std::string event;
    std::string data;
    bool operator==(const owned_event&) const = default;
};

std::ostream& operator<<(std::ostream& out, const owned_event& e) { return out << e.event << "=" << e.data; }

// Keeps each slice in a heap block of exactly its size, so that a sanitizer sees reads outside of it.
class feeder {
public:
    explicit feeder(std::size_t limit = sse_decoder::default_limit) : decoder(limit) {}

    bool feed(std::string_view bytes) {
        const auto slice = std::make_unique<char[]>(bytes.size());
        bytes.copy(slice.get(), bytes.size());
        decoder.feed({slice.get(), bytes.size()});
        sse_event event;
        for (;;) {
            const result<bool> more = decoder.next(event);
            if (!more) return false;
            if (!*more) return true;
            events.push_back({std::string(event.event), std::string(event.data)});
        }
    }

    sse_decoder decoder;
    std::vector<owned_event> events;
};

using events = std::vector<owned_event>;

events decode_whole(std::string_view wire) {
    feeder f;
    EXPECT_TRUE(f.feed(wire));
    return f.events;
}

void expect_every_split(std::string_view wire, const events& want, std::uint64_t comments = 0) {
    for (std::size_t first = 0; first <= wire.size(); ++first) {
        feeder f;
        EXPECT_TRUE(f.feed(wire.substr(0, first)));
        EXPECT_TRUE(f.feed(wire.substr(first)));
        EXPECT_EQ(f.events, want) << "cut at byte " << first;
        EXPECT_EQ(f.decoder.comments(), comments) << "cut at byte " << first;
        EXPECT_TRUE(f.decoder.finish()) << "cut at byte " << first;
    }
    feeder f;
    for (const char byte : wire) EXPECT_TRUE(f.feed({&byte, 1}));
    EXPECT_EQ(f.events, want) << "byte by byte";
    EXPECT_EQ(f.decoder.comments(), comments) << "byte by byte";
    EXPECT_TRUE(f.decoder.finish());
}

TEST(SseDecoder, EverySplitYieldsTheSameEvents) {
    expect_every_split("event: x\r\ndata:{\"a\":1}\r\n\r\n:ping\n\ndata: one\ndata: two\n\n",
                       {{"x", "{\"a\":1}"}, {"", "one\ntwo"}}, 1);
}

TEST(SseDecoder, LineEndsMayBeMixed) {
    expect_every_split("data: a\rdata: b\r\rdata: c\r\n\ndata: d\n\r\ndata: e\n\r",
                       {{"", "a\nb"}, {"", "c"}, {"", "d"}, {"", "e"}});
}

TEST(SseDecoder, ACarriageReturnEndsAnEventWithoutWaitingForMore) {
    EXPECT_EQ(decode_whole("data: a\r\r"), (events{{"", "a"}}));
    EXPECT_EQ(decode_whole("data: a\r\n\r"), (events{{"", "a"}}));
}

TEST(SseDecoder, SplitsInsideUtf8AreInvisible) {
    expect_every_split("data: \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\n\n",
                       {{"", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"}});
}

TEST(SseDecoder, AByteOrderMarkAtTheStartIsDropped) {
    expect_every_split("\xEF\xBB\xBF"
                       "data: a\n\ndata: \xEF\xBB\xBF\n\n",
                       {{"", "a"}, {"", "\xEF\xBB\xBF"}});
    expect_every_split("\xEF\xBB"
                       "data: a\n\ndata: b\n\n",
                       {{"", "b"}}); // not a mark, so the first line is a field nobody knows
    expect_every_split("\xEF\xBB\n\ndata: b\n\n", {{"", "b"}});
}

TEST(SseDecoder, OneBlankAfterTheColonIsDropped) {
    expect_every_split("data:  a \ndata:b\ndata\n\n", {{"", " a \nb\n"}});
}

TEST(SseDecoder, AnEventWithoutDataIsNoneAndEmptyDataIsOne) {
    expect_every_split("event: x\n\n\n\ndata\n\ndata:\n\n", {{"", ""}, {"", ""}});
}

TEST(SseDecoder, OtherFieldsAreIgnored) {
    expect_every_split("id: 7\nretry: 10\nfoo: bar\nDATA: no\ndata: a\n\n", {{"", "a"}});
}

TEST(SseDecoder, TheLastEventNameWinsAndDoesNotLeak) {
    expect_every_split("event: x\nevent: y\ndata: a\n\ndata: b\n\n", {{"y", "a"}, {"", "b"}});
}

TEST(SseDecoder, CommentsAreCountedWhereverTheyStand) {
    expect_every_split(": one\n:\n\n: two\r\ndata: a\n: three\ndata: b\n\n", {{"", "a\nb"}}, 4);
}

TEST(SseDecoder, HeartbeatsWithoutBlankLinesDoNotPileUp) {
    feeder f(16);
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(f.feed(": pi"));
        EXPECT_TRUE(f.feed("ng\n"));
    }
    EXPECT_TRUE(f.feed("data: a\n\n"));
    EXPECT_EQ(f.events, (events{{"", "a"}}));
    EXPECT_EQ(f.decoder.comments(), 100u);
}

TEST(SseDecoder, AnEventInsideOneSliceIsNotCopied) {
    const std::string wire = "event: e\ndata: abc\n\ndata: defg\r\n\r\n: c\n\n";
    sse_decoder decoder;
    decoder.feed(wire);
    sse_event event;
    while (decoder.next(event).value()) {
        EXPECT_GE(event.data.data(), wire.data());
        EXPECT_LE(event.data.data() + event.data.size(), wire.data() + wire.size());
    }
    EXPECT_EQ(decoder.events(), 2u);
    EXPECT_EQ(decoder.bytes_copied(), 0u);
}

TEST(SseDecoder, OnlyTheStraddlingEventIsCopied) {
    feeder f;
    EXPECT_TRUE(f.feed("data: whole\n\ndata: be"));
    EXPECT_EQ(f.decoder.bytes_copied(), 8u);
    EXPECT_TRUE(f.feed("gun\n\ndata: whole\n\n"));
    EXPECT_EQ(f.decoder.bytes_copied(), 12u);
    EXPECT_EQ(f.events, (events{{"", "whole"}, {"", "begun"}, {"", "whole"}}));
}

TEST(SseDecoder, CopiedDataHasReadablePadding) {
    sse_decoder decoder;
    sse_event event;
    decoder.feed("data: {\"a\"");
    EXPECT_FALSE(decoder.next(event).value());
    decoder.feed(":1}\n\n");
    EXPECT_TRUE(decoder.next(event).value());
    EXPECT_EQ(event.data, "{\"a\":1}");
    int sum = 0; // a sanitizer checks the reads
    for (std::size_t i = 0; i < sse_decoder::padding; ++i)
        sum += event.data.data()[event.data.size() + i] != 0;
    EXPECT_LE(sum, 2); // the line ends

    const std::string two = "data: 1\ndata: 2\n\n";
    decoder.feed(two);
    EXPECT_TRUE(decoder.next(event).value());
    EXPECT_EQ(event.data, "1\n2");
    for (std::size_t i = 0; i < sse_decoder::padding; ++i)
        EXPECT_EQ(event.data.data()[event.data.size() + i], 0);
}

TEST(SseDecoder, AnUnfinishedEventIsReportedAndNotDelivered) {
    const std::string_view wire = "data: a\n\nevent: x\ndata: b\n\n";
    const std::size_t first_end = wire.find("event");
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        feeder f;
        EXPECT_TRUE(f.feed(wire.substr(0, cut)));
        const result<void> end = f.decoder.finish();
        EXPECT_EQ(end.has_value(), cut == 0 || cut == first_end || cut == wire.size())
            << "cut at byte " << cut;
        if (!end) {
            EXPECT_EQ(end.error().kind(), errc::protocol);
            EXPECT_NE(end.error().message.find("truncated"), std::string::npos);
        }
        EXPECT_EQ(f.events.size(), (cut >= first_end ? 1u : 0u) + (cut == wire.size() ? 1u : 0u));
    }
}

TEST(SseDecoder, AnUnfinishedCommentIsNoEvent) {
    feeder f;
    EXPECT_TRUE(f.feed("data: a\n\n: pin"));
    EXPECT_TRUE(f.decoder.finish());
}

TEST(SseDecoder, AnEventLongerThanTheLimitFails) {
    const std::string wire = "data: a\n\ndata: " + std::string(40, 'x') + "\n\ndata: b\n\n";
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        feeder f(32);
        EXPECT_FALSE(f.feed(wire.substr(0, cut)) && f.feed(wire.substr(cut))) << "cut at byte " << cut;
        EXPECT_EQ(f.events, (events{{"", "a"}}));
        EXPECT_FALSE(f.feed("data: c\n\n")) << "a failed decoder stays failed";
        EXPECT_EQ(f.decoder.finish().error().kind(), errc::protocol);
    }
    feeder exact(47); // the event and its first line end
    EXPECT_TRUE(exact.feed(wire));
}

} // namespace
} // namespace modelmesh::proto
