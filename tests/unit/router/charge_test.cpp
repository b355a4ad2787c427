#include "router/charge.hpp"

#include "fixture.hpp"
#include "support/event_list.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

namespace modelmesh::router {
namespace {

using namespace std::chrono;

class calendar_clock final : public clock {
public:
    time_point now() const noexcept override { return now_; }
    time_point now_{hours(1)};
    system_clock::time_point wall() const noexcept override { return wall_; }
    system_clock::time_point wall_ = sys_days(2026y / November / 22);
};

const std::string totals = R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5})";
const std::string chunk = R"({"choices":[{"delta":{"content":"12345678"}}],"usage":null})";

class Charge : public ::testing::Test {
protected:
    // A model at a micro-dollar for a token; the request may have ten tokens of output.
    void open(std::optional<budget::micro_usd> daily_limit = 1000, std::string more = {}) {
        budget::plan of;
        of.global.daily = daily_limit;
        of.providers["alpha"].pricing.input = 1000000;
        of.providers["alpha"].pricing.output = 1000000;
        ledger = std::make_unique<budget::book>(of);
        if (storage) ledger->restore({}, storage, time.wall());
        std::vector<std::unique_ptr<provider_entry>> providers;
        providers.push_back(std::make_unique<provider_entry>());
        providers.back()->id = "alpha";
        providers.back()->codec = std::make_shared<connector::openai_compatible>();
        const pool_plan chat{"chat", "generation.text-generation.chat-completion", {}, {3, seconds(60)}};
        call made = testing::make_call(
            build_snapshot(std::move(providers), {{{"m", {chat.capability}}}}, {chat}, nullptr, ledger.get()),
            time);
        made.request = prepared_request::parse(
                           operation::chat_completion,
                           R"({"model":"chat","messages":["12345678"],"max_tokens":10)" + more + "}", true)
                           .value();
        plan.emplace(made, time, testing::even);
        ASSERT_TRUE(plan->next());
    }
    usage_totals sums() { return ledger->report(time.wall()).all.total; }
    budget_state limit() { return ledger->report(time.wall()).budgets.at(0); }

    calendar_clock time;
    std::shared_ptr<budget::write_ahead> storage;
    std::unique_ptr<budget::book> ledger;
    std::optional<attempt_plan> plan;
};

TEST_F(Charge, ReservesTheMostAndSettlesWhatTheReplySays) {
    open();
    charge paid(*plan, nullptr);
    ASSERT_TRUE(paid.reserve());
    EXPECT_EQ(limit().reserved_micro_usd, 13) << "three tokens of prompt, ten of output";
    paid.take_reply(R"({"choices":[],)" + totals + "}");
    EXPECT_EQ(paid.settle(), 5);
    EXPECT_EQ(paid.settle(), 5) << "once";
    EXPECT_EQ(limit().spent_micro_usd, 5);
    EXPECT_EQ(limit().reserved_micro_usd, 0);
    EXPECT_EQ(sums().requests, 1);
    EXPECT_EQ(sums().failures, 0);
}

// Writes nothing, and takes for ever to do it.
class hanging_storage final : public budget::write_ahead {
public:
    explicit hanging_storage(calendar_clock& time) : time_(time) {}
    void ask() noexcept override {}
    [[nodiscard]] bool is_failing() const noexcept override { return false; }
    [[nodiscard]] task<void> next_write(std::shared_ptr<write_ahead>, time_point until) override {
        time_.now_ = until;
        co_return;
    }

private:
    calendar_clock& time_;
};

TEST_F(Charge, AStorageThatHangsHoldsNoCallUpBeyondItsDeadline) {
    storage = std::make_shared<hanging_storage>(time);
    open();
    charge paid(*plan, nullptr);
    ASSERT_TRUE(paid.reserve());
    paid.take_reply("{" + totals + "}");
    paid.succeeded();
    EXPECT_EQ(paid.settle(), 5);
    ASSERT_FALSE(paid.is_covered());
    boost::asio::io_context loop{1};
    bool is_over = false;
    boost::asio::co_spawn(loop, paid.covered(), [&is_over](std::exception_ptr) { is_over = true; });
    loop.run();
    EXPECT_TRUE(is_over);
    EXPECT_TRUE(paid.is_covered());
    EXPECT_EQ(time.now_, plan->made().deadline);
}

TEST_F(Charge, WhatCameToNothingIsGivenBack) {
    open();
    {
        charge paid(*plan, nullptr);
        ASSERT_TRUE(paid.reserve());
        paid.failed();
    }
    EXPECT_EQ(limit().remaining_micro_usd, 1000);
    EXPECT_EQ(sums().requests, 1);
    EXPECT_EQ(sums().failures, 1);
    EXPECT_EQ(sums().total_tokens(), 0);
}

