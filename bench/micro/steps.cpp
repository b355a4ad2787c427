// The steps of the way of a message, each alone: framing and parsing here; JSON and TLS in files of their own.
// Options are Google Benchmark's:
//   steps --benchmark_format=json [--benchmark_filter=REGEX]
// Bytes are those of the wire. What is parsed comes in slices as a socket gives them, 16 KB unless the name
// says otherwise.
#include "proto/event_stream.hpp"
#include "proto/http1.hpp"
#include "proto/http1_server.hpp"
#include "proto/ndjson.hpp"
#include "proto/sse.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace modelmesh;

constexpr std::size_t slice_size = 16 * 1024;

// A chunk as OpenAI sends it.
constexpr std::string_view chunk =
    R"({"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion.chunk","created":1741570283,)"
    R"("model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_fc9f1d7035","choices":[)"
    R"({"index":0,"delta":{"content":" everyone"},"logprobs":null,"finish_reason":null}]})";

std::string repeated(std::string_view what, std::size_t at_least) {
    std::string text;
    while (text.size() < at_least) text.append(what);
    return text;
}

void count_bytes(benchmark::State& state, std::size_t each) {
    state.SetBytesProcessed(static_cast<std::int64_t>(each) * state.iterations());
}

template <class Decoder, class Item>
void decode(benchmark::State& state, const std::string& wire, std::size_t width) {
    for (auto _ : state) {
        Decoder decoder;
        Item item;
        std::size_t items = 0;
        for (std::size_t at = 0; at < wire.size(); at += width) {
            decoder.feed(std::string_view(wire).substr(at, width));
            for (;;) {
                const result<bool> more = decoder.next(item);
                if (!more) std::abort();
                if (!*more) break;
                ++items;
                benchmark::DoNotOptimize(item);
            }
        }
        if (items == 0) std::abort();
    }
    count_bytes(state, wire.size());
}

void sse(benchmark::State& state) {
    const std::string wire = repeated("data: " + std::string(chunk) + "\n\n", 256 * 1024);
    decode<proto::sse_decoder, proto::sse_event>(state, wire, static_cast<std::size_t>(state.range(0)));
}
BENCHMARK(sse)->ArgName("slice")->Arg(slice_size)->Arg(1400)->Arg(100);

void ndjson(benchmark::State& state) {
    const std::string wire = repeated(std::string(chunk) + "\n", 256 * 1024);
    decode<proto::ndjson_decoder, std::string_view>(state, wire, static_cast<std::size_t>(state.range(0)));
}
BENCHMARK(ndjson)->ArgName("slice")->Arg(slice_size)->Arg(1400)->Arg(100);

// A message with the three headers that Bedrock sends; its sums were worked out with zlib's crc32.
void event_stream(benchmark::State& state) {
    constexpr std::string_view hex = "0000009d00000057b9bbf89f0b3a6576656e742d74797065070011636f6e74656e74426"
                                     "c6f636b44656c74610d3a636f6e7465"
                                     "6e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652"
                                     "d747970650700056576656e747b2263"
                                     "6f6e74656e74426c6f636b496e646578223a302c2264656c7461223a7b2274657874223"
                                     "a224869227d2c2270223a226162227d"
                                     "8b38b268";
    std::string message;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        message.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    const std::string wire = repeated(message, 256 * 1024);
    decode<proto::event_stream_decoder, proto::event_stream_message>(state, wire, slice_size);
}
BENCHMARK(event_stream);

void http1_response_head(benchmark::State& state) {
    const std::string head = "HTTP/1.1 200 OK\r\n"
                             "Date: Mon, 10 Mar 2025 01:31:23 GMT\r\n"
                             "Content-Type: application/json\r\n"
                             "Content-Length: 0\r\n"
                             "Connection: keep-alive\r\n"
                             "openai-processing-ms: 512\r\n"
                             "openai-version: 2020-10-01\r\n"
                             "x-ratelimit-limit-requests: 10000\r\n"
                             "x-ratelimit-remaining-requests: 9999\r\n"
                             "x-request-id: req_2f1c4cf7a2b54f0c9d9e8a1b2c3d4e5f\r\n\r\n";
    proto::response_parser parser;
    for (auto _ : state) {
        parser.start(false);
        std::string_view input = head;
        std::string_view slice;
        if (parser.step(input, slice).value() != proto::response_parser::event::head) std::abort();
        benchmark::DoNotOptimize(parser.status());
    }
    count_bytes(state, head.size());
}
BENCHMARK(http1_response_head);

void http1_request_head(benchmark::State& state) {
    const std::string head = "POST /v1/chat/completions HTTP/1.1\r\n"
                             "Host: 127.0.0.1:8080\r\n"
                             "Accept: application/json\r\n"
                             "Content-Type: application/json\r\n"
                             "User-Agent: OpenAI/Python 1.66.2\r\n"
                             "Authorization: Bearer sk-0123456789abcdef\r\n"
                             "Content-Length: 0\r\n\r\n";
    proto::request_parser parser;
    for (auto _ : state) {
        parser.start();
        std::string_view input = head;
        std::string_view slice;
        if (parser.step(input, slice).value() != proto::request_parser::event::head) std::abort();
        benchmark::DoNotOptimize(parser.target());
    }
    count_bytes(state, head.size());
}
BENCHMARK(http1_request_head);

void http1_chunked_body(benchmark::State& state) {
    const std::string event = "data: " + std::string(chunk) + "\n\n";
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", event.size());
    const std::string wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                             repeated(size + event + "\r\n", 256 * 1024) + "0\r\n\r\n";
    proto::response_parser parser;
    for (auto _ : state) {
        parser.start(false);
        std::string_view slice;
        for (std::size_t at = 0; at < wire.size(); at += slice_size) {
            std::string_view input = std::string_view(wire).substr(at, slice_size);
            while (parser.step(input, slice).value() == proto::response_parser::event::head ||
                   (!input.empty() && !parser.ended()))
                benchmark::DoNotOptimize(slice);
        }
        if (!parser.ended()) std::abort();
    }
    count_bytes(state, wire.size());
}
BENCHMARK(http1_chunked_body);

} // namespace

BENCHMARK_MAIN();
