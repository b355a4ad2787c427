// Values that are kept for a time, and as long as there is room.
#pragma once

#include <modelmesh/core/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace modelmesh::connector {

/// Values by key, each until it is too old or the room is needed; those not used for longest go first.
/// Threads: any; one mutex, held for a look-up and while a value is copied: make Value a shared_ptr where that is much.
template <class Value> class cache {
public:
    struct settings {
        duration ttl = std::chrono::seconds(60);
        std::uint64_t max_weight = 1024; ///< of all values together; without weights: how many there are
    };
    struct statistics {
        std::uint64_t hits = 0;
        std::uint64_t misses = 0;
        std::uint64_t evictions = 0; ///< for want of room
        std::size_t entries = 0;
        std::uint64_t weight = 0;
    };

    /// @param time  outlives the cache.
    explicit cache(settings with, const clock& time = clock::system()) : settings_(with), clock_(&time) {}

    /// The value of a key; nothing when there is none that is young enough. Counted as a hit or a miss.
    [[nodiscard]] std::optional<Value> get(std::string_view key) {
        const std::lock_guard lock(mutex_);
        const entry* const known = find(key);
        ++(known != nullptr ? counts_.hits : counts_.misses);
        return known != nullptr ? std::optional<Value>(known->value) : std::nullopt;
    }
    /// The same, not counted.
    [[nodiscard]] std::optional<Value> peek(std::string_view key) {
        const std::lock_guard lock(mutex_);
        const entry* const known = find(key);
        return known != nullptr ? std::optional<Value>(known->value) : std::nullopt;
    }
    /// Keeps a value in the place of the key's old one. One that is too heavy for the cache is not kept.
    void put(std::string key, Value value, std::uint64_t weight = 1) {
        const std::lock_guard lock(mutex_);
        if (const auto known = by_key_.find(key); known != by_key_.end()) forget(known->second);
        if (weight > settings_.max_weight) return;
        while (counts_.weight > settings_.max_weight - weight) {
            forget(std::prev(entries_.end()));
            ++counts_.evictions;
        }
        entries_.push_front({std::move(key), std::move(value), weight, end_of(clock_->now())});
        by_key_.emplace(entries_.front().key, entries_.begin());
        counts_.weight += weight;
    }
    /// True: there was one.
    bool remove(std::string_view key) {
        const std::lock_guard lock(mutex_);
        const auto known = by_key_.find(key);
        if (known == by_key_.end()) return false;
        forget(known->second);
        return true;
    }
    /// Forgets the values, not what was counted.
    void clear() {
        const std::lock_guard lock(mutex_);
        by_key_.clear();
        entries_.clear();
        counts_.weight = 0;
    }
    [[nodiscard]] statistics stats() const {
        const std::lock_guard lock(mutex_);
        statistics now = counts_;
        now.entries = entries_.size();
        return now;
    }

private:
    struct entry {
        std::string key;
        Value value;
        std::uint64_t weight;
        time_point until;
    };

    const entry* find(std::string_view key) {
        const auto known = by_key_.find(key);
        if (known == by_key_.end()) return nullptr;
        if (clock_->now() >= known->second->until) {
            forget(known->second);
            return nullptr;
        }
        entries_.splice(entries_.begin(), entries_, known->second);
        return &entries_.front();
    }
    // The longest ttl is for ever.
    time_point end_of(time_point begin) const {
        return settings_.ttl < time_point::max() - begin ? begin + settings_.ttl : time_point::max();
    }
    void forget(typename std::list<entry>::iterator old) {
        counts_.weight -= old->weight;
        by_key_.erase(old->key);
        entries_.erase(old);
    }

    const settings settings_;
    const clock* const clock_;
    mutable std::mutex mutex_; ///< guards what follows
    std::list<entry> entries_; ///< the one used last comes first
    std::unordered_map<std::string_view, typename std::list<entry>::iterator>
        by_key_; ///< views of their keys
    statistics counts_;
};

} // namespace modelmesh::connector
