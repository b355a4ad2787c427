// Forms with files, and answers that are bytes, over real sockets.
#include "peer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace modelmesh::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string form_type = "content-type: multipart/form-data; boundary=\"----a b\"\r\n";

std::string form_of(const std::string& file) {
    return "------a b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nsim-small\r\n"
           "------a b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"talk.wav\"\r\n"
           "Content-Type: audio/wav\r\n\r\n" +
           file + "\r\n------a b--\r\n";
}

std::string head_of(const std::string& path, const std::string& more) {
    return "POST /v1/" + path + " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n" + more + "\r\n";
}

std::string with_length(const std::string& path, const std::string& more, const std::string& body) {
    return head_of(path, more + "content-length: " + std::to_string(body.size()) + "\r\n") + body;
}

/// Every byte there is, and line ends before something that looks like a boundary.
std::string binary(std::size_t size) {
    std::string out = "\r\n----\r\n------a \r\n------a c\r\n";
    while (out.size() < size) out += static_cast<char>(out.size() * 7);
    return out;
}

TEST(Uploads, OfManyReadsArriveWhole) {
    const simulator server;
    const std::string body = form_of(binary(3'000'000));
    EXPECT_THAT(ask(server, with_length("audio/transcriptions", form_type, body)),
                HasSubstr(R"({"text":"The file talk.wav has 3000000 bytes.")"));
    ASSERT_EQ(server.requests().size(), 1U);
    EXPECT_EQ(server.requests()[0].body, body);
}

TEST(Uploads, InChunksArriveWhole) {
    const simulator server;
    const std::string body = form_of(binary(1000));
    std::string chunks;
    for (std::size_t at = 0; at < body.size(); at += 7) {
        const std::string piece = body.substr(at, 7);
        chunks += std::to_string(piece.size()) + "\r\n" + piece + "\r\n";
    }
    const std::string request =
        head_of("audio/translations", form_type + "transfer-encoding: chunked\r\n") + chunks + "0\r\n\r\n";
    EXPECT_THAT(ask(server, request), EndsWith(R"({"text":"The file talk.wav has 1000 bytes."})"));
}

TEST(Uploads, OfPicturesAreAnsweredWithPictures) {
    const simulator server;
    std::string body = form_of(binary(100));
    body.replace(body.find("name=\"file\""), 11, "name=\"image\"");
    EXPECT_THAT(ask(server, with_length("images/variations", form_type, body)),
                HasSubstr(R"({"b64_json":"iVBOR)"));
    const std::string refused = ask(server, with_length("images/edits", form_type, body));
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    EXPECT_THAT(refused, HasSubstr("Missing required parameter: 'prompt'."));
}

TEST(Uploads, TakeTheRulesOfTheirRoute) {
    const simulator server(with_script(R"({"rules":[{"path":"audio/transcriptions","status":503},
        {"path":"audio/transcriptions","cut":{"after_events":0,"how":"fin"}}]})"));
    const std::string request = with_length("audio/transcriptions", form_type, form_of("x"));
    EXPECT_THAT(ask(server, request), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_EQ(ask(server, request), "");
    EXPECT_THAT(ask(server, request), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST(Speech, ArrivesPieceByPiece) {
    const simulator server(with_script(R"({"rules":[{"pace_ms":3600000}]})"));
    peer client(server);
    client.send(with_length("audio/speech", "",
                            R"({"model":"sim-small","voice":"v","input":"hello",)"
                            R"("response_format":"pcm"})"));
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_THAT(head, HasSubstr("\r\ntransfer-encoding: chunked\r\n"));
    EXPECT_EQ(client.read_until("\r\n"), "258\r\n"); // a quarter of 5 * 480 bytes; the rest waits for an hour
    EXPECT_EQ(client.read(600), std::string(600, '\0'));
}

TEST(Speech, MayBeCutBetweenItsPieces) {
    const simulator server(with_script(R"({"rules":[{"cut":{"after_events":2,"how":"fin"}}]})"));
    const std::string got = ask(server, with_length("audio/speech", "",
                                                    R"({"model":"sim-small","voice":"v","input":"hello",)"
                                                    R"("response_format":"pcm"})"));
    const std::string piece = "258\r\n" + std::string(600, '\0') + "\r\n";
    EXPECT_EQ(got.substr(got.find("\r\n\r\n") + 4), piece + piece);
}

} // namespace
} // namespace modelmesh::testing
