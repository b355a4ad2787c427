#include "support/scratch_folder.hpp"

#include <modelmesh/connector/sinks.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>

namespace modelmesh::connector {
namespace {

using namespace std::chrono;
using ::testing::HasSubstr;

constexpr auto moment = sys_days(2026y / March / 1) + 3h + 4min + 5s + 6789us;
const std::array<log_field, 4> fields{
    {{"request_id", "0123"}, {"model", "openai.m"}, {"attempts", "2"}, {"message", "it \"is\"\n\x1b[31m"}}};
const event told{7, moment, severity::warning, "request.failure", fields};

TEST(ConsoleSink, WritesLinesForPeople) {
    EXPECT_EQ(console_line(told, {}, false),
              "03:04:05.006 [ModelMesh] WARNING request.failure request_id=0123 model=openai.m attempts=2 "
              "message=\"it \\\"is\\\"\\n\\x1b[31m\"\n")
        << "nothing that a terminal would obey";
}

TEST(ConsoleSink, HasColorsOnlyWhenAskedFor) {
    const std::string line = console_line(told, {true, false, ""}, true);
    EXPECT_EQ(line.substr(0, line.find("request_id")),
              "\x1b[33mWARNING\x1b[0m \x1b[1mrequest.failure\x1b[0m ");
    EXPECT_EQ(console_line({1, moment, severity::info, "request.success", {}}, {true, false, ""}, false),
              "INFO request.success\n");
}

TEST(JsonLogSink, WritesOneObjectALine) {
    EXPECT_EQ(json_line(told),
              R"({"version":1,"sequence":7,"timestamp":"2026-03-01T03:04:05.006789Z","severity":"warning",)"
              R"("event":"request.failure","request_id":"0123","fields":{"model":"openai.m","attempts":2,)"
              R"("message":"it \"is\"\n\u001b[31m"}})"
              "\n");
}

TEST(JsonLogSink, OnlyWholeNumbersOfTheCatalogueAreNumbers) {
    const std::array<log_field, 4> some{
        {{"model", "7"}, {"attempts", "07"}, {"count", "-7"}, {"latency_ms", "7x"}}};
    EXPECT_THAT(json_line({1, moment, severity::info, "e", some}),
                HasSubstr(R"("fields":{"model":"7","attempts":"07","count":-7,"latency_ms":"7x"})"));
}

TEST(JsonLogSink, WhatIsNotUtf8IsShownAllTheSame) {
    const std::array<log_field, 1> some{{{"message", "a\xff"}}};
    EXPECT_THAT(json_line({1, moment, severity::info, "e", some}), HasSubstr(R"({"message":"a?"})"));
}

class JsonLogFile : public ::testing::Test {
protected:
    std::unique_ptr<event_sink> open(std::uint64_t max_size = 0, unsigned max_files = 5) {
        json_log_sink_options options;
        options.path = path();
        options.max_size = max_size;
        options.max_files = max_files;
        return make_json_log_sink(options, nullptr).value();
    }
    [[nodiscard]] std::string path(const char* more = "") const {
        return folder.file("new/events.jsonl") + more;
    }
    static std::size_t lines_of(const std::string& file) {
        std::ifstream in(file);
        return static_cast<std::size_t>(
            std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n'));
    }
    support::scratch_folder folder;
};

TEST_F(JsonLogFile, AppendsToAFileThatNobodyElseMayRead) {
    for (int i = 0; i < 2; ++i) {
        const auto sink = open();
        ASSERT_TRUE(sink->write(told));
        sink->flush();
    }
    EXPECT_EQ(lines_of(path()), 2U);
    struct ::stat of{};
    ASSERT_EQ(::stat(path().c_str(), &of), 0);
    EXPECT_EQ(of.st_mode & 0777, 0600U);
}

TEST_F(JsonLogFile, AFileThatWasMovedAwayIsMadeAnew) {
    const auto sink = open();
    ASSERT_TRUE(sink->write(told));
    std::filesystem::rename(path(), path(".old"));
    event later = told;
    later.at += 2s;
    ASSERT_TRUE(sink->write(later));
    EXPECT_EQ(lines_of(path()), 1U);
    EXPECT_EQ(lines_of(path(".old")), 1U);
}

TEST_F(JsonLogFile, AFileThatIsFullBecomesAnOldOne) {
    const std::size_t size = json_line(told).size();
    const auto sink = open(2 * size, 2);
    for (int i = 0; i < 7; ++i) ASSERT_TRUE(sink->write(told));
    EXPECT_EQ(lines_of(path()), 1U);
    EXPECT_EQ(lines_of(path(".1")), 2U);
    EXPECT_EQ(lines_of(path(".2")), 2U);
    EXPECT_FALSE(std::filesystem::exists(path(".3")));
}

TEST_F(JsonLogFile, AFileThatCannotBeWrittenIsAFailureAndTriedAgain) {
    std::ofstream(folder.file("new")) << "a file where the folder would be";
    const auto sink = open();
    const result<void> written = sink->write(told);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind(), errc::storage);
    EXPECT_THAT(written.error().message, HasSubstr(path()));
    std::filesystem::remove(folder.file("new"));
    EXPECT_TRUE(sink->write(told));
    EXPECT_EQ(make_json_log_sink({"", 0, 5}, nullptr).error().kind(), errc::config);
}

} // namespace
} // namespace modelmesh::connector
