#include "proto/http1_server.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::proto {
namespace {

using event = request_parser::event;

// Collects requests that follow each other on one connection, fed in pieces that lie in heap blocks of
// exactly their size. A request is one line of text: "method target host [name=value;...] body |trailers".
class reader {
public:
    explicit reader(request_limits limits = request_limits()) : parser(limits) { parser.start(); }

    void feed(std::string_view bytes) {
        const auto piece = std::make_unique<char[]>(bytes.size());
        bytes.copy(piece.get(), bytes.size());
        std::string_view input(piece.get(), bytes.size());
        while (refusal == 0) {
            std::string_view slice;
            const result<event> got = parser.step(input, slice);
            if (!got) {
                EXPECT_EQ(got.error().kind(), errc::protocol);
                EXPECT_FALSE(parser.keep_alive());
                failure = got.error().message;
                refusal = parser.refusal();
            } else if (*got == event::head) {
                add_head();
            } else if (*got == event::body) {
                EXPECT_FALSE(slice.empty());
                EXPECT_GE(slice.data(), piece.get()) << "a slice is a view into what was fed";
                EXPECT_LE(slice.data() + slice.size(), piece.get() + bytes.size());
                requests.back() += slice;
            } else if (*got == event::end) {
                if (parser.trailers().size() != 0) requests.back() += " |";
                for (const http::header field : parser.trailers())
                    requests.back() += std::string(field.name) + "=" + std::string(field.value);
                persistent.push_back(parser.keep_alive());
                parser.start();
            } else {
                EXPECT_TRUE(input.empty());
                return;
            }
        }
    }

    request_parser parser;
    std::vector<std::string> requests;
    std::vector<bool> persistent;
    int refusal = 0;
    std::string failure;

private:
    void add_head() {
        std::string text(parser.method());
        text.append(" ").append(parser.target()).append(" ").append(parser.host()).append(" ");
        if (parser.expects_continue()) text += "expects ";
        for (const http::header field : parser.headers())
            if (field.name.starts_with("X-"))
                text += std::string(field.name) + "=" + std::string(field.value) + ";";
        requests.push_back(text);
    }
};

// Gives the same for every split into two pieces, and byte by byte.
template <class Check>
void with_every_split(std::string_view wire, Check check, request_limits limits = request_limits()) {
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        SCOPED_TRACE("cut at byte " + std::to_string(cut));
        reader r(limits);
        r.feed(wire.substr(0, cut));
        r.feed(wire.substr(cut));
        check(r);
    }
    SCOPED_TRACE("byte by byte");
    reader r(limits);
    for (const char& byte : wire) r.feed({&byte, 1});
    check(r);
}

void expect_refused(const std::string& wire, int status, std::string_view reason,
                    request_limits limits = request_limits()) {
    SCOPED_TRACE(wire);
    with_every_split(
        wire,
        [&](const reader& r) {
            EXPECT_EQ(r.refusal, status);
            EXPECT_NE(r.failure.find(reason), std::string::npos) << r.failure;
        },
        limits);
}

TEST(RequestParser, PipelinedRequestsOfEveryKind) {
    constexpr std::string_view wire =
        "GET /a?b=c HTTP/1.1\r\nHost: one\r\nX-A: 1\r\nX-A:2 \r\n\r\n"
        "POST /p HTTP/1.1\r\nhost: two:80\r\nContent-Length: 5\r\n\r\nhello"
        "\r\n" // what an old client sends behind a body
        "PUT /c HTTP/1.1\r\nHost: [::1]:8080\r\nTransfer-Encoding: Chunked\r\nExpect: 100-continue\r\n\r\n"
        "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-T: t\r\n\r\n"
        "OPTIONS * HTTP/1.1\r\nHost: three\r\n\r\n"
        "GET / HTTP/1.0\r\n\r\n";
    with_every_split(wire, [](const reader& r) {
        EXPECT_EQ(r.failure, "");
        const std::vector<std::string> want{"GET /a?b=c one X-A=1;X-A=2;", "POST /p two:80 hello",
                                            "PUT /c [::1]:8080 expects abc0123456789 |X-T=t",
                                            "OPTIONS * three ", "GET /  "};
        EXPECT_EQ(r.requests, want);
        EXPECT_EQ(r.persistent, (std::vector<bool>{true, true, true, true, false}));
        EXPECT_FALSE(r.parser.started());
    });
}

