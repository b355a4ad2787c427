#include "net/ring_stream.hpp"

#include "support/run.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

namespace modelmesh::net {
namespace {

std::array<int, 2> make_pair() {
    std::array<int, 2> made{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, made.data()), 0);
    return made;
}

task<wait_outcome> wait_on(stream* on) { co_return co_await on->wait_readable(time_point::max()); }

TEST(RingStream, AReceiveThatWasNotSubmittedDoesNotReachTheNextSocketOfThatNumber) {
    const auto kinds = support::engines();
    if (std::find(kinds.begin(), kinds.end(), engine_kind::uring) == kinds.end())
        GTEST_SKIP() << "this machine has no ring";
    support::event_loop loop(engine_kind::uring);
    const std::array<int, 2> first = make_pair();
    const std::unique_ptr<stream> closed = loop.engine().adopt(first[0], "first");
    auto waiting = loop.start(wait_on(closed.get()));
    while (loop.engine().counters().waiters == 0) loop.context().poll_one();
    closed->close(); // before the turn that would have submitted
    const std::array<int, 2> second = make_pair();
    ASSERT_EQ(second[0], first[0]) << "the system gives the lowest number that is free";
    EXPECT_EQ(::send(second[1], "x", 1, MSG_NOSIGNAL), 1);
    loop.run_to_idle();
    EXPECT_EQ(waiting.take(), wait_outcome::canceled);
    char byte = 0;
    EXPECT_EQ(::recv(second[0], &byte, 1, MSG_DONTWAIT), 1) << "nobody else has taken it";
    for (const int descriptor : {first[1], second[0], second[1]}) ::close(descriptor);
}

} // namespace
} // namespace modelmesh::net
