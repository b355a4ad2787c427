// Documents cut at every byte: what is shown is JSON, and stays as it is.
#include "json/growing_text.hpp"

#include "json/scan.hpp"

#include <modelmesh/json/read.hpp>

#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace modelmesh::json {
namespace {

using detail::growing_text;
using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::string_view documents[] = {
    R"({})",
    R"([])",
    R"("")",
    R"( "text" )",
    R"(null)",
    R"( true )",
    R"({"a":1,"b":[1,2,3],"c":{"d":"e","f":null},"g":true,"h":false})",
    "  {\r\n\t\"title\" : \"Soup\" ,\n \"steps\" : [ \"cut\" , \"cook\" , [ ] , { } ] , \"n\" : -1.25e+10 "
    "}\n",
    R"(["\"\\\/\b\f\n\r\t","\u0041\u00e9\u20ac","\ud83d\ude00x\uD83D\uDE00","a\\","\\\"","\u005c\u0022"])",
    "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",\"x\xf0\x9f\x98\x80y\",\"\xe2\x82\xac\"]",
    "{\"\xf0\x9f\x98\x80\":\"\xf0\x9f\x98\x80\",\"\\ud83d\\ude01\":1,\"\\\"\":\"quote\",\"\\\\\":2,\"\":3}",
    R"([0,-0,1,12,123,1.5,1.25,1e1,1E+2,1.5e-3,-12.5,18446744073709551615])",
    R"([[[[[[[["deep"]]]],1],2],3],{"a":{"b":{"c":{"d":[{"e":[{}]}]}}}}])",
    R"([true,false,null,[true],{"a":null},"true","{[\"","]}"])",
    R"({"a":"a long text that is more than sixteen bytes, \"quoted\", and goes on after it","b":"and another long one"})",
    R"([{"type":"text","text":"x"},{"text":"y","type":"text"},{"type":"image","url":"u"}])",
};

// Whether all that the one says is said by the other, which may say more.
bool is_beginning(element part, element whole) {
    if (part.type() != whole.type()) return false;
    switch (part.type()) {
    case element_type::STRING:
        return std::string_view(whole).starts_with(std::string_view(part));
    case element_type::ARRAY: {
        const simdjson::dom::array some = part, all = whole;
        return some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin(), is_beginning);
    }
    case element_type::OBJECT:
        for (const auto [name, value] : simdjson::dom::object(part)) {
            element other;
            if (whole[name].get(other) != simdjson::SUCCESS || !is_beginning(value, other)) return false;
        }
        return true;
    default:
        return simdjson::minify(part) == simdjson::minify(whole);
    }
}

std::string completed(std::string_view text) {
    growing_text growing;
    (void)growing.add(text);
    return std::string(growing.completed());
}

TEST(GrowingText, EveryPrefixIsADocumentThatBeginsTheWholeOne) {
    for (const std::string_view document : documents) {
        simdjson::dom::parser whole_parser, parser;
        const element whole = whole_parser.parse(simdjson::padded_string(document));
        growing_text by_bytes;
        std::string before;
        for (std::size_t size = 0; size <= document.size(); ++size) {
            const std::string shown = completed(document.substr(0, size));
            if (size != 0) {
                const bool changed = by_bytes.add(document.substr(size - 1, 1));
                EXPECT_EQ(by_bytes.completed(), shown) << document << " cut at " << size;
                EXPECT_TRUE(changed || shown == before) << document << " cut at " << size;
            }
            before = shown;
            if (shown.empty()) continue;
            EXPECT_TRUE(validate(shown)) << shown;
            element part;
            ASSERT_EQ(parser.parse(simdjson::padded_string(shown)).get(part), simdjson::SUCCESS) << shown;
            EXPECT_TRUE(is_beginning(part, whole)) << shown << " of " << document;
        }
    }
}