TEST(RequestParser, FormsOfTheTarget) {
    const std::vector<std::pair<std::string, std::string>> good{
        {"GET http://host/x?y HTTP/1.1", "GET /x?y host "},
        {"GET HTTPS://host:8443 HTTP/1.1", "GET / host:8443 "},
        {"GET http://host?q HTTP/1.1", "GET /?q host "},
        {"OPTIONS http://host HTTP/1.1", "OPTIONS * host "},
        {"GET //x HTTP/1.1", "GET //x field "},
    };
    for (const auto& [line, want] : good) {
        SCOPED_TRACE(line);
        with_every_split(line + "\r\nHost: field\r\n\r\n", [&](const reader& r) {
            EXPECT_EQ(r.failure, "");
            EXPECT_EQ(r.requests, std::vector<std::string>{want});
        });
    }
    for (const std::string line :
         {"GET * HTTP/1.1", "GET x HTTP/1.1", "GET host:80 HTTP/1.1", "GET /a b HTTP/1.1", "GET  / HTTP/1.1",
          "GET /# HTTP/1.1", "GET /\xc3\xa4 HTTP/1.1", "GET ftp://h/ HTTP/1.1", "GET http HTTP/1.1",
          "GET https HTTP/1.1", "GET http: HTTP/1.1", "GET http:/ HTTP/1.1", "CONNECT / HTTP/1.1",
          "CONNECT host HTTP/1.1", "CONNECT * HTTP/1.1"})
        expect_refused(line + "\r\nHost: h\r\n\r\n", 400, "bad target");
    expect_refused("GET http://user@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad host");
    expect_refused("GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad host");
    expect_refused("CONNECT host:443 HTTP/1.1\r\nHost: h\r\n\r\n", 501, "tunnel");
}

TEST(RequestParser, RefusesBadRequestLines) {
    for (const std::string line : {"GET", "GET /", "GET HTTP/1.1", "GET / HTTP/1.1 ", "GET / http/1.1",
                                   "GET / HTTP/11", "GET / HTTP/1,1", "GET / HTTP/1.10", "GET /\tHTTP/1.1"})
        expect_refused(line + "\r\nHost: h\r\n\r\n", 400, "not an HTTP/1 request line");
    for (const std::string line : {" GET / HTTP/1.1", "G(T / HTTP/1.1", "GET, / HTTP/1.1"})
        expect_refused(line + "\r\nHost: h\r\n\r\n", 400, "bad method");
    expect_refused("GET / HTTP/1.1\nHost: h\n\n", 400, "CR LF");
    expect_refused("GET / HTTP/1.1\r\nHost: h\r\nA: b\rC: d\r\n\r\n", 400, "control character");
    expect_refused("GET / HTTP/2.0\r\n", 505, "version");
    expect_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version");
    expect_refused("GET / HTTP/1.2\r\n", 505, "version");
}

TEST(RequestParser, RefusesHostsThatAreMissingDoubledOrStrange) {
    const std::string line = "GET / HTTP/1.1\r\n";
    expect_refused(line + "\r\n", 400, "no host");
    expect_refused(line + "Host: a\r\nHost: a\r\n\r\n", 400, "more than one host");
    expect_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400, "more than one host");
    for (const std::string host : {"", "a b", "a/b", "a,b", "u@a", "a:b", "a:123456", "a:1:2", "[", "[]",
                                   "[::1", "[::1]x", "[g]", "a?b", "a#b", "a\\b"})
        expect_refused(line + "Host: " + host + "\r\n\r\n", 400, "bad host");
}

TEST(RequestParser, RefusesWhatTwoReadersMightFrameDifferently) {
    const std::string line = "POST / HTTP/1.1\r\nHost: h\r\n";
    const std::string chunked = line + "Transfer-Encoding: chunked\r\n";
    for (const std::string length :
         {"", "+5", "-5", "5,5", "5, 5", "0x5", "5 5", "5.", "٥", "18446744073709551616"})
        expect_refused(line + "Content-Length: " + length + "\r\n\r\n", 400, "bad content-length");
    expect_refused(line + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, "contradictory");
    expect_refused(line + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400, "more than one");
    expect_refused(chunked + "Content-Length: 5\r\n\r\n", 400, "both");
    expect_refused(line + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "both");
    expect_refused(chunked + "Transfer-Encoding: chunked\r\n\r\n", 400, "transfer-encoding");
    expect_refused(chunked + "Transfer-Encoding: gzip\r\n\r\n", 400, "transfer-encoding");
    for (const std::string coding : {"gzip", "gzip, chunked", "chunked, chunked", "chunked;q=1", "identity",
                                     "", "\"chunked\"", "xchunked"})
        expect_refused(line + "Transfer-Encoding: " + coding + "\r\n\r\n", 501, "other than chunked");
    expect_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0");
    expect_refused(line + "Content-Length : 5\r\n\r\n", 400, "bad field name");
    expect_refused(line + "A: b\r\n c\r\n\r\n", 400, "folded");
    expect_refused(line + " A: b\r\n\r\n", 400, "folded");
    expect_refused(line + "A\r\n\r\n", 400, "bad field name");
    for (const std::string size : {"", " 5", "5 ", "-5", "+5", "0x5", "g", "5 5", "11111111111111111"})
        expect_refused(chunked + "\r\n" + size + "\r\n", 400, "bad chunk size");
    expect_refused(chunked + "\r\n5\r\nhello!\r\n", 400, "longer than its size");
    expect_refused(chunked + "\r\n5\nhello", 400, "CR LF");
}

