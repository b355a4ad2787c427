// The storage connector: where a client keeps what is to outlive the program. Derive from storage and register it
// (registry::add_storage) to have one of your own.
#pragma once

#include <modelmesh/core/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::connector {

struct storage_entry {
    std::string key{};
    std::string data{}; ///< any bytes
};

/// What is known of an entry without reading it.
struct storage_stat {
    std::size_t size = 0; ///< of its data
    std::chrono::system_clock::time_point last_modified{};
};

/// A lock that is held. It ends by storage::release, and with its holder: how a connector sees that a holder is
/// dead is its own business.
struct lock_handle {
    std::string key{};
    /// Of two holders the later one has the higher number, also after a restart.
    std::uint64_t token = 0;
};

/// Entries by key. One client uses it, from one thread at a time, which may be another each time; every function
/// may block. Errors of all of them: errc::storage, with what to do about it in the message; what was saved
/// before is still there.
class storage {
public:
    virtual ~storage() = default;

    /// The data of a key; nothing when there is none. A damaged entry is an error, once: it has been put aside.
    [[nodiscard]] virtual result<std::optional<std::string>> load(std::string_view key) = 0;
    /// Writes all entries or none, over what was there. When it returns they outlive the program, and, as far as
    /// the connector goes, the machine's power.
    /// @param under  a lock; when somebody else has it by now, nothing is written. Null: whatever holds.
    [[nodiscard]] virtual result<void> save(std::span<const storage_entry> entries,
                                            const lock_handle* under) = 0;
    /// The keys that begin so, sorted.
    [[nodiscard]] virtual result<std::vector<std::string>> list(std::string_view prefix) = 0;
    /// True: it was there.
    [[nodiscard]] virtual result<bool> remove(std::string_view key) = 0;
    /// Nothing when there is no entry.
    [[nodiscard]] virtual result<std::optional<storage_stat>> stat(std::string_view key) = 0;

    /// Takes a lock of this name. Errors: also when somebody else holds it.
    [[nodiscard]] virtual result<lock_handle> acquire(std::string_view key) = 0;
    /// Gives it back. One that somebody else has by now is left alone.
    [[nodiscard]] virtual result<void> release(const lock_handle& held) = 0;
};

} // namespace modelmesh::connector
