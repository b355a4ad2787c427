#include "router/selection.hpp"

#include "fixture.hpp"

#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

using testing::make_snapshot;
using testing::virtual_clock;

TEST(Selection, StaysOnTheFirstModelWhileItWorks) {
    const auto picture = make_snapshot({"a", "b", "c"});
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    for (int i = 0; i < 5; ++i) {
        const exclusion_set none(3);
        EXPECT_EQ(select_sticky(chat, none, time.now()), 0u);
        note_success(chat, 0, time_point());
    }
}

TEST(Selection, MovesOnAfterAFailureAndDoesNotComeBackByItself) {
    const auto picture = make_snapshot({"a", "b", "c"}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    const exclusion_set none(3);
    note_failure(chat, 0, {errc::connect, 0}, time.now());
    EXPECT_EQ(select_sticky(chat, none, time.now()), 1u);
    time.advance(std::chrono::minutes(2)); // the first model is healthy again
    EXPECT_EQ(select_sticky(chat, none, time.now()), 1u);
    note_failure(chat, 1, {errc::connect, 0}, time.now());
    note_failure(chat, 2, {errc::connect, 0}, time.now());
    EXPECT_EQ(select_sticky(chat, none, time.now()), 0u) << "and round it goes";
}

TEST(Selection, MovesOnFromWhereItBeganThoughTheCursorStandsBeforeIt) {
    const auto picture = make_snapshot({"a", "b", "c"}, 2);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    const exclusion_set none(3);
    for (const std::size_t index : {0, 0, 1, 2}) note_failure(chat, index, {errc::connect, 0}, time.now());
    ASSERT_EQ(select_sticky(chat, none, time.now()), 1u) << "the first is in standby, and the cursor on it";
    move_on(chat, 1, time.now());
    EXPECT_EQ(select_sticky(chat, none, time.now()), 2u);
    move_on(chat, 1, time.now());
    EXPECT_EQ(select_sticky(chat, none, time.now()), 2u) << "somebody else had moved it";
}

TEST(Selection, NeverOffersWhatTheRequestHasTried) {
    const auto picture = make_snapshot({"a", "b"});
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    exclusion_set tried(2);
    tried.add(0);
    EXPECT_EQ(select_sticky(chat, tried, time.now()), 1u);
    tried.add(1);
    EXPECT_EQ(select_sticky(chat, tried, time.now()), std::nullopt);
}

TEST(Selection, LeavesModelsInStandbyOutUntilTheirTimeIsOver) {
    const auto picture = make_snapshot({"a", "b"}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    const exclusion_set none(2);
    EXPECT_TRUE(note_failure(chat, 0, {errc::connect, 0}, time.now()));
    time.advance(std::chrono::seconds(20));
    EXPECT_TRUE(note_failure(chat, 1, {errc::connect, 0}, time.now()));
    EXPECT_EQ(select_sticky(chat, none, time.now()), std::nullopt);
    EXPECT_EQ(until_available(chat, time.now()), std::chrono::seconds(40));
    time.advance(std::chrono::seconds(40));
    EXPECT_EQ(select_sticky(chat, none, time.now()), 0u);
    EXPECT_EQ(until_available(chat, time.now()), std::chrono::seconds(0));
}

TEST(Selection, OfOneProviderLeavesTheOthersOutAndBeginsWhereThePoolStands) {
    const auto picture = testing::make_snapshot_of({{"a", {"m", "n"}}, {"b", {"m", "n"}}}, 1);
    const pool& chat = *picture->pools.front();
    const provider_entry* const a = picture->providers[0].get();
    const provider_entry* const b = picture->providers[1].get();
    virtual_clock time;
    exclusion_set tried(4);
    EXPECT_EQ(count_eligible(chat, nullptr), 4u);
    EXPECT_EQ(count_eligible(chat, b), 2u);
    EXPECT_EQ(select_sticky(chat, tried, time.now(), b), 2u);
    // Its failure counts for all, but nobody else had begun there.
    note_failure(chat, 2, {errc::connect, 0}, time.now());
    EXPECT_EQ(select_sticky(chat, tried, time.now(), b), 3u);
    EXPECT_EQ(chat.state->cursor.load(), 0u);
    // Others' failures move it on, too.
    note_failure(chat, 0, {errc::connect, 0}, time.now());
    EXPECT_EQ(select_sticky(chat, tried, time.now(), a), 1u);
    EXPECT_EQ(select_sticky(chat, tried, time.now(), nullptr), 1u);
    tried.add(1);
    EXPECT_EQ(select_sticky(chat, tried, time.now(), a), std::nullopt);
    EXPECT_EQ(select_sticky(chat, tried, time.now(), nullptr), 3u);
    EXPECT_EQ(until_available(chat, time.now(), b), std::chrono::seconds(0));
    time.advance(std::chrono::seconds(20));
    note_failure(chat, 3, {errc::connect, 0}, time.now());
    note_failure(chat, 1, {errc::connect, 0}, time.now());
    EXPECT_EQ(until_available(chat, time.now(), b), std::chrono::seconds(40));
    time.advance(std::chrono::minutes(2));
    EXPECT_EQ(chat.state->cursor.load(), 2u);
    tried = exclusion_set(4);
    EXPECT_EQ(select_sticky(chat, tried, time.now(), b), 2u);
    move_on(chat, 2, time.now());
    EXPECT_EQ(select_sticky(chat, tried, time.now(), b), 3u) << "where the whole pool stands";
    EXPECT_EQ(select_sticky(chat, tried, time.now(), a), 0u);
}

TEST(Redaction, TakesTheKeyOutWholeOrCut) {
    provider_entry entry;
    entry.api_key = "sk-1234567890";
    const auto redacted = [&entry](std::string text) {
        entry.redact(text);
        return text;
    };
    EXPECT_EQ(redacted("key sk-1234567890 and sk-1234567890."), "key *** and ***.");
    EXPECT_EQ(redacted("Incorrect API key: sk-12345"), "Incorrect API key: ***"); // the text was cut here
    EXPECT_EQ(redacted("sk"), "sk");
    entry.api_key = "****"; // a placeholder that looks like what replaces it
    EXPECT_EQ(redacted("the key **** is wrong"), "the key *** is wrong");
    entry.api_key = "x";
    EXPECT_EQ(redacted("exact"), "exact");
}

} // namespace
} // namespace modelmesh::router