TEST(RequestParser, Expectations) {
    const std::string line = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n";
    expect_refused(line + "Expect: 200-ok\r\n\r\n", 417, "expectation");
    expect_refused(line + "Expect: 100-continue\r\nExpect: x\r\n\r\n", 417, "expectation");
    with_every_split("GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", [](const reader& r) {
        EXPECT_EQ(r.requests, std::vector<std::string>{"GET / h "}) << "nothing to continue with";
    });
    with_every_split("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx",
                     [](const reader& r) { EXPECT_EQ(r.requests, std::vector<std::string>{"POST /  x"}); });
}

TEST(RequestParser, WhetherAnotherRequestMayFollow) {
    const std::vector<std::pair<std::string, bool>> cases{
        {"HTTP/1.1\r\n", true},
        {"HTTP/1.1\r\nConnection: close\r\n", false},
        {"HTTP/1.1\r\nConnection: te, Close\r\n", false},
        {"HTTP/1.0\r\n", false},
        {"HTTP/1.0\r\nConnection: keep-alive\r\n", true},
        {"HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n", false},
    };
    for (const auto& [end, want] : cases) {
        reader r;
        r.feed("GET / " + end + "Host: h\r\n\r\n");
        EXPECT_EQ(r.persistent, std::vector<bool>{want}) << end;
    }
}

TEST(RequestParser, LimitsHoldForEverySplit) {
    request_limits limits;
    limits.line = 64;
    limits.head_bytes = 128;
    limits.head_fields = 4;
    limits.body = 10;
    const std::string line = "POST / HTTP/1.1\r\nHost: h\r\n";
    const std::string chunked = line + "Transfer-Encoding: chunked\r\n\r\n";
    const std::string wide = "A: " + std::string(50, 'x') + "\r\n";
    expect_refused("GET /" + std::string(80, 'x'), 414, "line is too long", limits);
    expect_refused(std::string(80, 'x'), 414, "line is too long", limits);
    std::string blank_lines;
    for (int i = 0; i < 70; ++i) blank_lines += "\r\n";
    expect_refused(blank_lines, 400, "too many empty lines", limits);
    expect_refused(line + "A: " + std::string(80, 'x') + "\r\n\r\n", 431, "line is too long", limits);
    expect_refused(line + "A:\r\nA:\r\nA:\r\nA:\r\n\r\n", 431, "too many fields", limits);
    expect_refused(line + wide + wide + "\r\n", 431, "head is too long", limits);
    const std::string also_bad = "A: \x01" + std::string(49, 'x');
    expect_refused(line + wide + also_bad + "\r\n", 431, "head is too long", limits);
    expect_refused(line + wide + wide.substr(0, 53) + "\n", 431, "head is too long", limits);
    expect_refused(line + "Content-Length: 11\r\n\r\n", 413, "body is too long", limits);
    expect_refused(chunked + "5\r\nhello\r\n6\r\n", 413, "body is too long", limits);
    expect_refused(chunked + "ffffffffffffffff\r\n", 413, "body is too long", limits);
    expect_refused(chunked + "1;" + std::string(80, 'x') + "\r\n", 400, "line is too long", limits);
    expect_refused(chunked + "0\r\n" + wide + wide + wide, 431, "head is too long", limits);
    with_every_split(
        chunked + "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n",
        [](const reader& r) { EXPECT_EQ(r.requests, std::vector<std::string>{"POST / h helloworld"}); },
        limits);
}

