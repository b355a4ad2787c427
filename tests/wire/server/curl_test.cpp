// The server under clients that we did not write: curl, and nghttp2's own, as programs.
#include "fixture.hpp"

#include "wire/transport/tls_peer.hpp"

#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace modelmesh::net::testing {
namespace {

using Curl = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, Curl, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

std::string output_of(const std::string& command) {
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return "cannot be run: " + command;
    std::string all;
    char buffer[4096];
    for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) != 0;) all.append(buffer, n);
    const int status = ::pclose(pipe);
    if (status != 0) all += " [status " + std::to_string(status) + "]";
    return all;
}

std::string curl(const std::string& arguments) {
    return output_of("curl --disable --silent --show-error --max-time 20 --noproxy '*' " + arguments +
                     " 2>&1");
}

TEST_P(Curl, GetsPostsAndStreamsOnOneConnection) {
    running_server on(GetParam());
    const std::string base = "http://127.0.0.1:" + std::to_string(on.port());
    EXPECT_EQ(curl(base + "/hello " + base + "/stream " + base + "/hello"), "helloonetwothreehello");
    EXPECT_EQ(on.counters().accepted, 1u);
    EXPECT_EQ(curl("--data-binary 'some text' " + base + "/echo"), "some text");
    EXPECT_EQ(curl("-H 'Transfer-Encoding: chunked' --data-binary 'in chunks' " + base + "/echo"),
              "in chunks");
    EXPECT_EQ(curl("-H 'Expect: 100-continue' --data-binary 'expected' " + base + "/echo"), "expected");
    EXPECT_EQ(curl("--http1.0 " + base + "/stream"), "onetwothree");
    EXPECT_EQ(curl("--head --write-out '%{http_code}' --output /dev/null " + base + "/hello"), "200");
    EXPECT_EQ(curl("--write-out '%{http_code}' " + base + "/throw"), "500");
    EXPECT_NE(curl(base + "/throw_late").find("begun"), std::string::npos);
    EXPECT_NE(curl(base + "/throw_late").find("[status"), std::string::npos)
        << "an answer cut off is an error";
}

TEST_P(Curl, SpeaksTls) {
    const identity root("root", nullptr, nullptr);
    const identity leaf("server", "IP:127.0.0.1", &root);
    tls_server_settings settings;
    settings.certificate_pem = leaf.pem();
    settings.key_pem = leaf.key_pem();
    running_server on(GetParam(), server_limits(), settings);
    const std::string ca = ::testing::TempDir() + "modelmesh_curl_" + std::to_string(::getpid()) + ".pem";
    std::ofstream(ca) << root.pem();
    const std::string base = "https://127.0.0.1:" + std::to_string(on.port());
    EXPECT_EQ(curl("--http1.1 --cacert " + ca + " --write-out ' %{http_version}' " + base + "/stream"),
              "onetwothree 1.1");
    EXPECT_EQ(curl("--http2 --cacert " + ca + " --write-out ' %{http_version}' " + base + "/stream"),
              "onetwothree 2");
    EXPECT_EQ(curl("--http2 --cacert " + ca + " --data-binary 'some text' " + base + "/echo"), "some text");
    const std::uint64_t before = on.counters().accepted;
    EXPECT_EQ(curl("--http2 --cacert " + ca + " " + base + "/hello " + base + "/stream " + base + "/hello"),
              "helloonetwothreehello");
    EXPECT_EQ(on.counters().accepted, before + 1);
    EXPECT_EQ(curl("--cacert " + ca + " --tls-max 1.2 " + base + "/hello"), "hello");
    EXPECT_NE(curl("--cacert " + ca + " --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 " + base).find("[status"),
              std::string::npos);
    std::remove(ca.c_str());
}

TEST_P(Curl, SpeaksHttp2WithPriorKnowledge) {
    running_server on(GetParam());
    const std::string base = "http://127.0.0.1:" + std::to_string(on.port());
    const std::string known = "--http2-prior-knowledge ";
    EXPECT_EQ(curl(known + base + "/stream"), "onetwothree");
    EXPECT_EQ(curl(known + "--data-binary 'some text' --write-out ' %{http_version}' " + base + "/echo"),
              "some text 2");
    EXPECT_EQ(curl(known + "-H 'Expect: 100-continue' --data-binary 'expected' " + base + "/echo"),
              "expected");
    EXPECT_EQ(curl(known + "--head --write-out '%{http_code}' --output /dev/null " + base + "/hello"), "200");
    EXPECT_EQ(curl(known + "--write-out '%{http_code}' " + base + "/throw"), "500");
    EXPECT_NE(curl(known + base + "/throw_late").find("[status"), std::string::npos)
        << "an answer cut off is an error";
    // Not here: a body that nobody reads. The stream is reset without an error behind the answer (RFC 9113
    // section 8.1), and curl 7.88 calls it one if it happens to be sending still.
    // Asked to change the version in mid connection, it stays with HTTP/1.1.
    EXPECT_EQ(curl("--http2 --write-out ' %{http_version}' " + base + "/hello"), "hello 1.1");
}

TEST_P(Curl, NghttpFetchesManyAtATime) {
    running_server on(GetParam());
    const std::string base = "http://127.0.0.1:" + std::to_string(on.port());
    const std::string got = output_of("nghttp --timeout=20 " + base + "/hello " + base + "/stream 2>&1");
    EXPECT_NE(got.find("hello"), std::string::npos) << got;
    EXPECT_NE(got.find("onetwothree"), std::string::npos) << got;
    EXPECT_EQ(got.find("[status"), std::string::npos) << got;
    const std::string verbose = output_of("nghttp --timeout=20 -nv " + base + "/hello 2>&1");
    EXPECT_NE(verbose.find(":status: 200"), std::string::npos) << verbose;
    EXPECT_EQ(on.counters().failed + on.counters().refused + on.counters().gone, 0u);
}

TEST_P(Curl, H2loadIsServedInFull) {
    running_server on(GetParam());
    const std::string base = "http://127.0.0.1:" + std::to_string(on.port());
    const std::string got = output_of("h2load -n 2000 -c 4 -m 50 -T 20 " + base + "/hello 2>&1");
    EXPECT_NE(got.find("2000 succeeded, 0 failed, 0 errored, 0 timeout"), std::string::npos) << got;
    EXPECT_EQ(on.counters().requests, 2000u);
}

} // namespace
} // namespace modelmesh::net::testing
