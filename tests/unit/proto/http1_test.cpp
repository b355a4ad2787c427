#include "proto/http1.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::proto {
namespace {

using event = response_parser::event;

// Collects one response, fed in pieces that lie in heap blocks of exactly their size.
class reader {
public:
    explicit reader(bool to_head = false, response_limits limits = response_limits()) : parser(limits) {
        parser.start(to_head);
    }

    void feed(std::string_view bytes) {
        if (parser.ended()) {
            left_over += bytes;
            return;
        }
        const auto piece = std::make_unique<char[]>(bytes.size());
        bytes.copy(piece.get(), bytes.size());
        std::string_view input(piece.get(), bytes.size());
        while (failure.empty()) {
            std::string_view slice;
            const result<event> got = parser.step(input, slice);
            if (!got) {
                EXPECT_EQ(got.error().kind(), errc::protocol);
                failure = got.error().message;
            } else if (*got == event::head) {
                ++heads;
            } else if (*got == event::body) {
                EXPECT_FALSE(slice.empty());
                EXPECT_GE(slice.data(), piece.get()) << "a slice is a view into what was fed";
                EXPECT_LE(slice.data() + slice.size(), piece.get() + bytes.size());
                body += slice;
            } else {
                left_over += input;
                return;
            }
        }
    }

    response_parser parser;
    int heads = 0;
    std::string body;
    std::string left_over;
    std::string failure;
};

template <class Check> void with_every_split(std::string_view wire, Check check, bool to_head = false) {
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        SCOPED_TRACE("cut at byte " + std::to_string(cut));
        reader r(to_head);
        r.feed(wire.substr(0, cut));
        r.feed(wire.substr(cut));
        check(r);
    }
    SCOPED_TRACE("byte by byte");
    reader r(to_head);
    for (const char byte : wire) r.feed({&byte, 1});
    check(r);
}

std::string failure_of(std::string_view wire) {
    std::string whole;
    {
        reader r;
        r.feed(wire);
        whole = r.failure;
    }
    with_every_split(wire, [&whole](reader& r) { EXPECT_EQ(r.failure, whole); });
    return whole;
}

TEST(ResponseParser, ReadsACountedBody) {
    with_every_split(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Empty:\r\nContent-Length: 5\r\n\r\nhello",
        [](reader& r) {
            EXPECT_EQ(r.failure, "");
            EXPECT_EQ(r.heads, 1);
            EXPECT_EQ(r.parser.status(), 200);
            EXPECT_EQ(r.parser.headers().get("content-type"), "text/plain");
            EXPECT_TRUE(r.parser.headers().contains("x-empty"));
            EXPECT_EQ(r.body, "hello");
            EXPECT_TRUE(r.parser.ended());
            EXPECT_TRUE(r.parser.keep_alive());
            EXPECT_EQ(r.left_over, "");
        });
}

TEST(ResponseParser, ReadsAChunkedBodyWithExtensionsAndTrailers) {
    with_every_split(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
        "5\r\nhello\r\n006;a=b\r\n world\r\nA ; q=\"x;y\"\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n",
        [](reader& r) {
            EXPECT_EQ(r.failure, "");
            EXPECT_EQ(r.body, "hello world0123456789");
            EXPECT_TRUE(r.parser.ended());
            EXPECT_TRUE(r.parser.keep_alive());
            EXPECT_EQ(r.parser.trailers().get("x-sum"), "1");
            EXPECT_EQ(r.parser.trailers().get("x-b"), "2");
            EXPECT_FALSE(r.parser.headers().contains("x-sum"));
        });
}

TEST(ResponseParser, ABodyWithoutLengthEndsWithTheConnection) {
    with_every_split("HTTP/1.1 200 OK\r\n\r\nhello", [](reader& r) {
        EXPECT_EQ(r.failure, "");
        EXPECT_FALSE(r.parser.ended());
        EXPECT_EQ(r.body, "hello");
        EXPECT_TRUE(r.parser.finish());
        EXPECT_TRUE(r.parser.ended());
        EXPECT_FALSE(r.parser.keep_alive());
    });
}

