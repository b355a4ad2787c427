// The JSON Schema of types, in both styles, and what reading makes of the same rules.
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/schema.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::json {
namespace {

enum class unit : std::uint8_t { celsius, fahrenheit };

struct place_name {
    std::string city{};
    std::optional<std::string> country{};
    static constexpr std::string_view json_description = "Where";
};

struct forecast {
    place_name where{};
    int days = 3;
    unsigned height = 0;
    maybe<double> bias{};
    unit scale{};
    open<unit> other{};
    std::vector<std::string> tags{};
    std::variant<std::string, std::vector<int>> mixed{};
    bool cache = false;
    static constexpr std::string_view json_description = "A weather \"forecast\"";
    static constexpr field_rule json_fields[] = {about("days", "days ahead"), range("days", 1, 14),
                                                 rename("scale", "unit"), skip("cache")};
};

struct tree {
    int value = 0;
    std::vector<tree> children{};
};
struct forest {
    tree first{};
    std::optional<tree> second{};
};
struct loose {
    std::map<std::string, int> counts{};
    raw anything{};
    json::extra extra{};
};

TEST(JsonSchema, SaysWhatTheTypeSays) {
    EXPECT_EQ(
        schema<forecast>(),
        R"({"type":"object","description":"A weather \"forecast\"","properties":{"where":{"type":"object",)"
        R"("description":"Where","properties":{"city":{"type":"string"},"country":{"type":"string"}},)"
        R"("required":["city"],"additionalProperties":false},"days":{"type":"integer","description":"days ahead",)"
        R"("minimum":1,"maximum":14},"height":{"type":"integer","minimum":0},"bias":{"anyOf":[{"type":"number"},)"
        R"({"type":"null"}]},"unit":{"type":"string","enum":["celsius","fahrenheit"]},"other":{"type":"string"},)"
        R"("tags":{"type":"array","items":{"type":"string"}},"mixed":{"anyOf":[{"type":"string"},{"type":"array",)"
        R"("items":{"type":"integer"}}]}},"required":["where","days","height","unit","other","tags","mixed"],)"
        R"("additionalProperties":false})");
    EXPECT_EQ(schema<std::vector<std::optional<bool>>>(), R"({"type":"array","items":{"type":"boolean"}})");
}

TEST(JsonSchema, ATypeWithoutMembersIsAnEmptyObject) {
    struct nothing {};
    EXPECT_EQ(schema<nothing>(schema_style::strict),
              R"({"type":"object","properties":{},"required":[],"additionalProperties":false})");
    EXPECT_EQ(write(nothing{}), "{}");
    EXPECT_TRUE(read<nothing>("{}"));
    EXPECT_FALSE(read<nothing>("[]"));
}

TEST(JsonSchema, StrictRequiresAllAndLetsTheOptionalBeNull) {
    EXPECT_EQ(
        schema<place_name>(schema_style::strict),
        R"({"type":"object","description":"Where","properties":{"city":{"type":"string"},"country":{"anyOf":)"
        R"([{"type":"string"},{"type":"null"}]}},"required":["city","country"],"additionalProperties":false})");
}

TEST(JsonSchema, TypesInsideThemselvesAreReferences) {
    EXPECT_EQ(
        schema<tree>(),
        R"({"type":"object","properties":{"value":{"type":"integer"},"children":{"type":"array","items":)"
        R"({"$ref":"#"}}},"required":["value","children"],"additionalProperties":false})");
    EXPECT_EQ(
        schema<forest>(),
        R"({"type":"object","properties":{"first":{"$ref":"#/$defs/0"},"second":{"$ref":"#/$defs/0"}},)"
        R"("required":["first"],"additionalProperties":false,"$defs":{"0":{"type":"object","properties":{"value":)"
        R"({"type":"integer"},"children":{"type":"array","items":{"$ref":"#/$defs/0"}}},"required":["value",)"
        R"("children"],"additionalProperties":false}}})");
}

TEST(JsonSchema, StrictRefusesWhatItCannotSay) {
    EXPECT_EQ(
        schema<loose>(),
        R"({"type":"object","properties":{"counts":{"type":"object","additionalProperties":{"type":"integer"}},)"
        R"("anything":{}},"required":["counts","anything"]})");
    try {
        (void)schema<loose>(schema_style::strict);
        FAIL() << "a map has no strict schema";
    } catch (const std::invalid_argument& e) {
        EXPECT_STREQ(e.what(), "no strict JSON Schema can say a map, as in /counts");
    }
}

struct borrowing {
    std::string_view text{};
};

// Whatever is read by a schema outlives the text that it was read from.
TEST(JsonSchema, AMemberOwnsItsText) {
    for (const schema_style style : {schema_style::plain, schema_style::strict})
        EXPECT_THROW((void)schema<borrowing>(style), std::invalid_argument);
}

struct sparse {
    std::vector<std::optional<int>> values{};
    std::map<std::string, std::optional<int>> named{};
    friend bool operator==(const sparse&, const sparse&) = default;
};

TEST(JsonSchema, AnElementWithoutAValueIsNull) {
    sparse all;
    all.values = {1, std::nullopt, 3};
    all.named = {{"a", std::nullopt}, {"b", 2}};
    const std::string text = write(all);
    EXPECT_EQ(text, R"({"values":[1,null,3],"named":{"a":null,"b":2}})");
    EXPECT_EQ(json::read<sparse>(text).value(), all);
    EXPECT_EQ(json::read<sparse>(text, read_options::lenient()).value(), all);
}

TEST(JsonSchema, ReadingKeepsToRangesAndToWhatIsRequired) {
    read_options complete;
    complete.missing = missing_members::reject;
    const auto failure = [&](std::string_view text) {
        const result<forecast> read = json::read<forecast>(text, complete);
        return read ? std::string("no failure") : read.error().message;
    };
    const std::string_view fine =
        R"({"where":{"city":"x"},"days":14,"height":0,"unit":"celsius","other":"k","tags":[],)"
        R"("mixed":"m"})";
    EXPECT_EQ(failure(fine), "no failure");
    EXPECT_EQ(failure(R"({"where":{},"days":15})"), "JSON: member 'city' is missing at /where, offset 10");
    EXPECT_EQ(failure(R"({"days":15})"), "JSON: expected a number from 1 to 14 at /days, offset 8");
    EXPECT_EQ(failure(R"({"days":0})"), "JSON: expected a number from 1 to 14 at /days, offset 8");
    EXPECT_EQ(failure(R"({"where":{"city":""},"days":1})"),
              "JSON: member 'height' is missing at the top, offset 29");
    EXPECT_FALSE(json::read<forecast>(R"({"days":15})")) << "a range is of the type, not of the options";
    EXPECT_TRUE(json::read<forecast>("{}"));
}

} // namespace
} // namespace modelmesh::json
