// Many server-sent streams through one thread and one client of the library: whether every event arrives in
// order, what a stream costs in memory, and what an event costs in CPU time.
//   streams --port PORT [--ca FILE] [--streams 10000] [--per-second 10000] [--seconds 8] [--engine
//   auto|uring|epoll]
// The events of all streams together come at the given rate, however many streams share it. Exit status 0:
// nothing was lost.
#include "net/client.hpp"
#include "net/engine.hpp"
#include "proto/sse.hpp"
#include "support/allocations.hpp"
#include "support/arguments.hpp"
#include "support/engine_name.hpp"
#include "support/event.hpp"
#include "support/listener.hpp"
#include "support/report.hpp"

#include <modelmesh/core/error.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

using namespace modelmesh;
namespace asio = boost::asio;

constexpr std::uint64_t opening_at_once = 128; ///< handshakes are no part of what is measured

struct memory {
    std::uint64_t resident =
        0;                  ///< of the process: heap, buffers, stacks; not what the kernel holds for sockets
    std::uint64_t heap = 0; ///< allocated and not freed

    static memory now() {
        memory m;
        std::uint64_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages >> m.resident;
        m.resident *= static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
        const struct mallinfo2 used = mallinfo2();
        m.heap = used.uordblks + used.hblkhd;
        return m;
    }
    [[nodiscard]] double resident_above(const memory& before, std::uint64_t streams) const {
        return (static_cast<double>(resident) - static_cast<double>(before.resident)) /
               static_cast<double>(streams);
    }
    [[nodiscard]] double heap_above(const memory& before, std::uint64_t streams) const {
        return (static_cast<double>(heap) - static_cast<double>(before.heap)) / static_cast<double>(streams);
    }
};

struct plan {
    explicit plan(bench::arguments& args)
        : port(static_cast<std::uint16_t>(args.number("port", 0))), ca_file(args.text("ca")),
          streams(args.number("streams", 10000)), per_second(args.number("per-second", 10000)),
          seconds(args.number("seconds", 8)), period_us(streams * 1'000'000 / per_second),
          // One second to warm up, and one after the measurement, so that no stream ends inside it.
          events_each((seconds + 2) * 1'000'000 / period_us) {}

    std::uint16_t port;
    std::string ca_file;
    std::uint64_t streams;
    std::uint64_t per_second;
    std::uint64_t seconds;
    std::uint64_t period_us;
    std::uint64_t events_each;
};

/// Everything that the coroutines of a run share.
struct run_state {
    run_state(net::engine& io, const net::pool_limits& limits, const plan& p)
        : wanted(p), engine(io), client(io, limits),
          all_open(io.context(), asio::steady_timer::time_point::max()),
          all_over(io.context(), asio::steady_timer::time_point::max()) {}

    [[nodiscard]] std::shared_ptr<const http::request> post(const std::string& target) const {
        auto made = std::make_shared<http::request>();
        made->method = "POST";
        made->target = target;
        made->headers.add("Content-Type", "application/json");
        made->body = R"({"model":"m","stream":true})";
        return made;
    }

    plan wanted;
    net::engine& engine;
    net::client client;
    std::shared_ptr<const net::endpoint> to;
    asio::steady_timer all_open; ///< cancelled when it is so
    asio::steady_timer all_over; ///< the same
    bench::event_tally tally;
    std::uint64_t next = 0; ///< stream to open
    std::uint64_t open = 0;
    std::uint64_t over = 0;
    std::uint64_t broken = 0;
    std::uint64_t copied = 0; ///< by the decoders: events that straddled two slices
    bench::report report;
};

// Streams that are open wait in silence for those that are not, and on a busy machine that takes a while.
net::exchange_limits patient() {
    net::exchange_limits limits(clock::system().now() + net::exchange_limits::default_total);
    limits.gap = net::exchange_limits::default_total;
    return limits;
}

/// Reads one stream to its end. @returns why it is not complete, or nothing.
task<std::optional<fault>> read_events(std::shared_ptr<run_state> run, net::response_stream body,
                                       std::uint64_t number) {
    proto::sse_decoder decoder;
    proto::sse_event event;
    std::uint64_t expected = 0;
    bool is_done = false;
    for (;;) {
        std::string_view slice;
        const result<net::read_status> got = body.try_read(slice);
        if (!got) co_return got.error();
        if (*got == net::read_status::end) break;
        if (*got == net::read_status::would_block) {
            const result<void> waited = co_await body.wait();
            if (!waited) co_return waited.error();
            continue;
        }
        const std::uint64_t now = bench::now_ns();
        decoder.feed(slice);
        for (;;) {
            const result<bool> found = decoder.next(event);
            if (!found) co_return found.error();
            if (!*found) break;
            if (event.data == "[DONE]")
                is_done = true;
            else
                run->tally.take(bench::read_event_data(event.data), number, expected, now);
        }
    }
    run->copied += decoder.bytes_copied();
    if (is_done) co_return std::nullopt;
    co_return fault(errc::protocol, "the stream ended without its last event");
}

task<void> follow(std::shared_ptr<run_state> run, net::response_stream body, std::uint64_t number) {
    const std::optional<fault> failure = co_await read_events(run, std::move(body), number);
    if (failure && run->broken++ == 0)
        std::fprintf(stderr, "streams: stream %s: %s\n", std::to_string(number).c_str(),
                     failure->message.c_str());
    if (++run->over == run->wanted.streams) run->all_over.cancel();
}

