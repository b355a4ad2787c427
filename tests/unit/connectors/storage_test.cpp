// What a SQLite file adds to what every storage promises (conformance_test.cpp).
#include "storage/crc32c.hpp"
#include "storage/sqlite.hpp"
#include "support/event_list.hpp"
#include "support/scratch_folder.hpp"

#include <modelmesh/connector/registry.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sqlite3.h>
#include <sys/stat.h>

namespace modelmesh::connector {
namespace {

sqlite_options at(const std::string& path) {
    sqlite_options options;
    options.path = path;
    options.busy_timeout = std::chrono::milliseconds(0);
    return options;
}

/// Runs statements on a file that nobody has open.
void change(const std::string& path, const char* sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
}

result<void> put(storage& into, const std::string& key, const std::string& data) {
    const std::array<storage_entry, 1> entries{storage_entry{key, data}};
    return into.save(entries, nullptr);
}

TEST(Crc32c, IsTheOneOfRfc3720) {
    EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
    EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
    EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
}

TEST(SqliteStorage, TheFileIsItsOwnersAlone) {
    const support::scratch_folder here;
    const auto made = sqlite_storage::make(at(here.file("mesh.db")), nullptr).value();
    ASSERT_TRUE(put(*made, "a", "1"));
    for (const std::string& name : here.names()) {
        struct stat of{};
        ASSERT_EQ(::stat(here.file(name).c_str(), &of), 0);
        EXPECT_EQ(of.st_mode & 0777, 0600u) << name;
    }
}

TEST(SqliteStorage, OneClientAtATimeHasAFile) {
    const support::scratch_folder here;
    const std::string path = here.file("mesh.db");
    auto first = sqlite_storage::make(at(path), nullptr).value();
    const auto second = sqlite_storage::make(at(path), nullptr);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind(), errc::config);
    EXPECT_EQ(second.error().message, path + ": in use by another client; each needs a file of its own");
    ASSERT_TRUE(put(*first, "a", "1"));
    first.reset();
    EXPECT_EQ(sqlite_storage::make(at(path), nullptr).value()->load("a").value(), "1");
}

TEST(SqliteStorage, WithoutItsDirectoryThereIsOneClearError) {
    const support::scratch_folder here;
    const auto made = sqlite_storage::make(at(here.file("state/mesh.db")), nullptr);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), errc::config);
    EXPECT_EQ(made.error().message,
              here.file("state/mesh.db") + ": there is no directory '" + here.file("state") + "'");
    EXPECT_EQ(sqlite_storage::make(at("/proc/mesh.db"), nullptr).error().kind(), errc::config);
    EXPECT_EQ(sqlite_storage::make(at(here.file("")), nullptr).error().message,
              here.file("") + ": is a directory");
    EXPECT_EQ(sqlite_storage::make(at(""), nullptr).error().message, "path is empty");
}

void expect_quarantine(const support::scratch_folder& here, std::string_view why) {
    const std::string path = here.file("mesh.db");
    support::event_list log{{.least = severity::error}};
    const auto made = sqlite_storage::make(at(path), &log);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE((*made)->list("").value().empty());
    EXPECT_TRUE(put(**made, "a", "1"));
    ASSERT_EQ(log.lines().size(), 1u);
    EXPECT_TRUE(
        log.lines()[0].starts_with("storage.quarantined path=" + path + " moved_to=" + path + ".corrupt-"))
        << log.lines()[0];
    EXPECT_NE(log.lines()[0].find(why), std::string::npos) << log.lines()[0];
    const std::vector<std::string> names = here.names();
    EXPECT_EQ(std::count_if(names.begin(), names.end(),
                            [](const std::string& name) { return name.starts_with("mesh.db.corrupt-"); }),
              1);
}

std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SqliteStorage, AFileOfSomethingElseIsRefusedAndLeftAsItIs) {
    const support::scratch_folder here;
    const std::string settings = here.file("modelmesh.yaml");
    const std::string songs = here.file("songs.db");
    std::ofstream(settings) << "providers: {}\n" << std::string(5000, '#');
    change(songs, "CREATE TABLE songs (title TEXT); PRAGMA application_id = 7");
    for (const std::string& path : {settings, songs}) {
        const std::string before = content(path);
        support::event_list log{{.least = severity::error}};
        const auto made = sqlite_storage::make(at(path), &log);
        ASSERT_FALSE(made);
        EXPECT_TRUE(made.error().message.starts_with(
            path + ": holds something else; the storage needs a file of its own"))
            << made.error().message;
        EXPECT_TRUE(log.lines().empty());
        EXPECT_EQ(content(path), before);
    }
    EXPECT_EQ(here.names(), (std::vector<std::string>{"modelmesh.yaml", "songs.db"}));
}

