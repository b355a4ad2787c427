#include "persistence/keeper.hpp"

#include "storage/memory.hpp"
#include "support/event_list.hpp"

#include <modelmesh/connector/openai_compatible.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <mutex>

namespace modelmesh::persistence {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;

/// Read by the keeper's thread as well.
class two_clocks final : public clock {
public:
    time_point now() const noexcept override { return time_point(steady.load()); }
    system_clock::time_point wall() const noexcept override { return system_clock::time_point(real.load()); }
    std::atomic<duration> steady{duration(1h)};
    std::atomic<system_clock::duration> real{
        std::chrono::sys_days(std::chrono::year(2026) / 11 / 22).time_since_epoch() + 12h};
};

/// A memory that refuses when it is told to, and whose content can be looked at as a crash would leave it.
class shaky_storage final : public connector::storage {
public:
    result<std::optional<std::string>> load(std::string_view key) override {
        const std::lock_guard lock(mutex_);
        if (key == unreadable) return fault(errc::storage, "damaged");
        return memory_.load(key);
    }
    result<void> save(std::span<const connector::storage_entry> entries,
                      const connector::lock_handle* under) override {
        const std::lock_guard lock(mutex_);
        if (is_full) return fault(errc::storage, "the disk is full");
        ++saves;
        return memory_.save(entries, under);
    }
    result<std::vector<std::string>> list(std::string_view prefix) override {
        const std::lock_guard lock(mutex_);
        if (is_gone) return fault(errc::storage, "the disk is gone");
        return memory_.list(prefix);
    }
    result<bool> remove(std::string_view key) override { return memory_.remove(key); }
    result<std::optional<connector::storage_stat>> stat(std::string_view key) override {
        return memory_.stat(key);
    }
    result<connector::lock_handle> acquire(std::string_view key) override {
        const std::lock_guard lock(mutex_);
        return memory_.acquire(key);
    }
    result<void> release(const connector::lock_handle& held) override {
        const std::lock_guard lock(mutex_);
        return memory_.release(held);
    }
    /// What there is now, without its locks.
    std::shared_ptr<shaky_storage> after_crash() {
        const std::lock_guard lock(mutex_);
        auto copy = std::make_shared<shaky_storage>();
        for (const std::string& key : memory_.list("").value()) {
            const std::array<connector::storage_entry, 1> entry{
                connector::storage_entry{key, memory_.load(key).value().value()}};
            EXPECT_TRUE(copy->memory_.save(entry, nullptr));
        }
        return copy;
    }

    std::atomic<bool> is_full{false};
    std::atomic<bool> is_gone{false};
    std::atomic<int> saves{0};
    std::string unreadable{};

private:
    std::mutex mutex_;
    connector::memory_storage memory_;
};

/// One life of a client, as far as it is kept: a pool "chat" of alpha.m and beta.m.
class life {
public:
    life(std::shared_ptr<connector::storage> storage, two_clocks& time, schedule when = {},
         log_sink* log = nullptr, std::string_view zone = "UTC", const std::string& key = {},
         bool probes_on_start = false)
        : time_(&time), keeper_(keeper::open(std::move(storage), when, time, log).value()) {
        budget::plan& plan = plan_;
        plan.global.daily = 1'000'000; // a lease is a hundredth of it at most
        plan.global.monthly = 5'000'000;
        plan.global.alert_at = {500};
        plan.zone = budget::time_zone::find(zone).value();
        ledger_ = std::make_shared<budget::book>(plan);
        keeper_->restore(*ledger_);
        begin_anew(key, probes_on_start);
        keeper_->start(ledger_, [picture = picture_] { return picture; });
    }
    ~life() { keeper_->stop(); }
    life(const life&) = delete;
    life& operator=(const life&) = delete;

    static constexpr state::trip_rule rule{3, 60s};

    /// Another snapshot, of models that nobody knows.
    void begin_anew(const std::string& key = {}, bool probes_on_start = false) {
        std::vector<std::unique_ptr<router::provider_entry>> providers;
        for (const char* name : {"alpha", "beta"}) {
            providers.push_back(std::make_unique<router::provider_entry>());
            providers.back()->id = name;
            providers.back()->api_key = key;
            providers.back()->codec = std::make_shared<connector::openai_compatible>();
        }
        const std::string chat = "generation.text-generation.chat-completion";
        router::pool_plan pool{"chat", chat, {}, rule};
        pool.probes_on_start = probes_on_start;
        picture_ = router::build_snapshot(std::move(providers), {{{"m", {chat}}}, {{"m", {chat}}}},
                                          {std::move(pool)}, nullptr, ledger_.get());
        keeper_->restore(*picture_);
    }
    /// Requests are routed on the last one.
    void serve() { keeper_->forget(*picture_); }

