// The checks of promises find who breaks them: for each there is a connector that breaks no other.
#include "storage/memory.hpp"

#include <modelmesh/testing/conformance/rotation.hpp>
#include <modelmesh/testing/conformance/secret_store.hpp>
#include <modelmesh/testing/conformance/sink.hpp>
#include <modelmesh/testing/conformance/storage.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <limits>
#include <stdexcept>
#include <thread>

namespace modelmesh::testing {
namespace {

using namespace connector;

/// The promises that a connector with a flaw breaks.
template <class Kit, class Promises> std::string broken_promises(const Promises& all, const Kit& of) {
    std::string names;
    for (const auto& each : all)
        if (!each.broken_by(of).empty()) names.append(names.empty() ? "" : " ").append(each.name);
    return names;
}

enum class storage_flaw {
    none,
    texts_end_at_zero,
    keys_without_case,
    lists_backwards,
    removes_always,
    counts_the_end,
    saves_the_first,
    locks_for_all,
    forgets_the_lock,
    knows_one_thread,
    starts_anew,
};

class flawed_storage final : public storage {
public:
    explicit flawed_storage(storage_flaw flaw) : flaw_(flaw) {}

    result<std::optional<std::string>> load(std::string_view key) override {
        auto loaded = inner_->load(named(key));
        if (has(storage_flaw::texts_end_at_zero) && *loaded)
            (*loaded)->resize(std::min((*loaded)->find('\0'), (*loaded)->size()));
        return loaded;
    }
    result<void> save(std::span<const storage_entry> entries, const lock_handle* under) override {
        if (has(storage_flaw::knows_one_thread) && std::this_thread::get_id() != thread_)
            return fault(errc::storage, "another thread");
        std::vector<storage_entry> kept(entries.begin(), entries.end());
        if (has(storage_flaw::saves_the_first) && kept.size() > 1) kept.resize(1);
        for (storage_entry& each : kept) each.key = named(each.key);
        return inner_->save(kept, has(storage_flaw::forgets_the_lock) ? nullptr : under);
    }
    result<std::vector<std::string>> list(std::string_view prefix) override {
        auto listed = inner_->list(prefix);
        if (has(storage_flaw::lists_backwards)) std::reverse(listed->begin(), listed->end());
        return listed;
    }
    result<bool> remove(std::string_view key) override {
        const auto removed = inner_->remove(named(key));
        return has(storage_flaw::removes_always) ? result<bool>(true) : removed;
    }
    result<std::optional<storage_stat>> stat(std::string_view key) override {
        auto known = inner_->stat(named(key));
        if (has(storage_flaw::counts_the_end) && *known) ++(*known)->size;
        return known;
    }
    result<lock_handle> acquire(std::string_view key) override {
        if (has(storage_flaw::locks_for_all)) return lock_handle{std::string(key), ++token_};
        return inner_->acquire(key);
    }
    result<void> release(const lock_handle& held) override { return inner_->release(held); }

private:
    [[nodiscard]] bool has(storage_flaw flaw) const noexcept { return flaw_ == flaw; }
    [[nodiscard]] std::string named(std::string_view key) const {
        std::string name(key);
        if (has(storage_flaw::keys_without_case) && name.size() == 1)
            name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));
        return name;
    }

    storage_flaw flaw_;
    std::unique_ptr<storage> inner_ = memory_storage::make({}, nullptr).value();
    std::uint64_t token_ = 0;
    std::thread::id thread_ = std::this_thread::get_id();
};

std::string storage_with(storage_flaw flaw) {
    storage_kit kit;
    kit.make_empty = [flaw] { return std::make_unique<flawed_storage>(flaw); };
    if (flaw == storage_flaw::starts_anew) kit.reopen = kit.make_empty;
    return broken_promises(storage_promises, kit);
}

TEST(Promises, OfAStorageAreFoundBrokenOneByOne) {
    EXPECT_EQ(storage_with(storage_flaw::none), "");
    EXPECT_EQ(storage_with(storage_flaw::texts_end_at_zero), "gives_back_what_was_saved");
    EXPECT_EQ(storage_with(storage_flaw::keys_without_case), "any_text_is_a_key");
    EXPECT_EQ(storage_with(storage_flaw::lists_backwards), "lists_sorted_by_prefix");
    EXPECT_EQ(storage_with(storage_flaw::removes_always), "removes_once");
    EXPECT_EQ(storage_with(storage_flaw::counts_the_end), "says_how_large_an_entry_is");
    EXPECT_EQ(storage_with(storage_flaw::saves_the_first), "saves_several_entries_at_once");
    EXPECT_EQ(storage_with(storage_flaw::locks_for_all),
              "a_lock_has_one_holder who_lost_its_lock_writes_nothing");
    EXPECT_EQ(storage_with(storage_flaw::forgets_the_lock), "who_lost_its_lock_writes_nothing");
    EXPECT_EQ(storage_with(storage_flaw::knows_one_thread), "is_used_from_one_thread_after_another");
    EXPECT_EQ(storage_with(storage_flaw::starts_anew), "what_was_saved_outlives_it");
}

