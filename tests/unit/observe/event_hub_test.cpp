#include <modelmesh/event_hub.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace modelmesh {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class fixed_clock final : public clock {
public:
    time_point now() const noexcept override { return {}; }
    std::chrono::system_clock::time_point wall() const noexcept override {
        return std::chrono::system_clock::time_point(std::chrono::seconds(7));
    }
};
const fixed_clock seven;

/// What came, as lines. May be stopped, and may fail.
class listing final : public connector::event_sink {
public:
    result<void> write(const connector::event& told) override {
        if (stops) stops->wait();
        const std::lock_guard lock(mutex_);
        if (!failure.empty()) return fault(errc::storage, failure);
        std::string& line = lines_.emplace_back(std::to_string(told.sequence) + " " + std::string(told.name));
        for (const log_field& each : told.fields)
            line.append(" ").append(each.key).append("=").append(each.value);
        at = told.at;
        level = told.level;
        return {};
    }
    void flush() override { ++flushes; }
    std::vector<std::string> lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    void fail(std::string why) {
        const std::lock_guard lock(mutex_);
        failure = std::move(why);
    }

    std::latch* stops = nullptr;
    std::string failure;
    std::chrono::system_clock::time_point at{};
    severity level{};
    int flushes = 0;

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

class Hub : public ::testing::Test {
protected:
    static sink_plan to(std::shared_ptr<listing> sink, severity least = severity::info,
                        event_filter events = {}) {
        return {"listing", std::move(sink), least, std::move(events)};
    }
    static event_hub_options on_the_clock() {
        event_hub_options options;
        options.time = &seven;
        return options;
    }
    static void say(event_hub& to, std::string_view event, std::string_view value = "1",
                    severity level = severity::info) {
        const std::array<log_field, 1> fields{{{"k", value}}};
        to.write(level, event, fields);
    }
    sink_plan to_broken() const {
        broken->fail("disk full");
        sink_plan plan = to(broken);
        plan.name = "broken";
        return plan;
    }
    std::shared_ptr<listing> sink = std::make_shared<listing>();
    std::shared_ptr<listing> broken = std::make_shared<listing>();
};

TEST_F(Hub, GivesSinksWhatWasWrittenInOrderWithSequenceAndTime) {
    event_hub hub({to(sink)}, on_the_clock());
    say(hub, "request.success", "a");
    say(hub, "request.failure", "b", severity::warning);
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines(), ElementsAre("1 request.success k=a", "2 request.failure k=b"));
    EXPECT_EQ(sink->at, seven.wall());
    EXPECT_EQ(sink->level, severity::warning);
    EXPECT_GE(sink->flushes, 1);
    EXPECT_EQ(hub.dropped(), 0U);
}

TEST_F(Hub, WantsWhatSomeSinkWants) {
    event_hub hub({to(sink, severity::error), to(std::make_shared<listing>(), severity::warning)});
    EXPECT_FALSE(hub.wants(severity::info));
    EXPECT_TRUE(hub.wants(severity::warning));
    EXPECT_FALSE(event_hub({}).wants(severity::critical));
}

TEST_F(Hub, EachSinkHasItsOwnSeverityAndFilter) {
    auto rotations = std::make_shared<listing>();
    event_hub hub({to(sink, severity::warning), to(rotations, severity::debug, event_filter({"rotation"}))});
    say(hub, "model.rotated", "1", severity::debug);
    say(hub, "attempt.failed", "2", severity::warning);
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines(), ElementsAre("2 attempt.failed k=2"));
    EXPECT_THAT(rotations->lines(), ElementsAre("1 model.rotated k=1"));
}

TEST_F(Hub, OtherSinksGetWhatIsWrittenAfterThemAndNothingIsLost) {
    std::latch gate(1);
    sink->stops = &gate;
    auto next = std::make_shared<listing>();
    event_hub hub({to(sink)}, on_the_clock());
    say(hub, "request.success", "before");
    say(hub, "request.success", "before, too");
    redactor secrets;
    secrets.add_secret("hush-hush");
    hub.replace({to(next, severity::debug)}, std::move(secrets));
    EXPECT_TRUE(hub.wants(severity::debug))
        << "at once, though the sink before has not taken what is its own";
    say(hub, "request.success", "after hush-hush", severity::debug);
    gate.count_down();
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines(), ElementsAre("1 request.success k=before", "2 request.success k=before, too"));
    EXPECT_GE(sink->flushes, 1);
    EXPECT_THAT(next->lines(), ElementsAre("3 request.success k=after ***"));
}

TEST_F(Hub, ThoseWhoComeOneAfterTheOtherEachGetWhatIsWrittenInTheirTime) {
    std::latch gate(1);
    sink->stops = &gate;
    auto second = std::make_shared<listing>();
    auto third = std::make_shared<listing>();
    event_hub hub({to(sink)}, on_the_clock());
    say(hub, "request.success", "first");
    redactor secrets;
    secrets.add_secret("hush-hush");
    hub.replace({to(second)}, std::move(secrets));
    say(hub, "request.success", "second hush-hush");
    hub.replace({to(sink)}, {});
    hub.replace({to(third)}, {}); // nothing is written between the two
    say(hub, "request.success", "third");
    gate.count_down();
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines(), ElementsAre("1 request.success k=first"));
    EXPECT_THAT(second->lines(), ElementsAre("2 request.success k=second ***"));
    EXPECT_GE(second->flushes, 1);
    EXPECT_THAT(third->lines(), ElementsAre("3 request.success k=third"));
}

