// Names of members and enumerators: all of it holds at compile time.
#include <modelmesh/json/detail/describe.hpp>

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::json::detail {
namespace {

struct plain {
    std::string first{};
    std::optional<std::vector<int>> second_2{};
    std::map<std::string, double> X{};
    std::variant<std::monostate, std::string, std::vector<plain>> last{};
};

template <class A, class B> struct pair_of {
    A one{};
    B two{};
};

struct ruled {
    std::string class_{};
    int cache{};
    std::vector<int> list{};
    json::extra extra{};
    static constexpr field_rule json_fields[] = {rename("class_", "class"), skip("cache"),
                                                 omit_empty("list")};
};

struct one_member {
    one_member* other{};
};

enum class color : std::uint8_t { red, green_blue, auto_ };

static_assert(count_members<plain>() == 4);
static_assert(count_members<one_member>() == 1);
static_assert(member_name<plain, 0> == "first");
static_assert(member_name<plain, 1> == "second_2");
static_assert(member_name<plain, 2> == "X");
static_assert(member_name<plain, 3> == "last");
static_assert(member_name<pair_of<std::string, std::map<int, std::string>>, 1> == "two");

static_assert(wire_name<ruled, 0>::name == "class");
static_assert(make<ruled>::value.count == 4);
static_assert(make<ruled>::value.extra == 3);
static_assert(make<ruled>::fields[0].key.text == "\"class\":");
static_assert(make<ruled>::fields[1].skipped && !make<ruled>::fields[2].skipped);
static_assert(make<ruled>::fields[2].omit_empty && !make<ruled>::fields[0].omit_empty);
static_assert(make<plain>::value.extra == make<plain>::value.count);

static_assert(name_of(color::red) == "red");
static_assert(name_of(color::green_blue) == "green_blue");
static_assert(name_of(color::auto_) == "auto", "one trailing underscore is for C++ only");
static_assert(name_of(static_cast<color>(3)).empty());
static_assert(std::size(enumerators<color>::names) == 3);

TEST(JsonNames, LocalTypesHaveNamesToo) {
    struct local {
        int a{};
        int bc{};
    };
    static_assert(member_name<local, 1> == "bc");
    local object{};
    void* members[2];
    make<local>::value.locate(&object, members);
    EXPECT_EQ(members[0], &object.a);
    EXPECT_EQ(members[1], &object.bc);
}

TEST(JsonNames, EnumeratorOfFindsAndLeavesAlone) {
    color found = color::red;
    EXPECT_TRUE(enumerator_of("auto", found));
    EXPECT_EQ(found, color::auto_);
    EXPECT_FALSE(enumerator_of("blue", found));
    EXPECT_EQ(found, color::auto_);
}

} // namespace
} // namespace modelmesh::json::detail
