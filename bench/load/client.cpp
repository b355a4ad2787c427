// The library's transport doing the exchange: coroutines on one io_context, each making one call after the
// other.
//   client --port PORT [--ca FILE] [--calls N] [--concurrency C] [--reply BYTES] [--engine auto|uring|epoll]
//          [--busy-poll-us N]
#include "net/client.hpp"
#include "net/engine.hpp"
#include "support/engine_name.hpp"
#include "support/exchange.hpp"

#include <modelmesh/core/error.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

namespace {

using namespace modelmesh;

struct job {
    job(net::engine& io, const net::pool_limits& limits, const bench::exchange_plan& plan)
        : client(io, limits), meter(plan) {}

    net::client client;
    bench::exchange_meter meter;
    std::shared_ptr<const net::endpoint> to;
    std::shared_ptr<const http::request> request;
};

task<void> keep_calling(std::shared_ptr<job> j) {
    while (j->meter.begin()) {
        const std::uint64_t began = bench::now_ns();
        const net::exchange_limits limits(clock::system().now() + net::exchange_limits::default_total);
        result<net::response_stream> opened = co_await j->client.open(j->to, j->request, limits);
        if (!opened) throw error(opened.error());
        net::response_stream answer = std::move(*opened);
        std::size_t size = 0;
        for (;;) {
            std::string_view slice;
            const result<net::read_status> got = answer.try_read(slice);
            if (!got) throw error(got.error());
            if (*got == net::read_status::end) break;
            size += slice.size();
            if (*got == net::read_status::slice) continue;
            const result<void> waited = co_await answer.wait();
            if (!waited) throw error(waited.error());
        }
        j->meter.end(answer.status(), size, began);
    }
}

std::shared_ptr<job> make_job(net::engine& io, const bench::exchange_plan& plan) {
    net::pool_limits limits;
    limits.connections = plan.concurrency;
    limits.idle = plan.concurrency;
    auto made = std::make_shared<job>(io, limits, plan);

    net::origin where;
    where.tls = plan.is_tls();
    where.host = "127.0.0.1";
    where.port = plan.port;
    net::tls_settings tls;
    tls.ca_file = plan.ca_file;
    made->to = std::make_shared<net::endpoint>(where, tls);

    auto request = std::make_shared<http::request>();
    request->method = "POST";
    request->target = plan.target();
    request->headers.add("Content-Type", "application/json");
    request->headers.add("Authorization", "Bearer key");
    request->body = bench::chat_body;
    made->request = request;
    return made;
}

} // namespace

int main(int argc, char** argv) try {
    bench::arguments args(argc, argv);
    const bench::exchange_plan plan(args);
    net::engine_settings settings(bench::engine_named(args.text("engine", "auto")));
    settings.busy_poll = std::chrono::microseconds(args.number("busy-poll-us", 0));
    args.finish();

    boost::asio::io_context context(1);
    const result<net::engine*> engine = net::engine::create(context, settings);
    if (!engine) throw error(engine.error());
    const std::shared_ptr<job> j = make_job(**engine, plan);
    std::exception_ptr failure;
    for (std::uint64_t i = 0; i < plan.concurrency; ++i)
        boost::asio::co_spawn(context, keep_calling(j), [&](std::exception_ptr why) {
            if (!why) return;
            failure = why;
            context.stop();
        });
    context.run();
    if (failure) std::rethrow_exception(failure);
    bench::report out = j->meter.result();
    out.text("engine", (*engine)->name()).print();
} catch (const std::exception& e) {
    std::fprintf(stderr, "client: %s\n", e.what());
    return 2;
}