TEST(ResponseParser, SkipsInterimResponses) {
    with_every_split("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                     "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
                     [](reader& r) {
                         EXPECT_EQ(r.failure, "");
                         EXPECT_EQ(r.heads, 1);
                         EXPECT_EQ(r.parser.status(), 201);
                         EXPECT_FALSE(r.parser.headers().contains("link"));
                         EXPECT_TRUE(r.parser.ended());
                     });
}

TEST(ResponseParser, SomeResponsesHaveNoBodyWhateverTheHeadSays) {
    with_every_split(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        [](reader& r) {
            EXPECT_TRUE(r.parser.ended());
            EXPECT_EQ(r.parser.content_length(), 5u);
        },
        true);
    with_every_split(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        [](reader& r) { EXPECT_TRUE(r.parser.ended()); }, true);
    with_every_split("HTTP/1.1 204 No Content\r\n\r\n", [](reader& r) { EXPECT_TRUE(r.parser.ended()); });
    with_every_split("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
                     [](reader& r) { EXPECT_TRUE(r.parser.ended()); });
}

TEST(ResponseParser, BytesAfterTheMessageAreLeft) {
    with_every_split("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 ", [](reader& r) {
        EXPECT_EQ(r.body, "ok");
        EXPECT_EQ(r.left_over, "HTTP/1.1 ");
    });
    with_every_split("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n", [](reader& r) {
        EXPECT_TRUE(r.parser.ended());
        EXPECT_EQ(r.left_over, "\r\n");
    });
}

TEST(ResponseParser, OneParserReadsResponseAfterResponse) {
    reader r;
    r.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: 1\r\n\r\n");
    EXPECT_TRUE(r.parser.ended());
    r.parser.start(false);
    r.feed("HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nb");
    EXPECT_TRUE(r.parser.ended());
    EXPECT_EQ(r.failure, "");
    EXPECT_EQ(r.body, "ab");
    EXPECT_EQ(r.parser.status(), 404);
    EXPECT_EQ(r.parser.headers().size(), 1u);
    EXPECT_EQ(r.parser.trailers().size(), 0u);
}

