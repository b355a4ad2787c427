#include "state/model_slot.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace modelmesh::state {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(LatencyTrack, KnowsNothingWithoutSamples) {
    const latency_track track(3);
    EXPECT_EQ(track.mean(), std::nullopt);
    EXPECT_EQ(track.recent(), std::nullopt);
    EXPECT_FALSE(track.is_full());
}

TEST(LatencyTrack, TheMeanIsOfTheWindowOnly) {
    latency_track track(3);
    for (const int sample : {1000, 10, 20}) track.add(microseconds(sample));
    EXPECT_TRUE(track.is_full());
    EXPECT_NEAR(track.mean().value(), 343.3, 0.1);
    track.add(microseconds(30));
    EXPECT_DOUBLE_EQ(track.mean().value(), 20);
}

TEST(LatencyTrack, OlderSamplesFadeFromTheAverage) {
    latency_track track(50);
    track.add(microseconds(1000));
    EXPECT_DOUBLE_EQ(track.recent().value(), 1000);
    track.add(microseconds(0));
    EXPECT_DOUBLE_EQ(track.recent().value(), 800);
    for (int i = 0; i < 50; ++i) track.add(microseconds(0));
    EXPECT_LT(track.recent().value(), 1);
}

TEST(LatencyTrack, QuantilesAreSamplesOfTheWindowByNearestRank) {
    latency_track track(50);
    EXPECT_EQ(track.quantile(0.95, 0), std::nullopt);
    for (int i = 100; i > 0; --i) track.add(microseconds(i)); // 1 to 50 are left
    EXPECT_EQ(track.quantile(0.95, 20), microseconds(48));
    EXPECT_EQ(track.quantile(0.5, 20), microseconds(25));
    EXPECT_EQ(track.quantile(1, 20), microseconds(50));
    EXPECT_EQ(track.quantile(0.0001, 20), microseconds(1));

    latency_track young(50);
    for (int i = 1; i <= 19; ++i) young.add(microseconds(i));
    EXPECT_EQ(young.quantile(0.95, 20), std::nullopt);
    young.add(microseconds(1000));
    EXPECT_EQ(young.quantile(0.95, 20), microseconds(19));
    EXPECT_EQ(young.quantile(0.951, 20), microseconds(1000));
}

TEST(LatencyTrack, AnotherWindowGoesOnWithTheLastSamples) {
    latency_track before(4);
    for (const int sample : {1000, 10, 20, 30, 40}) before.add(microseconds(sample));
    latency_track shorter(2, before);
    EXPECT_TRUE(shorter.is_full());
    EXPECT_DOUBLE_EQ(shorter.mean().value(), 35);
    EXPECT_EQ(shorter.recent(), before.recent());
    shorter.add(microseconds(50));
    EXPECT_DOUBLE_EQ(shorter.mean().value(), 45) << "the oldest has gone";
    latency_track longer(6, before);
    EXPECT_FALSE(longer.is_full());
    EXPECT_DOUBLE_EQ(longer.mean().value(), 25);
    longer.add(microseconds(75));
    EXPECT_DOUBLE_EQ(longer.mean().value(), 35);
    EXPECT_EQ(latency_track(6, latency_track(4)).mean(), std::nullopt);
}

TEST(LatencyTrack, NoSampleOfSeveralThreadsIsLostFromTheSum) {
    latency_track track(latency_track::longest_window);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&track] {
            for (int i = 0; i < 10000; ++i) track.add(microseconds(i % 2 == 0 ? 1 : 7));
        });
    for (std::thread& each : threads) each.join();
    for (unsigned i = 0; i < latency_track::longest_window; ++i) track.add(microseconds(5));
    EXPECT_DOUBLE_EQ(track.mean().value(), 5);
}

TEST(LimitSlot, IsGrantedAgainWhenItsWindowIsOver) {
    limit_slot slot;
    EXPECT_FALSE(slot.load(milliseconds(0)));
    slot.note({100, 20}, milliseconds(1000));
    EXPECT_EQ(slot.load(milliseconds(999)).value().remaining, 20);
    EXPECT_EQ(slot.load(milliseconds(1000)).value().remaining, 100);
}

TEST(ModelSlot, WhatEveryAttemptWritesIsAloneInItsCacheLine) {
    model_slot slot(50);
    const auto* begin = reinterpret_cast<const char*>(&slot.in_flight);
    EXPECT_GE(reinterpret_cast<const char*>(&slot.requests) - begin, 64);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(begin) % 64, 0u);
}

} // namespace
} // namespace modelmesh::state
