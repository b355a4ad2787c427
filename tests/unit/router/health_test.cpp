#include "state/health.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace modelmesh::state {
namespace {

using std::chrono::milliseconds;
using phase = health_slot::phase;
using admission = health_slot::admission;

constexpr health_slot::reason why{errc::overloaded, 503};
constexpr double even = 0.5; // neither shorter nor longer

trip_rule after(unsigned failures, milliseconds cooldown = milliseconds(100)) { return {failures, cooldown}; }

TEST(Health, TripsAtTheThresholdAndReturnsWhenItsTimeIsOver) {
    health_slot slot;
    EXPECT_FALSE(slot.note_failure(after(3), milliseconds(10), why, even));
    EXPECT_FALSE(slot.note_failure(after(3), milliseconds(11), why, even));
    EXPECT_TRUE(slot.available(milliseconds(11)));
    EXPECT_TRUE(slot.note_failure(after(3), milliseconds(12), why, even));
    EXPECT_FALSE(slot.available(milliseconds(12)));
    EXPECT_FALSE(slot.available(milliseconds(111)));
    EXPECT_TRUE(slot.available(milliseconds(112)));
}

TEST(Health, TakenOutByHandItStaysOutUntilItIsReactivated) {
    health_slot slot;
    slot.take_out({});
    EXPECT_TRUE(slot.load().is_manual());
    EXPECT_FALSE(slot.available(std::chrono::hours(24 * 365 * 100)));
    slot.note_success(milliseconds(1)); // of a request that was under way
    EXPECT_FALSE(slot.note_failure(after(1), milliseconds(2), why, even));
    EXPECT_TRUE(slot.load().is_manual());
    slot.reactivate({});
    EXPECT_EQ(slot.load().phase, phase::active);
    EXPECT_FALSE(slot.load().is_manual());
    EXPECT_FALSE(slot.note_failure(after(2), milliseconds(3), why, even)) << "the first of two";
}

TEST(Health, ReactivatedOnProbeItIsActiveWhateverBecomesOfTheProbe) {
    health_slot slot;
    EXPECT_TRUE(slot.note_failure(after(1), milliseconds(0), why, even));
    const milliseconds until = slot.load().until;
    ASSERT_EQ(slot.admit(until), admission::probe);
    slot.reactivate({});
    slot.give_back_probe(until);
    EXPECT_EQ(slot.load().phase, phase::active);
}

TEST(Health, AFailureAfterItsReturnSendsItBackAtOnce) {
    health_slot slot;
    EXPECT_TRUE(slot.note_failure(after(1), milliseconds(0), why, even));
    EXPECT_TRUE(slot.available(milliseconds(100)));
    EXPECT_TRUE(slot.note_failure(after(3), milliseconds(100), why, even));
    EXPECT_FALSE(slot.available(milliseconds(199)));
}

TEST(Health, FailuresDuringStandbyDoNotProlongIt) {
    health_slot slot;
    EXPECT_TRUE(slot.note_failure(after(1), milliseconds(0), why, even));
    EXPECT_FALSE(slot.note_failure(after(1), milliseconds(50), why, even));
    EXPECT_TRUE(slot.available(milliseconds(100)));
}

TEST(Health, SuccessForgetsFailures) {
    health_slot slot;
    slot.note_failure(after(3), milliseconds(0), why, even);
    slot.note_failure(after(3), milliseconds(0), why, even);
    slot.note_success(milliseconds(1));
    EXPECT_EQ(slot.load().failures, 0u);
    EXPECT_FALSE(slot.note_failure(after(3), milliseconds(0), why, even));
}

TEST(Health, ASuccessThatBeganBeforeTheStandbyDoesNotEndIt) {
    health_slot slot;
    EXPECT_TRUE(slot.note_failure(after(1), milliseconds(0), why, even));
    slot.note_success(milliseconds(99));
    EXPECT_FALSE(slot.available(milliseconds(99)));
    slot.note_success(milliseconds(100));
    EXPECT_FALSE(slot.load().is_out());
}

TEST(Health, TheLastFailureIsKnownUntilTheNext) {
    health_slot slot;
    slot.note_failure(after(3), milliseconds(0), why, even);
    EXPECT_EQ(slot.last_failure(), why);
    const health_slot::reason other{errc::connect, 0};
    slot.note_failure(after(3), milliseconds(0), other, even);
    EXPECT_EQ(slot.last_failure(), other);
}

TEST(Health, TheFailureCountSaturates) {
    health_slot slot;
    for (int i = 0; i < 5000; ++i) slot.note_failure(after(100000), milliseconds(0), why, even);
    EXPECT_EQ(slot.load().failures, health_slot::max_failures);
    EXPECT_FALSE(slot.load().is_out());
}

TEST(Health, ModelsThatComeBackAreProbedByOneRequestAtATime) {
    health_slot slot;
    EXPECT_EQ(slot.admit(milliseconds(0)), admission::free);
    slot.note_failure(after(1), milliseconds(0), why, even);
    EXPECT_EQ(slot.admit(milliseconds(99)), admission::refused);
    EXPECT_EQ(slot.admit(milliseconds(100)), admission::probe);
    EXPECT_EQ(slot.admit(milliseconds(100)), admission::refused);
    EXPECT_FALSE(slot.available(milliseconds(100000))) << "however long the probe takes";
    EXPECT_TRUE(slot.load().is_out());
}

TEST(Health, AProbeThatTellsNothingIsGivenBack) {
    health_slot slot;
    slot.note_failure(after(1), milliseconds(0), why, even);
    ASSERT_EQ(slot.admit(milliseconds(100)), admission::probe);
    slot.give_back_probe(milliseconds(99));
    EXPECT_EQ(slot.admit(milliseconds(100)), admission::refused) << "that was the probe of another standby";
    slot.give_back_probe(milliseconds(100));
    EXPECT_EQ(slot.admit(milliseconds(100)), admission::probe);
}

TEST(Health, ManyThreadsGetOneProbe) {
    for (int round = 0; round < 200; ++round) {
        health_slot slot;
        slot.note_failure(after(1), milliseconds(0), why, even);
        std::atomic<int> probes{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back(
                [&] { probes += slot.admit(milliseconds(100)) == admission::probe ? 1 : 0; });
        for (std::thread& each : threads) each.join();
        ASSERT_EQ(probes, 1);
    }
}

TEST(Health, AProbeIntervalTakesThePlaceOfDoubling) {
    health_slot slot;
    trip_rule rule = after(1);
    rule.again = milliseconds(30);
    milliseconds now(0);
    for (const milliseconds out : {milliseconds(100), milliseconds(30), milliseconds(30)}) {
        if (now.count() > 0) {
            EXPECT_EQ(slot.admit(now), admission::probe);
        }
        EXPECT_TRUE(slot.note_failure(rule, now, why, even));
        EXPECT_FALSE(slot.available(now + out - milliseconds(1)));
        EXPECT_TRUE(slot.available(now + out));
        now += out;
    }
}

TEST(Health, EverySuccessDoublesWhatARampingModelMayHave) {
    health_slot slot;
    slot.note_failure(after(1), milliseconds(0), why, even);
    ASSERT_EQ(slot.admit(milliseconds(100)), admission::probe);
    for (unsigned successes = 1; successes < health_slot::full_ramp; ++successes) {
        slot.note_success(milliseconds(101));
        EXPECT_EQ(slot.load().phase, phase::ramping);
        EXPECT_EQ(slot.load().ramp_limit(), 1u << successes);
        EXPECT_EQ(slot.admit(milliseconds(101)), admission::free);
    }
    slot.note_success(milliseconds(101));
    EXPECT_EQ(slot.load().phase, phase::active);
    EXPECT_EQ(slot.load().trips, 0u) << "forgiven";
}

TEST(Health, AProbeIsOverWithTheFirstContentOfItsStream) {
    health_slot slot;
    slot.note_failure(after(1), milliseconds(0), why, even);
    ASSERT_EQ(slot.admit(milliseconds(100)), admission::probe);
    const milliseconds probe_of = slot.load().until;
    EXPECT_TRUE(slot.note_content(probe_of));
    EXPECT_EQ(slot.load().phase, phase::ramping);
    EXPECT_EQ(slot.load().ramp_limit(), 1u) << "but it was no success yet";
    EXPECT_FALSE(slot.note_content(probe_of)) << "of another stream";
    EXPECT_EQ(slot.load().successes, 0u);
}

TEST(Health, ALateStreamOfAnOldProbeDoesNotEndANewerOne) {
    health_slot slot;
    slot.note_failure(after(1), milliseconds(0), why, even);
    ASSERT_EQ(slot.admit(milliseconds(100)), admission::probe);
    const milliseconds old_probe = slot.load().until;
    slot.note_failure(after(1), milliseconds(100), why, even);
    ASSERT_EQ(slot.admit(milliseconds(300)), admission::probe);
    EXPECT_FALSE(slot.note_content(old_probe));
    EXPECT_EQ(slot.load().phase, phase::probing);
}

TEST(Health, AnOverloadedModelIsNotOutForLongerEachTime) {
    health_slot slot;
    for (milliseconds now{0}; now < milliseconds(500); now += milliseconds(100)) {
        (void)slot.admit(now);
        EXPECT_TRUE(slot.note_failure(after(1), now, why, even, false));
        EXPECT_TRUE(slot.available(now + milliseconds(100)));
    }
}

TEST(Health, OnlyTheOutcomeThatBringsAModelBackSaysSo) {
    health_slot slot;
    EXPECT_FALSE(slot.note_success(milliseconds(0)));
    slot.note_failure(after(1), milliseconds(0), why, even);
    EXPECT_FALSE(slot.note_success(milliseconds(50))) << "it began before";
    ASSERT_EQ(slot.admit(milliseconds(100)), admission::probe);
    EXPECT_TRUE(slot.note_success(milliseconds(101)));
    EXPECT_FALSE(slot.note_success(milliseconds(102)));
}

TEST(Health, AnyFailureOnProbeOrRampSendsItBackForTwiceAsLong) {
    health_slot slot;
    slot.note_failure(after(3), milliseconds(0), why, even);
    slot.note_failure(after(3), milliseconds(0), why, even);
    ASSERT_TRUE(slot.note_failure(after(3), milliseconds(0), why, even));
    ASSERT_EQ(slot.admit(milliseconds(100)), admission::probe);
    EXPECT_TRUE(slot.note_failure(after(3), milliseconds(100), why, even));
    EXPECT_FALSE(slot.available(milliseconds(299)));
    ASSERT_EQ(slot.admit(milliseconds(300)), admission::probe);
    slot.note_success(milliseconds(300));
    EXPECT_TRUE(slot.note_failure(after(3), milliseconds(300), why, even)) << "once is enough on the ramp";
    EXPECT_EQ(slot.load().until, milliseconds(700));
}

TEST(Health, CooldownsEndAtAQuarterOfAnHourUnlessConfiguredLonger) {
    for (const auto& [configured, longest] : {std::pair(milliseconds(60000), milliseconds(900000)),
                                              std::pair(milliseconds(3600000), milliseconds(3600000))}) {
        health_slot slot;
        milliseconds now(0);
        for (int i = 0; i < 40; ++i) {
            slot.note_failure(after(1, configured), now, why, even);
            now = slot.load().until;
        }
        slot.note_failure(after(1, configured), now, why, even);
        EXPECT_EQ(slot.load().until - now, longest);
    }
}

TEST(Health, ModelsThatFellTogetherComeBackApart) {
    for (const auto& [unit, until] : {std::pair(0.0, 90), std::pair(0.25, 95), std::pair(0.999, 110)}) {
        health_slot slot;
        slot.note_failure(after(1), milliseconds(0), why, unit);
        EXPECT_EQ(slot.load().until, milliseconds(until));
    }
}

TEST(Health, AModelThatFailsOftenTripsThoughNeverInARow) {
    trip_rule rule = after(3);
    rule.error_rate = 0.5;
    health_slot slot;
    bool has_tripped = false;
    int outcomes = 0;
    for (; !has_tripped && outcomes < 100; outcomes += 2) {
        slot.note_success(milliseconds(1));
        has_tripped = slot.note_failure(rule, milliseconds(1), why, even);
    }
    EXPECT_TRUE(has_tripped);
    EXPECT_EQ(outcomes, static_cast<int>(health_slot::least_outcomes));
    EXPECT_EQ(slot.error_rate(), 0) << "and begins anew";
}

TEST(Health, TheErrorRateIsOfTheLastOutcomes) {
    health_slot slot;
    for (int i = 0; i < 32; ++i) slot.note_success(milliseconds(1));
    for (int i = 0; i < 8; ++i) slot.note_failure(after(100), milliseconds(1), why, even);
    EXPECT_DOUBLE_EQ(slot.error_rate(), 0.25);
    for (int i = 0; i < 32; ++i) slot.note_success(milliseconds(1));
    EXPECT_EQ(slot.error_rate(), 0);
}

TEST(Health, StandsByForAReasonOfItsOwnAndComesBackByAProbe) {
    using connector::standby_reason;
    health_slot slot;
    EXPECT_TRUE(slot.stand_by(milliseconds(1), milliseconds(500), standby_reason::request_limit));
    EXPECT_EQ(slot.standby_reason(), standby_reason::request_limit);
    EXPECT_FALSE(slot.stand_by(milliseconds(1), milliseconds(400), standby_reason::token_limit))
        << "it is out for longer";
    EXPECT_EQ(slot.admit(milliseconds(499)), admission::refused);
    EXPECT_FALSE(slot.note_failure(after(1), milliseconds(450), why, even)) << "of a call that was under way";
    EXPECT_EQ(slot.admit(milliseconds(500)), admission::probe);
    slot.note_success(milliseconds(501));
    EXPECT_TRUE(slot.available(milliseconds(501)));
    EXPECT_TRUE(slot.stand_by(milliseconds(1), health_slot::never, standby_reason::budget_exceeded));
    EXPECT_FALSE(slot.available(std::chrono::hours(24 * 365)));
    slot.reactivate({});
    EXPECT_TRUE(slot.available(milliseconds(502)));
}

TEST(HealthService, DowntimeIsUntilNowAndUntilTheStandbyIsOver) {
    health_slot slot;
    EXPECT_EQ(slot.service(milliseconds(50)).downtime, milliseconds(0));
    ASSERT_TRUE(slot.stand_by(milliseconds(100), milliseconds(500), connector::standby_reason::rate_limited));
    EXPECT_EQ(slot.service(milliseconds(100)).downtime, milliseconds(0));
    EXPECT_EQ(slot.service(milliseconds(350)).downtime, milliseconds(250)) << "it is still out";
    EXPECT_EQ(slot.service(milliseconds(9000)).downtime, milliseconds(400)) << "nobody has asked since";
    EXPECT_EQ(slot.admit(milliseconds(9000)), admission::probe);
    ASSERT_TRUE(slot.note_failure(after(1), milliseconds(9100), why, even)) << "the probe failed";
    const milliseconds again = slot.load().until - milliseconds(9100);
    EXPECT_EQ(slot.service(milliseconds(9110)).downtime, milliseconds(410));
    EXPECT_EQ(slot.service(slot.load().until).downtime, milliseconds(400) + again);
    EXPECT_EQ(slot.service(slot.load().until).standby_events, 2u);
}

TEST(HealthService, AStandbyThatBecomesLongerIsOne) {
    health_slot slot;
    ASSERT_TRUE(slot.stand_by(milliseconds(100), milliseconds(500), connector::standby_reason::rate_limited));
    ASSERT_TRUE(slot.stand_by(milliseconds(200), milliseconds(700), connector::standby_reason::rate_limited));
    ASSERT_FALSE(
        slot.stand_by(milliseconds(300), milliseconds(600), connector::standby_reason::rate_limited));
    EXPECT_EQ(slot.service(milliseconds(1000)).downtime, milliseconds(600));
    EXPECT_EQ(slot.service(milliseconds(1000)).standby_events, 1u);
}

TEST(HealthService, WhoeverIsPutBackEarlyWasDownUntilThen) {
    health_slot slot;
    slot.take_out(milliseconds(100));
    EXPECT_EQ(slot.service(milliseconds(100000)).downtime, milliseconds(99900)) << "for good, until now";
    slot.reactivate(milliseconds(300));
    EXPECT_EQ(slot.service(milliseconds(1000)).downtime, milliseconds(200));
    slot.reactivate(milliseconds(900)); // it is back already
    EXPECT_EQ(slot.service(milliseconds(1000)).downtime, milliseconds(200));
    EXPECT_EQ(slot.service(milliseconds(1000)).standby_events, 1u);
}

TEST(HealthService, AQuotaResetIsAReturnFromAQuotaAlone) {
    using connector::standby_reason;
    health_slot slot;
    milliseconds now(100);
    for (const standby_reason each : {standby_reason::request_limit, standby_reason::rate_limited,
                                      standby_reason::provider_quota, standby_reason::maintenance_window}) {
        ASSERT_TRUE(slot.stand_by(now, now + milliseconds(10), each));
        now += milliseconds(10);
        ASSERT_EQ(slot.admit(now), admission::probe);
        slot.note_success(now);
    }
    EXPECT_EQ(slot.service(now).quota_resets, 2u);
    EXPECT_EQ(slot.service(now).standby_events, 4u);
    ASSERT_TRUE(slot.stand_by(now, now + milliseconds(10), standby_reason::token_limit));
    slot.reactivate(now);
    EXPECT_EQ(slot.service(now).quota_resets, 2u) << "by hand is no reset";
    ASSERT_TRUE(slot.stand_by(now, now + milliseconds(10), standby_reason::request_limit));
    for (int i = 0; i < 3; ++i) {
        milliseconds of{};
        ASSERT_EQ(slot.admit(now + milliseconds(20), &of), admission::probe);
        slot.give_back_probe(of);
    }
    EXPECT_EQ(slot.service(now + milliseconds(20)).quota_resets, 2u) << "nobody has asked it since";
    (void)slot.admit(now + milliseconds(20));
    EXPECT_EQ(slot.service(now + milliseconds(20)).quota_resets, 3u);
}

// Another thread may have taken it out for another reason meanwhile, and brought it back.
TEST(HealthService, AProbeThatIsGivenBackTakesNoResetThatWasNotCounted) {
    using connector::standby_reason;
    health_slot slot;
    milliseconds of{};
    slot.note_failure(after(1), milliseconds(0), why, even);
    ASSERT_EQ(slot.admit(milliseconds(100), &of), admission::probe);
    ASSERT_TRUE(slot.stand_by(milliseconds(100), milliseconds(200), standby_reason::request_limit));
    slot.give_back_probe(of);
    EXPECT_EQ(slot.service(milliseconds(100)).quota_resets, 0u);
    // The same end, but the reason is a quota by now.
    health_slot other;
    other.note_failure(after(1), milliseconds(0), why, even);
    ASSERT_EQ(other.admit(milliseconds(100), &of), admission::probe);
    other.restore({health_slot::phase::probing, 0, 1, 0, of}, why, standby_reason::request_limit,
                  milliseconds(100));
    other.give_back_probe(of);
    EXPECT_EQ(other.service(milliseconds(100)).quota_resets, 0u);
}

TEST(HealthService, WhatIsLeftOfASavedStandbyIsDowntimeAndNoOtherOne) {
    health_slot slot;
    slot.restore({health_slot::phase::standby, 0, 1, 0, milliseconds(500)}, why,
                 connector::standby_reason::error_threshold, milliseconds(200));
    EXPECT_EQ(slot.service(milliseconds(300)).downtime, milliseconds(100));
    EXPECT_EQ(slot.service(milliseconds(900)).downtime, milliseconds(300));
    EXPECT_EQ(slot.service(milliseconds(900)).standby_events, 0u);
}

TEST(HealthService, ThreadsThatChangeItAtOnceLoseNoTime) {
    health_slot slot;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&slot, t] {
            for (int i = 1; i <= 2000; ++i) {
                if (t % 2 == 0)
                    (void)slot.stand_by(milliseconds(0), milliseconds(i),
                                        connector::standby_reason::rate_limited);
                else
                    slot.reactivate(milliseconds(0));
            }
        });
    for (std::thread& each : threads) each.join();
    slot.reactivate(milliseconds(0));
    EXPECT_EQ(slot.service(milliseconds(0)).downtime, milliseconds(0)) << "no time has passed";
}

} // namespace
} // namespace modelmesh::state