/// Opens stream after stream until none is left.
task<void> open_streams(std::shared_ptr<run_state> run) {
    while (run->next < run->wanted.streams) {
        const std::uint64_t number = run->next++;
        const auto request = run->post("/v1/chat/completions?stream=" + std::to_string(number) +
                                       "&events=" + std::to_string(run->wanted.events_each) +
                                       "&period_us=" + std::to_string(run->wanted.period_us));
        result<net::response_stream> opened = co_await run->client.open(run->to, request, patient());
        if (!opened) throw error(opened.error());
        asio::co_spawn(run->engine.context(), follow(run, std::move(*opened), number), asio::detached);
        if (++run->open == run->wanted.streams) run->all_open.cancel();
    }
}

task<void> pause(std::shared_ptr<run_state> run, std::uint64_t seconds) {
    asio::steady_timer timer(run->engine.context(), std::chrono::seconds(seconds));
    co_await timer.async_wait(asio::use_awaitable);
}

task<void> until_cancelled(asio::steady_timer* timer) {
    boost::system::error_code why;
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, why));
}

task<void> measure(std::shared_ptr<run_state> run, memory before) {
    const plan& wanted = run->wanted;
    co_await until_cancelled(&run->all_open);
    const memory opened = memory::now();
    const auto start = run->post("/v1/start");
    const result<http::response> started = co_await run->client.exchange(run->to, start, patient());
    if (!started) throw error(started.error());
    co_await pause(run, 1);

    const bench::cpu_clock cpu;
    run->tally.in_window = true;
    const std::uint64_t cpu_before = cpu.ns();
    const std::uint64_t received_before = run->tally.received;
    const bench::allocation_counts allocated_before = bench::allocations();
    co_await pause(run, wanted.seconds);
    const bench::allocation_counts allocated = bench::allocations();
    const std::uint64_t done = run->tally.received - received_before;
    const std::uint64_t used = cpu.ns() - cpu_before;
    run->tally.in_window = false;
    const memory busy = memory::now();

    if (run->over < wanted.streams) co_await until_cancelled(&run->all_over);
    const auto events = static_cast<double>(done);
    const std::uint64_t expected = wanted.streams * wanted.events_each;
    run->report.text("engine", run->engine.name())
        .count("streams", wanted.streams)
        .count("done", done)
        .number("per_second", events / static_cast<double>(wanted.seconds))
        .number("cpu_us", static_cast<double>(used) / 1000 / events)
        .number("p50_us", run->tally.latency.microseconds(0.5))
        .number("p99_us", run->tally.latency.microseconds(0.99))
        .number("allocations_by_new",
                static_cast<double>(allocated.by_new - allocated_before.by_new) / events)
        .number("allocations_by_malloc",
                static_cast<double>(allocated.by_malloc - allocated_before.by_malloc) / events)
        .number("bytes_per_stream", busy.resident_above(before, wanted.streams))
        .number("bytes_per_stream_at_open", opened.resident_above(before, wanted.streams))
        .number("heap_per_stream", busy.heap_above(before, wanted.streams))
        .count("copied_bytes", run->copied)
        .count("expected", expected)
        .count("lost", expected - run->tally.received)
        .count("misplaced", run->tally.misplaced)
        .count("malformed", run->tally.malformed)
        .count("broken_streams", run->broken);
}

std::shared_ptr<run_state> make_run(net::engine& io, const plan& wanted) {
    net::pool_limits limits;
    limits.connections = wanted.streams + 1; // and one to say start
    limits.idle = wanted.streams + 1;
    auto run = std::make_shared<run_state>(io, limits, wanted);
    net::origin where;
    where.tls = !wanted.ca_file.empty();
    where.host = "127.0.0.1";
    where.port = wanted.port;
    net::tls_settings tls;
    tls.ca_file = wanted.ca_file;
    run->to = std::make_shared<net::endpoint>(where, tls);
    return run;
}

} // namespace

int main(int argc, char** argv) try {
    bench::arguments args(argc, argv);
    const plan wanted(args);
    const net::engine_settings settings(bench::engine_named(args.text("engine", "auto")));
    args.finish();
    bench::raise_descriptor_limit(wanted.streams + 100);

    // Before the engine is made: its buffers are part of what the streams cost.
    const memory before = memory::now();
    asio::io_context context(1);
    const result<net::engine*> engine = net::engine::create(context, settings);
    if (!engine) throw error(engine.error());
    const std::shared_ptr<run_state> run = make_run(**engine, wanted);
    std::exception_ptr failure;
    const auto on_end = [&](std::exception_ptr why) {
        if (!why) return;
        failure = why;
        context.stop();
    };
    asio::co_spawn(context, measure(run, before), on_end);
    for (std::uint64_t i = 0; i < std::min(opening_at_once, wanted.streams); ++i)
        asio::co_spawn(context, open_streams(run), on_end);
    context.run();
    if (failure) std::rethrow_exception(failure);
    run->report.print();
    const bool is_whole = run->tally.received == wanted.streams * wanted.events_each &&
                          run->tally.misplaced + run->tally.malformed + run->broken == 0;
    return is_whole ? 0 : 1;
} catch (const std::exception& e) {
    std::fprintf(stderr, "streams: %s\n", e.what());
    return 2;
}
