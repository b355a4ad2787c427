// The floor for a client: epoll, OpenSSL on the socket, one prepared request, and nothing that a real client
// needs besides: no pool, no deadlines, no limits.
//   raw_client --port PORT [--ca FILE] [--calls N] [--concurrency C] [--reply BYTES]
#include "support/connection.hpp"
#include "support/exchange.hpp"
#include "support/message_reader.hpp"

#include <array>
#include <cstdio>
#include <exception>
#include <memory>
#include <vector>

namespace {

using namespace modelmesh;
using bench::message_reader;

struct worker {
    worker(bench::poller& events, std::uint16_t port, bench::ssl_ptr tls)
        : link(events, bench::connect_to(port), this, std::move(tls)) {}

    bench::connection link;
    message_reader reader;
    std::string body;
    std::uint64_t began_ns = 0;
};

class raw_client {
public:
    explicit raw_client(const bench::exchange_plan& plan) : meter_(plan), request_(plan.request()) {
        if (plan.is_tls()) tls_ = bench::client_context(plan.ca_file);
        for (std::uint64_t i = 0; i < plan.concurrency; ++i) {
            workers_.push_back(
                std::make_unique<worker>(events_, plan.port, tls_ ? bench::client_tls(tls_.get()) : nullptr));
            call(*workers_.back());
        }
    }

    bench::report run() {
        while (!meter_.is_over())
            for (const epoll_event& event : events_.wait(-1)) take(*static_cast<worker*>(event.data.ptr));
        return meter_.result();
    }

private:
    void call(worker& w) {
        if (!meter_.begin()) return;
        w.began_ns = bench::now_ns();
        w.body.clear();
        if (!w.link.send(request_)) throw std::runtime_error("the connection is lost");
    }

    void take(worker& w) {
        const bool is_connected = w.link.receive(scratch_, [&](std::string_view in) {
            std::string_view slice;
            for (;;) {
                const message_reader::event got = w.reader.step(in, slice);
                if (got == message_reader::event::need_more) return;
                if (got == message_reader::event::malformed) throw std::runtime_error("malformed answer");
                if (got == message_reader::event::body) w.body.append(slice);
                if (got != message_reader::event::end) continue;
                meter_.end(w.reader.is_ok() ? 200 : 0, w.body.size(), w.began_ns);
                call(w);
            }
        });
        if (!is_connected) throw std::runtime_error("the connection is lost");
    }

    bench::exchange_meter meter_;
    bench::poller events_;
    bench::ssl_context_ptr tls_;
    std::string request_;
    std::vector<std::unique_ptr<worker>> workers_;
    std::array<char, 65536> scratch_{};
};

} // namespace

int main(int argc, char** argv) try {
    bench::arguments args(argc, argv);
    const bench::exchange_plan plan(args);
    args.finish();
    raw_client(plan).run().print();
} catch (const std::exception& e) {
    std::fprintf(stderr, "raw_client: %s\n", e.what());
    return 2;
}
