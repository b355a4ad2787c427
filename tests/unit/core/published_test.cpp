#include "core/published.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <set>
#include <thread>
#include <vector>

namespace modelmesh::core {
namespace {

TEST(ThreadIndex, IsOfNoOtherThreadThatRunsAndIsGivenBack) {
    constexpr int count = 20;
    std::vector<std::size_t> seen(count);
    std::size_t highest = 0;
    for (int round = 0; round < 10; ++round) {
        std::latch all(count);
        std::vector<std::jthread> threads;
        for (int t = 0; t < count; ++t)
            threads.emplace_back([&, t] {
                seen[static_cast<std::size_t>(t)] = thread_index();
                all.arrive_and_wait();
            });
        threads.clear();
        EXPECT_EQ(std::set<std::size_t>(seen.begin(), seen.end()).size(), seen.size());
        for (const std::size_t index : seen) highest = std::max(highest, index);
    }
    EXPECT_LT(highest, most_thread_indexes) << "200 threads, of which 20 ran at a time";
    EXPECT_EQ(thread_index(), thread_index());
}

TEST(ThreadIndex, ThreadsBeyondTheLastHaveNone) {
    constexpr std::size_t count = most_thread_indexes + 10;
    std::atomic<std::size_t> none{0};
    published<int> value;
    value.store(std::make_shared<int>(7));
    std::latch all(count);
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < count; ++t)
        threads.emplace_back([&] {
            if (thread_index() == most_thread_indexes) ++none;
            EXPECT_EQ(*value.load(), 7);
            all.arrive_and_wait();
        });
    threads.clear();
    EXPECT_GE(none, 10u);
}

TEST(Published, EveryThreadReadsWhatWasStoredLast) {
    published<int> value;
    EXPECT_EQ(value.load(), nullptr);
    value.store(std::make_shared<int>(1));
    EXPECT_EQ(*value.load(), 1);
    std::atomic<int> stored{1};
    std::atomic<bool> over{false};
    std::vector<std::jthread> readers;
    for (int t = 0; t < 4; ++t)
        readers.emplace_back([&] {
            while (!over) {
                const int least = stored.load();
                EXPECT_GE(*value.load(), least);
            }
        });
    for (int i = 2; i <= 2000; ++i) {
        value.store(std::make_shared<int>(i));
        stored = i;
    }
    over = true;
}

TEST(Published, AValueDiesWhenItsReadersHaveReadTheNext) {
    published<int> value;
    const auto first = std::make_shared<int>(1);
    value.store(first);
    const std::shared_ptr<const int> held = value.load();
    value.store(std::make_shared<int>(2));
    EXPECT_EQ(*held, 1) << "whoever has it keeps it";
    EXPECT_EQ(*value.load(), 2);
    EXPECT_EQ(first.use_count(), 2) << "the test's, and that of `held`";
}

} // namespace
} // namespace modelmesh::core
