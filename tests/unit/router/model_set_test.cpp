#include <modelmesh/connector/model_set.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace modelmesh::connector {
namespace {

using indices = std::vector<std::size_t>;

// Of one word, of several, and of more than are kept without an allocation.
class ModelSet : public ::testing::TestWithParam<std::size_t> {
protected:
    ModelSet() {
        for (std::size_t i = 0; i < GetParam(); i += 3) {
            set.insert(i);
            members.push_back(i);
        }
    }
    model_set set{GetParam()};
    indices members;
};
INSTANTIATE_TEST_SUITE_P(Sizes, ModelSet, ::testing::Values(1, 63, 64, 65, 256, 257, 1000));

TEST_P(ModelSet, HoldsWhatWasInsertedAndNothingElse) {
    for (std::size_t i = 0; i < GetParam() + 100; ++i)
        EXPECT_EQ(set.contains(i), i < GetParam() && i % 3 == 0) << i;
    EXPECT_EQ(set.count(), members.size());
    EXPECT_FALSE(set.empty());
}

TEST_P(ModelSet, IsReadInOrderByStepsByRankAndAllAtOnce) {
    indices by_steps;
    for (std::size_t i = set.next(0); i < set.size(); i = set.next(i + 1)) by_steps.push_back(i);
    EXPECT_EQ(by_steps, members);
    indices at_once;
    set.for_each([&at_once](std::size_t i) { at_once.push_back(i); });
    EXPECT_EQ(at_once, members);
    for (std::size_t rank = 0; rank < members.size(); ++rank) EXPECT_EQ(set.nth(rank), members[rank]);
}

TEST_P(ModelSet, GoesRound) {
    EXPECT_EQ(set.next_around(members.back() + 1), 0u);
    EXPECT_EQ(set.next_around(members.back()), members.back());
}

TEST_P(ModelSet, IsEmptyWhenEveryMemberWasErasedOrItWasCleared) {
    model_set other = set;
    for (const std::size_t i : members) set.erase(i);
    other.clear();
    for (const model_set& each : {set, other}) {
        EXPECT_TRUE(each.empty());
        EXPECT_EQ(each.count(), 0u);
        EXPECT_EQ(each.next(0), GetParam());
        EXPECT_EQ(each.next_around(GetParam() / 2), GetParam());
        each.for_each([](std::size_t i) { ADD_FAILURE() << i; });
    }
}

} // namespace
} // namespace modelmesh::connector
