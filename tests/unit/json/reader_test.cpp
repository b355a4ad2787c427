// Reading: every kind of member, limits, and errors that say where.
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace modelmesh::json {
namespace {

enum class size : std::uint8_t { small, large };

struct leaf {
    int number = 7;
    std::string text = "default";
    friend bool operator==(const leaf&, const leaf&) = default;
};

struct tree {
    std::string name{};
    std::vector<tree> children{};
    std::optional<leaf> one{};
    maybe<leaf> other{};
    std::map<std::string, std::vector<int>> map{};
    std::variant<std::monostate, bool, double, std::string, std::vector<leaf>, leaf> shape{};
    json::extra extra{};
    friend bool operator==(const tree&, const tree&) = default;
};

struct strict {
    int known{};
    std::vector<leaf> list{};
};

struct views {
    std::string_view plain{};
    std::string_view escaped{};
    raw_view part{};
    json::extra_view extra{};
};

template <class T>
std::string failure(std::string_view text, const read_options& options = read_options::standard()) {
    const result<T> r = read<T>(text, options);
    return r ? "no failure" : r.error().message;
}

TEST(JsonReader, ReadsEveryKindAndWritesItBack) {
    const std::string text =
        R"({"name":"root","children":[{"name":"a","children":[],"map":{},"shape":null},)"
        R"({"name":"b","children":[],"one":{"number":1,"text":"t"},"other":null,"map":{"k":[1,2],"l":[]},)"
        R"("shape":[{"number":2,"text":""}],"zeta":{"deep":[1,{"x":null}]},"alpha":"q"}],"map":{},"shape":1.5})";
    const result<tree> t = read<tree>(text);
    ASSERT_TRUE(t) << t.error().message;
    ASSERT_EQ(t->children.size(), 2u);
    EXPECT_TRUE(t->children[0].other.is_absent());
    EXPECT_TRUE(t->children[1].other.is_null());
    EXPECT_EQ(t->children[1].extra[0].name, "zeta") << "wire order, not alphabetic";
    EXPECT_EQ(write(*t), text);
}

TEST(JsonReader, VariantsGoByShape) {
    EXPECT_EQ(read<tree>(R"({"shape":null})")->shape.index(), 0u);
    EXPECT_EQ(read<tree>(R"({"shape":false})")->shape.index(), 1u);
    EXPECT_EQ(read<tree>(R"({"shape":-1})")->shape.index(), 2u);
    EXPECT_EQ(read<tree>(R"({"shape":"s"})")->shape.index(), 3u);
    EXPECT_EQ(read<tree>(R"({"shape":[]})")->shape.index(), 4u);
    EXPECT_EQ(read<tree>(R"({"shape":{}})")->shape.index(), 5u);
    using narrow = std::variant<std::string, std::vector<int>>;
    EXPECT_EQ(failure<narrow>("{}"), "JSON: a value of another type is expected at the top, offset 0");
}

struct said {
    std::string type = "said";
    std::string text{};
    static constexpr tag json_tag{"type", "said"};
};
struct heard {
    int volume{};
    std::string type = "heard";
    static constexpr tag json_tag{"type", "heard"};
};

TEST(JsonReader, VariantsOfArraysGoByTheirFirstElementAndObjectsByTheirTag) {
    using input =
        std::variant<std::string, std::vector<std::string>, std::vector<int>, std::vector<std::vector<int>>>;
    EXPECT_EQ(read<input>(R"("a")")->index(), 0u);
    EXPECT_EQ(read<input>("[]")->index(), 1u);
    EXPECT_EQ(read<input>(R"( [ "a" ] )")->index(), 1u);
    EXPECT_EQ(read<input>("[ 1]")->index(), 2u);
    EXPECT_EQ(read<input>("[[1]]")->index(), 3u);
    EXPECT_EQ(failure<input>("[true]"), "JSON: a value of another type is expected at the top, offset 0");
    EXPECT_EQ(failure<input>("[1,[2]]"), "JSON: expected an integer at /1, offset 3");

    using item = std::variant<said, heard, raw>;
    EXPECT_EQ(read<item>(R"({"type":"said","text":"x"})")->index(), 0u);
    EXPECT_EQ(read<item>(R"({ "volume" : {"type":"said"} , "type" : "heard" })").error().message,
              "JSON: expected an integer at /volume, offset 13");
    EXPECT_EQ(std::get<heard>(*read<item>(R"({"volume":3,"type":"heard"})")).volume, 3);
    EXPECT_EQ(read<item>(R"({"type":"seen"})")->index(), 2u);
    EXPECT_EQ(read<item>("{}")->index(), 2u);
    EXPECT_EQ(read<item>("7")->index(), 2u);
    EXPECT_FALSE(read<item>(R"({"type":"said")"));
    EXPECT_FALSE(read<item>(R"({"type":)"));
}

TEST(JsonReader, AbsentMembersHaveTheirDefaultsAlsoInAReusedTarget) {
    EXPECT_EQ(read<leaf>("{}")->number, 7);
    reader r;
    leaf target{1, "changed"};
    ASSERT_TRUE(r.read(R"({"number":2})", target));
    EXPECT_EQ(target, (leaf{2, "default"}));
    tree reused{};
    ASSERT_TRUE(r.read(
        R"({"children":[{"name":"x","one":{},"q":1},{"name":"y"}],"map":{"a":[1]},"shape":"s"})", reused));
    ASSERT_TRUE(r.read(R"({"children":[{}]})", reused));
    EXPECT_EQ(reused, read<tree>(R"({"children":[{}]})").value());
}

TEST(JsonReader, LeniencyTakesNullForAbsentAndCutsFractions) {
    const read_options& lenient = read_options::lenient();
    EXPECT_EQ(read<leaf>(R"({"number":null})", lenient)->number, 7);
    EXPECT_EQ(read<leaf>(R"({"number":-1.5})", lenient)->number, -1);
    EXPECT_EQ(read<tree>(R"({"name":null,"children":null,"map":null})", lenient).value(),
              read<tree>("{}").value());
    EXPECT_FALSE(read<leaf>(R"({"number":null})"));
    EXPECT_FALSE(read<leaf>(R"({"number":-1.5})"));
    EXPECT_FALSE(read<leaf>(R"({"number":nul})", lenient));
    EXPECT_FALSE(read<leaf>(R"({"number":null,"number":1})", lenient)) << "given twice";
    EXPECT_FALSE(read<leaf>(R"({"number":1e300})", lenient));
    EXPECT_FALSE(read<leaf>(R"({"number":"1"})", lenient));
    EXPECT_FALSE(read<tree>(R"({"children":[null]})", lenient)) << "an element has no default";
    reader r;
    leaf target{1, "changed"};
    ASSERT_TRUE(r.read(R"({"number":null,"name":null})", target, lenient));
    EXPECT_EQ(target, (leaf{7, "default"})) << "also in a reused target";
}

TEST(JsonReader, IntegersAreExactOrAnError) {
    EXPECT_EQ(read<std::int64_t>("9223372036854775807").value(), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(read<std::int64_t>("-9223372036854775808").value(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(read<std::uint64_t>("18446744073709551615").value(), std::numeric_limits<std::uint64_t>::max());
    EXPECT_FALSE(read<std::int64_t>("9223372036854775808"));
    EXPECT_FALSE(read<std::int64_t>("-9223372036854775809"));
    EXPECT_FALSE(read<std::uint64_t>("18446744073709551616"));
    EXPECT_FALSE(read<std::uint64_t>("-1"));
    EXPECT_FALSE(read<int>("1.0"));
    EXPECT_FALSE(read<int>("1e2"));
    EXPECT_FALSE(read<int>("2147483648"));
    EXPECT_FALSE(read<std::int8_t>("128"));
    EXPECT_EQ(read<std::int8_t>("-128").value(), -128);
    EXPECT_EQ(read<std::chrono::milliseconds>("1500").value(), std::chrono::milliseconds(1500));
}

TEST(JsonReader, IntegersOfEveryLengthAreRead) {
    std::string digits;
    for (std::uint64_t value = 0; digits.size() < 18; value = value * 10 + (digits.size() % 9) + 1) {
        digits = std::to_string(value);
        for (const std::string_view behind : {"", " ", "        ", ",1"}) { // with and without bytes to spare
            const bool is_list = behind == ",1";
            const std::string text = "[" + digits + std::string(behind) + "]";
            const auto list = read<std::vector<std::uint64_t>>(text);
            ASSERT_TRUE(list) << text;
            EXPECT_EQ(list->front(), value) << text;
            EXPECT_EQ(list->size(), is_list ? 2u : 1u) << text;
            EXPECT_EQ(read<std::vector<std::int64_t>>(text)->front(), static_cast<std::int64_t>(value));
            EXPECT_EQ(read<std::vector<std::int64_t>>("[-" + text.substr(1))->front(),
                      -static_cast<std::int64_t>(value));
        }
        EXPECT_FALSE(read<std::vector<std::uint64_t>>("[0" + digits + "]")) << digits;
        EXPECT_FALSE(read<std::vector<std::uint64_t>>("[" + digits + ".5]")) << digits;
        EXPECT_FALSE(read<std::vector<std::uint64_t>>("[" + digits + "e1]")) << digits;
        EXPECT_FALSE(read<std::vector<std::uint64_t>>("[" + digits + ":]")) << digits; // the one behind '9'
        EXPECT_FALSE(read<std::vector<std::uint64_t>>("[" + digits + "/]")) << digits; // the one before '0'
        EXPECT_FALSE(read<std::uint8_t>(digits).has_value() && value > 255) << digits;
    }
}

TEST(JsonReader, NumbersBeyondTheTypeAreAnError) {
    EXPECT_EQ(read<double>("12").value(), 12.0);
    EXPECT_FALSE(read<double>("1e999"));
    EXPECT_FALSE(read<float>("1e300"));
    EXPECT_FALSE(read<double>("\"1\""));
}

TEST(JsonReader, NullIsAValueOnlyWhereTheTypeSaysSo) {
    EXPECT_TRUE(read<nullable<int>>("null")->is_null());
    EXPECT_TRUE(read<maybe<int>>("null")->is_null());
    EXPECT_FALSE(read<int>("null"));
    EXPECT_EQ(failure<tree>(R"({"one":null})"), "JSON: expected an object at /one, offset 7");
    EXPECT_FALSE(read<tree>(R"({"other":nul})"));
    EXPECT_FALSE(read<tree>(R"({"other":nulll})"));
}

TEST(JsonReader, EnumerationsAreClosedOrOpen) {
    EXPECT_EQ(read<size>("\"large\"").value(), size::large);
    EXPECT_EQ(failure<size>("\"huge\""), "JSON: unknown value at the top, offset 0");
    EXPECT_EQ(read<open<size>>("\"huge\"")->text(), "huge");
}

TEST(JsonReader, ErrorsNameThePointerAndTheOffset) {
    EXPECT_EQ(failure<tree>(R"({"children":[{},{"one":{"number":"x"}}]})"),
              "JSON: expected an integer at /children/1/one/number, offset 33");
    EXPECT_EQ(failure<tree>(R"({"map":{"a/b~c":[0,true]}})"),
              "JSON: expected an integer at /map/a~1b~0c/1, offset 19");
    EXPECT_EQ(failure<tree>(R"({"name":"\ud800"})"), "JSON: malformed escape in a string at /name, offset 9");
    EXPECT_EQ(failure<tree>("[]"), "JSON: expected an object at the top, offset 0");
    EXPECT_EQ(failure<tree>(""), "JSON: document is empty at the top, offset 0");
    EXPECT_EQ(read<tree>("[]").error().kind(), errc::protocol);
    EXPECT_EQ(read<tree>("[]", read_options(errc::bad_request)).error().kind(), errc::bad_request);
}

TEST(JsonReader, LongPointersAreCutBetweenCharacters) {
    std::string name;
    for (int i = 0; i < 300; ++i) name += "\xc3\xa9";
    const std::string text = failure<std::map<std::string, int>>("{\"" + name + "\":true}");
    EXPECT_LT(text.size(), 320u);
    EXPECT_NO_THROW((void)write(text));
}

TEST(JsonReader, TwiceGivenMembersAreAnErrorWhereTheyHaveAMeaning) {
    EXPECT_EQ(failure<leaf>(R"({"number":1,"number":2})"),
              "JSON: member is given twice at /number, offset 12");
    EXPECT_FALSE(read<leaf>(R"({"number":1,"\u006eumber":2})")) << "the escape does not hide it";
    EXPECT_FALSE((read<std::map<std::string, int>>(R"({"a":1,"a":2})")));
    const std::string kept = R"({"name":"","children":[],"map":{},"shape":null,"x":1,"x":2})";
    EXPECT_EQ(write(read<tree>(kept).value()), kept) << "extra members are not interpreted";
}

TEST(JsonReader, AVectorOfPairsIsAMapThatKeepsItsOrder) {
    using entries = std::vector<std::pair<std::string, leaf>>;
    const entries two = read<entries>(R"({"z":{"number":1},"a":{"number":2}})").value();
    ASSERT_EQ(two.size(), 2u);
    EXPECT_EQ(two[0].first, "z");
    EXPECT_EQ(two[1].second.number, 2);
    EXPECT_EQ(write(two), R"({"z":{"number":1,"text":"default"},"a":{"number":2,"text":"default"}})");
    EXPECT_FALSE(read<entries>(R"({"a":{},"a":{}})"));
}

TEST(JsonReader, UnknownMembersAreCheckedThenSkippedOrRefused) {
    EXPECT_EQ(read<strict>(R"({"x":{"y":[1]},"known":3})")->known, 3);
    EXPECT_FALSE(read<strict>(R"({"x":{"y":[1 2]},"known":3})"));
    EXPECT_FALSE(read<strict>(R"({"x":tru,"known":3})"));
    read_options options(errc::config);
    options.unknown = unknown_members::reject;
    EXPECT_EQ(failure<strict>(R"({"list":[{"nmber":1}]})", options),
              "JSON: unknown member at /list/0/nmber, offset 10");
}

TEST(JsonReader, MalformedDocumentsAreRefusedWithAnyTarget) {
    for (const std::string_view bad :
         {"{", "{}}", "{} x", "{\"name\":\"a\",}", "{\"name\" \"a\"}", "{\"name\":\"a\" \"x\":1}",
          "{\"name\":\"a\"]", "{\"children\":[}", "{\"children\":[{},]}", "{\"children\":[{}",
          "{\"name\":\"\t\"}", "{\"name\":\"\xc3\"}", "{\"x\":truex}", "{\"x\":\"a\"\"b\"}", "{\"x\":01}",
          "{\"x\":[1}", "{name:1}"})
        EXPECT_FALSE(read<tree>(bad)) << bad;
    EXPECT_FALSE(read<std::vector<std::string>>(R"(["a":"b"])"));
    EXPECT_FALSE(read<std::vector<std::string>>(R"(["a" :"b"])"));
    EXPECT_FALSE(read<std::vector<raw>>("[truely]"));
    EXPECT_FALSE(read<int>("5,6"));
    EXPECT_FALSE(read<int>("5]"));
    EXPECT_FALSE(read<raw>("[1,2]]"));
}

TEST(JsonReader, AnyDocumentCanBeTheTarget) {
    EXPECT_EQ(read<raw>(" [1, 2] ")->text, "[1, 2]");
    EXPECT_EQ(read<std::string>(R"("a\u00e9")").value(), "a\xc3\xa9");
    EXPECT_TRUE(read<bool>("true").value());
    EXPECT_EQ(read<std::vector<int>>("[1,2]").value(), (std::vector<int>{1, 2}));
}

TEST(JsonReader, EveryPrefixOfADocumentIsRefused) {
    const std::string text =
        R"({"name":"r\u00e9","children":[{"shape":[{"number":-1}]}],"map":{"k":[1]},"x":[1,{"a":null}]})";
    ASSERT_TRUE(read<tree>(text));
    for (std::size_t size = 0; size < text.size(); ++size)
        EXPECT_FALSE(read<tree>(text.substr(0, size))) << size;
}

TEST(JsonReader, LimitsHoldForTypedAndUntypedParts) {
    const auto nested = [](std::size_t depth, std::string_view open, std::string_view close) {
        std::string text;
        for (std::size_t i = 0; i < depth; ++i) text += open;
        for (std::size_t i = 0; i < depth; ++i) text += close;
        return text;
    };
    read_options options;
    options.limits.depth = 4;
    EXPECT_TRUE(read<tree>(R"({"children":[{"children":[]}]})", options));
    EXPECT_FALSE(read<tree>(R"({"children":[{"children":[{}]}]})", options));
    EXPECT_TRUE(read<tree>(R"({"x":[[[]]]})", options));
    EXPECT_FALSE(read<tree>(R"({"x":[[[[]]]]})", options));
    EXPECT_FALSE(read<tree>(nested(200000, "{\"children\":[", "]}")));
    EXPECT_FALSE(read<tree>("{\"x\":" + nested(200000, "[", "]") + "}"));

    options = {};
    options.limits.elements = 2;
    EXPECT_TRUE(read<std::vector<int>>("[1,2]", options));
    EXPECT_EQ(failure<std::vector<int>>("[1,2,3]", options), "JSON: too many elements at the top, offset 0");
    EXPECT_FALSE(read<leaf>(R"({"a":1,"b":2,"c":3})", options));
    options = {};
    options.limits.string = 2;
    EXPECT_EQ(failure<std::vector<std::string>>(R"(["ab","abc"])", options),
              "JSON: string is too long at /1, offset 6");
    EXPECT_FALSE((read<std::map<std::string, int>>(R"({"abc":1})", options)));
    options = {};
    options.limits.total = 4;
    EXPECT_FALSE(read<std::vector<int>>("[1,2]", options));
}

TEST(JsonReader, BytesAreReadInPlace) {
    const std::string text = R"({"plain":"abc","escaped":"a\nb","part":[1, 2],"more":"x","\u006b":true})";
    const std::string memory = text + "\"}]"; // what is behind the document must not matter
    const std::string_view bytes(memory.data(), text.size());
    const auto inside = [&](std::string_view v) {
        return v.data() >= bytes.data() && v.data() < bytes.data() + bytes.size();
    };
    reader r;
    views v;
    const result<void> done = r.read(bytes, v);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(v.plain, "abc");
    EXPECT_TRUE(inside(v.plain));
    EXPECT_EQ(v.escaped, "a\nb");
    EXPECT_FALSE(inside(v.escaped));
    EXPECT_EQ(v.part.text, "[1, 2]");
    EXPECT_TRUE(inside(v.part.text));
    ASSERT_EQ(v.extra.size(), 2u);
    EXPECT_EQ(v.extra.find("more"), "\"x\"");
    EXPECT_EQ(v.extra.find("k"), "true");
}

TEST(JsonReader, GoesOnAfterAFailureAndAfterALargeDocument) {
    reader r;
    tree t;
    EXPECT_FALSE(r.read("{\"children\":[{\"name\":", t));
    ASSERT_TRUE(r.read(R"({"name":"fine"})", t));
    EXPECT_EQ(t.name, "fine");
    const std::string large(1u << 20, 'x');
    ASSERT_TRUE(r.read("{\"name\":\"" + large + "\\n\"}", t));
    EXPECT_EQ(t.name, large + "\n");
    EXPECT_EQ(read<tree>("{\"name\":\"" + large + "\"}")->name, large);
}

} // namespace
} // namespace modelmesh::json
