// Load for a relay: keeps connections to it busy, checks everything that comes back, and measures the relay's
// CPU time inside a window in which nothing starts or ends.
//   driver --port PORT --pid RELAY [--mode streams]  [--streams 64] [--period-us 5000] [--seconds 5]
//   driver --port PORT --pid RELAY --mode calls      [--connections 16] [--reply 16384] [--rate PER_SECOND]
//   [...]
// streams: every stream gets one event each period; all are opened before the first event is sent.
// calls:   POST and whole answer; a closed loop, or at a fixed rate, when latency counts from the moment the
// call
//          was due.
// Prints one JSON object; its exit status is 0 when every event and every answer arrived as it was sent.
#include "support/arguments.hpp"
#include "support/connection.hpp"
#include "support/event.hpp"
#include "support/listener.hpp"
#include "support/message_reader.hpp"
#include "support/report.hpp"

#include <array>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace {

using namespace modelmesh;
using bench::message_reader;

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t warm_up = second;
constexpr std::uint64_t patience = 10 * second; ///< without a byte from the relay

std::string post(const std::string& target) {
    const std::string body =
        R"({"model":"m","stream":true,"messages":[{"role":"user","content":"Say something."}]})";
    return "POST " + target +
           " HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// The relay's CPU time between two moments, and how much it got done in between.
class window {
public:
    explicit window(pid_t relay) : relay_(relay) {}

    void open_at(std::uint64_t from, std::uint64_t until) {
        from_ = from;
        until_ = until;
    }
    /// Whether the moment is inside. @param done  what has been done so far.
    bool look(std::uint64_t now, std::uint64_t done) {
        if (from_ != 0 && now >= from_ && !started_) {
            started_ = now;
            cpu_ = relay_.ns();
            done_ = done;
        }
        if (started_ && now >= until_ && !ended_) {
            ended_ = now;
            cpu_ = relay_.ns() - cpu_;
            done_ = done - done_;
        }
        return started_ && !ended_;
    }
    [[nodiscard]] bool is_over() const { return ended_.has_value(); }
    void add_to(bench::report& out, const bench::latencies& latency) const {
        const double done = static_cast<double>(done_);
        out.count("done", done_)
            .number("per_second", is_over() ? done * 1e9 / static_cast<double>(*ended_ - *started_) : 0)
            .number("cpu_us", is_over() && done_ > 0 ? static_cast<double>(cpu_) / 1000 / done : 0)
            .number("p50_us", latency.microseconds(0.5))
            .number("p99_us", latency.microseconds(0.99));
    }

private:
    bench::cpu_clock relay_;
    std::uint64_t from_ = 0;
    std::uint64_t until_ = 0;
    std::optional<std::uint64_t> started_;
    std::optional<std::uint64_t> ended_;
    std::uint64_t cpu_ = 0;
    std::uint64_t done_ = 0;
};

// ---- streams

struct stream {
    stream(bench::poller& events, std::uint16_t port, std::uint64_t number)
        : link(std::in_place, events, bench::connect_to(port), this, nullptr), checker(number) {}

    std::optional<bench::connection> link; ///< until the stream is over
    message_reader reader;
    bench::event_checker checker;
    bool is_open = false;
};

class stream_load {
public:
    stream_load(std::uint16_t port, pid_t relay, std::uint64_t streams, std::uint64_t period_us,
                std::uint64_t seconds)
        : port_(port), window_(relay), seconds_(seconds * second) {
        // One second to warm up, and one after the window, so that no stream ends inside it.
        events_each_ = (warm_up + seconds_ + second) / (period_us * 1000);
        for (std::uint64_t i = 0; i < streams; ++i) {
            streams_.push_back(std::make_unique<stream>(events_, port, i));
            const std::string target = "/v1/chat/completions?stream=" + std::to_string(i) +
                                       "&events=" + std::to_string(events_each_) +
                                       "&period_us=" + std::to_string(period_us);
            streams_.back()->link->send(post(target));
        }
    }

    bool run() {
        std::uint64_t last_byte = bench::now_ns();
        while (over_ < streams_.size()) {
            const auto ready = events_.wait(100);
            const std::uint64_t now = bench::now_ns();
            tally_.in_window = window_.look(now, tally_.received);
            for (const epoll_event& event : ready) take(*static_cast<stream*>(event.data.ptr));
            if (!ready.empty()) last_byte = now;
            if (now - last_byte > patience) break;
        }
        const std::uint64_t expected = events_each_ * streams_.size();
        const bool is_whole =
            tally_.received == expected && tally_.misplaced + tally_.malformed + broken_ == 0;
        bench::report out;
        out.count("streams", streams_.size());
        window_.add_to(out, tally_.latency);
        out.count("expected", expected)
            .count("lost", expected - tally_.received)
            .count("misplaced", tally_.misplaced)
            .count("malformed", tally_.malformed)
            .count("broken_streams", broken_ + streams_.size() - over_)
            .print();
        return is_whole && window_.is_over();
    }

private:
    void take(stream& s) {
        bool is_good = true;
        bool is_over = false;
        const bool is_connected = s.link->receive(scratch_, [&](std::string_view in) {
            const std::uint64_t now = bench::now_ns();
            std::string_view slice;
            while (is_good && !is_over) {
                switch (s.reader.step(in, slice)) {
                case message_reader::event::need_more:
                    return;
                case message_reader::event::head:
                    is_good = s.reader.is_ok();
                    if (&s != starter_.get()) opened(s);
                    break;
                case message_reader::event::body:
                    if (&s != starter_.get()) s.checker.feed(slice, now, tally_);
                    break;
                case message_reader::event::end:
                    is_good = &s == starter_.get() || s.checker.is_done();
                    is_over = true;
                    break;
                case message_reader::event::malformed:
                    is_good = false;
                    break;
                }
            }
        });
        if (is_good && is_connected && !is_over) return;
        s.link.reset();
        if (!is_good || !is_over) ++broken_;
        if (&s != starter_.get()) ++over_;
    }

    void opened(stream& s) {
        if (std::exchange(s.is_open, true) || ++open_ < streams_.size()) return;
        // Through the relay as well: it is one more request, before the window.
        starter_ = std::make_unique<stream>(events_, port_, streams_.size());
        starter_->link->send(post("/v1/start"));
        const std::uint64_t now = bench::now_ns();
        window_.open_at(now + warm_up, now + warm_up + seconds_);
    }

    std::uint16_t port_;
    bench::poller events_;
    std::vector<std::unique_ptr<stream>> streams_;
    std::unique_ptr<stream> starter_; ///< the request that makes the events begin
    window window_;
    bench::event_tally tally_;
    std::uint64_t seconds_;
    std::uint64_t events_each_ = 0;
    std::size_t open_ = 0;
    std::size_t over_ = 0;
    std::size_t broken_ = 0;
    std::array<char, 65536> scratch_{};
};

// ---- calls

struct caller {
    caller(bench::poller& events, std::uint16_t port)
        : link(std::in_place, events, bench::connect_to(port), this, nullptr) {}

    std::optional<bench::connection> link; ///< until it breaks
    message_reader reader;
    std::size_t received = 0; ///< of the body
    std::uint64_t due_ns = 0;
};

class call_load {
public:
    call_load(std::uint16_t port, pid_t relay, std::uint64_t connections, std::uint64_t reply,
              std::uint64_t rate, std::uint64_t seconds)
        : reply_(reply), request_(post("/v1/chat/completions?reply=" + std::to_string(reply))),
          window_(relay), interval_(rate == 0 ? 0 : second / rate) {
        for (std::uint64_t i = 0; i < connections; ++i) {
            callers_.push_back(std::make_unique<caller>(events_, port));
            idle_.push_back(callers_.back().get());
        }
        const std::uint64_t now = bench::now_ns();
        next_due_ = now;
        window_.open_at(now + warm_up, now + warm_up + seconds * second);
    }

    bool run() {
        std::uint64_t last_answer = bench::now_ns();
        std::uint64_t done_before = 0;
        while (!window_.is_over() && over_ < callers_.size()) {
            std::uint64_t now = bench::now_ns();
            in_window_ = window_.look(now, done_);
            call(now);
            // A rate is kept by looking all the time: the driver's own core has nothing better to do than
            // that.
            const auto ready = events_.wait(interval_ == 0 ? 100 : 0);
            for (const epoll_event& event : ready) take(*static_cast<caller*>(event.data.ptr));
            if (done_ != std::exchange(done_before, done_)) last_answer = now;
            if (now - last_answer > patience) break;
        }
        bench::report out;
        out.count("connections", callers_.size());
        window_.add_to(out, latency_);
        out.count("wrong", wrong_).print();
        return window_.is_over() && wrong_ == 0 && over_ == 0;
    }

private:
    void call(std::uint64_t now) {
        while (!idle_.empty() && (interval_ == 0 || next_due_ <= now)) {
            caller& c = *idle_.back();
            idle_.pop_back();
            c.due_ns = interval_ == 0 ? now : next_due_;
            next_due_ += interval_;
            c.received = 0;
            if (!c.link->send(request_)) end(c);
        }
    }

    void take(caller& c) {
        bool is_good = true;
        const bool is_connected = c.link->receive(scratch_, [&](std::string_view in) {
            std::string_view slice;
            while (is_good) {
                const message_reader::event got = c.reader.step(in, slice);
                if (got == message_reader::event::need_more) return;
                is_good = got != message_reader::event::malformed;
                if (got == message_reader::event::body) c.received += slice.size();
                if (got == message_reader::event::end) answered(c);
            }
        });
        if (!is_good || !is_connected) end(c);
    }

    void answered(caller& c) {
        if (c.received != reply_ || !c.reader.is_ok()) ++wrong_;
        ++done_;
        if (in_window_) latency_.add(bench::now_ns() - c.due_ns);
        idle_.push_back(&c);
    }

    void end(caller& c) {
        std::erase(idle_, &c);
        c.link.reset();
        ++over_;
    }

    bench::poller events_;
    std::vector<std::unique_ptr<caller>> callers_;
    std::vector<caller*> idle_;
    std::uint64_t reply_;
    std::string request_;
    window window_;
    std::uint64_t interval_; ///< between calls; 0: as fast as answers come
    std::uint64_t next_due_ = 0;
    bool in_window_ = false;
    std::uint64_t done_ = 0;
    std::uint64_t wrong_ = 0;
    std::size_t over_ = 0;
    bench::latencies latency_;
    std::array<char, 65536> scratch_{};
};

} // namespace

int main(int argc, char** argv) try {
    bench::arguments args(argc, argv);
    const auto port = static_cast<std::uint16_t>(args.number("port", 0));
    const auto relay = static_cast<pid_t>(args.number("pid", 0));
    const std::string mode = args.text("mode", "streams");
    const std::uint64_t streams = args.number("streams", 64);
    const std::uint64_t period_us = args.number("period-us", 5000);
    const std::uint64_t connections = args.number("connections", 16);
    const std::uint64_t reply = args.number("reply", 16384);
    const std::uint64_t rate = args.number("rate", 0);
    const std::uint64_t seconds = args.number("seconds", 5);
    args.finish();
    bench::raise_descriptor_limit(streams + connections + 100);
    if (mode == "streams") return stream_load(port, relay, streams, period_us, seconds).run() ? 0 : 1;
    if (mode == "calls") return call_load(port, relay, connections, reply, rate, seconds).run() ? 0 : 1;
    throw std::invalid_argument("--mode is streams or calls");
} catch (const std::exception& e) {
    std::fprintf(stderr, "driver: %s\n", e.what());
    return 2;
}