    router::pool& pool() { return *picture_->pools.front(); }
    state::health_slot& health(std::size_t model) { return *pool().state->health.at(model); }
    std::chrono::milliseconds now() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(time_->now().time_since_epoch());
    }
    state::health_slot& provider(std::size_t index) { return picture_->providers.at(index)->slot->health; }
    void fail(std::size_t model, int times) {
        for (int i = 0; i < times; ++i)
            (void)health(model).note_failure(rule, now(), {errc::upstream, 503}, 0.5);
    }

    /// As a call does that cost so much: the caller is told when this returns.
    void spend(budget::micro_usd cost) {
        const budget::line& line = *pool().lines.at(0);
        budget::ending end;
        end.used.input = 10;
        end.cost = cost;
        budget::reservation held{0, line.when->at(time_->wall())};
        for (const auto& each : line.with)
            each->settle(held, cost, [this](const budget::alert& told) { alerts.push_back(told.at); });
        const std::int64_t total = line.counts->add(end, held.when);
        if (!line.counts->is_low(total)) return;
        keeper_->ask();
        while (!line.counts->is_covered(total) && !keeper_->is_failing()) run(keeper_->next_write(keeper_));
    }
    result<void> flush() {
        std::optional<result<void>> done;
        boost::asio::co_spawn(loop_, keeper::flush(keeper_),
                              [&done](std::exception_ptr, result<void> r) { done = std::move(r); });
        loop_.restart();
        loop_.run();
        return *done;
    }
    /// As a reload with another `time_zone` does.
    void move_to(std::string_view zone) {
        plan_.zone = budget::time_zone::find(zone).value();
        ledger_->apply(plan_, time_->wall());
        (void)ledger_->line_of("chat", "alpha", "m");
    }
    usage_report report() { return ledger_->report(time_->wall()); }
    budget::micro_usd spent_today() { return report().budgets.at(0).spent_micro_usd; }
    budget::micro_usd spent_this_month() { return report().budgets.at(1).spent_micro_usd; }
    bool is_failing() const { return keeper_->is_failing(); }

    std::vector<unsigned> alerts; ///< thousandths, of those that were told

private:
    void run(task<void> work) {
        boost::asio::co_spawn(loop_, std::move(work),
                              [](std::exception_ptr failure) { EXPECT_FALSE(failure); });
        loop_.restart();
        loop_.run();
    }

    two_clocks* time_;
    boost::asio::io_context loop_{1};
    std::shared_ptr<keeper> keeper_;
    budget::plan plan_;
    std::shared_ptr<budget::book> ledger_;
    std::shared_ptr<const router::snapshot> picture_;
};

constexpr budget::micro_usd longest_lease = 10'000;

class Keeper : public testing::Test {
protected:
    two_clocks time;
    std::shared_ptr<shaky_storage> storage = std::make_shared<shaky_storage>();
    support::event_list log;
};

TEST_F(Keeper, AfterACleanEndEverythingIsExact) {
    usage_report before;
    {
        life first(storage, time);
        first.spend(700);
        first.spend(30);
        first.fail(1, 2);
        first.pool().state->cursor = 1;
        before = first.report();
    }
    life second(storage, time);
    EXPECT_EQ(second.report().all, before.all);
    EXPECT_EQ(second.report().by_model, before.by_model);
    EXPECT_EQ(second.report().budgets, before.budgets);
    EXPECT_EQ(second.spent_today(), 730);
    EXPECT_EQ(second.health(1).load().failures, 2u);
    EXPECT_EQ(second.health(0).load().failures, 0u);
    EXPECT_EQ(second.pool().state->cursor, 1u);
}