TEST(GrowingText, EveryCutIntoThreePiecesEndsTheSame) {
    for (const std::string_view document : documents) {
        const std::string want = completed(document);
        for (std::size_t first = 0; first <= document.size(); ++first)
            for (std::size_t second = first; second <= document.size(); ++second) {
                growing_text growing;
                (void)growing.add(document.substr(0, first));
                (void)growing.completed();
                (void)growing.add(document.substr(first, second - first));
                (void)growing.add(document.substr(second));
                ASSERT_EQ(growing.completed(), want) << document << " cut at " << first << ", " << second;
            }
    }
}

TEST(GrowingText, AWholeDocumentIsShownAsItIs) {
    for (const std::string_view document : documents) {
        if (document == "null") continue; // shown below
        const std::string shown = completed(document);
        EXPECT_EQ(shown, document.substr(0, document.find_last_not_of(" \n") + 1));
    }
    EXPECT_EQ(completed("null"), "null");
    EXPECT_EQ(completed("12"), "") << "more digits may come";
    EXPECT_EQ(completed("12 "), "12");
}

TEST(GrowingText, HoldsBackWhatWouldChange) {
    const struct {
        std::string_view text;
        std::string_view want;
    } cases[] = {
        {"", ""},
        {" ", ""},
        {"{", "{}"},
        {R"({"a)", "{}"},
        {R"({"a")", "{}"},
        {R"({"a":)", "{}"},
        {R"({"a": )", "{}"},
        {R"({"a":1)", "{}"},
        {R"({"a":1,)", R"({"a":1})"},
        {R"({"a":1 )", R"({"a":1})"},
        {R"({"a":1.)", "{}"},
        {R"({"a":-)", "{}"},
        {R"({"a":1e)", "{}"},
        {R"({"a":tru)", "{}"},
        {R"({"a":true)", R"({"a":true})"},
        {R"({"a":")", R"({"a":""})"},
        {R"({"a":"b)", R"({"a":"b"})"},
        {R"({"a":"b\)", R"({"a":"b"})"},
        {R"({"a":"b\n)", R"({"a":"b\n"})"},
        {R"({"a":"b\u00e)", R"({"a":"b"})"},
        {R"({"a":"b\u00e9)", R"({"a":"b\u00e9"})"},
        {R"({"a":"b\ud83d)", R"({"a":"b"})"},
        {R"({"a":"b\ud83d\)", R"({"a":"b"})"},
        {R"({"a":"b\ud83d\ude0)", R"({"a":"b"})"},
        {R"({"a":"b\ud83d\ude00)", R"({"a":"b\ud83d\ude00"})"},
        {"[\"x\xf0\x9f\x98", R"(["x"])"},
        {R"([[1,2],[3)", "[[1,2],[]]"},
        {R"([{"a":[{"b":")", R"([{"a":[{"b":""}]}])"},
    };
    for (const auto& [text, want] : cases) EXPECT_EQ(completed(text), want) << text;
}

// What is wrong, and where, is for the reader to say.
TEST(GrowingText, PassesOnWhatIsNoJson) {
    for (const std::string_view text :
         {"Sure! Here", "{a", "[1 2", "{\"a\" 1", "[1}", "{\"a\":1]", "[tru,", "[\"\\x\"", "[\"\\u00g\"",
          "[\"\\ud83dx\"", "[\"\n\"", "[\"\xf0\x9fx", "{}x", "\"\"\"", "[,", "{,", "}", "]"}) {
        const std::string shown = completed(text);
        EXPECT_TRUE(shown.starts_with(text)) << shown;
        EXPECT_FALSE(validate(shown)) << text;
    }
    growing_text growing;
    EXPECT_TRUE(growing.add("[1 2"));
    EXPECT_TRUE(growing.add("3"));
    EXPECT_EQ(growing.completed(), "[1 23");
    const std::string deep = std::string(5000, '[');
    EXPECT_EQ(completed(deep), deep);
}

