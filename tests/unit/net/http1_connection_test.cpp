#include "net/http1_connection.hpp"

#include "support/memory_stream.hpp"

#include <gtest/gtest.h>

#include <string>

namespace modelmesh::net {
namespace {

outgoing post() {
    auto request = std::make_shared<http::request>();
    request->method = "POST";
    request->body = "BODY";
    return outgoing(std::move(request), {});
}

class Http1Connection : public testing::Test {
protected:
    void ask() { EXPECT_TRUE(connection.try_send(post()).value()); }
    std::string read_body() {
        std::string body;
        for (std::string_view slice;;) {
            const result<read_status> got = connection.try_read(slice);
            if (!got) return "failed: " + got.error().message;
            if (*got == read_status::end) return body;
            if (*got == read_status::would_block) return body + "...";
            body += slice;
        }
    }

    std::shared_ptr<support::memory_peer> peer = std::make_shared<support::memory_peer>();
    http1_connection connection{std::make_unique<support::memory_stream>(peer)};
};

TEST_F(Http1Connection, CarriesExchangesOneAfterTheOther) {
    for (int i = 0; i < 3; ++i) {
        ask();
        EXPECT_FALSE(connection.has_answer());
        peer->arrive("HTTP/1.1 200 OK\r\nContent-");
        EXPECT_FALSE(connection.try_read_head().value());
        EXPECT_TRUE(connection.has_answer());
        EXPECT_FALSE(connection.is_reusable());
        peer->arrive("Length: 4\r\n\r\nab");
        EXPECT_TRUE(connection.try_read_head().value());
        EXPECT_EQ(read_body(), "ab...");
        EXPECT_FALSE(connection.is_reusable());
        peer->arrive("cd");
        EXPECT_EQ(read_body(), "cd");
        EXPECT_TRUE(connection.is_reusable());
    }
    std::string one;
    proto::write_request_head(one, *post().request, {});
    one += "BODY";
    EXPECT_EQ(peer->sent, one + one + one);
    EXPECT_EQ(peer->lent, 0);
}

TEST_F(Http1Connection, IsReusableAsSoonAsTheLastByteIsTaken) {
    ask();
    peer->arrive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab");
    EXPECT_TRUE(connection.try_read_head().value());
    std::string_view slice;
    EXPECT_EQ(connection.try_read(slice).value(), read_status::slice);
    EXPECT_TRUE(connection.is_reusable());
    connection.park();
    EXPECT_EQ(peer->lent, 0) << "a connection at rest holds no buffer";
}

TEST_F(Http1Connection, IsNotReusableWithBytesLeftOver) {
    ask();
    peer->arrive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabX");
    EXPECT_TRUE(connection.try_read_head().value());
    EXPECT_EQ(read_body(), "ab");
    EXPECT_FALSE(connection.is_reusable());
}

TEST_F(Http1Connection, IsNotReusableWhenTheServerSaysSo) {
    ask();
    peer->arrive("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(connection.try_read_head().value());
    EXPECT_EQ(read_body(), "");
    EXPECT_FALSE(connection.is_reusable());
}

TEST_F(Http1Connection, AnEndBeforeTheFirstByteIsALostConnection) {
    ask();
    peer->is_ended = true;
    const result<bool> head = connection.try_read_head();
    ASSERT_FALSE(head);
    EXPECT_EQ(head.error().kind(), errc::connect);
    EXPECT_FALSE(connection.has_answer());
    EXPECT_TRUE(peer->is_closed);
}

TEST_F(Http1Connection, AResetIsALostConnectionBeforeTheFirstByteAndATruncationLater) {
    ask();
    peer->receive_failure = fault(errc::connect, "reset");
    EXPECT_EQ(connection.try_read_head().error().kind(), errc::connect);

    auto other = std::make_shared<support::memory_peer>();
    http1_connection later(std::make_unique<support::memory_stream>(other));
    EXPECT_TRUE(later.try_send(post()).value());
    other->arrive("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    other->receive_failure = fault(errc::connect, "reset");
    EXPECT_TRUE(later.try_read_head().value());
    std::string_view slice;
    EXPECT_EQ(later.try_read(slice).value(), read_status::slice);
    const result<read_status> cut = later.try_read(slice);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().kind(), errc::protocol);
    EXPECT_NE(cut.error().message.find("truncated"), std::string::npos);
}

// Whoever comes second, who sends the rest of the request for example, learns the reason and not that all is closed.
TEST_F(Http1Connection, AFailureIsRepeated) {
    ask();
    peer->receive_failure = fault(errc::connect, "reset");
    EXPECT_EQ(connection.try_read_head().error().kind(), errc::connect);
    peer->receive_failure = fault(errc::canceled, "closed");
    EXPECT_EQ(connection.try_read_head().error().kind(), errc::connect);
}

TEST_F(Http1Connection, MalformedBytesCloseIt) {
    ask();
    peer->arrive("SMTP ready\r\n");
    EXPECT_EQ(connection.try_read_head().error().kind(), errc::protocol);
    EXPECT_TRUE(peer->is_closed);
    EXPECT_FALSE(connection.is_reusable());
}

TEST_F(Http1Connection, ABodyWithoutLengthEndsWithTheStreamAndSoDoesTheConnection) {
    ask();
    peer->arrive("HTTP/1.1 200 OK\r\n\r\nab");
    peer->is_ended = true;
    EXPECT_TRUE(connection.try_read_head().value());
    EXPECT_EQ(read_body(), "ab");
    EXPECT_FALSE(connection.is_reusable());
}

TEST_F(Http1Connection, ClosingGivesTheBufferBack) {
    ask();
    peer->arrive("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    EXPECT_TRUE(connection.try_read_head().value());
    EXPECT_EQ(peer->lent, 1);
    connection.close();
    EXPECT_EQ(peer->lent, 0);
}

} // namespace
} // namespace modelmesh::net
