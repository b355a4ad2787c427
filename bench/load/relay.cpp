// A relay as a gateway has it at its heart: the library's server, its client with pool and deadlines, and
// between them a handler that passes requests on and answers back slice by slice, as they arrive.
//   relay --listen PORT --upstream URL [--ca FILE] [--engine auto|uring|epoll]
// Prints "ready" and serves on one thread until it is ended by SIGTERM or SIGINT; then says how many bytes of
// payload it has copied.
#include "net/client.hpp"
#include "net/engine.hpp"
#include "net/server.hpp"
#include "support/arguments.hpp"
#include "support/engine_name.hpp"
#include "support/report.hpp"

#include <modelmesh/core/error.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

namespace {

using namespace modelmesh;
namespace asio = boost::asio;

// Fields that concern one connection, or that each side sets for itself.
bool is_passed_on(std::string_view name) {
    for (const std::string_view own : {"connection", "content-length", "transfer-encoding", "keep-alive",
                                       "proxy-connection", "te", "trailer", "upgrade", "host", "expect"})
        if (http::iequals(name, own)) return false;
    return true;
}

void pass_on(const http::headers& from, http::headers& to) {
    for (const http::header field : from)
        if (is_passed_on(field.name)) to.add(field.name, field.value);
}

net::pool_limits many() {
    net::pool_limits limits;
    limits.connections = 16'384;
    limits.idle = 1024;
    return limits;
}

class relay {
public:
    relay(net::engine& io, net::origin upstream, net::tls_settings tls)
        : upstream_(std::make_shared<net::endpoint>(std::move(upstream), std::move(tls))),
          client_(io, many()) {}

    // The relay outlives the server that calls it.
    task<void> handle(net::exchange& ex) {
        auto request = std::make_shared<http::request>();
        request->method = ex.method();
        request->target = ex.target();
        pass_on(ex.headers(), request->headers);
        result<std::string> body = co_await ex.read_all();
        if (!body) co_return; // the server answers what the body deserves
        request->body = std::move(*body);
        const net::exchange_limits limits(clock::system().now() + net::exchange_limits::default_total);
        result<net::response_stream> opened = co_await client_.open(upstream_, std::move(request), limits);
        if (!opened) {
            const http::headers none;
            const int status = opened.error().kind() == errc::timed_out ? 504 : 502;
            static_cast<void>(co_await ex.respond(status, none, opened.error().message));
            co_return;
        }
        net::response_stream answer = std::move(*opened);
        http::headers fields;
        pass_on(answer.headers(), fields);
        if (!ex.start(answer.status(), fields, answer.content_length())) co_return;
        bool is_head_sent = false;
        for (;;) {
            std::string_view slice;
            const result<net::read_status> got = answer.try_read(slice);
            if (!got) co_return; // cut off here as it was there
            if (*got == net::read_status::end) break;
            if (*got == net::read_status::slice || !is_head_sent) {
                // The head goes with the first slice if that is there already.
                is_head_sent = true;
                const result<void> sent = co_await ex.write(slice);
                if (!sent) co_return;
                continue;
            }
            const result<void> waited = co_await answer.wait();
            if (!waited) co_return;
        }
        static_cast<void>(co_await ex.finish());
    }

private:
    std::shared_ptr<const net::endpoint> upstream_;
    net::client client_;
};

} // namespace

int main(int argc, char** argv) try {
    bench::arguments args(argc, argv);
    net::listen_settings where;
    where.port = static_cast<std::uint16_t>(args.number("listen", 0));
    where.backlog = 4096;
    const net::url upstream = net::parse_url(args.text("upstream")).value();
    net::tls_settings tls;
    tls.ca_file = args.text("ca");
    net::engine_settings settings(bench::engine_named(args.text("engine", "auto")));
    args.finish();
    settings.ring_buffer_size = 32 * 1024; // an answer of 16 KB and its head: one receive, one send

    asio::io_context loop{1};
    net::engine& io = *net::engine::create(loop, settings).value();
    relay passing(io, upstream.where, tls);
    net::server_limits limits;
    limits.connections = 16'384;
    net::server server(io, [&passing](net::exchange& ex) { return passing.handle(ex); }, limits);
    server.listen(where).value();
    asio::signal_set signals(loop, SIGTERM, SIGINT);
    signals.async_wait([&server](const boost::system::error_code& ec, int) {
        if (!ec) server.stop();
    });
    asio::co_spawn(loop, server.serve(), [&signals](const std::exception_ptr& failure, result<void> served) {
        signals.cancel();
        if (failure) std::rethrow_exception(failure);
        served.value();
    });
    std::puts("ready");
    std::fflush(stdout);
    loop.run();
    bench::report().count("copied_bytes", io.counters().copied_bytes).print();
} catch (const std::exception& e) {
    std::fprintf(stderr, "relay: %s\n", e.what());
    return 2;
}
