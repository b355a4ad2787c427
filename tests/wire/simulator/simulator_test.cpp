// The simulator over real sockets: plain and TLS, whole and cut replies, many connections, and its sudden
// end.
#include "peer.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <stdexcept>
#include <system_error>

namespace modelmesh::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string plain_body = R"({"model":"sim-small","messages":[{"role":"user","content":"why?"}]})";
const std::string stream_body =
    R"({"model":"sim-small","stream":true,"messages":[{"role":"user","content":"why?"}]})";

std::string request_of(const std::string& body, const std::string& more = "connection: close\r\n") {
    return "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n" + more +
           "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// One exchange over TLS that trusts `ca` alone and checks the name.
std::string ask_tls(const simulator& server, const std::string& ca, const std::string& name,
                    const std::string& request, error_code& end) {
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.add_certificate_authority(asio::buffer(ca));
    context.set_verify_mode(asio::ssl::verify_peer);
    asio::ssl::stream<tcp::socket> stream(io, context);
    stream.set_verify_callback(asio::ssl::host_name_verification(name));
    stream.next_layer().connect(tcp::endpoint(asio::ip::address_v4::loopback(), server.port()));
    stream.handshake(asio::ssl::stream_base::client, end);
    if (end) return {};
    asio::write(stream, asio::buffer(request), end);
    std::string out;
    asio::read(stream, asio::dynamic_buffer(out), end);
    return out;
}

TEST(Simulator, AnswersPlainAndStreamed) {
    const simulator server;
    EXPECT_EQ(server.base_url(), "http://127.0.0.1:" + std::to_string(server.port()) + "/v1");
    EXPECT_EQ(server.ca_pem(), "");
    const std::string plain = ask(server, request_of(plain_body));
    EXPECT_THAT(plain, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(plain, HasSubstr(R"("content":"You asked: why? - this answer comes from simulator)"));
    const std::string streamed = ask(server, request_of(stream_body));
    EXPECT_THAT(streamed, HasSubstr("text/event-stream"));
    EXPECT_THAT(streamed, EndsWith("data: [DONE]\n\n\r\n0\r\n\r\n"));
}

TEST(Simulator, ServesModelsAndHealthAndRefusesTheRest) {
    simulator::options settings;
    settings.models = {"a", "b"};
    const simulator server(settings);
    const auto get = [&](const std::string& target, const std::string& method = "GET") {
        return ask(server, method + " " + target + " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    };
    EXPECT_THAT(get("/v1/models"), HasSubstr(R"({"object":"list","data":[{"id":"a","object":"model",)"));
    EXPECT_THAT(get("/v1/models/b"), HasSubstr(R"({"id":"b","object":"model",)"));
    EXPECT_THAT(get("/v1/models/c"), HasSubstr("HTTP/1.1 404 Not Found\r\n"));
    EXPECT_THAT(get("/health"), EndsWith(R"({"status":"ok"})"));
    EXPECT_THAT(get("/v1/else"), HasSubstr(R"("code":"unknown_url")"));
    EXPECT_THAT(get("/v1/chat/completions"), StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_THAT(ask(server, request_of(plain_body)), HasSubstr(R"("code":"model_not_found")"));
    EXPECT_THAT(ask(server, "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
}

TEST(Simulator, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
    const simulator server(with_script(R"({"rules":[{"text":"first"},{"text":"second"}]})"));
    const std::string two = ask(server, request_of(plain_body, "") + request_of(plain_body));
    EXPECT_LT(two.find("first"), two.find("second"));
    EXPECT_NE(two.find("second"), two.npos);
    EXPECT_THAT(two, HasSubstr("connection: keep-alive"));
    EXPECT_THAT(two, HasSubstr("connection: close"));
}

TEST(Simulator, SaysContinueWhenAskedTo) {
    const simulator server;
    peer client(server);
    client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: " +
                std::to_string(plain_body.size()) + "\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(plain_body);
    EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST(Simulator, RemembersTheLatestRequests) {
    simulator::options settings;
    settings.keep_requests = 2;
    const simulator server(settings);
    for (const char* mark : {"one", "two", "three"})
        ask(server, request_of(plain_body, std::string("X-Mark: ") + mark + "\r\nconnection: close\r\n"));
    const std::vector<recorded_request> seen = server.requests();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].header("x-mark"), "two");
    EXPECT_EQ(seen[1].header("X-MARK"), "three");
    EXPECT_EQ(seen[1].header("absent"), "");
    EXPECT_EQ(seen[1].method, "POST");
    EXPECT_EQ(seen[1].target, "/v1/chat/completions");
    EXPECT_EQ(seen[1].body, plain_body);
}

TEST(Simulator, CutsAtTheByteTheScriptNames) {
    const simulator whole(with_script(R"({"rules":[{"text":"a b"}]})"));
    const std::size_t size = ask(whole, request_of(stream_body)).size();
    std::string rules;
    for (std::size_t cut = 0; cut <= size; ++cut)
        rules += (cut == 0 ? "" : ",") + std::string(R"({"text":"a b","cut":{"how":"fin","after_bytes":)") +
                 std::to_string(cut) + "}}";
    const simulator server(with_script("{\"rules\":[" + rules + "]}"));
    for (std::size_t cut = 0; cut <= size; ++cut) EXPECT_EQ(ask(server, request_of(stream_body)).size(), cut);
}

TEST(Simulator, CutsBetweenEventsWithAResetOrAnEnd) {
    const simulator server(with_script(R"({"rules":[
        {"text":"a b c","cut":{"after_events":2,"how":"close"}}, {"cut":{"after_events":0,"how":"reset"}}]})"));
    error_code end;
    const std::string closed = ask(server, request_of(stream_body), &end);
    EXPECT_EQ(end, asio::error::eof);
    EXPECT_THAT(closed, HasSubstr(R"("content":"a")"));
    EXPECT_THAT(closed, ::testing::Not(HasSubstr(R"("content":" b")")));
    ask(server, request_of(stream_body), &end);
    EXPECT_EQ(end, asio::error::connection_reset);
}

TEST(Simulator, StopResetsWhatIsOpenAndRefusesWhatIsNew) {
    simulator server(with_script(R"({"rules":[{"cut":{"after_events":1,"how":"hang"}}]})"));
    peer waiting(server), idle(server);
    waiting.send(request_of(stream_body));
    EXPECT_THAT(waiting.read_until("\n\n"), HasSubstr(R"("role":"assistant")"));
    EXPECT_GE(server.connections(), 1U);
    server.stop();
    server.stop();
    EXPECT_EQ(server.connections(), 0U);
    waiting.read_all();
    EXPECT_EQ(waiting.end, asio::error::connection_reset);
    idle.read_all();
    EXPECT_EQ(idle.end, asio::error::connection_reset);
    EXPECT_THROW(peer{server}, boost::system::system_error);
    EXPECT_EQ(server.requests().size(), 1U);
}

TEST(Simulator, StopDoesNotWaitForPausesOfAScript) {
    simulator server(with_script(R"({"rules":[{"pace_ms":3600000},{"latency_ms":3600000}]})"));
    peer paced(server), late(server);
    paced.send(request_of(stream_body));
    paced.read_until("\n\n");
    late.send(request_of(stream_body));
    server.stop();
    paced.read_all();
    EXPECT_EQ(paced.end, asio::error::connection_reset);
}

TEST(Simulator, TlsProvesItsNameByItsOwnAuthority) {
    simulator::options settings;
    settings.tls = true;
    const simulator server(settings);
    EXPECT_THAT(server.base_url(), StartsWith("https://127.0.0.1:"));
    for (const char* name : {"localhost", "127.0.0.1", "::1"}) {
        error_code end;
        const std::string reply = ask_tls(server, server.ca_pem(), name, request_of(plain_body), end);
        EXPECT_EQ(end, asio::error::eof) << name << end.message();
        EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
    }
    error_code end;
    ask_tls(server, server.ca_pem(), "example.org", request_of(plain_body), end);
    EXPECT_EQ(end.category(), asio::error::get_ssl_category());
    const simulator other(settings);
    ask_tls(server, other.ca_pem(), "localhost", request_of(plain_body), end);
    EXPECT_EQ(end.category(), asio::error::get_ssl_category());
}

TEST(Simulator, TlsEndsWithOrWithoutItsGoodbye) {
    simulator::options settings = with_script(R"({"rules":[{"cut":{"after_events":1,"how":"close"}},
        {"cut":{"after_events":1,"how":"fin"}}, {"cut":{"after_events":1,"how":"reset"}}]})");
    settings.tls = true;
    const simulator server(settings);
    error_code end;
    ask_tls(server, server.ca_pem(), "localhost", request_of(stream_body), end);
    EXPECT_EQ(end, asio::error::eof);
    ask_tls(server, server.ca_pem(), "localhost", request_of(stream_body), end);
    EXPECT_EQ(end, asio::ssl::error::stream_truncated);
    ask_tls(server, server.ca_pem(), "localhost", request_of(stream_body), end);
    EXPECT_EQ(end, asio::error::connection_reset);
}

TEST(Simulator, HoldsManyStreamsAtOnce) {
    const simulator server(with_script(R"({"rules":[{"times":"always","tokens":20,"pace_ms":1}]})"));
    std::deque<peer> clients;
    for (int i = 0; i < 200; ++i) clients.emplace_back(server).send(request_of(stream_body));
    for (peer& client : clients) EXPECT_THAT(client.read_all(), EndsWith("data: [DONE]\n\n\r\n0\r\n\r\n"));
}

TEST(Simulator, SaysWhyItCannotStart) {
    EXPECT_THROW(simulator(with_script("{")), std::invalid_argument);
    const simulator first;
    simulator::options settings;
    settings.port = first.port();
    EXPECT_THROW(simulator{settings}, std::system_error);
}

} // namespace
} // namespace modelmesh::testing
