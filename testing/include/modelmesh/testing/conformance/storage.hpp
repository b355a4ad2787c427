// What every storage promises. In the tests of one, with GoogleTest:
//
//   class AcmeStorage : public ::testing::TestWithParam<modelmesh::testing::storage_promise> {};
//   TEST_P(AcmeStorage, Keeps) { EXPECT_EQ(GetParam().broken_by({make_empty_acme_storage}), ""); }
//   INSTANTIATE_TEST_SUITE_P(Promises, AcmeStorage, ::testing::ValuesIn(modelmesh::testing::storage_promises),
//                            modelmesh::testing::name_of());
#pragma once

#include <modelmesh/connector/storage.hpp>
#include <modelmesh/testing/conformance/promise.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace modelmesh::testing {

struct storage_kit {
    /// A storage with nothing in it. One is destroyed before the next is made.
    std::function<std::unique_ptr<connector::storage>()> make_empty;
    /// What the last one had, after that was destroyed. Empty: it does not outlive its object.
    std::function<std::unique_ptr<connector::storage>()> reopen{};
};
using storage_promise = promise<storage_kit>;

namespace detail {

inline result<void> put(connector::storage& into, std::string key, std::string data,
                        const connector::lock_handle* under = nullptr) {
    const std::array<connector::storage_entry, 1> entries{
        connector::storage_entry{std::move(key), std::move(data)}};
    return into.save(entries, under);
}

inline void expect_data(broken& told, connector::storage& of, std::string_view key,
                        const std::optional<std::string>& data, std::string_view what) {
    const auto loaded = of.load(key);
    if (told.expect_value(loaded, what)) told.expect(*loaded == data, what);
}

inline void gives_back_what_was_saved(const storage_kit& of, broken& told) {
    const auto made = of.make_empty();
    std::string bytes;
    for (int each = 0; each < 256; ++each) bytes.push_back(static_cast<char>(each));
    for (const std::string& data : {bytes, std::string(), std::string(100'000, 'x'), std::string("abc")}) {
        const std::string size = std::to_string(data.size());
        told.expect_value(put(*made, "v1/a", data), "saving " + size + " bytes");
        expect_data(told, *made, "v1/a", data, "loading gives the " + size + " bytes that were saved");
    }
    expect_data(told, *made, "v1/b", std::nullopt, "loading gives nothing for a key that was never saved");
}

inline void any_text_is_a_key(const storage_kit& of, broken& told) {
    const auto made = of.make_empty();
    const std::vector<std::string> keys{
        "a", "A", " ",    "a/b",      "../a",         "'",   "\"; --",
        "%", "_", "a\nb", "\xc3\xa4", "\xe4\xbd\xa0", "a b", std::string(500, 'k')};
    for (const std::string& key : keys)
        told.expect_value(put(*made, key, "of " + key), "saving '" + key + "'");
    for (const std::string& key : keys)
        expect_data(told, *made, key, "of " + key, "'" + key + "' has its own entry");
    const auto all = made->list("");
    if (told.expect_value(all, "listing")) told.expect(all->size() == keys.size(), "each key is listed once");
}

inline void lists_sorted_by_prefix(const storage_kit& of, broken& told) {
    const auto made = of.make_empty();
    for (const char* key : {"v1/b", "v1/a", "v1/%", "V1/c", "v1", "v10/x", "v1_"})
        told.expect_value(put(*made, key, "x"), "saving");
    const auto expect = [&](const char* prefix, const std::vector<std::string>& keys) {
        const auto listed = made->list(prefix);
        const std::string what = std::string("list(\"") + prefix + "\")";
        if (told.expect_value(listed, what))
            told.expect(*listed == keys, what + " is sorted and all there is");
    };
    expect("v1/", {"v1/%", "v1/a", "v1/b"});
    expect("v1/%", {"v1/%"});
    expect("v1_", {"v1_"});
    expect("", {"V1/c", "v1", "v1/%", "v1/a", "v1/b", "v10/x", "v1_"});
    expect("x", {});
}

inline void removes_once(const storage_kit& of, broken& told) {
    const auto made = of.make_empty();
    told.expect_value(put(*made, "a", "1"), "saving");
    const auto first = made->remove("a");
    if (told.expect_value(first, "removing")) told.expect(*first, "remove says that there was an entry");
    const auto second = made->remove("a");
    if (told.expect_value(second, "removing again")) told.expect(!*second, "remove says that there was none");
    expect_data(told, *made, "a", std::nullopt, "what was removed is gone");
    const auto rest = made->list("");
    if (told.expect_value(rest, "listing")) told.expect(rest->empty(), "and is listed no more");
}

inline void says_how_large_an_entry_is(const storage_kit& of, broken& told) {
    const auto made = of.make_empty();
    const auto none = made->stat("a");
    if (told.expect_value(none, "stat")) told.expect(!*none, "stat says nothing where there is no entry");
    told.expect_value(put(*made, "a", std::string(1000, 'x')), "saving");
    told.expect_value(put(*made, "a", "abc"), "saving");
    const auto known = made->stat("a");
    if (!told.expect_value(known, "stat") || !told.expect(known->has_value(), "stat knows the entry")) return;
    told.expect((*known)->size == 3, "stat gives the size of the data");
    told.expect((*known)->last_modified <= std::chrono::system_clock::now() + std::chrono::minutes(1),
                "an entry was not modified in the future");
}

inline void saves_several_entries_at_once(const storage_kit& of, broken& told) {
    const auto made = of.make_empty();
    told.expect_value(put(*made, "a", "old"), "saving");
    std::vector<connector::storage_entry> entries;
    for (const char* key : {"a", "b", "c"}) entries.push_back({key, std::string("new ") + key});
    told.expect_value(made->save(entries, nullptr), "saving three entries");
    for (const char* key : {"a", "b", "c"})
        expect_data(told, *made, key, std::string("new ") + key, "all of them are saved");
    told.expect_value(made->save({}, nullptr), "saving none");
}

inline void a_lock_has_one_holder(const storage_kit& of, broken& told) {
    const auto made = of.make_empty();
    const auto first = made->acquire("state");
    if (!told.expect_value(first, "taking a lock that is free")) return;
    told.expect_failure(made->acquire("state"), errc::storage, "taking a lock that somebody has");
    told.expect_value(made->acquire("other"), "taking another lock");
    told.expect_value(made->release(*first), "giving it back");
    const auto second = made->acquire("state");
    if (!told.expect_value(second, "taking a lock that was given back")) return;
    told.expect(second->token > first->token, "a later holder has the higher token");
    told.expect_value(made->release(*first), "giving back a lock that another has by now");
    told.expect_failure(made->acquire("state"), errc::storage, "a lock that another gave back in vain");
}

inline void who_lost_its_lock_writes_nothing(const storage_kit& of, broken& told) {
    const auto made = of.make_empty();
    const auto first = made->acquire("state");
    if (!told.expect_value(first, "taking a lock")) return;
    told.expect_value(put(*made, "a", "1", &*first), "saving under a lock");
    told.expect_value(made->release(*first), "giving it back");
    const auto second = made->acquire("state");
    if (!told.expect_value(second, "taking it again")) return;
    const std::array<connector::storage_entry, 2> late{connector::storage_entry{"a", "2"},
                                                       connector::storage_entry{"b", "2"}};
    told.expect_failure(made->save(late, &*first), errc::storage, "saving under a lock that another has");
    expect_data(told, *made, "a", "1", "what such a save was to replace is as it was");
    expect_data(told, *made, "b", std::nullopt, "and none of its entries is there");
    told.expect_value(put(*made, "a", "3", &*second), "saving under the lock of the holder");
    expect_data(told, *made, "a", "3", "which counts");
}

inline void is_used_from_one_thread_after_another(const storage_kit& of, broken& told) {
    const auto made = of.make_empty();
    for (int i = 0; i < 3; ++i)
        std::thread([&] {
            told.expect_value(put(*made, std::to_string(i), "x"), "saving on a thread of its own");
        }).join();
    const auto all = made->list("");
    if (told.expect_value(all, "listing")) told.expect(all->size() == 3, "all of it is there on this one");
}

inline void what_was_saved_outlives_it(const storage_kit& of, broken& told) {
    if (!of.reopen) return;
    std::optional<connector::lock_handle> held;
    {
        const auto made = of.make_empty();
        told.expect_value(put(*made, "a", "1"), "saving");
        told.expect_value(put(*made, "b", "1"), "saving");
        told.expect_value(made->remove("b"), "removing");
        const auto lock = made->acquire("state");
        if (told.expect_value(lock, "taking a lock")) held = *lock;
    }
    const auto again = of.reopen();
    expect_data(told, *again, "a", "1", "an entry is there after it was opened again");
    expect_data(told, *again, "b", std::nullopt, "one that was removed is not");
    const auto lock = again->acquire("state");
    if (told.expect_value(lock, "taking a lock whose holder is gone") && held)
        told.expect(lock->token > held->token, "the later holder has the higher token");
}

} // namespace detail

inline constexpr storage_promise storage_promises[] = {
    {"gives_back_what_was_saved", detail::gives_back_what_was_saved},
    {"any_text_is_a_key", detail::any_text_is_a_key},
    {"lists_sorted_by_prefix", detail::lists_sorted_by_prefix},
    {"removes_once", detail::removes_once},
    {"says_how_large_an_entry_is", detail::says_how_large_an_entry_is},
    {"saves_several_entries_at_once", detail::saves_several_entries_at_once},
    {"a_lock_has_one_holder", detail::a_lock_has_one_holder},
    {"who_lost_its_lock_writes_nothing", detail::who_lost_its_lock_writes_nothing},
    {"is_used_from_one_thread_after_another", detail::is_used_from_one_thread_after_another},
    {"what_was_saved_outlives_it", detail::what_was_saved_outlives_it},
};

} // namespace modelmesh::testing