enum class secret_flaw { none, trims, guesses, tells };

class flawed_secrets final : public secret_store {
public:
    explicit flawed_secrets(secret_flaw flaw) : flaw_(flaw) {}
    result<std::optional<std::string>> get(std::string_view name) const override {
        const bool is_known = name == "A" || (flaw_ == secret_flaw::guesses && name.starts_with("A"));
        if (is_known)
            return std::optional<std::string>(flaw_ == secret_flaw::trims ? "secret-" : "secret-text");
        if (flaw_ == secret_flaw::tells) return fault(errc::config, "there is only secret-text");
        return std::optional<std::string>();
    }

private:
    secret_flaw flaw_;
};

TEST(Promises, OfASecretStoreAreFoundBrokenOneByOne) {
    const auto with = [](secret_flaw flaw) {
        const secret_store_kit kit{[flaw] { return std::make_unique<flawed_secrets>(flaw); },
                                   {{"A", "secret-text"}}};
        return broken_promises(secret_store_promises, kit);
    };
    EXPECT_EQ(with(secret_flaw::none), "");
    EXPECT_EQ(with(secret_flaw::trims), "gives_each_secret_as_it_is");
    EXPECT_EQ(with(secret_flaw::guesses), "has_nothing_for_other_names");
    EXPECT_EQ(with(secret_flaw::tells), "fails_as_configuration_and_tells_no_secret");
}

enum class rotation_flaw { none, takes_the_first, counts_by_itself, moves_beyond, rates_nothing };

class flawed_rotation final : public rotation_policy {
public:
    explicit flawed_rotation(rotation_flaw flaw) : flaw_(flaw) {}
    std::optional<std::size_t> choose(const rotation_view& from, rng&) const noexcept override {
        if (flaw_ == rotation_flaw::takes_the_first) return 0;
        const std::size_t first = flaw_ == rotation_flaw::counts_by_itself ? calls_++ % from.size() : 0;
        return from.candidates().next_around(first);
    }
    std::optional<double> rating(const rotation_view&, std::size_t) const noexcept override {
        if (flaw_ == rotation_flaw::rates_nothing) return std::numeric_limits<double>::quiet_NaN();
        return std::nullopt;
    }
    void commit(rotation_view& from, std::size_t chosen) const noexcept override {
        if (flaw_ == rotation_flaw::moves_beyond) from.move_cursor(from.cursor(), chosen + 1);
    }

private:
    rotation_flaw flaw_;
    mutable std::atomic<std::size_t> calls_{0};
};

TEST(Promises, OfARotationPolicyAreFoundBrokenOneByOne) {
    const auto with = [](rotation_flaw flaw) {
        const rotation_kit kit{[flaw] { return std::make_unique<flawed_rotation>(flaw); }};
        return broken_promises(rotation_promises, kit);
    };
    EXPECT_EQ(with(rotation_flaw::none), "");
    EXPECT_EQ(with(rotation_flaw::takes_the_first),
              "chooses_a_candidate_or_nobody several_threads_may_choose");
    EXPECT_EQ(with(rotation_flaw::counts_by_itself), "another_call_chooses_the_same");
    EXPECT_EQ(with(rotation_flaw::moves_beyond), "keeps_to_its_positions");
    EXPECT_EQ(with(rotation_flaw::rates_nothing), "ratings_are_numbers");
}

enum class sink_flaw { none, wants_fields, wants_text, flushes_once };

class flawed_sink final : public event_sink {
public:
    explicit flawed_sink(sink_flaw flaw) : flaw_(flaw) {}
    result<void> write(const event& told) override {
        if (flaw_ == sink_flaw::wants_fields && told.fields.empty()) return fault(errc::storage, "no fields");
        for (const log_field& field : told.fields)
            if (flaw_ == sink_flaw::wants_text && field.value.find('\0') != field.value.npos)
                return fault(errc::storage, "no text");
        return {};
    }
    void flush() override {
        if (flaw_ == sink_flaw::flushes_once && is_flushed_) throw std::logic_error("flushed twice");
        is_flushed_ = true;
    }

private:
    sink_flaw flaw_;
    bool is_flushed_ = false;
};

TEST(Promises, OfASinkAreFoundBrokenOneByOne) {
    const auto with = [](sink_flaw flaw) {
        const sink_kit kit{[flaw] { return std::make_unique<flawed_sink>(flaw); }};
        return broken_promises(sink_promises, kit);
    };
    EXPECT_EQ(with(sink_flaw::none), "");
    EXPECT_EQ(with(sink_flaw::wants_fields), "takes_every_event");
    EXPECT_EQ(with(sink_flaw::wants_text), "takes_any_text");
    EXPECT_EQ(with(sink_flaw::flushes_once), "is_flushed_at_any_time");
}

} // namespace
} // namespace modelmesh::testing
