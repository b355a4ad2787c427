// An immutable value that every request reads and that is replaced now and then.
#pragma once

#include "core/thread_index.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace modelmesh::core {

/// Threads: any. A thread keeps its own reference to the value, with a count of its own, so that a read touches no
/// line that another core writes: it looks whether the value is still the current one, and copies its reference.
/// That is also why a thread that reads no more keeps the value that it has read last, until this object dies.
/// (libstdc++ 12 has a lock in atomic<shared_ptr>, and one reference count for all threads costs them a shared line
/// twice per request.)
///
/// version_: relaxed. It says only that there is something newer, and that is fetched under the mutex. Whoever is
/// told of a store() by other means that synchronise reads that version or a later one.
template <class T> class published {
public:
    published() = default;
    published(const published&) = delete;
    published& operator=(const published&) = delete;

    /// Null before the first store().
    [[nodiscard]] std::shared_ptr<const T> load() const {
        const std::size_t index = thread_index();
        if (index >= most_thread_indexes) {
            const std::lock_guard lock(mutex_);
            return current_;
        }
        own_reference& mine = own_[index];
        if (mine.version != version_.load(std::memory_order_relaxed)) renew(mine);
        return mine.value;
    }

    void store(std::shared_ptr<const T> next) {
        {
            const std::lock_guard lock(mutex_);
            current_.swap(next);
            version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }
        // The one before dies here, if nobody has it: not under the lock.
    }

private:
    struct alignas(64) own_reference {
        std::uint64_t version = 0;
        std::shared_ptr<const T> value;
    };

    void renew(own_reference& mine) const {
        std::shared_ptr<const T> shared;
        std::uint64_t version = 0;
        {
            const std::lock_guard lock(mutex_);
            shared = current_;
            version = version_.load(std::memory_order_relaxed);
        }
        const T* const value = shared.get();
        mine.value = std::shared_ptr<const T>(value, [shared = std::move(shared)](const T*) {});
        mine.version = version;
    }

    mutable std::mutex mutex_; ///< guards current_, and with it each change of version_
    std::shared_ptr<const T> current_;
    std::atomic<std::uint64_t> version_{0};
    /// Each used by the one thread that has the index.
    mutable std::array<own_reference, most_thread_indexes> own_;
};

} // namespace modelmesh::core