TEST_F(Keeper, AfterACrashMoneyIsNeverBelowWhatWasToldAndALeaseAboveItAtMost) {
    life first(storage, time);
    budget::micro_usd told = 0;
    for (const budget::micro_usd cost : {1, 5, 700, 30'000, 2, 2, 2, 9'000, 1, 100}) {
        first.spend(cost);
        told += cost;
        life second(storage->after_crash(), time);
        EXPECT_GE(second.spent_today(), told);
        EXPECT_LE(second.spent_today(), told + longest_lease);
        EXPECT_EQ(second.spent_this_month(), second.spent_today());
        EXPECT_EQ(second.report().all.total.cost_micro_usd, second.spent_today());
    }
}

TEST_F(Keeper, ManySmallCostsTakeFewWrites) {
    life first(storage, time);
    for (int i = 0; i < 1'000; ++i) first.spend(1);
    EXPECT_LE(storage->saves, 10);
    EXPECT_GE(life(storage->after_crash(), time).spent_today(), 1'000);
}

TEST_F(Keeper, AnAlertIsToldOnceInAPeriodAlsoAcrossRestarts) {
    {
        life first(storage, time);
        first.spend(500'000);
        EXPECT_EQ(first.alerts, std::vector<unsigned>{500});
    }
    life second(storage, time);
    second.spend(100);
    EXPECT_TRUE(second.alerts.empty());
}

TEST_F(Keeper, ImmediateHasEachSettlementExactly) {
    life first(storage, time, {true, std::nullopt});
    budget::micro_usd told = 0;
    for (const budget::micro_usd cost : {5, 700, 2}) {
        first.spend(cost);
        told += cost;
        life second(storage->after_crash(), time);
        EXPECT_EQ(second.spent_today(), told);
        EXPECT_EQ(second.report().all.total.requests, first.report().all.total.requests);
    }
}

TEST_F(Keeper, APeriodThatIsOverIsDropped) {
    {
        life(storage, time).spend(700);
    }
    time.real = time.real.load() + 24h;
    {
        life next_day(storage, time);
        EXPECT_EQ(next_day.spent_today(), 0);
        EXPECT_EQ(next_day.spent_this_month(), 700);
        EXPECT_EQ(next_day.report().all.total.cost_micro_usd, 700);
        next_day.spend(1);
    }
    time.real = time.real.load() + 24h * 30;
    life next_month(storage, time);
    EXPECT_EQ(next_month.spent_this_month(), 0);
    EXPECT_EQ(next_month.report().all.total.cost_micro_usd, 701);
}

// A period is told by its number and its time zone.
TEST_F(Keeper, WhatWasSpentInAnotherTimeZoneCountsWhileItsPeriodIsUnderWay) {
    time.real = (std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 23h)
                    .time_since_epoch(); // the 23rd in Berlin
    {
        life(storage, time).spend(700);
    }
    {
        life berlin(storage, time, {}, nullptr, "Europe/Berlin");
        EXPECT_EQ(berlin.spent_today(), 700) << "the day of UTC is not over";
        EXPECT_EQ(berlin.spent_this_month(), 700);
        berlin.spend(30);
    }
    {
        life again(storage, time, {}, nullptr, "Europe/Berlin");
        EXPECT_EQ(again.spent_today(), 730);
    }
    time.real = time.real.load() + 2h; // 23 November in both
    {
        life utc(storage, time);
        EXPECT_EQ(utc.spent_today(), 730) << "the day of Berlin is not over";
    }
    time.real = time.real.load() + 23h; // 24 November in both
    life utc(storage, time);
    EXPECT_EQ(utc.spent_today(), 0);
    EXPECT_EQ(utc.spent_this_month(), 730);
}

TEST_F(Keeper, AReloadToAnotherTimeZoneIsSavedByItsOwnNumbers) {
    time.real = (std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 23h).time_since_epoch();
    {
        life first(storage, time);
        first.spend(700);
        first.move_to("Europe/Berlin");
        EXPECT_EQ(first.spent_today(), 700);
    }
    time.real = time.real.load() + 23h + 59min; // still the 23rd in Berlin
    {
        life second(storage, time, {}, nullptr, "Europe/Berlin");
        EXPECT_EQ(second.spent_today(), 700);
    }
    time.real = time.real.load() + 1min;
    EXPECT_EQ(life(storage, time, {}, nullptr, "Europe/Berlin").spent_today(), 0);
}

TEST_F(Keeper, ACooldownGoesOnByTheWallClock) {
    {
        life first(storage, time);
        first.fail(1, 3);
        EXPECT_EQ(first.health(1).load().phase, state::health_slot::phase::standby);
    }
    time.steady = duration(5s); // the machine has been started anew
    time.real = time.real.load() + 20s;
    life second(storage, time);
    EXPECT_EQ(second.health(1).load().until, second.now() + 40s);
    EXPECT_FALSE(second.health(1).available(second.now()));
    EXPECT_TRUE(second.health(1).available(second.now() + 40s));
    EXPECT_EQ(second.health(1).load().trips, 1u);
    EXPECT_EQ(second.health(1).last_failure(), (state::health_slot::reason{errc::upstream, 503}));
    EXPECT_TRUE(second.health(0).available(second.now()));
}

TEST_F(Keeper, APoolThatProbesOnStartAsksAtOnceWhoHadFailedAndNobodyElse) {
    {
        life first(storage, time);
        first.fail(0, 3);
        (void)first.health(1).stand_by(first.now(), first.now() + 1h,
                                       connector::standby_reason::request_limit);
    }
    life second(storage, time, {}, nullptr, "UTC", {}, true);
    EXPECT_EQ(second.health(0).load().phase, state::health_slot::phase::standby);
    EXPECT_EQ(second.health(0).admit(second.now()), state::health_slot::admission::probe);
    EXPECT_EQ(second.health(0).admit(second.now()), state::health_slot::admission::refused);
    EXPECT_EQ(second.health(0).load().trips, 1u) << "a probe that fails is paid for as before";
    EXPECT_EQ(second.health(1).load().until, second.now() + 1h);
}

TEST_F(Keeper, AProviderThatAnOutageTookOutIsProbedOnStartAsWellAndNotOneThatRefusedItsKey) {
    {
        life first(storage, time);
        (void)first.provider(0).note_failure({1, 60s}, first.now(), {errc::connect, 0}, 0.5);
        (void)first.provider(1).note_failure({1, 60s}, first.now(), {errc::auth, 401}, 0.5);
    }
    {
        life second(storage, time);
        EXPECT_FALSE(second.provider(0).available(second.now()));
    }
    life third(storage, time, {}, nullptr, "UTC", {}, true);
    EXPECT_EQ(third.provider(0).admit(third.now()), state::health_slot::admission::probe);
    EXPECT_EQ(third.provider(0).load().trips, 1u);
    EXPECT_FALSE(third.provider(1).available(third.now()));
}

// Of a reload that fails, say.
TEST_F(Keeper, ASnapshotThatIsThrownAwayUsesUpNothing) {
    {
        life first(storage, time);
        first.fail(1, 3);
        first.provider(0).take_out({});
        first.pool().state->cursor = 1;
    }
    life second(storage, time);
    EXPECT_FALSE(second.health(1).available(second.now()));
    second.begin_anew();
    EXPECT_FALSE(second.health(1).available(second.now()));
    EXPECT_TRUE(second.provider(0).load().is_manual());
    EXPECT_EQ(second.pool().state->cursor, 1u);
    second.serve();
    second.begin_anew();
    EXPECT_TRUE(second.health(1).available(second.now())) << "now it was used up";
    EXPECT_FALSE(second.provider(0).load().is_manual());
    EXPECT_EQ(second.pool().state->cursor, 0u);
}

// Runtime 14: v1/state/provider/<id>.
TEST_F(Keeper, AProviderThatIsOutStaysOutWhileItIsTheSameAccount) {
    {
        life first(storage, time);
        (void)first.provider(0).note_failure({1, 60s}, first.now(), {errc::connect, 0}, 0.5);
        (void)first.provider(1).note_failure({1, 60s}, first.now(), {errc::auth, 401}, 0.5);
    }
    EXPECT_TRUE(storage->load("v1/state/provider/alpha").value());
    time.steady = duration(5s);
    time.real = time.real.load() + 20s;
    {
        life second(storage, time);
        EXPECT_EQ(second.provider(0).load().until, second.now() + 40s);
        EXPECT_EQ(second.provider(0).last_failure(), (state::health_slot::reason{errc::connect, 0}));
        EXPECT_FALSE(second.provider(1).available(second.now())) << "the key that was refused";
    }
    life third(storage, time, {}, nullptr, "UTC", "another");
    EXPECT_TRUE(third.provider(0).available(third.now()));
    EXPECT_TRUE(third.provider(1).available(third.now()));
}

// Runtime 3: standby always carries until, or a manual flag.
TEST_F(Keeper, WhatWasRotatedOutByHandStaysOutAndWhatALimitTookOutSaysSo) {
    {
        life first(storage, time);
        first.health(0).take_out({});
        (void)first.health(1).stand_by(first.now(), first.now() + 1h,
                                       connector::standby_reason::request_limit);
    }
    time.steady = duration(5s);
    life second(storage, time);
    EXPECT_TRUE(second.health(0).load().is_manual());
    EXPECT_EQ(second.health(0).standby_reason(), connector::standby_reason::manual);
    EXPECT_EQ(second.health(1).load().until, second.now() + 1h);
    EXPECT_EQ(second.health(1).standby_reason(), connector::standby_reason::request_limit);
}

TEST_F(Keeper, WhoseBudgetWasSpentIsForTheLedgerToSay) {
    {
        life first(storage, time);
        (void)first.health(0).stand_by(first.now(), first.now() + 1h,
                                       connector::standby_reason::budget_exceeded, {errc::budget, 0});
    }
    life second(storage, time);
    EXPECT_TRUE(second.health(0).available(second.now()));
}

TEST_F(Keeper, WhatHasNotChangedIsNotWrittenAgain) {
    life first(storage, time);
    first.spend(5);
    ASSERT_TRUE(first.flush());
    const int before = storage->saves;
    ASSERT_TRUE(first.flush());
    EXPECT_EQ(storage->saves, before);
}

TEST_F(Keeper, AFailingStorageIsReportedOnceAndCallsGoOn) {
    life first(storage, time, {}, &log);
    first.spend(5);
    storage->is_full = true;
    for (int i = 0; i < 20; ++i) first.spend(20'000);
    EXPECT_EQ(first.spent_today(), 400'005);
    const result<void> flushed = first.flush();
    ASSERT_FALSE(flushed);
    EXPECT_EQ(flushed.error().kind(), errc::storage);
    EXPECT_EQ(log.lines(), std::vector<std::string>{"storage.failed message=the disk is full"});

    storage->is_full = false;
    EXPECT_TRUE(first.flush());
    EXPECT_FALSE(first.is_failing());
    EXPECT_EQ(log.lines().back(), "storage.recovered message=state is saved again");
    EXPECT_EQ(life(storage->after_crash(), time).spent_today(), 400'005);
}

TEST_F(Keeper, WhatCouldNotBeWrittenAndIsAsBeforeIsNoFailureAnyMore) {
    life first(storage, time, {}, &log);
    storage->is_full = true;
    first.fail(0, 1);
    ASSERT_FALSE(first.flush());
    first.health(0).reactivate({});
    EXPECT_TRUE(first.flush()) << "there is nothing to write";
    EXPECT_FALSE(first.is_failing());
    EXPECT_EQ(log.lines().back(), "storage.recovered message=state is saved again");
}

TEST_F(Keeper, AnEntryThatCannotBeReadBeginsAnewAndTheOthersGoOn) {
    {
        life first(storage, time);
        first.spend(700);
        first.fail(1, 2);
    }
    storage->unreadable = usage_key("chat", "alpha.m");
    life second(storage, time, {}, &log);
    EXPECT_EQ(second.spent_today(), 0);
    EXPECT_EQ(second.health(1).load().failures, 2u);
    EXPECT_EQ(log.lines(),
              std::vector<std::string>{"storage.entry_dropped key=v1/usage/chat/alpha.m message=damaged"});
}

TEST_F(Keeper, AStorageThatCannotBeReadAtAllOrIsInUseIsAnError) {
    {
        const life first(storage, time);
        const auto second = keeper::open(storage, {}, time, nullptr);
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().kind(), errc::config);
        EXPECT_EQ(second.error().message, "storage: the lock 'v1/owner' is held by another client");
    }
    storage->is_gone = true;
    EXPECT_EQ(keeper::open(storage, {}, time, nullptr).error().message, "storage: the disk is gone");
    storage->is_gone = false;
    EXPECT_TRUE(keeper::open(storage, {}, time, nullptr))
        << "a lock that was taken for nothing is given back";
}

} // namespace
} // namespace modelmesh::persistence
