#include "client/key_readings.hpp"

#include "router/transport.hpp"
#include "support/event_list.hpp"
#include "support/manual_clock.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace modelmesh::detail {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Only waits, in no time: other threads work meanwhile.
class yielding final : public router::transport {
public:
    task<result<http::response>> exchange(std::shared_ptr<const router::endpoint>,
                                          std::shared_ptr<const http::request>, router::patience) override {
        co_return fault(errc::internal, "nobody is asked");
    }
    task<result<router::opened>> open(std::shared_ptr<const router::endpoint>,
                                      std::shared_ptr<const http::request>, router::patience) override {
        co_return fault(errc::internal, "nobody is asked");
    }
    task<result<void>> sleep_until(time_point until) override {
        std::this_thread::yield();
        if (moves) clock_.advance(until - clock_.now());
        co_return result<void>();
    }
    const clock& time() const noexcept override { return clock_; }
    rng& random() noexcept override { return random_; }
    std::string_view engine_name() const noexcept override { return "none"; }

    bool moves = false; ///< time, while it waits

private:
    support::manual_clock clock_;
    xoshiro256 random_{1};
};

class KeyReadings : public ::testing::Test {
protected:
    std::shared_ptr<router::key_renewal> renewal(std::function<result<resolved_key>()> read) {
        return readings->renewal_of("alpha",
                                    std::make_shared<const key_source>(key_source{"old", std::move(read)}));
    }
    // What a call gets that waits for the next reading: a minute at most, if time moves.
    std::string read(const std::shared_ptr<router::key_renewal>& from) {
        const auto got =
            run(router::key_renewal::read(from, via, via.time().now() + std::chrono::seconds(60)));
        return got ? got->value_or("nothing") : std::string(to_string(got.error().kind()));
    }
    std::string shown(std::string text) {
        outlet.secrets()->redact(text);
        return text;
    }

    yielding via;
    support::event_list log;
    event_outlet outlet{&log};
    std::shared_ptr<key_readings> readings = std::make_shared<key_readings>(outlet);
};

TEST_F(KeyReadings, AKeyIsHiddenBeforeAnybodyHasIt) {
    std::thread::id where{};
    const auto from = renewal([&where]() -> result<resolved_key> {
        where = std::this_thread::get_id();
        return resolved_key("Bearer new-secret", {"new-secret"});
    });
    EXPECT_EQ(read(from), "Bearer new-secret");
    EXPECT_EQ(shown("Bearer new-secret, new-secret"), "***, ***");
    EXPECT_NE(where, std::this_thread::get_id());
    EXPECT_THAT(log.lines(), IsEmpty());
    readings->close();
}

TEST_F(KeyReadings, WhatIsNoKeyIsToldAndTheOldOneStays) {
    EXPECT_EQ(read(renewal([] { return result<resolved_key>(resolved_key()); })), "nothing");
    EXPECT_EQ(read(renewal([] { return result<resolved_key>(resolved_key("sk\n")); })), "nothing");
    EXPECT_EQ(read(renewal([] { return result<resolved_key>(fault(errc::config, "the vault is sealed")); })),
              "nothing");
    EXPECT_EQ(read(renewal([]() -> result<resolved_key> { throw std::runtime_error("out of order"); })),
              "nothing");
    EXPECT_THAT(log.lines(), ElementsAre("key.unreadable provider=alpha message=it is empty",
                                         "key.unreadable provider=alpha message=it has a control character",
                                         "key.unreadable provider=alpha message=the vault is sealed",
                                         "key.unreadable provider=alpha message=the connector failed: out of "
                                         "order"));
    readings->close();
}

TEST_F(KeyReadings, AStoreThatHangsKeepsNobodyForLongAndIsNotHeardAfterwards) {
    const auto hangs = std::make_shared<std::latch>(1);
    auto from = renewal([hangs]() -> result<resolved_key> {
        hangs->wait();
        return fault(errc::config, "too late");
    });
    const auto healthy = renewal([] { return result<resolved_key>("new-secret"); });
    via.moves = true;
    EXPECT_EQ(read(from), "nothing") << "the call's time is over before";
    via.moves = false;
    EXPECT_EQ(read(healthy), "new-secret") << "others are read meanwhile";
    readings->close(); // returns though it hangs
    const std::weak_ptr<router::key_renewal> left = std::exchange(from, nullptr);
    EXPECT_FALSE(left.expired()) << "its thread has it";
    hangs->count_down();
    while (!left.expired()) std::this_thread::yield();
    EXPECT_THAT(log.lines(), IsEmpty());
}

TEST_F(KeyReadings, AfterTheClientsEndNothingIsRead) {
    std::atomic<int> count{0};
    const auto from = renewal([&count] {
        ++count;
        return result<resolved_key>("new-secret");
    });
    readings->close();
    via.moves = true;
    EXPECT_EQ(read(from), "nothing");
    EXPECT_EQ(count, 0);
}

} // namespace
} // namespace modelmesh::detail