TEST(SqliteStorage, TheFileItselfSaysWhoseItIsFromTheBeginning) {
    const support::scratch_folder here;
    const auto made = sqlite_storage::make(at(here.file("mesh.db")), nullptr).value();
    EXPECT_EQ(content(here.file("mesh.db")).substr(68, 4), "MMs1") << "its log may be lost";
}

TEST(SqliteStorage, ADamagedFileIsPutAside) {
    const support::scratch_folder here;
    const std::string path = here.file("mesh.db");
    {
        const auto made = sqlite_storage::make(at(path), nullptr).value();
        for (int i = 0; i < 200; ++i)
            ASSERT_TRUE(put(*made, "key " + std::to_string(i), std::string(100, 'x')));
    }
    {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096);
        file << std::string(4096 * 4, '\x5a');
    }
    expect_quarantine(here, "");
}

TEST(SqliteStorage, AnEntryWithAWrongChecksumIsPutAside) {
    const support::scratch_folder here;
    const std::string path = here.file("mesh.db");
    ASSERT_TRUE(put(*sqlite_storage::make(at(path), nullptr).value(), "v1/a", "abc"));
    change(path, "UPDATE entry SET data = x'616264'");
    const auto made = sqlite_storage::make(at(path), nullptr).value();
    EXPECT_EQ(made->load("v1/a").error().message,
              path + ": the entry 'v1/a' is damaged: its checksum is wrong. It is kept as 'damaged/v1/a'");
    EXPECT_EQ(made->load("v1/a").value(), std::nullopt);
    EXPECT_EQ(made->list("").value(), std::vector<std::string>{"damaged/v1/a"});
}

TEST(SqliteStorage, AnOlderLayoutIsBroughtUpAndALaterOneRefused) {
    const support::scratch_folder here;
    const std::string path = here.file("mesh.db");
    change(path, "PRAGMA application_id = 0x4d4d7331"); // layout 0: made, and nothing in it yet
    ASSERT_TRUE(put(*sqlite_storage::make(at(path), nullptr).value(), "a", "1"));
    change(path, "PRAGMA user_version = 99");
    EXPECT_EQ(sqlite_storage::make(at(path), nullptr).error().message,
              path + ": written by a later version of this library (layout 99, this one knows 1)");
    change(path, "PRAGMA user_version = 1");
    EXPECT_EQ(sqlite_storage::make(at(path), nullptr).value()->load("a").value(), "1")
        << "nothing was changed";
}

TEST(SqliteStorage, WhenTheDiskIsFullWhatWasSavedStays) {
    const support::scratch_folder here;
    sqlite_options small = at(here.file("mesh.db"));
    small.max_size = 40'000;
    const auto made = sqlite_storage::make(small, nullptr).value();
    ASSERT_TRUE(put(*made, "a", "1"));
    const std::array<storage_entry, 2> entries{storage_entry{"a", "2"},
                                               storage_entry{"b", std::string(100'000, 'x')}};
    const result<void> saved = made->save(entries, nullptr);
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().kind(), errc::storage);
    EXPECT_NE(saved.error().message.find("database or disk is full"), std::string::npos)
        << saved.error().message;
    EXPECT_EQ(made->load("a").value(), "1");
    EXPECT_TRUE(put(*made, "a", "3"));
}

TEST(Storages, AreFoundByTheirIds) {
    registry all;
    register_builtin(all);
    EXPECT_EQ(all.storages().ids(),
              (std::vector<std::string_view>{"modelmesh.memory.v1", "modelmesh.sqlite.v1"}));
    EXPECT_EQ(all.storages().find("storage.modelmesh.sqlite.v1"), all.storages().find("modelmesh.sqlite.v1"));
    EXPECT_EQ(all.storages().find("modelmesh.redis.v1"), nullptr);
}

} // namespace
} // namespace modelmesh::connector
