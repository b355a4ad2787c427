// The provider that the relays and clients under test talk to: a raw epoll HTTP/1.1 server, plain and TLS on
// two ports, cheap enough never to be the bottleneck.
//   upstream --ca FILE [--tick-us 1000] [--busy-poll 0|1]
// It writes its authority to FILE, prints its ports as JSON, and serves until it is ended:
//   POST /v1/chat/completions?reply=BYTES                        a JSON body of that size
//   POST /v1/chat/completions?stream=K&events=N&period_us=P      stream number K: N events of 200 bytes, one
//                                                                each P
//   POST /v1/start                                               the streams opened so far begin to send
// The streams of one period are spread evenly over it in steps of a tick. Polling, it never sleeps, and
// whoever sends to it does not pay for waking it.
#include "support/arguments.hpp"
#include "support/event.hpp"
#include "support/listener.hpp"
#include "support/message_reader.hpp"
#include "support/report.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace modelmesh;
using bench::message_reader;

struct peer {
    peer(bench::poller& events, int socket, bench::ssl_ptr tls)
        : link(events, socket, this, std::move(tls)) {}

    bench::connection link;
    message_reader reader;
    std::string event; ///< of the stream that is being answered, framed as a chunk; empty: none
    std::uint64_t period_us = 0;
    std::uint64_t next = 0;
    std::uint64_t left = 0;
    bool is_over = false;
};

/// All streams of one period, in the slots of a wheel that turns once a period.
struct wheel {
    std::vector<std::vector<peer*>> slots;
    std::size_t at = 0;
};

std::uint64_t parameter(std::string_view target, std::string_view name) {
    for (std::size_t at = target.find('?'); at != std::string_view::npos; at = target.find('&', at + 1)) {
        std::string_view pair = target.substr(at + 1);
        if (!pair.starts_with(name) || pair.size() <= name.size() || pair[name.size()] != '=') continue;
        pair.remove_prefix(name.size() + 1);
        std::uint64_t value = 0;
        std::from_chars(pair.data(), pair.data() + pair.size(), value);
        return value;
    }
    return 0;
}

std::string whole_reply(std::size_t size) {
    std::string body = R"({"id":"chatcmpl-1","object":"chat.completion","model":"m","choices":[{"index":0,)"
                       R"("message":{"role":"assistant","content":")";
    const std::string_view end =
        R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12}})";
    if (size > body.size() + end.size()) body.append(size - body.size() - end.size(), 'x');
    body.append(end);
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

constexpr std::string_view stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view chunk_head = "c8\r\n"; // 200
static_assert(bench::event_size == 0xc8);
const std::string stream_end = "e\r\n" + std::string(bench::done_event) + "\r\n0\r\n\r\n";

class upstream {
public:
    upstream(const std::string& ca_file, std::uint64_t tick_us)
        : tls_(bench::server_context(ca_file)), plain_listener_(bench::listen_on(0)),
          tls_listener_(bench::listen_on(0)), tick_us_(tick_us),
          timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
        const timespec tick{static_cast<time_t>(tick_us / 1'000'000),
                            static_cast<long>(tick_us % 1'000'000 * 1000)};
        const itimerspec every{tick, tick};
        timerfd_settime(timer_, 0, &every, nullptr);
        events_.add(plain_listener_, &plain_listener_);
        events_.add(tls_listener_, &tls_listener_);
        events_.add(timer_, &timer_);
        bench::report()
            .count("plain_port", bench::port_of(plain_listener_))
            .count("tls_port", bench::port_of(tls_listener_))
            .print();
    }

    [[noreturn]] void run(bool busy_poll) {
        for (;;) {
            for (const epoll_event& event : events_.wait(busy_poll ? 0 : -1)) {
                void* const tag = event.data.ptr;
                if (tag == &plain_listener_)
                    accept_all(plain_listener_, nullptr);
                else if (tag == &tls_listener_)
                    accept_all(tls_listener_, tls_.get());
                else if (tag == &timer_)
                    turn();
                else
                    serve(*static_cast<peer*>(tag));
            }
            bury();
        }
    }

