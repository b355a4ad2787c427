// Input made to do harm, wherever in a document it can be: bytes that are no UTF-8, halves of characters, depth,
// numbers at the edges of their types, members that are given twice.
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::json {
namespace {

enum class mood : std::uint8_t { good, bad };

struct part {
    std::string name{};
    open<mood> feeling{};
    std::vector<part> parts{};
    std::map<std::string, std::vector<int>> map{};
    std::variant<std::monostate, std::string, std::vector<part>> shape{};
    raw text{};
    json::extra extra{};
};

// The same members, read without copies.
struct part_view {
    std::string_view name{};
    std::string_view feeling{};
    raw_view text{};
    json::extra_view extra{};
};

// Names nothing: everything is checked and skipped.
struct skips {
    int unused{};
};

// Every place of a document where a string can be, with '@' for its content.
constexpr const char* places_of_strings[] = {R"("@")",
                                             R"(["@"])",
                                             R"({"name":"@"})",
                                             R"({"feeling":"@"})",
                                             R"({"parts":[{"name":"@"}]})",
                                             R"({"map":{"@":[1]}})",
                                             R"({"shape":"@"})",
                                             R"({"text":"@"})",
                                             R"({"text":{"@":1}})",
                                             R"({"@":1})",
                                             R"({"unknown":"@"})",
                                             R"({"unknown":[{"@":[null]}]})"};

std::string with_content(std::string text, const std::string& content) {
    return text.replace(text.find('@'), 1, content);
}

// Whether any type takes the document, and, of types that can take it, whether all do.
struct takers {
    bool any;
    bool all;
};
takers who_takes(const std::string& text) {
    reader views;
    part_view view;
    std::vector<bool> answers{read<raw>(text).has_value(), validate(text).has_value()};
    if (text.starts_with('{')) {
        answers.push_back(read<part>(text).has_value());
        answers.push_back(read<skips>(text).has_value());
        answers.push_back(views.read(text, view).has_value());
        answers.push_back(read<std::map<std::string, raw>>(text).has_value());
    } else if (text.starts_with('[')) {
        answers.push_back(read<std::vector<std::string>>(text).has_value());
        answers.push_back(read<std::vector<raw>>(text).has_value());
    } else {
        answers.push_back(read<std::string>(text).has_value());
        answers.push_back(read<open<mood>>(text).has_value());
    }
    return {std::find(answers.begin(), answers.end(), true) != answers.end(),
            std::find(answers.begin(), answers.end(), false) == answers.end()};
}

void expect_refused_everywhere(const std::string& content) {
    for (const char* place : places_of_strings)
        EXPECT_FALSE(who_takes(with_content(place, content)).any)
            << place << " with " << testing::PrintToString(content);
}
void expect_taken_everywhere(const std::string& content) {
    for (const char* place : places_of_strings)
        EXPECT_TRUE(who_takes(with_content(place, content)).all)
            << place << " with " << testing::PrintToString(content);
}

TEST(JsonHostile, HalvesOfSurrogatePairsAreRefusedWhereverAStringIs) {
    for (const char* pair :
         {R"(\ud800\udc00)", R"(\uDBFF\uDFFF)", R"(a\ud83d\ude00b)", R"(\ud7ff)", R"(\ue000)"})
        expect_taken_everywhere(pair);
    for (const char* half : {R"(\ud800)", R"(\udbff)", R"(\udc00)", R"(\udfff)", R"(\ud800\ud800)",
                             R"(\udc00\ud800)", R"(\ud800\udc00\udc00)", R"(\ud800x)", R"(\ud800\n)",
                             R"(\ud800\u0041)", R"(\ud800\u)", R"(\ud800\udc0)", R"(\ud800 \udc00)"})
        expect_refused_everywhere(half);
}

TEST(JsonHostile, EscapesThatJsonDoesNotHaveAreRefusedWhereverAStringIs) {
    for (const char* bad : {R"(\)", R"(\x41)", R"(\')", R"(\0)", R"(\u)", R"(\u12)", R"(\u12g4)", R"(\U0041)",
                            R"(\u+041)", R"(\u{41})"})
        expect_refused_everywhere(bad);
    for (int c = 0; c < 0x20; ++c) expect_refused_everywhere(std::string(1, static_cast<char>(c)));
}

TEST(JsonHostile, BytesThatAreNoUtf8AreRefusedWhereverTheyAre) {
    const struct {
        const char* what;
        std::vector<std::string> bytes;
    } kinds[] = {
        {"continuation alone", {"\x80", "\xbf", "\xc2\x80\x80"}},
        {"character cut short", {"\xc2", "\xdf", "\xe2\x82", "\xe2", "\xf0\x9f\x98", "\xf0\x9f", "\xf0"}},
        {"other byte where one continues",
         {"\xc3(", "\xe2(\xa1", "\xe2\x82(", "\xf0(\x8c\xbc", "\xf0\x90\x8c("}},
        {"longer than needed",
         {"\xc0\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xf0\x80\x80\x80",
          "\xf0\x8f\xbf\xbf"}},
        {"half of a surrogate pair", {"\xed\xa0\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbf\xbf"}},
        {"surrogate pair", {"\xed\xa0\xbd\xed\xb8\x80"}},
        {"beyond U+10FFFF", {"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf7\xbf\xbf\xbf"}},
        {"five and six bytes",
         {"\xf8\x88\x80\x80\x80", "\xfc\x83\xbf\xbf\xbf\xbf", "\xfc\x80\x80\x80\x80\x80"}},
        {"never a byte of UTF-8", {"\xfe", "\xff", "\xc0", "\xc1", "\xf5"}},
        {"Latin-1", {"\xe9", "caf\xe9"}},
    };
    for (const auto& [what, list] : kinds) {
        for (const std::string& bytes : list) {
            SCOPED_TRACE(what);
            expect_refused_everywhere(bytes);
            expect_refused_everywhere(std::string(70, 'x') + bytes); // behind a block of the UTF-8 check
            expect_refused_everywhere("\xe2\x82\xac" + bytes + "\\n");
            for (const std::string& text : {bytes, bytes + "{}", "{}" + bytes, "[" + bytes + "]",
                                            "[1" + bytes + "]", "{\"a\"" + bytes + ":1}"})
                EXPECT_FALSE(who_takes(text).any) << testing::PrintToString(text);
            std::string out = "before";
            EXPECT_THROW(append_string(out, bytes), std::invalid_argument) << "and is not written";
            EXPECT_EQ(out, "before");
        }
    }
    for (const char* edge : {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                             "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xef\xbb\xbf"})
        expect_taken_everywhere(edge);
}

// Documents of this many levels, one for each way to nest.
std::vector<std::string> nested(std::size_t levels) {
    const auto repeat = [](std::size_t times, std::string_view what) {
        std::string text;
        text.reserve(times * what.size());
        for (std::size_t i = 0; i < times; ++i) text += what;
        return text;
    };
    return {repeat(levels, "[") + repeat(levels, "]"),
            repeat(levels, "{\"a\":") + "1" + repeat(levels, "}"),
            repeat(levels / 2, "{\"parts\":[") + repeat(levels / 2, "]}"),
            repeat(levels / 2, "{\"shape\":[") + repeat(levels / 2, "]}"),
            "{\"text\":" + repeat(levels - 1, "[") + repeat(levels - 1, "]") + "}",
            "{\"unknown\":" + repeat(levels - 1, "[") + repeat(levels - 1, "]") + "}"};
}
bool any_takes(const std::string& text, const read_options& options) {
    reader views;
    part_view view;
    return read<raw>(text, options) || validate(text, options) || read<part>(text, options) ||
           read<skips>(text, options) || views.read(text, view, options) ||
           read<std::vector<raw>>(text, options) || read<std::map<std::string, raw>>(text, options);
}

TEST(JsonHostile, DepthIsBoundedAtTheLimit) {
    for (const std::string& text : nested(128)) EXPECT_TRUE(any_takes(text, read_options::standard()));
    for (const std::string& text : nested(130)) EXPECT_FALSE(any_takes(text, read_options::standard()));
}

// A limit beyond 1024 counts as 1024, so that no limit lets a document decide about the call stack.
TEST(JsonHostile, NoLimitLetsADocumentUseUpTheCallStack) {
    read_options options;
    options.limits.depth = std::numeric_limits<std::size_t>::max();
    for (const std::string& text : nested(1024)) EXPECT_TRUE(any_takes(text, options)) << text.substr(0, 40);
    for (const std::size_t levels : {std::size_t{1026}, std::size_t{100'000}}) {
        for (const std::string& text : nested(levels)) {
            EXPECT_FALSE(any_takes(text, options)) << text.substr(0, 40);
            EXPECT_FALSE(any_takes(text.substr(0, text.size() / 2), options))
                << "not closed: " << text.substr(0, 40);
        }
    }
}

// Text inside typed levels goes on counting where they end.
TEST(JsonHostile, DepthOfTextCountsTheTypedLevelsAroundIt) {
    read_options options;
    options.limits.depth = 2000;
    const auto part_with_text = [](std::size_t typed, std::size_t text) {
        std::string all;
        for (std::size_t i = 0; i < typed / 2; ++i) all += "{\"parts\":[";
        all += "{\"text\":" + std::string(text, '[') + std::string(text, ']') + "}";
        for (std::size_t i = 0; i < typed / 2; ++i) all += "]}";
        return all;
    };
    EXPECT_TRUE(read<part>(part_with_text(600, 423), options));
    EXPECT_FALSE(read<part>(part_with_text(600, 424), options));
}

template <class T> void expect_exact_edges(const std::string& below, const std::string& above) {
    using edges = std::numeric_limits<T>;
    struct holder {
        T number{};
        nullable<T> other{};
    };
    for (const T edge : {edges::min(), edges::max(), T(edges::min() + 1), T(edges::max() - 1), T(0)}) {
        const std::string text = std::to_string(edge);
        EXPECT_EQ(read<T>(text).value(), edge);
        EXPECT_EQ(write(edge), text);
        const std::string object = "{\"number\":" + text + ",\"other\":" + text + "}";
        const result<holder> held = read<holder>(object);
        ASSERT_TRUE(held) << held.error().message;
        EXPECT_EQ(held->number, edge);
        EXPECT_EQ(*held->other, edge);
        EXPECT_EQ(write(*held), object);
    }
    for (const std::string& beyond : {below, above, above + "0", "1" + above}) {
        for (const read_options* options : {&read_options::standard(), &read_options::lenient()}) {
            EXPECT_FALSE(read<T>(beyond, *options)) << beyond;
            EXPECT_FALSE(read<holder>("{\"number\":" + beyond + "}", *options)) << beyond;
            EXPECT_FALSE(read<holder>("{\"other\":" + beyond + "}", *options)) << beyond;
        }
        EXPECT_EQ(read<raw>(beyond)->text, beyond) << "text keeps what no integer holds";
        const std::string unknown = "{\"x\":" + beyond + "}";
        EXPECT_EQ(read<part>(unknown)->extra.find("x"), beyond);
    }
    for (const char* const fraction : {"1.0", "1e0", "1E2", "0.0", "-1.5"})
        EXPECT_FALSE(read<T>(fraction)) << fraction;
}

TEST(JsonHostile, IntegersAreExactAtTheEdgesOfTheirTypes) {
    expect_exact_edges<std::int8_t>("-129", "128");
    expect_exact_edges<std::uint8_t>("-1", "256");
    expect_exact_edges<std::int16_t>("-32769", "32768");
    expect_exact_edges<std::uint16_t>("-1", "65536");
    expect_exact_edges<std::int32_t>("-2147483649", "2147483648");
    expect_exact_edges<std::uint32_t>("-1", "4294967296");
    expect_exact_edges<std::int64_t>("-9223372036854775809", "9223372036854775808");
    expect_exact_edges<std::uint64_t>("-1", "18446744073709551616");
    EXPECT_EQ(read<std::int64_t>("-0").value(), 0);
    EXPECT_FALSE(read<std::uint64_t>("-0")) << "an unsigned integer has no sign";
}

TEST(JsonHostile, DoublesAreTheNearestOrRefused) {
    EXPECT_EQ(read<double>("9007199254740993").value(), 9007199254740992.0);
    EXPECT_EQ(read<double>("9223372036854775808").value(), 9223372036854775808.0);
    EXPECT_EQ(read<double>("1.7976931348623157e308").value(), std::numeric_limits<double>::max());
    EXPECT_EQ(read<double>("1.7976931348623158e308").value(), std::numeric_limits<double>::max());
    EXPECT_EQ(read<double>("5e-324").value(), std::numeric_limits<double>::denorm_min());
    EXPECT_EQ(read<double>("1e-400").value(), 0.0);
    EXPECT_EQ(read<double>("0." + std::string(500, '0') + "1").value(), 0.0);
    EXPECT_EQ(read<double>("0e99999").value(), 0.0);
    EXPECT_EQ(write(read<double>("-0").value()), "-0");
    for (const char* const beyond : {"1.7976931348623159e308", "1e309", "-1e309", "1e99999999999999999999"}) {
        EXPECT_FALSE(read<double>(beyond)) << beyond;
        EXPECT_EQ(read<raw>(beyond)->text, beyond);
    }
    EXPECT_FALSE(read<double>("1" + std::string(400, '0')));
}

TEST(JsonHostile, MembersGivenTwiceAreRefusedHoweverTheyAreSpelled) {
    EXPECT_EQ(read<part>(R"({"name":"a","x":1,"n\u0061me":"b"})").error().message,
              "JSON: member is given twice at /name, offset 18");
    EXPECT_EQ(read<part>(R"({"n\u0061me":"a", "name" :"b"})").error().message,
              "JSON: member is given twice at /name, offset 18");
    EXPECT_FALSE(read<part>(R"({"name":"a","name":"a"})")) << "also the same value";
    EXPECT_FALSE(read<part>(R"({"name":null,"name":"a"})", read_options::lenient()));
    EXPECT_FALSE(read<part>(R"({"parts":[{"shape":null,"shape":null}]})"));
    EXPECT_EQ(read<part>(R"({"map":{"a":[],"\u0061":[]}})").error().message,
              "JSON: member is given twice at /map/a, offset 15");
    EXPECT_EQ(read<part>(R"({"map":{"":[],"":[]}})").error().message,
              "JSON: member is given twice at /map/, offset 14");
    const result<part> kept = read<part>(R"({"x":1,"x":2,"text":{"a":1,"a":2}})");
    ASSERT_TRUE(kept) << "what is not interpreted is kept as it is";
    EXPECT_EQ(kept->extra.size(), 2u);
    EXPECT_EQ(kept->text.text, R"({"a":1,"a":2})");
}

} // namespace
} // namespace modelmesh::json
