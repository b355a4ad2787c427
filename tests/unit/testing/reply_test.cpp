// The bytes of a reply, also of those that are broken on purpose.
#include "reply.hpp"

#include "completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelmesh::testing::detail {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const reply_context context{"sim", 7, true};

std::string bytes_of(reply content) {
    std::string out;
    while (const auto next = content.next()) out += next->bytes;
    return out;
}

std::string stream_of(const rule& how) {
    chat_request request;
    request.model = "m";
    request.stream = true;
    const model_request asked{"m", true, [&](const rule& said, const reply_context& where) {
                                  return std::make_shared<chat_answer>(request, said, where.name,
                                                                       where.serial);
                              }};
    return bytes_of(reply::to(context, asked, how));
}

/// The payload of a chunked body; checks the framing on its way.
std::string unchunked(const std::string& bytes) {
    std::string out;
    std::size_t at = bytes.find("\r\n\r\n") + 4;
    for (;;) {
        const std::size_t line = bytes.find("\r\n", at);
        const std::size_t size = std::stoul(bytes.substr(at, line - at), nullptr, 16);
        out += bytes.substr(line + 2, size);
        EXPECT_EQ(bytes.substr(line + 2 + size, 2), "\r\n");
        at = line + 4 + size;
        if (size == 0) break;
    }
    EXPECT_EQ(at, bytes.size());
    return out;
}

TEST(Reply, PlainHasItsLengthAndTheVendorsHeaders) {
    const std::string bytes = bytes_of(reply::whole(context, 200, "{}", rule{}));
    EXPECT_THAT(bytes, StartsWith("HTTP/1.1 200 OK\r\ndate: "));
    EXPECT_THAT(bytes, HasSubstr("\r\ncontent-type: application/json\r\ncontent-length: 2\r\n"));
    EXPECT_THAT(bytes, HasSubstr("\r\nconnection: keep-alive\r\n"));
    EXPECT_THAT(bytes, HasSubstr("\r\nx-request-id: req_0000000007\r\n"));
    EXPECT_THAT(bytes, HasSubstr("\r\nx-ratelimit-reset-requests: 6ms\r\n"));
    EXPECT_THAT(bytes, EndsWith("\r\n\r\n{}"));
}

TEST(Reply, StreamIsChunkedAndEndsWithDone) {
    rule how;
    how.text = "hello";
    const std::string bytes = stream_of(how);
    EXPECT_THAT(bytes, HasSubstr("\r\ncontent-type: text/event-stream; charset=utf-8\r\n"));
    EXPECT_THAT(bytes, HasSubstr("\r\ntransfer-encoding: chunked\r\n"));
    const std::string events = unchunked(bytes);
    EXPECT_THAT(events, StartsWith("data: {\"id\":"));
    EXPECT_THAT(events, EndsWith("}\n\ndata: [DONE]\n\n"));
}

TEST(Reply, AStreamMayEndWithoutDone) {
    rule how;
    how.text = "hello";
    how.done = false;
    EXPECT_THAT(unchunked(stream_of(how)), Not(HasSubstr("[DONE]")));
}

TEST(Reply, EachFormOfRetryAfter) {
    rule how;
    how.status = 429;
    how.retry_after = wait_hint{std::chrono::milliseconds(1500), wait_form::seconds};
    EXPECT_THAT(stream_of(how), HasSubstr("\r\nretry-after: 2\r\n"));
    how.retry_after->form = wait_form::milliseconds;
    EXPECT_THAT(stream_of(how), HasSubstr("\r\nretry-after-ms: 1500\r\n"));
    how.retry_after->form = wait_form::date;
    EXPECT_THAT(stream_of(how),
                ::testing::ContainsRegex("\r\nretry-after: ..., [0-9]+ ... [0-9]+ [0-9:]+ GMT\r\n"));
    EXPECT_THAT(stream_of(how), StartsWith("HTTP/1.1 429 Too Many Requests\r\n"));
    EXPECT_THAT(stream_of(how), HasSubstr("\"code\":\"rate_limit_exceeded\""));
    EXPECT_THAT(stream_of(how), HasSubstr("\r\nx-ratelimit-remaining-requests: 0\r\n"));
}

TEST(Reply, AScriptedHeaderReplacesOurs) {
    rule how;
    how.headers = {{"X-Request-Id", "mine"}, {"x-more", "1"}};
    const std::string bytes = bytes_of(reply::whole(context, 200, "{}", how));
    EXPECT_THAT(bytes, HasSubstr("\r\nx-request-id: mine\r\n"));
    EXPECT_THAT(bytes, Not(HasSubstr("req_")));
    EXPECT_THAT(bytes, HasSubstr("\r\nx-more: 1\r\n"));
}

TEST(Reply, AnErrorMayTakeThePlaceOfTheRestOfAStream) {
    rule how;
    how.text = "a b c";
    how.error_after_events = 2;
    const std::string events = unchunked(stream_of(how));
    EXPECT_THAT(events, HasSubstr("\"content\":\"a\""));
    EXPECT_THAT(events, Not(HasSubstr("\"content\":\" b\"")));
    EXPECT_THAT(events, EndsWith("\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"));
}

TEST(Reply, DamageIsWhereTheScriptSays) {
    rule how;
    how.text = "a b";
    how.malformed = damage::head;
    EXPECT_THAT(stream_of(how), StartsWith("HTTP/1.1 2x0 OK\r\n"));
    how.malformed = damage::chunk;
    EXPECT_THAT(stream_of(how), HasSubstr("\r\nzz\r\ndata: "));
    EXPECT_THAT(bytes_of(reply::whole(context, 200, "{}", how)), EndsWith("\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"));
    how.malformed = damage::json;
    const std::string plain = bytes_of(reply::whole(context, 200, R"({"a":1})", how));
    EXPECT_THAT(plain, HasSubstr("\r\ncontent-length: 3\r\n"));
    EXPECT_THAT(plain, EndsWith("\r\n\r\n{\"a"));
    EXPECT_THAT(unchunked(stream_of(how)), Not(HasSubstr("\"content\":\"a\"")));
}

TEST(Reply, AWrongContentLengthIsOffByWhatTheScriptSays) {
    rule how;
    how.content_length_off_by = 5;
    EXPECT_THAT(bytes_of(reply::whole(context, 200, "{}", how)), HasSubstr("\r\ncontent-length: 7\r\n"));
    how.content_length_off_by = -1;
    EXPECT_THAT(bytes_of(reply::whole(context, 200, "{}", how)), HasSubstr("\r\ncontent-length: 1\r\n"));
    how.text = "a";
    const std::string bytes = stream_of(how);
    const std::size_t body = bytes.size() - bytes.find("\r\n\r\n") - 4;
    EXPECT_THAT(bytes, HasSubstr("\r\ncontent-length: " + std::to_string(body - 1) + "\r\n"));
    EXPECT_THAT(bytes, Not(HasSubstr("chunked")));
}

TEST(HttpDate, IsTheFormOfTheStandard) {
    EXPECT_EQ(http_date(std::chrono::system_clock::from_time_t(784111777)), "Sun, 06 Nov 1994 08:49:37 GMT");
}

} // namespace
} // namespace modelmesh::testing::detail
