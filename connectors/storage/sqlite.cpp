#include "sqlite.hpp"

#include "crc32c.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sqlite3.h>
#include <system_error>
#include <unistd.h>

namespace modelmesh::connector {
namespace {

using std::chrono::system_clock;

/// In the file's header, for tools such as file(1): "MMs1".
constexpr int application_id = 0x4d4d7331;

// What brings a file from each layout to the next one. A line is never changed, because there are files that it made.
constexpr std::array<const char*, sqlite_storage::layout> migrations{
    "CREATE TABLE entry (key TEXT PRIMARY KEY, data BLOB NOT NULL, checksum INTEGER NOT NULL,"
    " modified INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE lock (key TEXT PRIMARY KEY, token INTEGER NOT NULL, is_held INTEGER NOT NULL) WITHOUT "
    "ROWID;",
};

// Where damaged entries go. No key of ours begins so.
constexpr std::string_view damaged = "damaged/";

std::uint32_t checksum(std::string_view key, std::string_view data) noexcept {
    return crc32c(data, crc32c(key));
}

std::int64_t milliseconds_of(system_clock::time_point at) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

/// One prepared statement. Views that are bound outlive it.
class statement {
public:
    statement(sqlite3* on, const char* sql) { sqlite3_prepare_v2(on, sql, -1, &made_, nullptr); }
    ~statement() { sqlite3_finalize(made_); }
    statement(const statement&) = delete;
    statement& operator=(const statement&) = delete;

