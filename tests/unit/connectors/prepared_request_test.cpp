#include <modelmesh/connector/prepared_request.hpp>

#include <gtest/gtest.h>

namespace modelmesh {
namespace {

auto parse(std::string json) {
    return prepared_request::parse(operation::chat_completion, std::move(json), false);
}

TEST(PreparedRequest, KeepsMembersVerbatimAndInOrder) {
    const auto request =
        parse(R"({"model":"chat", "seed": 1e2,"messages":[{"role":"user"}],"x":{"y":[1, 2]}})").value();
    EXPECT_EQ(request->name(), "chat");
    ASSERT_EQ(request->members().size(), 4u);
    EXPECT_EQ(request->members()[1].name, "seed");
    EXPECT_EQ(request->members()[1].value, "1e2");
    EXPECT_EQ(request->find("x"), R"({"y":[1, 2]})");
    EXPECT_EQ(request->find("absent"), "");
}

TEST(PreparedRequest, RefusesWhatIsNotARequest) {
    for (const char* json :
         {"", "[]", "{", "{\"model\":}", "\"model\"", "{\"model\":\"a\"} x", "{\"model\":\"\xff\"}"}) {
        const auto request = parse(json);
        ASSERT_FALSE(request) << json;
        EXPECT_EQ(request.error().kind(), errc::bad_request) << json;
    }
}

TEST(PreparedRequest, NeedsAModelName) {
    for (const char* json : {"{}", R"({"model":1})", R"({"model":""})", R"({"model":null})"}) {
        const auto request = parse(json);
        ASSERT_FALSE(request) << json;
        EXPECT_EQ(request.error().param, "model") << json;
    }
    EXPECT_EQ(parse(R"({"model":"a\u0062c\n"})").value()->name(), "abc\n");
}

} // namespace
} // namespace modelmesh
