#include <modelmesh/connector/with_timeout.hpp>

#include "support/run.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <gtest/gtest.h>

#include <stdexcept>

namespace modelmesh::connector {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Throws when it is canceled, as Asio's own operations do.
task<result<int>> never(bool* has_ended) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time_point::max());
    try {
        co_await timer.async_wait(asio::use_awaitable);
    } catch (...) {
        *has_ended = true;
        throw;
    }
    co_return 1;
}

// Reports it as a fault, as the library's own operations do.
task<result<int>> never_but_a_fault(bool* has_ended) {
    try {
        co_return co_await never(has_ended);
    } catch (const boost::system::system_error&) {
        co_return fault(errc::canceled, "stopped");
    }
}

task<result<int>> at_once(result<int> what) {
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    co_return what;
}

task<result<int>> throwing() {
    throw std::runtime_error("a defect");
    co_return 0;
}

class WithTimeout : public testing::Test {
protected:
    support::event_loop loop{net::engine_kind::epoll};
    bool has_ended = false;
};

TEST_F(WithTimeout, WhatEndsInTimeIsPassedOn) {
    EXPECT_EQ(loop.run(with_timeout(at_once(7), 1h, "asking")).value(), 7);
    const auto failed = loop.run(with_timeout(at_once(fault(errc::auth, "no")), 1h, "asking"));
    EXPECT_EQ(failed.error().code(), errc::auth);
    EXPECT_THROW(loop.run(with_timeout(throwing(), 1h, "asking")), std::runtime_error);
}

TEST_F(WithTimeout, WhatIsLateIsStoppedBeforeItCompletes) {
    const auto late = loop.run(with_timeout(never(&has_ended), 1ms, "asking the vault"));
    EXPECT_TRUE(has_ended);
    EXPECT_EQ(late.error().code(), errc::timed_out);
    EXPECT_EQ(late.error().message, "asking the vault: no end within 1 ms");
}

TEST_F(WithTimeout, LatenessIsToldFromACancellationAlsoWhereTheWorkReturnsIt) {
    const auto late = loop.run(with_timeout(never_but_a_fault(&has_ended), 1ms, "asking"));
    EXPECT_TRUE(has_ended);
    EXPECT_EQ(late.error().code(), errc::timed_out);
}

TEST_F(WithTimeout, ZeroIsNoLimit) { EXPECT_EQ(loop.run(with_timeout(at_once(7), 0s, "asking")).value(), 7); }

TEST_F(WithTimeout, CancellationReachesTheWork) {
    auto running = loop.start(with_timeout(never_but_a_fault(&has_ended), 1h, "asking"));
    loop.run_until([&] { // it waits, once the loop has nothing else to do
        return loop.context().poll() == 0;
    });
    running.cancel();
    loop.run_to_idle();
    EXPECT_TRUE(has_ended);
    EXPECT_EQ(running.take().error().code(), errc::canceled);
}

} // namespace
} // namespace modelmesh::connector