enum class color { red, reddish, green };
struct circle {
    std::string shape = "circle";
    int radius{};
    static constexpr json::tag json_tag{"shape", "circle"};
    friend bool operator==(const circle&, const circle&) = default;
};
struct square {
    std::string shape = "square";
    int side{};
    static constexpr json::tag json_tag{"shape", "square"};
    friend bool operator==(const square&, const square&) = default;
};
struct other {
    std::string shape{};
    friend bool operator==(const other&, const other&) = default;
};
using figure = std::variant<circle, square, other>;
struct picture {
    std::string title = "untitled";
    color main = color::green;
    std::optional<color> second{};
    std::vector<color> colors{};
    std::vector<figure> figures{};
    std::map<std::string, color> names{};
    std::variant<std::vector<int>, std::vector<std::string>> list{};
    json::open<color> last{};
    int count = 7;
    static constexpr json::field_rule json_fields[] = {json::range("count", 10, 99)};
    friend bool operator==(const picture&, const picture&) = default;
};

result<picture> read_cut(std::string_view text) {
    growing_text growing;
    (void)growing.add(text);
    const std::string_view shown = growing.completed();
    result<picture> read{boost::system::in_place_value};
    const result<void> done = detail::read_beginning(shown, growing.arrived(), &*read,
                                                     detail::describe<picture>(), read_options::lenient());
    if (!done) read = done.error();
    return read;
}

// Not prefixes of texts: what cannot be told yet is not there.
TEST(GrowingText, EveryPrefixReadsAsTheBeginningOfTheValue) {
    const std::string_view text =
        R"({"title":"t","main":"reddish","second":"red","colors":["red","reddish"],)"
        R"("figures":[{"shape":"circle","radius":12},{"side":3,"shape":"square"},{"shape":"blob"}],)"
        R"("names":{"a":"reddish","b":"green"},"list":["x","y"],"last":"reddish","count":12})";
    const result<picture> whole = read<picture>(text);
    ASSERT_TRUE(whole) << whole.error().message;
    ASSERT_EQ(whole->figures.size(), 3u);
    const picture fresh;
    for (std::size_t size = 1; size <= text.size(); ++size) {
        const result<picture> part = read_cut(text.substr(0, size));
        ASSERT_TRUE(part) << part.error().message << " cut at " << size;
        const auto is_one_of = [](const auto& now, const auto& before, const auto& after) {
            return now == before || now == after;
        };
        const auto place = [&] { return std::string(text.substr(0, size)); };
        EXPECT_TRUE(part->title == "" || is_one_of(part->title, fresh.title, whole->title)) << place();
        EXPECT_TRUE(is_one_of(part->main, fresh.main, whole->main)) << place();
        EXPECT_TRUE(is_one_of(part->second, fresh.second, whole->second)) << place();
        EXPECT_TRUE(is_one_of(part->last, fresh.last, whole->last)) << place();
        EXPECT_TRUE(is_one_of(part->count, fresh.count, whole->count)) << place();
        EXPECT_TRUE(std::equal(part->colors.begin(), part->colors.end(), whole->colors.begin())) << place();
        for (const auto& [name, value] : part->names) EXPECT_EQ(value, whole->names.at(name)) << place();
        for (std::size_t i = 0; i < part->figures.size(); ++i)
            EXPECT_EQ(part->figures[i].index(), whole->figures.at(i).index()) << place();
        EXPECT_TRUE(part->list == fresh.list || part->list.index() == whole->list.index()) << place();
    }
    EXPECT_EQ(*read_cut(text), *whole);
    const result<picture> untagged = read_cut(text.substr(0, text.find("blob") + 5));
    EXPECT_EQ(std::get<other>(untagged->figures.at(2)).shape, "blob");
}

TEST(GrowingText, ReadsWhatTheSchemaForbidsAsAnError) {
    for (const auto& [text, place] : {std::pair<const char*, const char*>{R"({"main":"blue")", "/main"},
                                      {R"({"count":100,)", "/count"},
                                      {R"({"title":[)", "/title"},
                                      {R"({"figures":[1,)", "/figures/0"},
                                      {R"(Sure: {)", "the top"}}) {
        const result<picture> part = read_cut(text);
        ASSERT_FALSE(part) << text;
        EXPECT_NE(part.error().message.find(place), std::string::npos) << part.error().message;
    }
}

} // namespace
} // namespace modelmesh::json
