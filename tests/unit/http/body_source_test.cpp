#include <modelmesh/http/body_source.hpp>

#include "support/scratch_folder.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

namespace modelmesh::http {
namespace {

result<std::optional<std::string_view>> next(body_source& source) { return run(source.read()); }

std::string all_of(body_source& source) {
    std::string all;
    for (;;) {
        const auto got = next(source);
        if (!got) return "failed: " + got.error().message;
        if (!*got) return all;
        EXPECT_FALSE((*got)->empty());
        all += **got;
    }
}

TEST(BytesSource, GivesItsBytesAndGivesThemAgain) {
    for (const std::string& bytes : {std::string(), std::string("body")}) {
        const auto source = bytes_source(bytes);
        EXPECT_EQ(source->length(), bytes.size());
        EXPECT_EQ(all_of(*source), bytes);
        EXPECT_EQ(all_of(*source), "") << "it stays at its end";
        EXPECT_TRUE(source->rewind());
        EXPECT_EQ(all_of(*source), bytes);
    }
}

class FileSource : public testing::Test {
protected:
    std::shared_ptr<body_source> open(const std::string& content) {
        path = folder.write("file", content);
        const auto made = file_source(path);
        EXPECT_TRUE(made) << made.error().message;
        return *made;
    }
    void append(const std::string& more) { std::ofstream(path, std::ios::app) << more; }

    support::scratch_folder folder;
    std::string path;
};

TEST_F(FileSource, GivesTheFileInPieces) {
    constexpr std::size_t piece = 64 * 1024;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, piece - 1, piece, piece + 1, 3 * piece + 5}) {
        std::string content(size, '\0');
        for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i % 251);
        const auto source = open(content);
        EXPECT_EQ(source->length(), size);
        EXPECT_TRUE(all_of(*source) == content);
        EXPECT_TRUE(source->rewind());
        for (std::size_t at = 0; at < size; at += piece) {
            const auto got = next(*source);
            ASSERT_TRUE(got && *got);
            EXPECT_EQ((*got)->size(), std::min(piece, size - at));
        }
        EXPECT_TRUE(source->rewind()) << "out of the middle";
        EXPECT_TRUE(all_of(*source) == content);
    }
}

TEST_F(FileSource, WhatCannotBeReadAsAFileIsRefused) {
    const std::string pipe = folder.path() + "/pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    for (const std::string& name : {folder.path() + "/none", folder.path(), pipe}) {
        const auto made = file_source(name);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind(), errc::bad_request);
        EXPECT_NE(made.error().message.find(name), std::string::npos) << made.error().message;
    }
}

TEST_F(FileSource, AFileThatBecomesShorterFails) {
    for (const std::size_t left : {std::size_t{0}, std::size_t{70'000}, std::size_t{99'999}}) {
        const auto source = open(std::string(100'000, 'x'));
        ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(left)), 0);
        EXPECT_NE(all_of(*source).find("has become shorter"), std::string::npos);
        const auto again = next(*source);
        EXPECT_EQ(again.has_error(), true) << "and stays so";
    }
}

TEST_F(FileSource, AFileThatBecomesLongerFailsBeforeItsLastBytes) {
    const auto source = open(std::string(100'000, 'x'));
    ASSERT_TRUE(next(*source));
    append("y");
    const auto got = next(*source);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), errc::bad_request);
    EXPECT_NE(got.error().message.find("has become longer"), std::string::npos);
    const auto empty = open("");
    append("y");
    EXPECT_FALSE(next(*empty));
}

} // namespace
} // namespace modelmesh::http
