// What reflection says about a member: units, ranges and kinds that no member of a client's configuration has yet.
#include "config/bind.hpp"
#include "config/keys.hpp"
#include "config/yaml.hpp"

#include <modelmesh/json/detail/describe.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>

namespace modelmesh::settings {
namespace {

struct sample {
    std::chrono::milliseconds wait{};
    std::chrono::seconds period{};
    std::uint64_t most{};
    double share{};
    double weight{};
    int offset{};
    std::optional<bool> flag{};
    std::map<std::string, std::string> hidden{};
    std::string secret{};

    static constexpr json::field_rule json_fields[] = {
        json::measured("most", json::measure::bytes),
        json::range("share", 0, 1),
        json::range("offset", -5, 5),
        json::secret("hidden"),
        json::secret("secret"),
    };
};

std::string read(std::string_view text, sample& into) {
    findings found;
    std::optional<node> tree = read_yaml(text, std::make_shared<const std::string>("f"), found);
    use_own_names(*tree, json::detail::describe<sample>(), found);
    bind(*tree, json::detail::describe<sample>(), &into, found);
    return found.has_problems() ? found.problems().front() : "";
}
std::string refusal(std::string_view text) {
    sample ignored;
    return read(text, ignored);
}

TEST(ConfigRules, Units) {
    sample made;
    EXPECT_EQ(
        read("wait: 1.5s\nperiod: 2m\nmost: 4KiB\nshare: 25%\nweight: 2.5\noffset: -3\nflag: true\n", made),
        "");
    EXPECT_EQ(made.wait, std::chrono::milliseconds(1500));
    EXPECT_EQ(made.period, std::chrono::minutes(2));
    EXPECT_EQ(made.most, 4096u);
    EXPECT_EQ(made.share, 0.25);
    EXPECT_EQ(made.weight, 2.5);
    EXPECT_EQ(made.offset, -3);
    EXPECT_EQ(made.flag, true);
}

TEST(ConfigRules, WhatDoesNotFit) {
    EXPECT_EQ(refusal("wait: 5us"),
              "f:1:7: wait: must be a duration, like 30s, 500ms, 1h30m or none, not '5us'");
    EXPECT_EQ(refusal("period: 1ms"),
              "f:1:9: period: must be a duration in whole seconds, like 30s, 5m, 1h30m or none, not '1ms'");
    EXPECT_EQ(refusal("most: big"), "f:1:7: most: must be a size, like 4096, 512KB or 10MiB, not 'big'");
    EXPECT_EQ(refusal("share: 101%"),
              "f:1:8: share: must be a share, like 0.8 or 80%, from 0 to 1, not '101%'");
    EXPECT_EQ(refusal("weight: 10%"), "f:1:9: weight: must be a number, not '10%'");
    EXPECT_EQ(refusal("offset: 6"), "f:1:9: offset: must be a whole number from -5 to 5, not '6'");
    EXPECT_EQ(refusal("offset: 99999999999999999999"),
              "f:1:9: offset: must be a whole number from -5 to 5, not '99999999999999999999'");
    EXPECT_EQ(refusal("flag: yes"), "f:1:7: flag: must be true or false, not 'yes'");
    EXPECT_EQ(refusal("offset: " + std::string(59, 'x') + "\xc3\xa9"),
              "f:1:9: offset: must be a whole number from -5 to 5, not '" + std::string(59, 'x') + "...'")
        << "never half a character";
}

TEST(ConfigRules, ASecretIsNotRepeated) {
    EXPECT_EQ(refusal("hidden: sk-1"), "f:1:9: hidden: must be a map of names, not this text");
    EXPECT_EQ(refusal("hidden: {a: [sk-1]}"), "f:1:13: hidden.a: must be text, not a list");
    EXPECT_EQ(refusal("secret: [sk-1]"), "f:1:9: secret: must be text, not a list");
}

} // namespace
} // namespace modelmesh::settings