TEST_F(Charge, ACallThatItsCallerGaveUpIsNoFailure) {
    open();
    {
        charge paid(*plan, nullptr);
        ASSERT_TRUE(paid.reserve());
    }
    EXPECT_EQ(limit().remaining_micro_usd, 1000);
    EXPECT_EQ(sums().requests, 1);
    EXPECT_EQ(sums().failures, 0);
}

TEST_F(Charge, AFailedAttemptThatWasAnsweredIsBilled) {
    open();
    {
        charge paid(*plan, nullptr);
        ASSERT_TRUE(paid.reserve());
        paid.take_reply("{" + totals + "}");
        paid.failed();
    }
    EXPECT_EQ(limit().spent_micro_usd, 5);
    EXPECT_EQ(sums().failures, 1);
}

TEST_F(Charge, AStreamThatIsGivenUpCostsTheEstimateOfWhatCame) {
    open();
    {
        charge paid(*plan, nullptr);
        ASSERT_TRUE(paid.reserve());
        charge moved(std::move(paid)); // as into a stream's session
        EXPECT_EQ(moved.take_piece(chunk), charge::piece::for_reader);
    }
    EXPECT_EQ(limit().spent_micro_usd, 3 + 2);
    EXPECT_EQ(sums().requests, 1);
    EXPECT_EQ(sums().failures, 0);
}

TEST_F(Charge, EarlyTotalsOfAStreamThatBreaksOffAreTheLeastThatItCosts) {
    const std::string early =
        R"({"choices":[{"delta":{"content":"1234"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}})";
    for (const bool breaks : {true, false}) {
        open();
        {
            charge paid(*plan, nullptr);
            ASSERT_TRUE(paid.reserve());
            (void)paid.take_piece(early);
            for (int i = 0; i < 3; ++i) (void)paid.take_piece(chunk);
            if (!breaks) paid.succeeded();
        }
        EXPECT_EQ(limit().spent_micro_usd, breaks ? 3 + 7 : 3 + 1);
    }
}

TEST_F(Charge, TotalsTakeThePlaceOfTheEstimateAndAreShownToWhoAsked) {
    for (const bool asks : {false, true}) {
        open(1000, asks ? R"(,"stream_options":{"include_usage":true})" : "");
        charge paid(*plan, nullptr);
        ASSERT_TRUE(paid.reserve());
        (void)paid.take_piece(chunk);
        EXPECT_EQ(paid.take_piece(R"({"choices":[],)" + totals + "}"),
                  asks ? charge::piece::for_reader : charge::piece::only_for_us);
        EXPECT_EQ(paid.settle(), 5);
    }
}

TEST_F(Charge, NothingIsSentThatDoesNotFit) {
    open(12);
    charge paid(*plan, nullptr);
    const result<void> reserved = paid.reserve();
    ASSERT_FALSE(reserved);
    EXPECT_EQ(reserved.error().kind(), errc::budget);
    EXPECT_EQ(paid.settle(), std::nullopt);
    EXPECT_EQ(sums().requests, 0) << "it was not asked";
    const std::optional<fault> final = plan->failed(reserved.error());
    ASSERT_TRUE(final);
    EXPECT_EQ(final->budget->wanted_micro_usd, 13);
    EXPECT_TRUE(plan->current().provider->id == "alpha" &&
                plan->made().pool->state->health[0]->available(milliseconds(0)));
}

// Runtime 12: budget_exceeded.
TEST_F(Charge, ARefusalIsAnEvent) {
    support::event_list log;
    open(12);
    charge paid(*plan, &log);
    EXPECT_FALSE(paid.reserve());
    EXPECT_EQ(log.lines(), std::vector<std::string>{"budget.exceeded request_id scope=global name= "
                                                    "limit_name=daily_limit limit=$0.000012 spent=$0.00 "
                                                    "wanted=$0.000013"});
}

TEST_F(Charge, ACallThatOutlivesItsDayIsCountedInItsTotals) {
    open();
    charge paid(*plan, nullptr);
    ASSERT_TRUE(paid.reserve());
    time.wall_ += days(1);
    paid.take_reply("{" + totals + "}");
    EXPECT_EQ(paid.settle(), 5);
    EXPECT_EQ(limit().spent_micro_usd, 0);
    EXPECT_EQ(limit().reserved_micro_usd, 0);
    const usage_report report = ledger->report(time.wall());
    EXPECT_EQ(report.all.total.cost_micro_usd, 5);
    EXPECT_EQ(report.all.today.cost_micro_usd, 0);
    EXPECT_EQ(report.all.month.cost_micro_usd, 5);
}

TEST_F(Charge, WithoutALedgerNothingIsCounted) {
    calendar_clock standing;
    attempt_plan bare(testing::make_call(testing::make_snapshot({"alpha"}), standing), standing,
                      testing::even);
    ASSERT_TRUE(bare.next());
    charge paid(bare, nullptr);
    EXPECT_TRUE(paid.reserve());
    paid.take_reply("{" + totals + "}");
    EXPECT_EQ(paid.settle(), std::nullopt);
}

} // namespace
} // namespace modelmesh::router
