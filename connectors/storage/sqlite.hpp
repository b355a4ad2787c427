// State in a SQLite file of one client at a time. It is locked while it is open, so a second client, of this process or
// another, is refused; the system ends the lock with the process, however that ends.
#pragma once

#include <modelmesh/connector/storage.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/json/fields.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

struct sqlite3;

namespace modelmesh::connector {

struct sqlite_options {
    std::string path{"modelmesh_state.db"};
    std::chrono::milliseconds busy_timeout{5000};
    std::int64_t max_size{0};

    static constexpr json::field_rule json_fields[] = {
        json::about("path",
                    "the file, from the working directory; made, for its owner alone, when it is not there"),
        json::also("path", "db_path"),
        json::about("busy_timeout", "how long another client's lock is waited for"),
        json::range("busy_timeout", 0, 600'000),
        json::about("max_size", "the most that the file may grow to; 0: as much as it needs"),
        json::measured("max_size", json::measure::bytes),
        json::range("max_size", 0, 1e15),
    };
};

/// Write-ahead log, and every commit is flushed to the disk. Each entry has a checksum (CRC-32C). A file of ours that is
/// damaged is renamed to `<path>.corrupt-<time>`, and a new one begun. A file of anybody else is left as it is.
class sqlite_storage final : public storage {
public:
    /// The layout that this version writes: PRAGMA user_version. Older ones are brought to it when they are opened.
    static constexpr int layout = 1;

    /// Opens the file. Reports `storage.quarantined`, with `path`, `moved_to` and `message`.
    /// Errors: config, when it cannot be made or opened, is in use, is not ours, or has a layout of a later version.
    static result<std::unique_ptr<storage>> make(const sqlite_options& options, log_sink* log);
    ~sqlite_storage() override;
    sqlite_storage(const sqlite_storage&) = delete;
    sqlite_storage& operator=(const sqlite_storage&) = delete;

    result<std::optional<std::string>> load(std::string_view key) override;
    result<void> save(std::span<const storage_entry> entries, const lock_handle* under) override;
    result<std::vector<std::string>> list(std::string_view prefix) override;
    result<bool> remove(std::string_view key) override;
    result<std::optional<storage_stat>> stat(std::string_view key) override;
    result<lock_handle> acquire(std::string_view key) override;
    result<void> release(const lock_handle& held) override;

private:
    enum class verdict : std::uint8_t { ours, damaged, refused };
    sqlite_storage(sqlite3* opened, std::string path) : db_(opened), path_(std::move(path)) {}

    /// Not ours: a new file may take its place. @param why  gets what is wrong.
    [[nodiscard]] static verdict open(const sqlite_options& options, std::unique_ptr<sqlite_storage>& into,
                                      std::string& why);
    /// Of SQLite's last answer, while a file is opened.
    [[nodiscard]] verdict judge(int code, std::string& why) const;
    [[nodiscard]] verdict check(std::string& why);
    [[nodiscard]] verdict migrate(int from, std::string& why);
    [[nodiscard]] int run(const char* sql) noexcept;
    /// The number that the statement answers with.
    [[nodiscard]] std::optional<std::int64_t> number(const char* sql);
    /// All or nothing of what `changes` does. Its fault, or SQLite's.
    template <class Changes> [[nodiscard]] result<void> in_transaction(Changes&& changes);
    [[nodiscard]] fault failure() const;

    sqlite3* db_;
    std::string path_;
};

} // namespace modelmesh::connector
