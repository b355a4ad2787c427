// What busy polling is compared with: one connection, blocking sockets, one call after the other.
//   blocking_client --port PORT [--calls N] [--reply BYTES]
#include "support/connection.hpp"
#include "support/exchange.hpp"
#include "support/message_reader.hpp"

#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <exception>
#include <stdexcept>

namespace {

using namespace modelmesh;
using bench::message_reader;

/// Sends the request and reads its answer to the end. Returns the length of the body.
std::size_t call(int socket, const std::string& request, message_reader& reader) {
    const auto length = static_cast<ssize_t>(request.size());
    if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) != length)
        throw std::runtime_error("the connection is lost");
    std::array<char, 65536> received;
    for (std::size_t size = 0;;) {
        const ssize_t n = ::recv(socket, received.data(), received.size(), 0);
        if (n <= 0) throw std::runtime_error("the connection is lost");
        std::string_view in(received.data(), static_cast<std::size_t>(n));
        for (;;) {
            std::string_view slice;
            const message_reader::event got = reader.step(in, slice);
            if (got == message_reader::event::need_more) break;
            if (got == message_reader::event::malformed) throw std::runtime_error("malformed answer");
            if (got == message_reader::event::body) size += slice.size();
            if (got == message_reader::event::end) return size;
        }
    }
}

} // namespace

int main(int argc, char** argv) try {
    bench::arguments args(argc, argv);
    const bench::exchange_plan plan(args);
    args.finish();
    const std::string request = plan.request();
    const int socket = bench::connect_to(plan.port);
    bench::exchange_meter meter(plan);
    message_reader reader;
    while (meter.begin()) {
        const std::uint64_t began = bench::now_ns();
        const std::size_t size = call(socket, request, reader);
        meter.end(reader.is_ok() ? 200 : 0, size, began);
    }
    meter.result().print();
} catch (const std::exception& e) {
    std::fprintf(stderr, "blocking_client: %s\n", e.what());
    return 2;
}