private:
    void accept_all(int listener, SSL_CTX* tls) {
        for (int socket; (socket = bench::accept_from(listener)) >= 0;) {
            auto made = std::make_unique<peer>(events_, socket, tls ? bench::server_tls(tls) : nullptr);
            peer* const key = made.get();
            peers_.emplace(key, std::move(made));
        }
    }

    void serve(peer& p) {
        if (p.is_over) return;
        const bool is_open = p.link.receive(scratch_, [&](std::string_view in) {
            std::string_view ignored;
            for (;;) {
                const message_reader::event got = p.reader.step(in, ignored);
                if (got == message_reader::event::malformed) end(p);
                if (got == message_reader::event::malformed || got == message_reader::event::need_more)
                    return;
                if (got == message_reader::event::end) answer(p);
            }
        });
        if (!is_open) end(p);
    }

    void answer(peer& p) {
        const std::string_view target = p.reader.first_line();
        if (target.starts_with("POST /v1/start")) {
            start();
            send(p, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        } else if (const std::uint64_t events = parameter(target, "events"); events > 0) {
            p.event = std::string(chunk_head) + bench::make_event(parameter(target, "stream")) + "\r\n";
            p.period_us = std::max(parameter(target, "period_us"), tick_us_);
            p.next = 0;
            p.left = events;
            waiting_.push_back(&p);
            send(p, stream_head);
        } else {
            std::string& reply = replies_[parameter(target, "reply")];
            if (reply.empty()) reply = whole_reply(parameter(target, "reply"));
            send(p, reply);
        }
    }

    void start() {
        for (peer* const p : waiting_) {
            wheel& w = wheels_[p->period_us];
            if (w.slots.empty()) w.slots.resize(p->period_us / tick_us_);
            w.slots[started_++ % w.slots.size()].push_back(p);
        }
        waiting_.clear();
    }

    void turn() {
        std::uint64_t ticks = 0;
        if (::read(timer_, &ticks, sizeof ticks) != sizeof ticks) return;
        for (; ticks > 0; --ticks)
            for (auto& [period, w] : wheels_) {
                // A late tick sends as many events as the ticks it missed: the rate holds, the bursts grow.
                std::erase_if(w.slots[w.at], [&](peer* p) { return !send_event(*p); });
                w.at = (w.at + 1) % w.slots.size();
            }
    }

    /// False: that was the last one, or the peer is gone.
    bool send_event(peer& p) {
        if (p.is_over) return false;
        bench::stamp_event(p.event.data() + chunk_head.size(), p.next++, bench::now_ns());
        send(p, p.event);
        if (--p.left > 0) return !p.is_over;
        send(p, stream_end);
        p.event.clear();
        return false;
    }

    void send(peer& p, std::string_view bytes) {
        if (!p.link.send(bytes)) end(p);
    }

    void end(peer& p) {
        if (std::exchange(p.is_over, true)) return;
        over_.push_back(&p);
    }

    // Peers die between two rounds of events, when nothing refers to them any more.
    void bury() {
        for (peer* const p : over_) {
            std::erase(waiting_, p);
            if (const auto w = wheels_.find(p->period_us); w != wheels_.end() && p->left > 0)
                for (std::vector<peer*>& slot : w->second.slots) std::erase(slot, p);
            peers_.erase(p);
        }
        over_.clear();
    }

    bench::poller events_;
    bench::ssl_context_ptr tls_;
    int plain_listener_;
    int tls_listener_;
    std::uint64_t tick_us_;
    int timer_;
    std::map<peer*, std::unique_ptr<peer>> peers_;
    std::vector<peer*> over_;
    std::vector<peer*> waiting_; ///< streams that have not been told to start
    std::map<std::uint64_t, wheel> wheels_;
    std::size_t started_ = 0;
    std::map<std::uint64_t, std::string> replies_;
    std::array<char, 65536> scratch_{};
};

} // namespace

int main(int argc, char** argv) try {
    bench::arguments args(argc, argv);
    const std::string ca_file = args.text("ca");
    const std::uint64_t tick_us = args.number("tick-us", 1000);
    const bool busy_poll = args.number("busy-poll", 0) != 0;
    args.finish();
    bench::raise_descriptor_limit(0);
    upstream(ca_file, tick_us).run(busy_poll);
} catch (const std::exception& e) {
    std::fprintf(stderr, "upstream: %s\n", e.what());
    return 2;
}