TEST_F(Hub, WithoutSinksItWantsNothingAndLetsGoOfThoseOfBefore) {
    event_hub hub({to(sink)}, on_the_clock());
    say(hub, "request.success");
    hub.replace({}, {});
    ASSERT_TRUE(hub.flush());
    EXPECT_EQ(sink.use_count(), 1);
    EXPECT_FALSE(hub.wants(severity::critical));
    EXPECT_THROW(hub.replace({sink_plan{}}, {}), std::invalid_argument);
    hub.replace({to(sink)}, {});
    say(hub, "request.failure");
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines(), ElementsAre("1 request.success k=1", "2 request.failure k=1"));
}

TEST_F(Hub, WhatDoesNotFitIsDroppedCountedAndToldAndNobodyBlocks) {
    std::latch gate(1);
    sink->stops = &gate;
    event_hub_options options;
    options.capacity = 4;
    event_hub hub({to(sink)}, options);
    for (int i = 0; i < 100; ++i) say(hub, "request.success"); // the sink takes none before this has ended
    const std::uint64_t lost = hub.dropped();
    EXPECT_EQ(lost, 96U) << "one that the sink is busy with keeps its place";
    gate.count_down();
    ASSERT_TRUE(hub.flush());
    const std::vector<std::string> lines = sink->lines();
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_EQ(lines.back(), "5 events.dropped count=96");
    say(hub, "request.success");
    ASSERT_TRUE(hub.flush());
    EXPECT_EQ(sink->lines().back(), "6 request.success k=1") << "there is room again";
}

TEST_F(Hub, TextsThatWaitAreBounded) {
    std::latch gate(1);
    sink->stops = &gate;
    event_hub_options options;
    options.max_bytes = 1000;
    options.max_value_bytes = 300;
    event_hub hub({to(sink)}, options);
    for (int i = 0; i < 100; ++i) say(hub, "request.success", std::string(500, 'x'));
    EXPECT_GE(hub.dropped(), 97U);
    gate.count_down();
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines().front(), "1 request.success k=" + std::string(300, 'x')) << "and each is cut";
}

TEST_F(Hub, SecretsAreTakenOutByNameByValueAndByLook) {
    event_hub_options options;
    options.secrets.add_secret("hunter2");
    event_hub hub({to(sink)}, options);
    const std::array<log_field, 4> fields{{{"api_key", "x"},
                                           {"message", "hunter2 was refused"},
                                           {"text", R"({"password":"y"})"},
                                           {"other", "Bearer abcdefghijk"}}};
    hub.write(severity::info, "request.log", fields);
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines(), ElementsAre("1 request.log api_key=*** message=*** was refused "
                                           R"(text={"password":"***"} other=Bearer ***)"));
}

TEST_F(Hub, ASecretThatIsCutInTwoIsTakenOutAsWell) {
    event_hub_options options;
    options.secrets.add_secret("hunter2-and-more");
    options.max_value_bytes = 20;
    event_hub hub({to(sink)}, options);
    say(hub, "request.success", std::string(10, 'x') + "hunter2-and-more" + std::string(10, 'y'));
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines(), ElementsAre("1 request.success k=xxxxxxxxxx***yyyyyyy"));
}

TEST_F(Hub, ASinkThatFailsIsToldOnceToTheOthers) {
    const sink_plan plan = to_broken();
    event_hub hub({plan, to(sink)});
    say(hub, "request.success");
    say(hub, "request.success");
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines(),
                ElementsAre("1 request.success k=1", "2 sink.failed sink=broken message=disk full",
                            "3 request.success k=1"));
    broken->fail("");
    say(hub, "request.success");
    ASSERT_TRUE(hub.flush());
    EXPECT_EQ(broken->lines().size(), 1U) << "it is tried again each time";
}

TEST_F(Hub, ASinkThatStaysAndStillFailsIsNotToldOfAgain) {
    const sink_plan plan = to_broken();
    event_hub hub({plan, to(sink)});
    say(hub, "request.success");
    hub.replace({to(sink), plan}, redactor());
    say(hub, "request.success");
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines(),
                ElementsAre("1 request.success k=1", "2 sink.failed sink=broken message=disk full",
                            "3 request.success k=1"));
}

TEST_F(Hub, ASinkThatThrowsFailsTheSameWay) {
    sink_plan plan{"thrower",
                   make_callback_sink([](const connector::event&) { throw std::runtime_error("oops"); })};
    event_hub hub({plan, to(sink)});
    say(hub, "request.success");
    ASSERT_TRUE(hub.flush());
    EXPECT_THAT(sink->lines().back(), HasSubstr("sink.failed sink=thrower message=oops"));
}

TEST_F(Hub, WhatWaitsIsGivenToTheSinksBeforeItEnds) {
    {
        event_hub hub({to(sink)});
        for (int i = 0; i < 50; ++i) say(hub, "request.success");
    }
    EXPECT_EQ(sink->lines().size(), 50U);
    EXPECT_GE(sink->flushes, 1);
}

TEST_F(Hub, FlushSaysWhenItTakesTooLong) {
    std::latch gate(1);
    sink->stops = &gate;
    event_hub hub({to(sink)});
    say(hub, "request.success");
    EXPECT_FALSE(hub.flush(std::chrono::milliseconds(1)));
    gate.count_down();
    EXPECT_TRUE(hub.flush());
}

TEST_F(Hub, NeedsSinks) {
    EXPECT_THROW(event_hub({sink_plan()}), std::invalid_argument);
    EXPECT_THROW((void)make_callback_sink({}), std::invalid_argument);
}

} // namespace
} // namespace modelmesh