    statement& bind(int place, std::string_view text) {
        sqlite3_bind_text(made_, place, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
        return *this;
    }
    statement& bind_blob(int place, std::string_view data) {
        // An empty view may point nowhere, which would be NULL.
        const char* from = data.data() == nullptr ? "" : data.data();
        sqlite3_bind_blob(made_, place, from, static_cast<int>(data.size()), SQLITE_STATIC);
        return *this;
    }
    statement& bind(int place, std::int64_t number) {
        sqlite3_bind_int64(made_, place, number);
        return *this;
    }
    /// SQLITE_ROW, SQLITE_DONE or an error; SQLITE_MISUSE when it could not be prepared, as SQLite has told.
    [[nodiscard]] int step() noexcept { return sqlite3_step(made_); }
    void reset() noexcept { sqlite3_reset(made_); }
    [[nodiscard]] std::int64_t number(int column) noexcept { return sqlite3_column_int64(made_, column); }
    [[nodiscard]] std::string_view bytes(int column) noexcept {
        const void* data = sqlite3_column_blob(made_, column); // before its size: SQLite's order
        const int size = sqlite3_column_bytes(made_, column);
        return {static_cast<const char*>(data), data == nullptr ? 0 : static_cast<std::size_t>(size)};
    }

private:
    sqlite3_stmt* made_ = nullptr;
};

/// For its owner alone. SQLite gives its log the rights of the file.
std::string make_file(const std::string& path) {
    // Only one that is not there: closing a file that SQLite has open would end SQLite's locks on it.
    const int made = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (made < 0) return errno == EEXIST ? std::string() : std::strerror(errno);
    ::close(made);
    return {};
}

constexpr const char* not_ours = "holds something else; the storage needs a file of its own";

/// Whether the file's header names this library: four bytes from the 68th on (sqlite.org/fileformat2.html).
bool is_stamped(const std::string& path) {
    std::array<char, 72> header{};
    std::ifstream file(path, std::ios::binary);
    if (!file.read(header.data(), header.size())) return false;
    std::uint32_t id = 0;
    for (std::size_t i = 68; i < header.size(); ++i) id = id << 8 | static_cast<unsigned char>(header[i]);
    constexpr std::string_view magic("SQLite format 3", 16); // with the zero at its end
    return std::string_view(header.data(), magic.size()) == magic && id == application_id;
}

std::string time_text() {
    const std::time_t now = system_clock::to_time_t(system_clock::now());
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::array<char, 32> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
    return std::string(text.data(), size);
}

/// A name that no file has.
std::string aside_name(const std::string& path) {
    const std::string first = path + ".corrupt-" + time_text();
    std::string name = first;
    for (int i = 2; std::filesystem::exists(name); ++i) name = first + "-" + std::to_string(i);
    return name;
}

} // namespace

result<std::unique_ptr<storage>> sqlite_storage::make(const sqlite_options& options, log_sink* log) {
    namespace fs = std::filesystem;
    const fs::path folder = fs::path(options.path).parent_path();
    std::error_code unknown;
    if (options.path.empty()) return fault(errc::config, "path is empty");
    if (!folder.empty() && !fs::is_directory(folder, unknown))
        return fault(errc::config, options.path + ": there is no directory '" + folder.string() + "'");
    if (fs::is_directory(options.path, unknown))
        return fault(errc::config, options.path + ": is a directory");

    std::unique_ptr<sqlite_storage> made;
    std::string why;
    verdict said = open(options, made, why);
    if (said == verdict::damaged) {
        const std::string aside = aside_name(options.path);
        fs::rename(options.path, aside, unknown);
        if (unknown)
            return fault(errc::config,
                         options.path + ": " + why + ", and it cannot be renamed: " + unknown.message());
        for (const char* companion : {"-wal", "-shm"}) // gone with it, or they would belong to the new file
            fs::rename(options.path + companion, aside + companion, unknown);
        if (log != nullptr && log->wants(severity::error)) {
            const std::array<log_field, 3> fields{
                {{"path", options.path}, {"moved_to", aside}, {"message", why}}};
            log->write(severity::error, "storage.quarantined", fields);
        }
        said = open(options, made, why);
    }
    if (said != verdict::ours) return fault(errc::config, options.path + ": " + why);
    return std::unique_ptr<storage>(std::move(made));
}

sqlite_storage::verdict sqlite_storage::open(const sqlite_options& options,
                                             std::unique_ptr<sqlite_storage>& into, std::string& why) {
    if (why = make_file(options.path); !why.empty()) return verdict::refused;
    sqlite3* opened = nullptr;
    constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX;
    const int code = sqlite3_open_v2(options.path.c_str(), &opened, flags, nullptr);
    std::unique_ptr<sqlite_storage> made(new sqlite_storage(opened, options.path));
    if (code != SQLITE_OK) return made->judge(code, why);
    sqlite3_busy_timeout(opened, static_cast<int>(options.busy_timeout.count()));
    if (const verdict said = made->check(why); said != verdict::ours) return said;
    if (options.max_size > 0) {
        const std::int64_t page = made->number("PRAGMA page_size").value_or(4096);
        const std::string bound = "PRAGMA max_page_count = " + std::to_string(options.max_size / page + 1);
        if (made->run(bound.c_str()) != SQLITE_OK) return made->judge(sqlite3_errcode(opened), why);
    }
    into = std::move(made);
    return verdict::ours;
}

sqlite_storage::verdict sqlite_storage::judge(int code, std::string& why) const {
    why = sqlite3_errmsg(db_);
    switch (code) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        if (is_stamped(path_)) return verdict::damaged;
        why = std::string(not_ours) + " (" + why + ")";
        return verdict::refused;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        why = "in use by another client; each needs a file of its own";
        return verdict::refused;
    default:
        return verdict::refused;
    }
}

sqlite_storage::verdict sqlite_storage::check(std::string& why) {
    // Once taken, the lock is kept until the file is closed.
    if (run("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT") != SQLITE_OK)
        return judge(sqlite3_errcode(db_), why);
    // Before anything is written: it may be somebody else's.
    const std::optional<std::int64_t> tables = number("SELECT count(*) FROM sqlite_schema");
    if (!tables) return judge(sqlite3_errcode(db_), why);
    const std::optional<std::int64_t> id = number("PRAGMA application_id");
    const std::optional<std::int64_t> version = number("PRAGMA user_version");
    if (!id || !version) return judge(sqlite3_errcode(db_), why);
    if (*id != application_id && (*id != 0 || *tables > 0)) {
        why = not_ours;
        return verdict::refused;
    }
    if (*version > layout) {
        why = "written by a later version of this library (layout " + std::to_string(*version) +
              ", this one knows " + std::to_string(layout) + ")";
        return verdict::refused;
    }
    {
        statement health(db_, "PRAGMA quick_check(1)");
        if (health.step() != SQLITE_ROW) return judge(sqlite3_errcode(db_), why);
        if (health.bytes(0) != "ok") {
            why = std::string(health.bytes(0));
            return verdict::damaged;
        }
    }
    for (const char* setting : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"})
        if (run(setting) != SQLITE_OK) return judge(sqlite3_errcode(db_), why);
    if (const verdict said = migrate(static_cast<int>(*version), why); said != verdict::ours) return said;
    // Nobody but us has the file: whoever held a lock is gone.
    if (run("UPDATE lock SET is_held = 0 WHERE is_held") != SQLITE_OK)
        return judge(sqlite3_errcode(db_), why);
    return verdict::ours;
}

sqlite_storage::verdict sqlite_storage::migrate(int from, std::string& why) {
    if (from == layout) return verdict::ours;
    const result<void> done = in_transaction([&]() -> result<void> {
        for (int at = from; at < layout; ++at)
            if (run(migrations[static_cast<std::size_t>(at)]) != SQLITE_OK) return failure();
        const std::string stamp = "PRAGMA application_id = " + std::to_string(application_id) +
                                  "; PRAGMA user_version = " + std::to_string(layout);
        if (run(stamp.c_str()) != SQLITE_OK) return failure();
        return {};
    });
    // So that the file itself says whose it is, whatever becomes of its log.
    if (done && run("PRAGMA wal_checkpoint(TRUNCATE)") == SQLITE_OK) return verdict::ours;
    if (done) return judge(sqlite3_errcode(db_), why);
    why = done.error().message;
    return verdict::refused;
}

sqlite_storage::~sqlite_storage() { sqlite3_close(db_); }

int sqlite_storage::run(const char* sql) noexcept {
    return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
}

std::optional<std::int64_t> sqlite_storage::number(const char* sql) {
    statement asked(db_, sql);
    if (asked.step() != SQLITE_ROW) return std::nullopt;
    return asked.number(0);
}

fault sqlite_storage::failure() const { return fault(errc::storage, path_ + ": " + sqlite3_errmsg(db_)); }

template <class Changes> result<void> sqlite_storage::in_transaction(Changes&& changes) {
    if (run("BEGIN IMMEDIATE") != SQLITE_OK) return failure();
    result<void> done = changes();
    if (done && run("COMMIT") != SQLITE_OK) done = failure();
    if (!done && sqlite3_get_autocommit(db_) == 0) (void)run("ROLLBACK");
    return done;
}

result<std::optional<std::string>> sqlite_storage::load(std::string_view key) {
    statement read(db_, "SELECT data, checksum FROM entry WHERE key = ?1");
    const int code = read.bind(1, key).step();
    if (code == SQLITE_DONE) return std::optional<std::string>();
    if (code != SQLITE_ROW) return failure();
    std::string data(read.bytes(0));
    if (read.number(1) == checksum(key, data)) return std::optional<std::string>(std::move(data));
    read.reset();
    statement move(db_, "UPDATE OR REPLACE entry SET key = ?1 WHERE key = ?2");
    const std::string aside = std::string(damaged).append(key);
    if (move.bind(1, aside).bind(2, key).step() != SQLITE_DONE) return failure();
    return fault(errc::storage, path_ + ": the entry '" + std::string(key) +
                                    "' is damaged: its checksum is wrong. It is kept as '" + aside + "'");
}

result<void> sqlite_storage::save(std::span<const storage_entry> entries, const lock_handle* under) {
    const std::int64_t now = milliseconds_of(system_clock::now());
    return in_transaction([&]() -> result<void> {
        if (under != nullptr) {
            statement held(db_, "SELECT 1 FROM lock WHERE key = ?1 AND token = ?2 AND is_held");
            const int code = held.bind(1, under->key).bind(2, static_cast<std::int64_t>(under->token)).step();
            if (code == SQLITE_DONE)
                return fault(errc::storage, path_ + ": the lock '" + under->key + "' is not held any more");
            if (code != SQLITE_ROW) return failure();
        }
        statement put(db_,
                      "INSERT OR REPLACE INTO entry (key, data, checksum, modified) VALUES (?1, ?2, ?3, ?4)");
        for (const storage_entry& each : entries) {
            put.bind(1, each.key).bind_blob(2, each.data).bind(3, checksum(each.key, each.data)).bind(4, now);
            if (put.step() != SQLITE_DONE) return failure();
            put.reset();
        }
        return {};
    });
}

result<std::vector<std::string>> sqlite_storage::list(std::string_view prefix) {
    // Not LIKE, to which some characters mean something.
    statement all(db_, "SELECT key FROM entry WHERE key >= ?1 ORDER BY key");
    all.bind(1, prefix);
    std::vector<std::string> keys;
    int code = all.step();
    for (; code == SQLITE_ROW && all.bytes(0).starts_with(prefix); code = all.step())
        keys.emplace_back(all.bytes(0));
    if (code != SQLITE_ROW && code != SQLITE_DONE) return failure();
    return keys;
}

result<bool> sqlite_storage::remove(std::string_view key) {
    statement gone(db_, "DELETE FROM entry WHERE key = ?1");
    if (gone.bind(1, key).step() != SQLITE_DONE) return failure();
    return sqlite3_changes(db_) > 0;
}

result<std::optional<storage_stat>> sqlite_storage::stat(std::string_view key) {
    statement asked(db_, "SELECT length(data), modified FROM entry WHERE key = ?1");
    const int code = asked.bind(1, key).step();
    if (code == SQLITE_DONE) return std::optional<storage_stat>();
    if (code != SQLITE_ROW) return failure();
    const std::chrono::milliseconds modified(asked.number(1));
    return std::optional<storage_stat>(
        storage_stat{static_cast<std::size_t>(asked.number(0)), system_clock::time_point(modified)});
}

result<lock_handle> sqlite_storage::acquire(std::string_view key) {
    lock_handle held{std::string(key), 0};
    const result<void> done = in_transaction([&]() -> result<void> {
        statement take(db_,
                       "INSERT INTO lock (key, token, is_held) VALUES (?1, 1, 1) ON CONFLICT (key) DO UPDATE"
                       " SET token = token + 1, is_held = 1 WHERE NOT is_held RETURNING token");
        const int code = take.bind(1, key).step();
        if (code == SQLITE_DONE)
            return fault(errc::storage, path_ + ": the lock '" + held.key + "' is held by another client");
        if (code != SQLITE_ROW) return failure();
        held.token = static_cast<std::uint64_t>(take.number(0));
        return {};
    });
    if (!done) return done.error();
    return held;
}

result<void> sqlite_storage::release(const lock_handle& held) {
    statement give(db_, "UPDATE lock SET is_held = 0 WHERE key = ?1 AND token = ?2");
    if (give.bind(1, held.key).bind(2, static_cast<std::int64_t>(held.token)).step() != SQLITE_DONE)
        return failure();
    return {};
}

} // namespace modelmesh::connector
