#include "proto/http2_server.hpp"

#include "support/http2_caller.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace modelmesh::proto {
namespace {

using phase = http2_request::phase;
using support::http2_caller;
using support::http2_fields;
using support::http2_head;

constexpr std::uint32_t protocol_error = 1, internal_error = 2, refused_stream = 7, enhance_your_calm = 11;

/// One frame, of a client that knows no rules.
std::string frame(unsigned type, unsigned flags, std::uint32_t id, const std::string& payload) {
    std::string made;
    for (const int shift : {16, 8, 0}) made += static_cast<char>(payload.size() >> shift);
    made += static_cast<char>(type);
    made += static_cast<char>(flags);
    for (const int shift : {24, 16, 8, 0}) made += static_cast<char>(id >> shift);
    return made + payload;
}
const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class request final : public http2_request {
public:
    std::string body;
    std::size_t unread = 0;
    int changes = 0;
    int takes = 0;
    int ends = 0;
    bool has_head = false;

private:
    void body_arrived(std::string_view slice) override {
        body += slice;
        unread += slice.size();
    }
    void changed() noexcept override { ++changes; }
    void taken() noexcept override { ++takes; }
    void closed() noexcept override { ++ends; }
};

// Server and client joined without a network.
class Http2Server : public testing::Test, public http2_server_session::user {
protected:
    void begin_session() { session = std::make_unique<http2_server_session>(*this, limits); }
    http2_request* begin() override {
        if (refuses) return nullptr;
        requests.push_back(std::make_unique<request>());
        return requests.back().get();
    }
    void head_arrived(http2_request& which) override { static_cast<request&>(which).has_head = true; }

    std::string take() {
        std::string out;
        EXPECT_TRUE(session->take_output(out));
        return out;
    }
    /// Until neither has anything to say.
    void talk() {
        if (!session) begin_session();
        for (;;) {
            const std::string to_server = client.flush();
            if (!to_server.empty()) {
                EXPECT_TRUE(session->receive(to_server));
            }
            const std::string to_client = take();
            if (to_client.empty() && to_server.empty()) return;
            client.receive(to_client);
        }
    }
    request& last() { return *requests.back(); }
    void answer(request& to, std::string_view body, int status = 200) {
        const http::headers none;
        session->answer(to, status, none, body.size(), "", !body.empty());
        if (!body.empty()) session->send(to, body, true);
        talk();
    }
    /// The status that refuses a request; 0: none does.
    int refusal(const http2_fields& fields, std::string body = "") {
        client.ask(fields, std::move(body));
        talk();
        return last().refusal();
    }
    /// The error with which nghttp2 refuses one that is no HTTP.
    std::uint32_t reset(const http2_fields& fields, std::string body = "") {
        const std::int32_t id = client.ask(fields, std::move(body));
        talk();
        EXPECT_TRUE(client.of(id).is_closed);
        EXPECT_EQ(client.of(id).status(), "");
        return client.of(id).error;
    }
    /// A connection that is told why it ends.
    void expect_goodbye(std::uint32_t code) {
        talk();
        ASSERT_FALSE(client.goodbyes.empty());
        EXPECT_EQ(client.goodbyes.back().first, code);
        EXPECT_TRUE(session->is_over());
        EXPECT_TRUE(session->is_violated());
    }

