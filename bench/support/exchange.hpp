// The exchange that the clients repeat, and what each of them says about it: one chat call over keep-alive
// HTTP/1.1, whole answer read into a string.
#pragma once

#include "support/allocations.hpp"
#include "support/arguments.hpp"
#include "support/measure.hpp"
#include "support/report.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>

namespace modelmesh::bench {

inline constexpr const char* chat_body =
    R"({"model":"m","messages":[{"role":"system","content":"You are terse."},)"
    R"({"role":"user","content":"Say something about keep-alive connections."}],"temperature":0.2})";

/// Arguments of every client: --port PORT [--ca FILE: TLS] [--calls N] [--concurrency C] [--reply BYTES]
class exchange_plan {
public:
    explicit exchange_plan(arguments& args)
        : port(static_cast<std::uint16_t>(args.number("port", 0))), ca_file(args.text("ca")),
          calls(args.number("calls", 20000)), concurrency(args.number("concurrency", 16)),
          reply(args.number("reply", 1143)) {}

    [[nodiscard]] bool is_tls() const { return !ca_file.empty(); }
    [[nodiscard]] std::string target() const { return "/v1/chat/completions?reply=" + std::to_string(reply); }
    [[nodiscard]] std::string url() const {
        return (is_tls() ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port) + target();
    }

    /// As bytes of HTTP/1.1.
    [[nodiscard]] std::string request() const {
        const std::string body = chat_body;
        return "POST " + target() + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
               "\r\nContent-Type: application/json\r\nAuthorization: Bearer key\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body;
    }

    std::uint16_t port;
    std::string ca_file;
    std::uint64_t calls;
    std::uint64_t concurrency;
    std::uint64_t reply;
};

/// Counts calls: first those that warm up, then those that are measured, then none.
class exchange_meter {
public:
    explicit exchange_meter(const exchange_plan& plan)
        : plan_(plan), warm_up_(plan.calls / 10 + plan.concurrency) {}

    /// Whether another call should begin.
    bool begin() { return begun_ < warm_up_ + plan_.calls && ++begun_ > 0; }
    /// A call is over. @throws std::runtime_error when the answer is not the one that was asked for.
    void end(int status, std::size_t body_size, std::uint64_t began_ns) {
        if (status != 200 || body_size != plan_.reply)
            throw std::runtime_error("status " + std::to_string(status) + ", " + std::to_string(body_size) +
                                     " bytes");
        if (is_measuring()) latency_.add(now_ns() - began_ns);
        ++ended_;
        if (ended_ == warm_up_) {
            cpu_ = clock_.ns();
            allocated_ = allocations();
            began_ = now_ns();
        }
        if (is_over()) {
            cpu_ = clock_.ns() - cpu_;
            const allocation_counts now = allocations();
            allocated_ = {now.by_new - allocated_.by_new, now.by_malloc - allocated_.by_malloc};
            took_ = now_ns() - began_;
        }
    }
    [[nodiscard]] bool is_over() const { return ended_ == warm_up_ + plan_.calls; }

    [[nodiscard]] report result() const {
        const auto calls = static_cast<double>(plan_.calls);
        report out;
        out.count("done", plan_.calls)
            .number("per_second", calls * 1e9 / static_cast<double>(took_))
            .number("cpu_us", static_cast<double>(cpu_) / 1000 / calls)
            .number("p50_us", latency_.microseconds(0.5))
            .number("p99_us", latency_.microseconds(0.99))
            .number("allocations_by_new", static_cast<double>(allocated_.by_new) / calls)
            .number("allocations_by_malloc", static_cast<double>(allocated_.by_malloc) / calls);
        return out;
    }

private:
    [[nodiscard]] bool is_measuring() const { return ended_ >= warm_up_; }

    const exchange_plan& plan_;
    std::uint64_t warm_up_;
    std::uint64_t begun_ = 0;
    std::uint64_t ended_ = 0;
    cpu_clock clock_;
    latencies latency_;
    std::uint64_t cpu_ = 0;
    allocation_counts allocated_;
    std::uint64_t began_ = 0;
    std::uint64_t took_ = 0;
};

} // namespace modelmesh::bench
