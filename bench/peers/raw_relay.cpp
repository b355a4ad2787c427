// The floor for a relay: epoll, and bytes passed on as they come; HTTP is read only to see where messages
// end. No deadlines, no limits, no back-pressure.
//   raw_relay --listen PORT --upstream-port PORT [--ca FILE: TLS to the upstream]
// Prints "ready" and serves until it is ended.
#include "support/arguments.hpp"
#include "support/connection.hpp"
#include "support/listener.hpp"
#include "support/message_reader.hpp"

#include <array>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace modelmesh;
using bench::message_reader;

/// One side of an exchange: a client that asks, or a connection to the upstream that answers.
struct side {
    side(bench::poller& events, int socket, bench::ssl_ptr tls, bool asks)
        : link(events, socket, this, std::move(tls)), is_client(asks) {}

    bench::connection link;
    message_reader reader;
    side* other = nullptr; ///< while an exchange is under way
    bool is_client;
    bool is_over = false;
};

class raw_relay {
public:
    raw_relay(std::uint16_t port, std::uint16_t upstream_port, const std::string& ca_file)
        : listener_(bench::listen_on(port)), upstream_port_(upstream_port) {
        if (!ca_file.empty()) tls_ = bench::client_context(ca_file);
        events_.add(listener_, &listener_);
    }

    [[noreturn]] void run() {
        for (;;) {
            for (const epoll_event& event : events_.wait(-1)) {
                if (event.data.ptr == &listener_)
                    accept_all();
                else
                    pass_on(*static_cast<side*>(event.data.ptr));
            }
            for (side* const s : over_) {
                std::erase(idle_, s);
                sides_.erase(s);
            }
            over_.clear();
        }
    }

private:
    side& add(int socket, bench::ssl_ptr tls, bool is_client) {
        auto made = std::make_unique<side>(events_, socket, std::move(tls), is_client);
        side* const key = made.get();
        sides_.emplace(key, std::move(made));
        return *key;
    }

    void accept_all() {
        for (int socket; (socket = bench::accept_from(listener_)) >= 0;) add(socket, nullptr, true);
    }

    side& take_upstream() {
        if (idle_.empty())
            return add(bench::connect_to(upstream_port_), tls_ ? bench::client_tls(tls_.get()) : nullptr,
                       false);
        side* const newest = idle_.back();
        idle_.pop_back();
        return *newest;
    }

    void pass_on(side& from) {
        if (from.is_over) return;
        bool is_good = true;
        const bool is_connected = from.link.receive(scratch_, [&](std::string_view in) {
            if (from.is_client && from.other == nullptr) {
                from.other = &take_upstream();
                from.other->other = &from;
            }
            is_good = is_good && from.other != nullptr && from.other->link.send(in) && follow(from, in);
        });
        if (!is_connected || !is_good) end(from);
    }

    /// Sees whether the exchange is over. False: what came is not HTTP.
    bool follow(side& from, std::string_view in) {
        std::string_view ignored;
        for (;;) {
            const message_reader::event got = from.reader.step(in, ignored);
            if (got == message_reader::event::malformed) return false;
            if (got == message_reader::event::need_more) return true;
            if (got != message_reader::event::end || from.is_client) continue;
            std::exchange(from.other, nullptr)->other = nullptr;
            idle_.push_back(&from);
            return in.empty();
        }
    }

    void end(side& s) {
        if (std::exchange(s.is_over, true)) return;
        over_.push_back(&s);
        if (side* const other = std::exchange(s.other, nullptr)) {
            other->other = nullptr;
            end(*other);
        }
    }

    bench::poller events_;
    int listener_;
    std::uint16_t upstream_port_;
    bench::ssl_context_ptr tls_;
    std::map<side*, std::unique_ptr<side>> sides_;
    std::vector<side*> idle_; ///< connections to the upstream, the newest last
    std::vector<side*> over_;
    std::array<char, 65536> scratch_{};
};

} // namespace

int main(int argc, char** argv) try {
    bench::arguments args(argc, argv);
    const auto port = static_cast<std::uint16_t>(args.number("listen", 0));
    const auto upstream_port = static_cast<std::uint16_t>(args.number("upstream-port", 0));
    const std::string ca_file = args.text("ca");
    args.finish();
    raw_relay relay(port, upstream_port, ca_file);
    std::puts("ready");
    std::fflush(stdout);
    relay.run();
} catch (const std::exception& e) {
    std::fprintf(stderr, "raw_relay: %s\n", e.what());
    return 2;
}