    http2_server_limits limits;
    http2_caller client;
    std::vector<std::unique_ptr<request>> requests; // die after the session
    std::unique_ptr<http2_server_session> session;
    bool refuses = false;
};

TEST_F(Http2Server, OneSendTakesNoMoreThanItsLimit) {
    limits.output = 40'000;
    http2_caller::settings wide;
    wide.window = wide.connection_window = 1 << 24;
    http2_caller reader(wide);
    begin_session();
    const std::int32_t id = reader.get("/");
    ASSERT_TRUE(session->receive(reader.flush()));
    const std::string body(1'000'000, 'b');
    const http::headers none;
    session->answer(last(), 200, none, body.size(), "", true);
    session->send(last(), body, true);
    while (session->wants_output()) {
        const std::string sent = take();
        EXPECT_GT(sent.size(), 0u);
        EXPECT_LE(sent.size(), limits.output + 16384 + 9) << "the frame that passes the limit is the last";
        reader.receive(sent);
    }
    EXPECT_EQ(reader.of(id).body, body);
    EXPECT_TRUE(reader.of(id).is_ended);
}

TEST_F(Http2Server, CarriesHeadsAsLongAsThoseOfHttp1) {
    const std::int32_t id = client.get("/");
    talk();
    http::headers fields;
    for (int i = 0; i < 100; ++i) fields.add("x-field-" + std::to_string(i), std::string(700, 'v'));
    ASSERT_TRUE(http2_server_session::can_carry(fields));
    session->answer(last(), 200, fields, 2, "", true);
    session->send(last(), "ok", true);
    talk();
    EXPECT_EQ(client.of(id).body, "ok");
    EXPECT_EQ(client.of(id).field("x-field-99"), std::string(700, 'v'));
    EXPECT_TRUE(client.of(id).is_ended);
    fields.add("x-large", std::string(1'000'000, 'v'));
    EXPECT_FALSE(http2_server_session::can_carry(fields));
}

TEST_F(Http2Server, WindowsThatAreGivenBackInPartsAreNoChatter) {
    limits.chatter = 10;
    talk();
    const std::int32_t id = client.get("/");
    talk();
    const auto update = [](std::uint32_t size) {
        std::string payload;
        for (const int shift : {24, 16, 8, 0}) payload += static_cast<char>(size >> shift);
        return frame(8, 0, 0, payload);
    };
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(session->receive(update(4096)));
    talk();
    EXPECT_FALSE(client.of(id).is_closed);
    EXPECT_TRUE(client.goodbyes.empty());
    for (int i = 0; i < 11; ++i) EXPECT_TRUE(session->receive(update(1)));
    expect_goodbye(enhance_your_calm);
}

TEST_F(Http2Server, ReadsARequestAndAnswersIt) {
    const std::int32_t id =
        client.ask(http2_head("POST", "/v1/chat?x=1", {{"content-length", "4"}, {"x-own", "1"}}), "body");
    talk();
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_TRUE(last().has_head);
    EXPECT_EQ(last().method(), "POST");
    EXPECT_EQ(last().target(), "/v1/chat?x=1");
    EXPECT_EQ(last().host(), "host.test");
    EXPECT_EQ(last().headers().get("host"), "host.test");
    EXPECT_EQ(last().headers().get("x-own"), "1");
    EXPECT_EQ(last().headers().size(), 3u) << "no pseudo-field is a field";
    EXPECT_EQ(last().content_length(), 4u);
    EXPECT_EQ(last().state(), phase::ended);
    EXPECT_EQ(last().body, "body");
    EXPECT_EQ(last().refusal(), 0);
    EXPECT_FALSE(last().is_closed());

    http::headers fields;
    fields.add("Content-Type", "text/plain");
    fields.add("Keep-Alive", "timeout=5"); // of HTTP/1.1
    session->answer(last(), 201, fields, 5, "today", true);
    EXPECT_TRUE(last().is_taken());
    session->send(last(), "hel", false);
    EXPECT_FALSE(last().is_taken());
    talk();
    EXPECT_TRUE(last().is_taken());
    EXPECT_EQ(client.of(id).body, "hel");
    session->send(last(), "lo", true);
    talk();
    EXPECT_EQ(
        client.of(id).fields,
        (http2_fields{
            {":status", "201"}, {"content-type", "text/plain"}, {"date", "today"}, {"content-length", "5"}}));
    EXPECT_EQ(client.of(id).body, "hello");
    EXPECT_TRUE(client.of(id).is_ended);
    EXPECT_TRUE(last().is_closed());
    EXPECT_EQ(last().takes, 2);
    EXPECT_EQ(last().ends, 1);
    EXPECT_FALSE(session->is_over());
}

TEST_F(Http2Server, TellsItsLimits) {
    talk();
    EXPECT_EQ(client.settings_seen[3], 128u);
    EXPECT_EQ(client.settings_seen[4], 256u * 1024);
    EXPECT_EQ(client.settings_seen[6], 64u * 1024);
}

TEST_F(Http2Server, EverySplitOfARequestIsTheSame) {
    const std::string big(3000, 'x');
    client.ask(http2_head("POST", "/one", {{"a", big}, {"cookie", "a=1"}, {"cookie", "b=2"}}), big);
    client.get("/two");
    const std::string wire = client.flush();
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        requests.clear();
        begin_session();
        ASSERT_TRUE(session->receive(wire.substr(0, cut)));
        if (cut % 3 == 0) take();
        ASSERT_TRUE(session->receive(wire.substr(cut)));
        ASSERT_EQ(requests.size(), 2u) << cut;
        EXPECT_EQ(requests[0]->headers().get("a"), big);
        EXPECT_EQ(requests[0]->headers().get("cookie"), "a=1; b=2");
        EXPECT_EQ(requests[0]->body, big);
        EXPECT_EQ(requests[0]->state(), phase::ended);
        EXPECT_EQ(requests[1]->target(), "/two");
        EXPECT_EQ(requests[1]->state(), phase::ended);
        EXPECT_FALSE(session->is_in_head());
        session.reset();
    }
}

