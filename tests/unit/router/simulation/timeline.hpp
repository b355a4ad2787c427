// An event loop on a virtual clock: time passes only when nothing else is left to do.
#pragma once

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/function.hpp>
#include <modelmesh/core/task.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdint>
#include <map>
#include <utility>

namespace modelmesh::router::simulation {

class timeline final : public clock {
public:
    static constexpr std::chrono::sys_days first_day{std::chrono::year(2026) / 11 / 22};

    [[nodiscard]] time_point now() const noexcept override { return now_; }
    [[nodiscard]] std::chrono::system_clock::time_point wall() const noexcept override {
        return first_day + std::chrono::duration_cast<std::chrono::system_clock::duration>(now_ - start());
    }
    /// When it begins.
    static constexpr time_point start() noexcept { return time_point(std::chrono::hours(1)); }

    [[nodiscard]] boost::asio::io_context& loop() noexcept { return loop_; }
    void at(time_point moment, function<void()> what) {
        waiting_.emplace(std::pair(std::max(moment, now_), next_++), std::move(what));
    }
    task<void> until(time_point moment) {
        return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
            [this, moment](auto waiter) {
                at(moment,
                   [this, w = std::move(waiter)]() mutable { boost::asio::post(loop_, std::move(w)); });
            },
            boost::asio::use_awaitable);
    }

    /// Until nothing is left to do. Events of one moment come in the order in which they were set.
    void run() {
        while (!waiting_.empty()) {
            auto first = waiting_.extract(waiting_.begin());
            now_ = first.key().first;
            first.mapped()();
            loop_.restart();
            loop_.poll();
        }
    }

private:
    boost::asio::io_context loop_{1};
    time_point now_ = start();
    std::uint64_t next_ = 0;
    std::map<std::pair<time_point, std::uint64_t>, function<void()>> waiting_;
};

} // namespace modelmesh::router::simulation
