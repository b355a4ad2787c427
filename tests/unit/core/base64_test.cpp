// Base64 as RFC 4648 shows it, and what is none.
#include <modelmesh/core/base64.hpp>

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace modelmesh {
namespace {

TEST(Base64, BothWaysAsTheStandardShows) {
    const std::pair<std::string, std::string> pairs[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : pairs) {
        EXPECT_EQ(base64::encode(bytes), text);
        EXPECT_EQ(base64::decode(text).value(), bytes);
    }
    const std::string zeros("\0\xff\0", 3);
    EXPECT_EQ(base64::decode(base64::encode(zeros)).value(), zeros);
}

TEST(Base64, WhatIsNoneIsRefused) {
    for (const char* text :
         {"Zg=", "Zg", "Z===", "====", "Zg==Zg==", "Zm 8", " Zm8=", "Zm8=\n", "Zm8-", "Zm\xc3\xa9"})
        EXPECT_FALSE(base64::decode(text)) << text;
}

} // namespace
} // namespace modelmesh