// Repeated from the table of fields they are a byte each on the wire.
TEST_F(Http2Server, ThousandsOfCookiesAreOneFieldOfTheirLength) {
    http2_fields cookies(3000, {"cookie", "a"});
    client.ask(http2_head("GET", "/", cookies));
    begin_session();
    ASSERT_TRUE(session->receive(client.flush()));
    ASSERT_EQ(requests.size(), 1u);
    const std::string_view joined = requests[0]->headers().get("cookie");
    EXPECT_EQ(joined.size(), 3000u + 2999u * 2);
    // All fields lie in one buffer: what was joined on the way is not kept in it.
    EXPECT_LT(joined.data() - (*requests[0]->headers().begin()).name.data(), 1000);
}

TEST_F(Http2Server, KnowsWhetherAHeadIsUnderWay) {
    begin_session();
    EXPECT_TRUE(session->is_in_head()) << "the preface is to come";
    talk();
    EXPECT_FALSE(session->is_in_head());
    client.get("/");
    const std::string wire = client.flush();
    ASSERT_TRUE(session->receive(wire.substr(0, wire.size() - 1)));
    EXPECT_TRUE(session->is_in_head());
    ASSERT_TRUE(session->receive(wire.substr(wire.size() - 1)));
    EXPECT_FALSE(session->is_in_head());
}

TEST_F(Http2Server, RefusesWhatHttp1WouldRefuse) {
    limits.request.line = 100;
    limits.request.head_bytes = 500;
    limits.request.head_fields = 5;
    limits.request.body = 10;
    EXPECT_EQ(refusal(http2_head("GET", "/")), 0);
    EXPECT_EQ(refusal(http2_head("GET", "/" + std::string(200, 'x'))), 414);
    EXPECT_EQ(refusal(http2_head("GET", "/", {{"a", std::string(200, 'x')}})), 431);
    EXPECT_EQ(refusal(http2_head("GET", "/", http2_fields(10, {"a", "b"}))), 431);
    EXPECT_EQ(refusal(http2_head("GET", "/", http2_fields(5, {"a", std::string(90, 'x')}))), 431);
}

TEST_F(Http2Server, RefusesTargetsAndHostsThatCannotBe) {
    EXPECT_EQ(refusal(http2_head("GET", "/#fragment")), 400);
    EXPECT_EQ(refusal({{":method", "GET"}, {":scheme", "http"}, {":authority", "a@b"}, {":path", "/"}}), 400);
    EXPECT_EQ(refusal(http2_head("GET", "/", {{"host", "other.test"}})), 400);
    EXPECT_EQ(refusal(http2_head("GET", "/", {{"host", "HOST.test"}})), 0);
    EXPECT_EQ(refusal({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "one.test"}}), 0);
    EXPECT_EQ(last().host(), "one.test");
    EXPECT_EQ(refusal(http2_head("OPTIONS", "*")), 0);
    EXPECT_EQ(refusal({{":method", "CONNECT"}, {":authority", "host.test:80"}}), 501);
    EXPECT_EQ(refusal(http2_head("POST", "/", {{"expect", "200-ok"}}), "x"), 417);
    EXPECT_EQ(refusal(http2_head("POST", "/", {{"expect", "100-Continue"}}), "x"), 0);
    EXPECT_TRUE(last().expects_continue());
}