TEST(ResponseParser, PersistenceFollowsVersionAndConnectionField) {
    const std::vector<std::pair<std::string, bool>> cases{
        {"HTTP/1.1 200 OK\r\n", true},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\n", false},
        {"HTTP/1.1 200 OK\r\nConnection: x, Close\r\n", false},
        {"HTTP/1.1 200 OK\r\nConnection: closed\r\n", true},
        {"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n", false},
        {"HTTP/1.0 200 OK\r\n", false},
        {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n", true},
    };
    for (const auto& [head, persists] : cases) {
        reader r;
        r.feed(head + "Content-Length: 0\r\n\r\n");
        EXPECT_EQ(r.failure, "") << head;
        EXPECT_EQ(r.parser.keep_alive(), persists) << head;
    }
}

TEST(ResponseParser, AcceptsAnEmptyReasonWithAndWithoutItsBlank) {
    for (const std::string_view line :
         {"HTTP/1.1 200\r\n", "HTTP/1.1 200 \r\n", "HTTP/1.1 200 \xC3\xA4 ok\r\n"}) {
        reader r;
        r.feed(std::string(line) + "Content-Length: 0\r\n\r\n");
        EXPECT_EQ(r.failure, "") << line;
    }
}

TEST(ResponseParser, EqualContentLengthsAreOne) {
    reader r;
    r.feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na");
    EXPECT_TRUE(r.parser.ended());
}

TEST(ResponseParser, RefusesWhatTwoReadersCouldReadDifferently) {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
    const std::vector<std::pair<std::string, std::string>> cases{
        {"HTTP/2 200 OK\r\n\r\n", "status line"},
        {"HTTP/1.2 200 OK\r\n\r\n", "status line"},
        {"HTTP/1.1  200 OK\r\n\r\n", "status code"},
        {"HTTP/1.1 20 OK\r\n\r\n", "status code"},
        {"HTTP/1.1 099 OK\r\n\r\n", "status code"},
        {"HTTP/1.1 2000\r\n\r\n", "status code"},
        {"HTTP/1.1 +20 OK\r\n\r\n", "status code"},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", "status line"},
        {"SSH-2.0-x\r\n", "status line"},
        {"HTTP/1.1 200 OK\nA: b\n\n", "CR LF"},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "protocol"},
        {ok + "A: b\n\r\n", "CR LF"},
        {ok + "A: b\rc\r\n\r\n", "control"},
        {ok + "A: b" + std::string(1, '\0') + "\r\n\r\n", "control"},
        {ok + "A: b\r\n c\r\n\r\n", "folded"},
        {ok + "A : b\r\n\r\n", "field name"},
        {ok + ": b\r\n\r\n", "field name"},
        {ok + "no colon\r\n\r\n", "field name"},
        {ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "contradictory"},
        {ok + "Content-Length: 5, 5\r\n\r\n", "content-length"},
        {ok + "Content-Length: +5\r\n\r\n", "content-length"},
        {ok + "Content-Length: -5\r\n\r\n", "content-length"},
        {ok + "Content-Length: 0x5\r\n\r\n", "content-length"},
        {ok + "Content-Length:\r\n\r\n", "content-length"},
        {ok + "Content-Length: 18446744073709551616\r\n\r\n", "content-length"},
        {ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "both"},
        {ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", "other than chunked"},
        {ok + "Transfer-Encoding: identity\r\n\r\n", "other than chunked"},
        {ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "other than chunked"},
        {ok + "Transfer-Encoding: \vchunked\r\n\r\n", "control"},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0"},
        {chunked + "g\r\n", "chunk size"},
        {chunked + "\r\n", "chunk size"},
        {chunked + "-1\r\n", "chunk size"},
        {chunked + "0x1\r\na\r\n", "chunk size"},
        {chunked + "1 \r\na\r\n", "chunk size"},
        {chunked + " 1\r\na\r\n", "chunk size"},
        {chunked + ";x\r\n", "chunk size"},
        {chunked + "1 1;x\r\n", "chunk size"},
        {chunked + "10000000000000000\r\n", "chunk size"},
        {chunked + "1\na\r\n", "CR LF"},
        {chunked + "1\r\nab\r\n", "longer than its size"},
        {chunked + "1\r\na\n", "longer than its size"},
        {chunked + "1\r\na\r\r", "longer than its size"},
        {chunked + "0\r\n folded\r\n\r\n", "folded"},
    };
    for (const auto& [wire, reason] : cases)
        EXPECT_NE(failure_of(wire).find(reason), std::string::npos) << wire << " gave: " << failure_of(wire);
}

TEST(ResponseParser, AFailureStays) {
    reader r;
    r.feed("nonsense\r\n");
    EXPECT_NE(r.failure, "");
    std::string_view more = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    std::string_view slice;
    EXPECT_FALSE(r.parser.step(more, slice));
    EXPECT_FALSE(r.parser.finish());
    EXPECT_FALSE(r.parser.keep_alive());
}

TEST(ResponseParser, LimitsHoldForEverySplit) {
    response_limits limits;
    limits.line = 64;
    limits.head_bytes = 128;
    limits.head_fields = 4;
    limits.interim = 2;
    std::string interim;
    for (int i = 0; i < 3; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
    std::string long_head = ok;
    for (int i = 0; i < 3; ++i) long_head += "A: " + std::string(50, 'x') + "\r\n";
    const std::vector<std::pair<std::string, std::string>> cases{
        {ok + "A: " + std::string(80, 'x') + "\r\n\r\n", "line is too long"},
        {std::string(80, 'x'), "line is too long"},
        {ok + "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n", "too many fields"},
        {long_head, "head is too long"},
        {interim, "too many interim"},
        {chunked + "1;" + std::string(80, 'x') + "\r\n", "line is too long"},
        {chunked + "0\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n", "too many fields"},
    };
    for (const auto& [wire, reason] : cases) {
        for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
            reader r(false, limits);
            r.feed(wire.substr(0, cut));
            r.feed(wire.substr(cut));
            EXPECT_NE(r.failure.find(reason), std::string::npos)
                << reason << ", got " << r.failure << " at " << cut;
        }
    }
}

TEST(ResponseParser, EveryCutOfAFramedMessageIsTruncated) {
    for (const std::string_view wire :
         {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n"}) {
        for (std::size_t cut = 0; cut < wire.size(); ++cut) {
            reader r;
            r.feed(wire.substr(0, cut));
            EXPECT_EQ(r.failure, "");
            const result<void> end = r.parser.finish();
            EXPECT_FALSE(end) << "cut at byte " << cut;
            if (end) continue;
            EXPECT_EQ(end.error().kind(), errc::protocol);
            EXPECT_NE(end.error().message.find("truncated"), std::string::npos);
            EXPECT_EQ(r.parser.started(), cut > 0);
        }
    }
}

class RequestHead : public testing::Test {
protected:
    RequestHead() {
        defaults.host = "api.example.com:8080";
        defaults.user_agent = "modelmesh/1";
    }
    std::string head() const {
        EXPECT_TRUE(check_request(request));
        std::string text;
        write_request_head(text, request, defaults);
        return text;
    }

    request_defaults defaults;
    http::request request;
};

TEST_F(RequestHead, HasTheExactBytes) {
    request.method = "POST";
    request.target = "/v1/chat/completions?x=1";
    request.headers.add("Authorization", "Bearer k");
    request.headers.add("Content-Type", "application/json");
    request.body = "{}";
    EXPECT_EQ(head(), "POST /v1/chat/completions?x=1 HTTP/1.1\r\n"
                      "Host: api.example.com:8080\r\n"
                      "User-Agent: modelmesh/1\r\n"
                      "Accept-Encoding: identity\r\n"
                      "Authorization: Bearer k\r\n"
                      "Content-Type: application/json\r\n"
                      "Content-Length: 2\r\n\r\n");
}

TEST_F(RequestHead, AGetHasNoLengthAndAnEmptyPostHas) {
    EXPECT_EQ(head().find("Content-Length"), std::string::npos);
    request.method = "POST";
    EXPECT_NE(head().find("Content-Length: 0\r\n"), std::string::npos);
}

TEST_F(RequestHead, TheRequestsOwnFieldsWin) {
    request.headers.add("user-agent", "mine/2");
    request.headers.add("host", "signed.example.com");
    const std::string text = head();
    EXPECT_EQ(text.find("modelmesh/1"), std::string::npos);
    EXPECT_EQ(text.find("api.example.com"), std::string::npos);
    EXPECT_NE(text.find("user-agent: mine/2\r\n"), std::string::npos);
}

TEST_F(RequestHead, NothingCanBeSmuggledIn) {
    const auto refused = [](auto change) {
        http::request bad;
        change(bad);
        const result<void> fit = check_request(bad);
        EXPECT_FALSE(fit);
        if (fit) return std::string();
        EXPECT_EQ(fit.error().kind(), errc::config);
        return fit.error().message;
    };
    refused([](http::request& r) { r.method = "GET /"; });
    refused([](http::request& r) { r.method = ""; });
    refused([](http::request& r) { r.target = ""; });
    refused([](http::request& r) { r.target = "x"; });
    refused([](http::request& r) { r.target = "/a b"; });
    refused([](http::request& r) { r.target = "/a\r\nX: y"; });
    refused([](http::request& r) { r.headers.add("A\r\nB", "c"); });
    refused([](http::request& r) { r.headers.add("", "c"); });
    refused([](http::request& r) { r.headers.add("Content-Length", "1"); });
    refused([](http::request& r) { r.headers.add("transfer-encoding", "chunked"); });
    refused([](http::request& r) { r.headers.add("Connection", "close"); });
    const std::string text =
        refused([](http::request& r) { r.headers.add("Authorization", "secret\r\nX: y"); });
    EXPECT_NE(text.find("Authorization"), std::string::npos);
    EXPECT_EQ(text.find("secret"), std::string::npos) << "a value never appears in a message";
}

} // namespace
} // namespace modelmesh::proto
