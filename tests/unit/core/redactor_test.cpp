#include <modelmesh/core/redactor.hpp>

#include <gtest/gtest.h>

namespace modelmesh {
namespace {

std::string redacted(const redactor& with, std::string text) {
    with.redact(text);
    return text;
}

TEST(Redactor, TakesOutValuesWhereverTheyAre) {
    redactor with;
    with.add_secret("hunter2");
    with.add_secret("hunter2-long");
    with.add_secret("abc");
    EXPECT_EQ(redacted(with, "a hunter2 and hunter2-long, abc"), "a *** and ***, abc")
        << "the longer one first; three characters are no secret";
}

TEST(Redactor, TakesOutValuesAsAJsonStringHasThem) {
    redactor of;
    of.add_secret("-----BEGIN \"KEY\"-----\nab/cd\\\t=");
    for (std::string text : {R"({"a":"-----BEGIN \"KEY\"-----\nab/cd\\\t=","b":1})",
                             R"({"a":"-----BEGIN \"KEY\"-----\nab\/cd\\\t=","b":1})"}) {
        of.redact(text);
        EXPECT_EQ(text, R"({"a":"***","b":1})");
    }
}

TEST(Redactor, TakesOutWhatStandsBehindASecretsName) {
    const redactor with;
    EXPECT_EQ(redacted(with, R"({"api_key":"x","Password" : "a\"b","other":"x","token":7})"),
              R"({"api_key":"***","Password" : "***","other":"x","token":7})");
    EXPECT_EQ(redacted(with, R"({"text":"{\"x-api-key\": \"x\", \"a\": 1}"})"),
              R"({"text":"{\"x-api-key\": \"***\", \"a\": 1}"})");
    EXPECT_EQ(redacted(with, "https://h/p?a=1&access_token=x%2Fy&b=2"),
              "https://h/p?a=1&access_token=***&b=2");
    EXPECT_EQ(redacted(with, R"({"secret":"cut o)"), R"({"secret":"***)") << "also when it is cut off";
    EXPECT_EQ(redacted(with, R"({"max_tokens":"5","tokens":"x"})"), R"({"max_tokens":"5","tokens":"x"})");
}

TEST(Redactor, TakesOutNamesThatWereAdded) {
    redactor with;
    with.add_name("Card-Number");
    EXPECT_TRUE(with.is_secret_name("card_number"));
    EXPECT_EQ(redacted(with, R"({"card-number":"1"})"), R"({"card-number":"***"})");
}

TEST(Redactor, KnowsWhatAnotherOneKnows) {
    redactor before;
    before.add_secret("old key");
    before.add_name("pin");
    redactor now;
    now.add_secret("the old key of all");
    now.add(before);
    std::string text = R"({"pin":"1234","text":"old key, the old key of all"})";
    now.redact(text);
    EXPECT_EQ(text, R"({"pin":"***","text":"***, ***"})");
}

TEST(Redactor, TakesOutWhatBeginsAsKeysDo) {
    const redactor with;
    EXPECT_EQ(redacted(with, "bad key sk-abcdefghijkl123, AIzaSyA1234567890123456789"),
              "bad key sk-***, AIza***");
    EXPECT_EQ(redacted(with, "Authorization: Bearer abcdefgh.ijk="), "Authorization: Bearer ***");
    EXPECT_EQ(redacted(with, "a risk-averse-and-long-word, sk-short"),
              "a risk-averse-and-long-word, sk-short");
}

} // namespace
} // namespace modelmesh
