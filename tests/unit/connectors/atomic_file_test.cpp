#include "support/scratch_folder.hpp"

#include <modelmesh/connector/atomic_file.hpp>

#include <gtest/gtest.h>

#include <filesystem>

#include <sys/stat.h>

namespace modelmesh::connector {
namespace {

namespace fs = std::filesystem;

class AtomicFile : public testing::Test {
protected:
    support::scratch_folder folder;
    std::string path = folder.file("state.json");
};

TEST_F(AtomicFile, WhatIsWrittenIsRead) {
    const std::string bytes = std::string("a\0b", 3) + std::string(100'000, 'x');
    ASSERT_TRUE(write_file_atomically(path, "old"));
    ASSERT_TRUE(write_file_atomically(path, bytes));
    EXPECT_EQ(read_whole_file(path).value(), bytes);
    EXPECT_EQ(folder.names().size(), 1u) << "the draft is gone";
}

TEST_F(AtomicFile, OnlyItsUserMayReadIt) {
    ASSERT_TRUE(write_file_atomically(path, "x"));
    struct stat about{};
    ASSERT_EQ(::stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(AtomicFile, NoFileIsNoError) { EXPECT_EQ(read_whole_file(path).value(), std::nullopt); }

TEST_F(AtomicFile, AMissingFolderIsAnErrorThatNamesTheFile) {
    const auto refused = write_file_atomically(folder.file("no/state"), "x");
    EXPECT_EQ(refused.error().code(), errc::storage);
    EXPECT_NE(refused.error().message.find("/no/state' cannot be created: No such file"), std::string::npos)
        << refused.error().message;
}

TEST_F(AtomicFile, WhatCannotBeReplacedStaysAndNoDraftIsLeft) {
    fs::create_directory(path);
    const auto refused = write_file_atomically(path, "x");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("cannot be replaced"), std::string::npos);
    EXPECT_TRUE(fs::is_directory(path));
    EXPECT_EQ(folder.names().size(), 1u);
}

TEST_F(AtomicFile, WhatIsTooLongOrNoFileIsNotRead) {
    ASSERT_TRUE(write_file_atomically(path, "12345"));
    EXPECT_EQ(read_whole_file(path, 5).value(), "12345");
    EXPECT_NE(read_whole_file(path, 4).error().message.find("longer than 4 bytes"), std::string::npos);
    EXPECT_NE(read_whole_file(folder.path()).error().message.find("no plain file"), std::string::npos);
    const std::string pipe = folder.file("pipe");
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_NE(read_whole_file(pipe).error().message.find("no plain file"), std::string::npos);
}

} // namespace
} // namespace modelmesh::connector
