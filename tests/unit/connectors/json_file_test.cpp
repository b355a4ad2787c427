#include "support/scratch_folder.hpp"

#include <modelmesh/connector/json_file.hpp>

#include <gtest/gtest.h>

#include <map>

namespace modelmesh::connector {
namespace {

using numbers = std::map<std::string, int>;

class JsonFile : public ::testing::Test {
protected:
    support::scratch_folder folder;
    std::string path = folder.file("numbers.json");
};

TEST_F(JsonFile, GivesBackWhatWasWritten) {
    EXPECT_EQ(read_json_file<numbers>(path).value(), std::nullopt);
    const numbers written{{"a", 1}, {"b", -2}};
    ASSERT_TRUE(write_json_file(path, written));
    EXPECT_EQ(read_json_file<numbers>(path).value(), written);
    EXPECT_EQ(read_whole_file(path).value(), R"({"a":1,"b":-2})");
}

TEST_F(JsonFile, WhatIsNotOfTheTypeIsAnErrorThatNamesTheFile) {
    ASSERT_TRUE(write_file_atomically(path, R"({"a":"x"})"));
    const auto read = read_json_file<numbers>(path);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind(), errc::storage);
    EXPECT_TRUE(read.error().message.starts_with("'" + path + "': ")) << read.error().message;
    EXPECT_NE(read.error().message.find("/a"), std::string::npos) << read.error().message;
}

} // namespace
} // namespace modelmesh::connector
