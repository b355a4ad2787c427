// Writing: every kind of member, and what cannot be written.
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <variant>

namespace modelmesh::json {
namespace {

enum class size : std::uint8_t { small, large };

struct everything {
    bool flag{};
    std::uint64_t big{};
    std::int8_t small{};
    double real{};
    std::string text{};
    std::optional<int> absent{};
    nullable<int> null{};
    maybe<int> unset{};
    maybe<int> set_null = nullptr;
    std::vector<std::string> list{};
    std::vector<int> left_out{};
    std::map<std::string, int> map{};
    std::variant<std::monostate, std::string, std::vector<int>> shape{};
    raw verbatim{};
    size closed = size::large;
    open<size> open_text = "huge";
    std::chrono::milliseconds wait{};
    int hidden = 5;
    json::extra extra{};
    static constexpr field_rule json_fields[] = {skip("hidden"), rename("wait", "wait_ms"),
                                                 omit_empty("left_out")};
};

TEST(JsonWriter, WritesMembersInOrderAndOnlyWhatIsThere) {
    everything e;
    e.flag = true;
    e.big = std::numeric_limits<std::uint64_t>::max();
    e.small = -128;
    e.real = 0.1;
    e.text = "a";
    e.list = {"x", "y"};
    e.map = {{"k", 1}, {"l", 2}};
    e.shape = std::vector<int>{1, 2};
    e.verbatim = raw("{ \"as\": \"it is\" }");
    e.wait = std::chrono::milliseconds(1500);
    e.extra.add("unknown", "[null]");
    EXPECT_EQ(write(e),
              R"({"flag":true,"big":18446744073709551615,"small":-128,"real":0.1,"text":"a","null":null,)"
              R"("set_null":null,"list":["x","y"],"map":{"k":1,"l":2},"shape":[1,2],)"
              R"("verbatim":{ "as": "it is" },"closed":"large","open_text":"huge","wait_ms":1500,)"
              R"("unknown":[null]})");
}

TEST(JsonWriter, DefaultsAreValidJson) {
    EXPECT_TRUE(validate(write(everything{})));
    struct nothing_set {
        std::optional<int> a{};
        json::extra extra{};
    };
    EXPECT_EQ(write(nothing_set{}), "{}");
    EXPECT_EQ(write(std::vector<maybe<int>>{maybe<int>(), maybe<int>(1)}), "[null,1]");
}

TEST(JsonWriter, EscapesWhatJsonDemandsAtEveryPosition) {
    for (std::size_t before = 0; before < 20; ++before) {
        std::string text(before, 'x');
        std::string want = "\"" + text;
        text += std::string("\"\\\b\f\n\r\t\0\x1f\x7f/\xc3\xa9", 13);
        want += "\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f/\xc3\xa9\"";
        std::string out;
        append_string(out, text);
        EXPECT_EQ(out, want);
        EXPECT_EQ(read<std::string>(out).value(), text);
    }
}

TEST(JsonWriter, EveryByteThatIsUtf8SurvivesAround) {
    std::string all;
    for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
    all += "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    EXPECT_EQ(read<std::string>(write(all)).value(), all);
}

TEST(JsonWriter, RefusesWhatJsonCannotSay) {
    std::string out = "before";
    EXPECT_THROW(append_string(out, "\xff"), std::invalid_argument);
    EXPECT_EQ(out, "before");
    EXPECT_THROW((void)write(std::numeric_limits<double>::infinity()), std::invalid_argument);
    EXPECT_THROW((void)write(std::numeric_limits<double>::quiet_NaN()), std::invalid_argument);
}

TEST(JsonWriter, DoublesComeBackBitByBit) {
    EXPECT_EQ(write(1795000000.0), "1795000000");
    EXPECT_EQ(write(-1795000000.0), "-1795000000");
    EXPECT_EQ(write(-0.0), "-0");
    EXPECT_EQ(write(0.5), "0.5");
    for (const double d : {0.0, -0.0, -1795000000.0, 9007199254740993.0, 1.0, 0.1, 1e300, 5e-324,
                           1.7976931348623157e308, 123456789.125})
        EXPECT_EQ(read<double>(write(d)).value(), d);
}

} // namespace
} // namespace modelmesh::json