TEST(RequestParser, EmptyLinesBeforeARequestAreNoPartOfIt) {
    reader r;
    for (const std::string_view bytes : {"\r", "\n", "\r\n", "\r\n\r"}) {
        r.feed(bytes);
        EXPECT_FALSE(r.parser.started());
    }
    r.feed("\nG");
    EXPECT_TRUE(r.parser.started());
    r.feed("ET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n");
    EXPECT_EQ(r.requests, std::vector<std::string>{"GET / h "});
    EXPECT_FALSE(r.parser.started());
    r.feed("GET");
    EXPECT_TRUE(r.parser.started());
}

TEST(RequestParser, ExtensionsOfAllChunksAreLimitedTogether) {
    request_limits limits;
    limits.head_bytes = 64;
    const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string extended = "1;" + std::string(30, 'x') + "\r\na\r\n"; // 16 of 32 are counted
    const std::string padded = std::string(31, '0') + "1\r\na\r\n";
    for (const std::string& chunk : {extended, padded}) {
        std::string wire = head;
        for (int i = 0; i < 4; ++i) wire += chunk;
        with_every_split(
            wire + "0\r\n\r\n",
            [](const reader& r) { EXPECT_EQ(r.requests, std::vector<std::string>{"POST / h aaaa"}); },
            limits);
        expect_refused(wire + chunk, 400, "around the sizes of chunks", limits);
    }
    std::string plain = head; // small chunks are no abuse
    for (int i = 0; i < 100; ++i) plain += "1\r\na\r\n";
    reader r(limits);
    r.feed(plain + "0\r\n\r\n");
    EXPECT_EQ(r.requests, std::vector<std::string>{"POST / h " + std::string(100, 'a')});
}

TEST(RequestParser, EveryCutIsTruncated) {
    constexpr std::string_view wire =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    for (std::size_t cut = 0; cut < wire.size(); ++cut) {
        reader r;
        r.feed(wire.substr(0, cut));
        EXPECT_EQ(r.failure, "");
        EXPECT_EQ(r.parser.started(), cut > 0);
        EXPECT_FALSE(r.parser.finish()) << "cut at byte " << cut;
    }
}

std::string written(int status, const http::headers& headers, const response_frame& frame) {
    std::string out = "before|";
    const result<void> done = write_response_head(out, status, headers, frame);
    if (!done) return out + done.error().message;
    return out;
}

TEST(ResponseHead, IsWrittenAsGiven) {
    http::headers headers;
    headers.add("Content-Type", "text/plain");
    headers.add("X-Empty", "");
    response_frame frame(body_framing::counted, 12);
    frame.date = "now";
    EXPECT_EQ(written(200, headers, frame),
              "before|HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Empty: \r\n"
              "Date: now\r\nContent-Length: 12\r\n\r\n");
    headers.clear();
    headers.add("date", "then");
    frame.framing = body_framing::chunked;
    EXPECT_EQ(written(599, headers, frame),
              "before|HTTP/1.1 599 \r\ndate: then\r\nTransfer-Encoding: chunked\r\n\r\n");
    headers.clear();
    frame.date = {};
    frame.framing = body_framing::none;
    frame.keep_alive = false;
    EXPECT_EQ(written(204, headers, frame), "before|HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    frame.http_1_0 = frame.keep_alive = true;
    EXPECT_EQ(written(204, headers, frame),
              "before|HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
    frame.framing = body_framing::until_close;
    EXPECT_EQ(written(200, headers, frame), "before|HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}

TEST(ResponseHead, RefusesWhatMustNotBeOnTheWire) {
    const response_frame frame(body_framing::none);
    for (const int status : {0, 100, 199, 600, -200})
        EXPECT_EQ(written(status, http::headers(), frame), "before|the status of a response is 200 to 599");
    for (const std::string name :
         {"Content-Length", "transfer-encoding", "Connection", "Upgrade", "", "a b", "a:"}) {
        http::headers headers;
        headers.add(name, "secret");
        const std::string text = written(200, headers, frame);
        EXPECT_EQ(text.find("HTTP/1.1"), std::string::npos) << text;
        EXPECT_EQ(text.find("secret"), std::string::npos) << text;
    }
    http::headers headers;
    headers.add("X-A", "a\r\nX-B: b");
    EXPECT_NE(written(200, headers, frame).find("before|the value of response header X-A"),
              std::string::npos);
}

TEST(ChunkHead, IsTheSizeInHexadecimal) {
    const std::vector<std::pair<std::size_t, std::string>> cases{
        {1, "1\r\n"}, {15, "f\r\n"}, {16, "10\r\n"}, {200, "c8\r\n"}, {SIZE_MAX, "ffffffffffffffff\r\n"}};
    for (const auto& [size, want] : cases) EXPECT_EQ(chunk_head(size).text(), want);
}

} // namespace
} // namespace modelmesh::proto