TEST_F(Http2Server, ResetsWhatIsNoHttp) {
    EXPECT_EQ(reset({{":method", "GET"}, {":scheme", "http"}, {":authority", "a b"}, {":path", "/"}}),
              protocol_error);
    EXPECT_EQ(reset(http2_head("GET", "/", {{"connection", "close"}})), protocol_error);
    EXPECT_EQ(reset(http2_head("GET", "/", {{"upgrade", "h2c"}})), protocol_error);
    EXPECT_EQ(reset(http2_head("GET", "/", {{"transfer-encoding", "chunked"}})), protocol_error);
    EXPECT_EQ(reset(http2_head("GET", "/", {{":path", "/again"}})), protocol_error);
    EXPECT_EQ(reset(http2_head("GET", "")), protocol_error);
    EXPECT_EQ(reset(http2_head("GET", "*")), protocol_error) << "only OPTIONS has it";
    EXPECT_EQ(reset({{":method", "GET"}, {":path", "/"}, {":authority", "h"}}), protocol_error)
        << "no scheme";
    EXPECT_EQ(reset({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}), protocol_error) << "no host";
    EXPECT_EQ(reset(http2_head("POST", "/", {{"content-length", "3"}}), "four"), protocol_error);
    EXPECT_EQ(reset(http2_head("POST", "/", {{"content-length", "5"}}), "four"), protocol_error);
    EXPECT_EQ(reset(http2_head("POST", "/", {{"content-length", "-1"}}), "four"), protocol_error);
    for (const auto& one : requests) EXPECT_TRUE(one->is_closed());
    client.get("/");
    talk();
    EXPECT_EQ(last().state(), phase::ended) << "the connection goes on";
}

TEST_F(Http2Server, ABodyThatIsTooLongFails) {
    limits.request.body = 10;
    EXPECT_EQ(refusal(http2_head("POST", "/", {{"content-length", "11"}}), "hello world"), 413);
    EXPECT_EQ(last().body, "");
    const std::int32_t id = client.ask(http2_head("POST", "/"), "hello", false);
    talk();
    EXPECT_EQ(last().state(), phase::body);
    client.more(id, " world", false);
    talk();
    EXPECT_EQ(last().state(), phase::failed);
    EXPECT_EQ(last().refusal(), 413);
    EXPECT_EQ(last().body, "hello");
    answer(last(), "", 413);
    session->stop_request(last());
    talk();
    EXPECT_EQ(client.of(id).status(), "413");
    EXPECT_TRUE(last().is_closed());
}

TEST_F(Http2Server, TheWindowFollowsTheReader) {
    limits.window = 1000;
    limits.connection_window = 66000;
    talk();
    client.post("/", std::string(5000, 'x'));
    talk();
    EXPECT_EQ(last().body.size(), 1000u);
    for (std::size_t before = 0; last().body.size() != before;) {
        before = last().body.size();
        session->consumed(last(), std::exchange(last().unread, 0));
        talk();
    }
    EXPECT_EQ(last().body.size(), 5000u);
    EXPECT_EQ(last().state(), phase::ended);
}

TEST_F(Http2Server, WhatNobodyReadsBlocksNoOther) {
    talk();
    client.post("/unread", std::string(1 << 20, 'x'));
    talk();
    EXPECT_EQ(last().body.size(), limits.window);
    client.post("/", "short");
    talk();
    EXPECT_EQ(last().state(), phase::ended);
}

TEST_F(Http2Server, TheAnswerWaitsForTheClientsWindow) {
    http2_caller::settings wanted;
    wanted.window = 10;
    wanted.reads = false;
    http2_caller narrow(wanted);
    begin_session();
    const std::int32_t id = narrow.get("/");
    ASSERT_TRUE(session->receive(narrow.flush()));
    const http::headers none;
    session->answer(last(), 200, none, std::nullopt, "", true);
    session->send(last(), "0123456789abcdef", true);
    narrow.receive(take());
    EXPECT_EQ(narrow.of(id).body, "0123456789");
    EXPECT_FALSE(last().is_taken());
    narrow.read(id);
    ASSERT_TRUE(session->receive(narrow.flush()));
    narrow.receive(take());
    EXPECT_EQ(narrow.of(id).body, "0123456789abcdef");
    EXPECT_TRUE(last().is_taken());
    EXPECT_TRUE(narrow.of(id).is_ended);
}

