// Splitting a document that is forwarded without being understood.
#include <modelmesh/json/members.hpp>

#include <gtest/gtest.h>

namespace modelmesh::json {
namespace {

TEST(JsonMembers, KeepsOrderTextAndDuplicates) {
    const std::string_view text = R"( { "b" : [1, 2] ,"a":{"x":"}"},"\u0062":null ,"s":"q\"" } )";
    const auto found = members(text);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(found->size(), 4u);
    EXPECT_EQ((*found)[0].name, "b");
    EXPECT_EQ((*found)[0].value, "[1, 2]");
    EXPECT_EQ((*found)[1].name, "a");
    EXPECT_EQ((*found)[1].value, R"({"x":"}"})");
    EXPECT_EQ((*found)[2].name, "b") << "names are unescaped";
    EXPECT_EQ((*found)[2].value, "null");
    EXPECT_EQ((*found)[3].value, R"("q\"")");
    EXPECT_GE((*found)[0].value.data(), text.data());
    EXPECT_TRUE(members("{}")->empty());
}

TEST(JsonMembers, RefusesAnythingButOneObject) {
    for (const std::string_view bad :
         {"", "[]", "1", "{", "{}{}", R"({"a":1,})", R"({"a":tru})", "{\"a\":\"\xff\"}"}) {
        const auto refused = members(bad);
        ASSERT_FALSE(refused) << bad;
        EXPECT_EQ(refused.error().kind(), errc::bad_request) << bad;
    }
}

TEST(JsonMembers, AMalformedValueIsNamed) {
    const auto named = [](std::string_view text) { return members(text).error().param; };
    EXPECT_EQ(named(R"({"a":1,"tools":[{"parameters":{oops}}],"b":2})"), "tools");
    EXPECT_EQ(named(R"({"a":tru})"), "a");
    EXPECT_EQ(named(R"({"a":1 2})"), "a");
    EXPECT_EQ(named(R"({"a":})"), "a");
    EXPECT_EQ(members(R"({"a":tru})").error().message.find("'a' is no JSON value: JSON: "), 0u);
    for (const std::string_view elsewhere :
         {"", "[]", "{", "{}{}", R"({"a":1,})", R"({"a" 1})", R"({"a)", R"({"\ud800":1,"b":tru})"})
        EXPECT_EQ(named(elsewhere), "") << elsewhere;
}

TEST(JsonMembers, StringValueUnescapes) {
    EXPECT_EQ(string_value(R"("a\n\u00e9\ud83d\ude00")").value(), "a\n\xc3\xa9\xf0\x9f\x98\x80");
    EXPECT_EQ(string_value(R"( "" )").value(), "");
    for (const std::string_view bad : {"", "1", "null", "\"", "\"a\" 1", R"("\ud800")"})
        EXPECT_FALSE(string_value(bad)) << bad;
}

} // namespace
} // namespace modelmesh::json
