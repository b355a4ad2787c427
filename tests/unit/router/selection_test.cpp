#include "router/selection.hpp"

#include "fixture.hpp"

#include <gtest/gtest.h>

namespace modelmesh::router {
namespace {

using testing::make_snapshot;
using testing::virtual_clock;

std::optional<std::size_t> selected(const pool& from, const connector::model_set& tried, const clock& time,
                                    const provider_entry* only = nullptr) {
    connector::model_set scratch(from.models.size());
    const std::optional<chosen_model> chosen =
        select(from, tried, scope{only}, connector::rotation_request(), time.now(), testing::even, scratch);
    if (!chosen) return std::nullopt;
    return chosen->index;
}

TEST(Selection, StaysOnTheFirstModelWhileItWorks) {
    const auto picture = make_snapshot({"a", "b", "c"});
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    for (int i = 0; i < 5; ++i) {
        const connector::model_set none(3);
        EXPECT_EQ(selected(chat, none, time), 0u);
        note_success(chat, 0, time_point());
    }
}

TEST(Selection, MovesOnAfterAFailureAndDoesNotComeBackByItself) {
    const auto picture = make_snapshot({"a", "b", "c"}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    const connector::model_set none(3);
    note_failure(chat, 0, {errc::connect, 0}, time.now(), testing::even);
    EXPECT_EQ(selected(chat, none, time), 1u);
    time.advance(std::chrono::minutes(2)); // the first model is healthy again
    EXPECT_EQ(selected(chat, none, time), 1u);
    note_failure(chat, 1, {errc::connect, 0}, time.now(), testing::even);
    note_failure(chat, 2, {errc::connect, 0}, time.now(), testing::even);
    EXPECT_EQ(selected(chat, none, time), 0u) << "and round it goes";
}

TEST(Selection, MovesOnFromWhereItBeganThoughTheCursorStandsBeforeIt) {
    const auto picture = make_snapshot({"a", "b", "c"}, 2);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    const connector::model_set none(3);
    for (const std::size_t index : {0, 0, 1, 2})
        note_failure(chat, index, {errc::connect, 0}, time.now(), testing::even);
    ASSERT_EQ(selected(chat, none, time), 1u) << "the first is in standby, and the cursor on it";
    move_on(chat, 1, time.now());
    EXPECT_EQ(selected(chat, none, time), 2u);
    move_on(chat, 1, time.now());
    EXPECT_EQ(selected(chat, none, time), 2u) << "somebody else had moved it";
}

TEST(Selection, NeverOffersWhatTheRequestHasTried) {
    const auto picture = make_snapshot({"a", "b"});
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    connector::model_set tried(2);
    tried.insert(0);
    EXPECT_EQ(selected(chat, tried, time), 1u);
    tried.insert(1);
    EXPECT_EQ(selected(chat, tried, time), std::nullopt);
}

TEST(Selection, LeavesModelsInStandbyOutUntilTheirTimeIsOver) {
    const auto picture = make_snapshot({"a", "b"}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    const connector::model_set none(2);
    EXPECT_TRUE(note_failure(chat, 0, {errc::connect, 0}, time.now(), testing::even));
    time.advance(std::chrono::seconds(20));
    EXPECT_TRUE(note_failure(chat, 1, {errc::connect, 0}, time.now(), testing::even));
    EXPECT_EQ(selected(chat, none, time), std::nullopt);
    EXPECT_EQ(until_available(chat, time.now()), std::chrono::seconds(40));
    time.advance(std::chrono::seconds(40));
    EXPECT_EQ(selected(chat, none, time), 0u);
    EXPECT_EQ(until_available(chat, time.now()), std::chrono::seconds(0));
}

TEST(Selection, OfOneProviderLeavesTheOthersOutAndBeginsWhereThePoolStands) {
    const auto picture = testing::make_snapshot_of({{"a", {"m", "n"}}, {"b", {"m", "n"}}}, 1);
    const pool& chat = *picture->pools.front();
    const provider_entry* const a = picture->providers[0].get();
    const provider_entry* const b = picture->providers[1].get();
    virtual_clock time;
    connector::model_set tried(4);
    EXPECT_EQ(count_eligible(chat, {}), 4u);
    EXPECT_EQ(count_eligible(chat, {b}), 2u);
    EXPECT_EQ(selected(chat, tried, time, b), 2u);
    // Its failure counts for all, but nobody else had begun there.
    note_failure(chat, 2, {errc::connect, 0}, time.now(), testing::even);
    EXPECT_EQ(selected(chat, tried, time, b), 3u);
    EXPECT_EQ(chat.state->cursor.load(), 0u);
    // Others' failures move it on, too.
    note_failure(chat, 0, {errc::connect, 0}, time.now(), testing::even);
    EXPECT_EQ(selected(chat, tried, time, a), 1u);
    EXPECT_EQ(selected(chat, tried, time, nullptr), 1u);
    tried.insert(1);
    EXPECT_EQ(selected(chat, tried, time, a), std::nullopt);
    EXPECT_EQ(selected(chat, tried, time, nullptr), 3u);
    EXPECT_EQ(until_available(chat, time.now(), scope{b}), std::chrono::seconds(0));
    time.advance(std::chrono::seconds(20));
    note_failure(chat, 3, {errc::connect, 0}, time.now(), testing::even);
    note_failure(chat, 1, {errc::connect, 0}, time.now(), testing::even);
    EXPECT_EQ(until_available(chat, time.now(), scope{b}), std::chrono::seconds(40));
    time.advance(std::chrono::minutes(2));
    EXPECT_EQ(chat.state->cursor.load(), 2u);
    tried = connector::model_set(4);
    EXPECT_EQ(selected(chat, tried, time, b), 2u);
    move_on(chat, 2, time.now());
    EXPECT_EQ(selected(chat, tried, time, b), 3u) << "where the whole pool stands";
    EXPECT_EQ(selected(chat, tried, time, a), 0u);
}

TEST(Selection, GivesTheFirstReasonWhyAModelIsNotAsked) {
    const auto picture = testing::make_snapshot_of({{"a", {"m"}}, {"b", {"m"}}}, 1);
    const pool& chat = *picture->pools.front();
    const provider_entry* const b = picture->providers[1].get();
    state::health_slot& health = *chat.state->health[0];
    virtual_clock time;
    const auto why = [&](const scope& asked = {}) {
        return why_not(chat, 0, asked, since_epoch(time.now()));
    };
    EXPECT_EQ(why(), exclusion::none);
    EXPECT_EQ(why({nullptr, bit_of(operation::speech)}), exclusion::other_operation);
    EXPECT_EQ(why({b, bit_of(operation::speech)}), exclusion::other_provider);
    note_failure(chat, 0, {errc::connect, 0}, time.now(), testing::even);
    EXPECT_EQ(why(), exclusion::standby);
    EXPECT_EQ(why({b}), exclusion::other_provider);
    time.advance(std::chrono::minutes(1));
    EXPECT_EQ(why(), exclusion::none) << "it may have its probe";
    ASSERT_EQ(health.admit(since_epoch(time.now())), state::health_slot::admission::probe);
    EXPECT_EQ(why(), exclusion::probing);
    note_success(chat, 0, time.now());
    chat.models[0]->slot->in_flight = 2;
    EXPECT_EQ(why(), exclusion::ramping);
    health.take_out({});
    EXPECT_EQ(why(), exclusion::manual);
}

TEST(Selection, NobodyWaitsForAModelThatWasRotatedOut) {
    const auto picture = make_snapshot({"a", "b"}, 1);
    const pool& chat = *picture->pools.front();
    virtual_clock time;
    chat.state->health[0]->take_out({});
    EXPECT_EQ(selected(chat, connector::model_set(2), time), 1u);
    note_failure(chat, 1, {errc::connect, 0}, time.now(), testing::even);
    EXPECT_EQ(until_available(chat, time.now()), std::chrono::minutes(1)) << "for the other one";
    chat.state->health[1]->take_out({});
    EXPECT_EQ(until_available(chat, time.now()), std::nullopt);
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

// Three models, of which the second and the third have these traits.
std::shared_ptr<const snapshot> with_traits(const model_traits& second, const model_traits& third) {
    std::vector<std::unique_ptr<provider_entry>> providers;
    providers.push_back(std::make_unique<provider_entry>());
    providers.back()->id = "a";
    model_plans configured;
    configured.models = {{"a.second", "a", "second", {}, second}, {"a.third", "a", "third", {}, third}};
    return build_snapshot(
        std::move(providers), {{{"first", {"chat"}}, {"second", {"chat"}}, {"third", {"chat"}}}},
        {pool_plan{"chat", "chat", {}, {3, std::chrono::seconds(60)}}}, nullptr, nullptr, configured);
}

TEST(Selection, AsksOnlyModelsThatHaveWhatTheRequestUses) {
    model_traits blind;
    blind.lacks = bit_of(need::vision);
    model_traits plain;
    plain.lacks = bit_of(need::stream) | bit_of(need::tool_calling);
    const auto picture = with_traits(blind, plain);
    const pool& chat = *picture->pools.front();
    EXPECT_EQ(chat.least.lacks, blind.lacks | plain.lacks);
    scope asked;
    EXPECT_EQ(count_eligible(chat, asked), 3u);
    asked.needs.bits = bit_of(need::vision);
    EXPECT_EQ(why_not(chat, 1, asked, {}), exclusion::missing_feature);
    EXPECT_EQ(why_not(chat, 2, asked, {}), exclusion::none);
    asked.needs.bits = bit_of(need::stream);
    EXPECT_EQ(why_not(chat, 1, asked, {}), exclusion::none);
    EXPECT_EQ(why_not(chat, 2, asked, {}), exclusion::other_delivery);
    EXPECT_EQ(why_not(chat, 0, asked, {}), exclusion::none) << "what is not known is allowed";
}

TEST(Selection, AsksOnlyModelsThatTheRequestFits) {
    model_traits small;
    small.context_window = 8000;
    model_traits brief;
    brief.max_output_tokens = 1000;
    brief.max_images = 1;
    const auto picture = with_traits(small, brief);
    const pool& chat = *picture->pools.front();
    scope asked;
    asked.needs.tokens = 8000;
    asked.needs.output_tokens = 1000;
    asked.needs.images = 1;
    EXPECT_EQ(count_eligible(chat, asked), 3u);
    asked.needs.tokens = 8001;
    EXPECT_EQ(why_not(chat, 1, asked, {}), exclusion::too_small);
    asked.needs.output_tokens = 1001;
    EXPECT_EQ(why_not(chat, 2, asked, {}), exclusion::too_small);
    asked.needs.images = 2;
    EXPECT_EQ(why_not(chat, 2, asked, {}), exclusion::missing_feature);
    EXPECT_EQ(why_not(chat, 0, asked, {}), exclusion::none);
}

} // namespace
} // namespace modelmesh::router
