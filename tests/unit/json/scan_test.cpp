// The scan that checks text without a target type, against a list of documents with known answers.
#include "json/scan.hpp"

#include <gtest/gtest.h>

#include <string>

namespace modelmesh::json {
namespace {

TEST(JsonScan, AcceptsWhatTheGrammarAllows) {
    for (const std::string_view good : {"null",
                                        "true",
                                        "false",
                                        "0",
                                        "-0",
                                        "-0.5",
                                        "10",
                                        "1e5",
                                        "1E+5",
                                        "1.25e-3",
                                        "\"\"",
                                        "\"a\"",
                                        "[]",
                                        "{}",
                                        " [ ] ",
                                        "[1,2]",
                                        "[[[]]]",
                                        R"({"a":1,"b":{"c":[null]}})",
                                        "\t\r\n{\"a\" : 1 , \"b\" : 2}\n",
                                        R"("\"\\\/\b\f\n\r\t\u0041")",
                                        R"("\ud83d\ude00")",
                                        R"("\uFFFF")",
                                        "\"\x7f\"",
                                        "\"\xf0\x9f\x98\x80\"",
                                        R"({"a":1,"a":2})"})
        EXPECT_TRUE(validate(good)) << good;
}

TEST(JsonScan, RefusesWhatItDoesNot) {
    const std::string zero("\"a\0b\"", 5);
    for (const std::string_view bad : {"",
                                       " ",
                                       "nul",
                                       "nulll",
                                       "True",
                                       "NaN",
                                       "Infinity",
                                       "+1",
                                       "01",
                                       "-",
                                       "1.",
                                       ".5",
                                       "1e",
                                       "1e+",
                                       "0x1",
                                       "1 2",
                                       "[1,]",
                                       "[,1]",
                                       "[1 2]",
                                       "[1",
                                       "]",
                                       "[}",
                                       "{]",
                                       "{\"a\"}",
                                       "{\"a\":}",
                                       "{\"a\":1,}",
                                       "{a:1}",
                                       "{'a':1}",
                                       "{1:2}",
                                       "{\"a\":1 \"b\":2}",
                                       "\"a",
                                       "\"\\\"",
                                       "\"\\x\"",
                                       "\"\\u12\"",
                                       "\"\\u12G4\"",
                                       "\"\n\"",
                                       "\"\t\"",
                                       "[\"a\":1]",
                                       "// c\n1",
                                       "\xef\xbb\xbf{}",
                                       "\"\xff\"",
                                       "\"\xc0\x80\"",
                                       "\"\xed\xa0\x80\"",
                                       "\"\xf4\x90\x80\x80\"",
                                       "\"\xe2\x82\"",
                                       R"("\ud83d")",
                                       R"("\ude00")",
                                       R"("\ud83dx")",
                                       R"("\ud83d\u0041")",
                                       R"("\ude00\ud83d")"})
        EXPECT_FALSE(validate(bad)) << bad;
    EXPECT_FALSE(validate(zero));
}

TEST(JsonScan, NamesTheProblemAndItsOffset) {
    const auto message = [](std::string_view text) { return validate(text).error().message; };
    EXPECT_EQ(message("[1,2"), "JSON: document ends too early at the top, offset 4");
    EXPECT_EQ(message("{\"a\":1}}"), "JSON: something follows the document at the top, offset 7");
    EXPECT_EQ(message("[\"abc\\q\"]"), "JSON: malformed escape in a string at the top, offset 5");
    EXPECT_EQ(message("[\"ab\xff\"]"), "JSON: invalid UTF-8 at the top, offset 4");
    EXPECT_EQ(message("[\"\xe2\x82\xac\xe2\x82\"]"), "JSON: invalid UTF-8 at the top, offset 5");
}

TEST(JsonScan, DepthIsBoundedWithoutUsingTheCallStack) {
    read_options options;
    options.limits.depth = 3;
    EXPECT_TRUE(validate("[[[1]]]", options));
    EXPECT_FALSE(validate("[[[[1]]]]", options));
    const std::string bomb(1u << 20, '[');
    options.limits.depth = bomb.size(); // more than the scan's own stack: that one decides
    const auto refused = validate(bomb, options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "JSON: nested too deeply at the top, offset 1024");
}

TEST(JsonScan, StringsElementsAndSizeAreBounded) {
    read_options options;
    options.limits.string = 3;
    EXPECT_TRUE(validate(R"({"abc":"abc"})", options));
    EXPECT_FALSE(validate(R"({"abc":"abcd"})", options));
    EXPECT_FALSE(validate(R"({"abcd":1})", options));
    options.limits.elements = 2;
    EXPECT_TRUE(validate("[1,[1,2]]", options));
    EXPECT_FALSE(validate("[1,[1,2,3]]", options));
    EXPECT_FALSE(validate(R"({"a":1,"b":1,"c":1})", options));
    options.limits.total = 5;
    EXPECT_TRUE(validate("[1,2]", options));
    EXPECT_EQ(validate("[1, 2]", options).error().message, "JSON: document is too long at the top, offset 0");
}

} // namespace
} // namespace modelmesh::json
