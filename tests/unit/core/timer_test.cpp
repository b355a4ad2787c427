// The timer queue on a virtual clock: order, lazy moves, removal at every moment.
#include "core/timer.hpp"

#include <modelmesh/core/function.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace modelmesh::core {
namespace {

using namespace std::chrono_literals;

time_point at(int seconds) { return time_point{} + std::chrono::seconds(seconds); }

class recorder final : public timer_node {
public:
    recorder(std::vector<int>& log, int name) : log_(log), name_(name) {}
    function<void()> then;

private:
    void expired() noexcept override {
        log_.push_back(name_);
        if (then) {
            auto action = std::move(then); // the action may destroy this object
            action();
        }
    }
    std::vector<int>& log_;
    int name_;
};

TEST(TimerQueue, ExpiresInOrderOfDeadlines) {
    timer_queue queue;
    std::vector<int> log;
    recorder a(log, 1), b(log, 2), c(log, 3);
    queue.arm(a, at(30));
    queue.arm(b, at(10));
    queue.arm(c, at(20));
    EXPECT_EQ(queue.next(), at(10));
    queue.expire(at(9));
    EXPECT_TRUE(log.empty());
    queue.expire(at(20)); // a deadline equal to now has passed
    EXPECT_EQ(log, (std::vector<int>{2, 3}));
    EXPECT_EQ(queue.armed(), 1u);
    queue.expire(at(1000));
    EXPECT_EQ(log, (std::vector<int>{2, 3, 1}));
    EXPECT_EQ(queue.next(), std::nullopt);
}

TEST(TimerQueue, MovingLaterKeepsThePlaceAndStillExpiresOnTime) {
    timer_queue queue;
    std::vector<int> log;
    recorder a(log, 1);
    queue.arm(a, at(10));
    for (int i = 11; i <= 50; ++i) queue.arm(a, at(i));
    EXPECT_EQ(queue.next(), at(10)); // the driver is not disturbed
    queue.expire(at(10));
    EXPECT_TRUE(log.empty());
    EXPECT_EQ(queue.next(), at(50)); // looked at again, once
    queue.expire(at(50));
    EXPECT_EQ(log, (std::vector<int>{1}));
}

TEST(TimerQueue, MovingEarlierTakesEffectAtOnce) {
    timer_queue queue;
    std::vector<int> log;
    recorder a(log, 1), b(log, 2);
    queue.arm(a, at(10));
    queue.arm(b, at(20));
    queue.arm(b, at(5));
    EXPECT_EQ(queue.next(), at(5));
    queue.expire(at(5));
    EXPECT_EQ(log, (std::vector<int>{2}));
}

TEST(TimerQueue, DisarmedNodesNeverFireAndNeedNoWakeUp) {
    timer_queue queue;
    std::vector<int> log;
    recorder a(log, 1);
    queue.arm(a, at(10));
    queue.disarm(a);
    queue.disarm(a); // again is nothing
    EXPECT_EQ(queue.armed(), 0u);
    EXPECT_EQ(queue.next(), std::nullopt);
    queue.arm(a, at(30)); // back in use before its old place was reached
    queue.expire(at(20));
    EXPECT_TRUE(log.empty());
    queue.expire(at(30));
    EXPECT_EQ(log, (std::vector<int>{1}));
}

TEST(TimerQueue, ExpiryMayArmDestroyAndDisarm) {
    timer_queue queue;
    std::vector<int> log;
    auto doomed = std::make_unique<recorder>(log, 2);
    auto self = std::make_unique<recorder>(log, 3);
    recorder first(log, 1), silenced(log, 4);
    first.then = [&] {
        doomed.reset();
        queue.disarm(silenced);
        queue.arm(first, at(7)); // already past at the expire() below: fires in the same call
    };
    self->then = [&] { self.reset(); };
    queue.arm(first, at(1));
    queue.arm(*doomed, at(2));
    queue.arm(*self, at(3));
    queue.arm(silenced, at(4));
    queue.expire(at(10));
    EXPECT_EQ(log, (std::vector<int>{1, 3, 1}));
    EXPECT_EQ(self, nullptr);
    EXPECT_EQ(queue.armed(), 0u);
}

TEST(TimerQueue, NodesMayOutliveTheQueue) {
    std::vector<int> log;
    recorder a(log, 1);
    {
        timer_queue queue;
        queue.arm(a, at(1));
    }
    EXPECT_FALSE(a.armed());
    timer_queue other;
    other.arm(a, at(2));
    other.expire(at(2));
    EXPECT_EQ(log, (std::vector<int>{1}));
}

TEST(TimerQueue, RandomOperationsAgreeWithASimpleModel) {
    std::mt19937 random(7);
    timer_queue queue;
    constexpr int count = 40;
    std::vector<int> log;
    std::vector<std::unique_ptr<recorder>> nodes;
    std::vector<int> model(count, -1); // -1: not armed
    for (int i = 0; i < count; ++i) nodes.push_back(std::make_unique<recorder>(log, i));
    int now = 0;
    for (int step = 0; step < 20000; ++step) {
        const auto who = static_cast<std::size_t>(random() % count);
        switch (random() % 5) {
        case 0:
        case 1: {
            const int deadline = now + 1 + static_cast<int>(random() % 100);
            queue.arm(*nodes[who], at(deadline));
            model[who] = deadline;
            break;
        }
        case 2:
            queue.disarm(*nodes[who]);
            model[who] = -1;
            break;
        case 3:
            nodes[who] = std::make_unique<recorder>(log, static_cast<int>(who));
            model[who] = -1;
            break;
        default: {
            now += static_cast<int>(random() % 10);
            log.clear();
            queue.expire(at(now));
            int previous = 0;
            for (const int name : log) {
                int& deadline = model[static_cast<std::size_t>(name)];
                EXPECT_NE(deadline, -1) << "not armed: " << name;
                EXPECT_LE(deadline, now);
                EXPECT_GE(deadline, previous);
                previous = deadline;
                deadline = -1;
            }
            for (const int deadline : model) EXPECT_TRUE(deadline == -1 || deadline > now);
        }
        }
        std::size_t armed = 0;
        for (const int deadline : model) armed += deadline != -1;
        ASSERT_EQ(queue.armed(), armed);
    }
}

} // namespace
} // namespace modelmesh::core
