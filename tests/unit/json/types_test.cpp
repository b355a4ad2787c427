// The member types: absent, null and value stay apart.
#include <modelmesh/json/open.hpp>
#include <modelmesh/json/types.hpp>

#include <gtest/gtest.h>

namespace modelmesh::json {
namespace {

enum class level : std::uint8_t { low, high };

TEST(JsonTypes, MaybeHasThreeStates) {
    maybe<std::string> m;
    EXPECT_TRUE(m.is_absent());
    EXPECT_FALSE(m.is_null());
    EXPECT_FALSE(m);
    m = nullptr;
    EXPECT_TRUE(m.is_null());
    EXPECT_FALSE(m.is_absent());
    EXPECT_FALSE(m);
    m = "text";
    ASSERT_TRUE(m);
    EXPECT_FALSE(m.is_null());
    EXPECT_EQ(*m, "text");
    EXPECT_TRUE(m == "text");
    EXPECT_EQ(m.value_or("other"), "text");
    m.set_null();
    EXPECT_EQ(m.value_or("other"), "other");
    EXPECT_FALSE(m == maybe<std::string>()) << "null is not absent";
    EXPECT_EQ(m.emplace(), "");
    EXPECT_FALSE(m.is_null());
    m.reset();
    EXPECT_TRUE(m.is_absent());
}

TEST(JsonTypes, NullableHasTwo) {
    nullable<int> n;
    EXPECT_TRUE(n.is_null());
    n = 0;
    EXPECT_TRUE(n);
    EXPECT_EQ(*n, 0);
    n = nullptr;
    EXPECT_FALSE(n);
}

TEST(JsonTypes, OpenEnumKeepsWhatItDoesNotKnow) {
    open<level> o = level::high;
    EXPECT_EQ(o.text(), "high");
    EXPECT_TRUE(o == level::high);
    EXPECT_TRUE(o == "high");
    EXPECT_FALSE(o == level::low);
    o = "extreme";
    EXPECT_EQ(o.text(), "extreme");
    EXPECT_EQ(o.value_or(level::low), level::low);
    o = "high";
    EXPECT_EQ(o.value_or(level::low), level::high);
}

TEST(JsonTypes, ExtraFindsByName) {
    extra e;
    e.add("a", "1");
    e.add("b", "[2]");
    EXPECT_EQ(e.size(), 2u);
    EXPECT_EQ(e.find("b"), "[2]");
    EXPECT_EQ(e.find("c"), "");
    EXPECT_EQ(e.begin()->name, "a");
}

} // namespace
} // namespace modelmesh::json
