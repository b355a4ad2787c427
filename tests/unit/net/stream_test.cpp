// Sending to a peer that is slow.
#include "net/stream.hpp"

#include "support/manual_clock.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace modelmesh::net {
namespace {

using namespace std::chrono_literals;

// Full until the peer has taken enough, which it does during the waits; each of them lasts to its deadline.
class full_stream final : public stream {
public:
    full_stream(support::manual_clock& clock, std::vector<std::uint64_t> script)
        : clock_(clock), script_(std::move(script)) {}

    result<bool> try_send(gather&) override { return waits_ == script_.size(); }
    wait_operation wait_writable(time_point until) override {
        if (waits_ == script_.size()) return wait_operation(wait_outcome::ready);
        clock_.advance(until - clock_.now());
        acknowledged_ += script_[waits_++];
        return wait_operation(wait_outcome::timed_out);
    }
    send_progress progress() const noexcept override { return {1'000'000, acknowledged_}; }
    result<io_status> try_receive(chunk&) override { return io_status::would_block; }
    wait_operation wait_readable(time_point) override { return wait_operation(wait_outcome::timed_out); }
    void close() noexcept override {}
    void park() noexcept override {}
    bool unpark() noexcept override { return false; }

private:
    support::manual_clock& clock_;
    std::vector<std::uint64_t> script_;
    std::size_t waits_ = 0;
    std::uint64_t acknowledged_ = 0;
};

class SlowPeer : public testing::Test {
protected:
    result<void> send(std::vector<std::uint64_t> script) {
        full_stream to(clock, std::move(script));
        return loop.run(to.send(gather("bytes"), clock, 3s));
    }

    support::event_loop loop{engine_kind::epoll};
    support::manual_clock clock;
    time_point begun = clock.now();
};

TEST_F(SlowPeer, IsServedWhileItTakesAnythingAtAll) {
    EXPECT_TRUE(send({1, 1000, 1, 1}));
    EXPECT_EQ(clock.now() - begun, 12s);
}

TEST_F(SlowPeer, IsGivenUpWhenItTakesNothing) {
    const result<void> sent = send({5, 1, 0, 7});
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().kind(), errc::timed_out);
    EXPECT_EQ(clock.now() - begun, 9s);
}

TEST_F(SlowPeer, HasTwiceTheTimeBeforeAnythingIsKnownOfIt) {
    EXPECT_FALSE(send({0, 0, 7}));
    EXPECT_EQ(clock.now() - begun, 6s);
}

TEST_F(SlowPeer, HasNoLimitBeyondTheClock) {
    full_stream to(clock, {1});
    EXPECT_TRUE(loop.run(to.send(gather("bytes"), clock, duration::max())));
    EXPECT_EQ(clock.now(), time_point::max());
}

} // namespace
} // namespace modelmesh::net