TEST_F(Http2Server, AResetLetsGoOfTheSlice) {
    const std::int32_t id = client.get("/");
    talk();
    const http::headers none;
    {
        const std::string slice(200'000, 'x'); // more than the window
        session->answer(last(), 200, none, std::nullopt, "", true);
        session->send(last(), slice, false);
        talk();
        EXPECT_GE(client.of(id).body.size(), 65535u);
        session->reset(last());
    }
    talk();
    EXPECT_EQ(client.of(id).error, internal_error);
    EXPECT_FALSE(client.of(id).is_ended);
    EXPECT_TRUE(last().is_closed());
    session->send(last(), "late", true); // harmless
    talk();
}

TEST_F(Http2Server, AClientThatResetsIsNoticed) {
    const std::int32_t id = client.ask(http2_head("POST", "/"), "a part", false);
    talk();
    client.reset(id);
    talk();
    EXPECT_TRUE(last().is_closed());
    EXPECT_EQ(last().ends, 1);
    EXPECT_EQ(last().state(), phase::body);
    session->consumed(last(), 6);
    session->send(last(), "late", true);
    session->reset(last());
    session->stop_request(last());
    session->go_on(last());
    talk();
    EXPECT_FALSE(session->is_over());
}

TEST_F(Http2Server, StopsARequestBehindItsAnswer) {
    const std::int32_t id = client.ask(http2_head("POST", "/"), "a part", false);
    talk();
    const http::headers none;
    session->answer(last(), 200, none, 0, "", false);
    session->stop_request(last()); // the answer is only queued
    talk();
    EXPECT_EQ(client.of(id).status(), "200");
    EXPECT_TRUE(client.of(id).is_ended);
    EXPECT_TRUE(client.of(id).is_closed);
    EXPECT_EQ(client.of(id).error, 0u);
}

TEST_F(Http2Server, TrailersAreIgnored) {
    begin_session();
    const std::string head = std::string("\x83\x86\x84\x41\x01h", 6); // POST http / h
    ASSERT_TRUE(session->receive(preface + frame(4, 0, 0, "") + frame(1, 4, 1, head) +
                                 frame(0, 0, 1, "body") + frame(1, 5, 1, std::string("\0\x01t\x01x", 5))));
    EXPECT_EQ(last().body, "body");
    EXPECT_EQ(last().state(), phase::ended);
    EXPECT_EQ(last().headers().size(), 1u);
}

TEST_F(Http2Server, RefusesUnseenWhatItsUserDoesNotTake) {
    refuses = true;
    const std::int32_t id = client.get("/");
    talk();
    EXPECT_EQ(client.of(id).error, refused_stream);
    refuses = false;
    client.get("/");
    talk();
    EXPECT_EQ(last().state(), phase::ended);
}

TEST_F(Http2Server, AnnouncesItsEnd) {
    const std::int32_t first = client.get("/");
    talk();
    session->announce_end();
    client.receive(take());
    ASSERT_EQ(client.goodbyes.size(), 1u);
    EXPECT_EQ(client.goodbyes[0], (std::pair<std::uint32_t, std::int32_t>(0, INT32_MAX)));
    EXPECT_FALSE(session->is_ending());
    talk(); // the client answers
    ASSERT_EQ(client.goodbyes.size(), 2u);
    EXPECT_EQ(client.goodbyes[1], (std::pair<std::uint32_t, std::int32_t>(0, first)));
    EXPECT_TRUE(session->is_ending());
    EXPECT_FALSE(session->is_over());
    answer(last(), "the last");
    EXPECT_EQ(client.of(first).body, "the last");
    EXPECT_TRUE(session->is_over());
    EXPECT_FALSE(session->is_violated());
}

TEST_F(Http2Server, AClientThatSaysGoodbyeIsLetGo) {
    const std::int32_t id = client.get("/");
    talk();
    client.go_away();
    talk();
    EXPECT_FALSE(session->is_over());
    answer(last(), "ok");
    EXPECT_EQ(client.of(id).body, "ok");
    EXPECT_TRUE(session->is_over());
}

TEST_F(Http2Server, ResetsThatDoNotStopEndTheConnection) {
    limits.spoiled = 10;
    talk();
    for (int round = 0; round < 3; ++round) { // requests that end well make up for others
        for (int i = 0; i < 8; ++i) {
            const std::int32_t id = client.get("/");
            talk();
            client.reset(id);
            talk();
        }
        for (int i = 0; i < 8; ++i) {
            client.get("/");
            talk();
            answer(last(), "ok");
        }
    }
    EXPECT_FALSE(session->is_over());
    for (int i = 0; i < 11; ++i) {
        const std::int32_t id = client.get("/");
        EXPECT_TRUE(session->receive(client.flush()));
        client.reset(id, 0); // whatever it says
        EXPECT_TRUE(session->receive(client.flush()));
    }
    expect_goodbye(enhance_your_calm);
}

TEST_F(Http2Server, RequestsThatAreNoHttpDoNotComeForEver) {
    limits.spoiled = 10;
    talk();
    for (int i = 0; i < 12; ++i) client.ask(http2_head("POST", "/", {{"content-length", "3"}}), "four");
    expect_goodbye(enhance_your_calm);
}

TEST_F(Http2Server, FloodsEndTheConnection) {
    const std::string head = std::string("\x83\x86\x84\x41\x01h", 6);
    const std::string windows = frame(8, 0, 0, std::string("\0\0\0\1", 4));
    for (const std::string& one : {frame(6, 0, 0, "12345678"), frame(4, 0, 0, ""), windows,
                                   frame(0, 0, 1, ""), frame(2, 0, 3, std::string("\0\0\0\0\1", 5))}) {
        begin_session();
        std::string wire = preface + frame(4, 0, 0, "") + frame(1, 4, 1, head);
        for (int i = 0; i < 900; ++i) wire += one;
        EXPECT_TRUE(session->receive(wire));
        EXPECT_TRUE(session->wants_output());
        wire.clear();
        for (int i = 0; i < 900; ++i) wire += one;
        // What is left of the output does not grow: the connection ends, with a word or without.
        if (session->receive(wire)) take();
        EXPECT_TRUE(session->is_over());
        EXPECT_TRUE(session->is_violated());
        session.reset();
    }
}

TEST_F(Http2Server, AHeadThatNeverEndsEndsTheConnection) {
    begin_session();
    std::string wire = preface + frame(4, 0, 0, "") + frame(1, 0, 1, std::string("\x83\x86\x84\x41\x01h", 6));
    for (int i = 0; i < 100; ++i) wire += frame(9, 0, 1, std::string("\0\x01t\x01x", 5));
    if (session->receive(wire)) take();
    EXPECT_TRUE(session->is_over());
    EXPECT_TRUE(session->is_violated());
}

TEST_F(Http2Server, FieldsBeyondTheLimitAreNotKept) {
    begin_session();
    // One indexed field of 4000 bytes, again and again.
    std::string block =
        std::string("\x83\x86\x84\x41\x01h\x40\x01t\x7f\xa1\x1e", 12) + std::string(4000, 'x');
    block += std::string(12000, '\xbe');
    ASSERT_TRUE(session->receive(preface + frame(4, 0, 0, "") + frame(1, 5, 1, block)));
    EXPECT_EQ(last().refusal(), 431);
    EXPECT_LE(last().headers().size(), 20u);
}

TEST_F(Http2Server, FramesThatBreakTheRulesEndTheConnection) {
    const std::string head = std::string("\x82\x86\x84\x41\x01h", 6);
    for (const std::string& one :
         {frame(0, 0, 0, "data for nobody"), frame(0, 0, 7, "data before its head"), frame(1, 5, 2, head),
          frame(8, 0, 0, std::string(4, '\0')), frame(4, 0, 0, "odd"), frame(5, 4, 1, std::string(4, '\0')),
          frame(9, 4, 1, head), frame(6, 0, 0, "short"), frame(3, 0, 9, std::string(4, '\0')),
          frame(1, 5, 1, "\xff\xff\xff\xff\xff\xff"), frame(1, 1, 1, head) + frame(0, 1, 1, ""),
          std::string("\xff\xff\xff\0\0\0\0\0\1", 9)}) {
        begin_session();
        if (session->receive(preface + frame(4, 0, 0, "") + one)) {
            const std::string said = take();
            EXPECT_NE(said.find(std::string("\x07\0\0\0\0\0", 6)), std::string::npos) << "no GOAWAY";
        }
        EXPECT_TRUE(session->is_over());
        EXPECT_TRUE(session->is_violated());
        session.reset();
    }
    begin_session();
    EXPECT_FALSE(session->receive("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_TRUE(session->is_over());
}

TEST_F(Http2Server, AWindowThatOverflowsResetsItsStreamOnly) {
    begin_session();
    const std::string head = std::string("\x82\x86\x84\x41\x01h", 6);
    ASSERT_TRUE(session->receive(preface + frame(4, 0, 0, "") + frame(1, 5, 1, head) +
                                 frame(8, 0, 1, std::string("\x7f\xff\xff\xff", 4))));
    const std::string said = take();
    EXPECT_NE(said.find(frame(3, 0, 1, std::string("\0\0\0\3", 4))), std::string::npos);
    EXPECT_TRUE(last().is_closed());
    EXPECT_FALSE(session->is_over());
}

} // namespace
} // namespace modelmesh::proto
