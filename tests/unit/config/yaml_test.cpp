#include "config/yaml.hpp"

#include <gtest/gtest.h>

namespace modelmesh::settings {
namespace {

struct outcome {
    std::optional<node> tree;
    findings found;
    [[nodiscard]] std::string problem() const {
        return found.has_problems() ? found.problems().front() : "none";
    }
};

outcome read(std::string_view text) {
    outcome made;
    made.tree = read_yaml(text, std::make_shared<const std::string>("f.yaml"), made.found);
    return made;
}

TEST(ConfigYaml, NodesKnowTheirPlacesAndPaths) {
    const outcome made = read("a:\n  - one\n  - {b: two}\n");
    ASSERT_TRUE(made.tree);
    const node& list = find(*made.tree, "a")->value;
    ASSERT_EQ(list.items.size(), 2u);
    EXPECT_EQ(to_string(find(*made.tree, "a")->at), "f.yaml:1:1");
    EXPECT_EQ(to_string(list.items[0].at), "f.yaml:2:5");
    EXPECT_EQ(list.items[0].path, "a[0]");
    const node& two = find(list.items[1], "b")->value;
    EXPECT_EQ(to_string(two.at), "f.yaml:3:9");
    EXPECT_EQ(two.path, "a[1].b");
    EXPECT_EQ(two.text, "two");
}

TEST(ConfigYaml, AnEmptyDocumentIsNothing) {
    for (const char* text : {"", "# a comment\n", "---\n", "~\n"}) {
        const outcome made = read(text);
        ASSERT_TRUE(made.tree) << text;
        EXPECT_EQ(made.tree->what, shape::nothing) << text;
    }
}

TEST(ConfigYaml, AliasesAndMergeKeysAreReplaced) {
    const outcome made = read("base: &b {x: 1, y: 2}\nnext: {<<: *b, y: 3}\nsame: *b\n");
    ASSERT_TRUE(made.tree);
    EXPECT_EQ(made.problem(), "none");
    const node& next = find(*made.tree, "next")->value;
    EXPECT_EQ(find(next, "x")->value.text, "1");
    EXPECT_EQ(find(next, "y")->value.text, "3");
    EXPECT_EQ(find(next, "<<"), nullptr);
    EXPECT_EQ(find(find(*made.tree, "same")->value, "x")->value.path, "same.x");
}

TEST(ConfigYaml, WhatIsNotYamlHasItsPlace) {
    EXPECT_EQ(read("a: [1\nb: 2\n").problem(), "f.yaml:2:2: not YAML: end of sequence flow not found");
    EXPECT_EQ(read("a: b: c\n").problem(), "f.yaml:1:5: not YAML: illegal map value");
    EXPECT_EQ(read("a: *nobody\n").problem(), "f.yaml:1:4: not YAML: the referenced anchor is not defined");
    EXPECT_EQ(read("a: 1\n---\nb: 2\n").problem(), "f.yaml:3:1: a second document; a file has one");
    EXPECT_EQ(read("? [a]\n: b\n").problem(),
              "f.yaml:1:3: a list or a map cannot be a key (is a bracket not closed?)");
    EXPECT_EQ(read("~: b\n").problem(), "f.yaml:1:1: a key must be text");
    EXPECT_EQ(read("a: !!binary aGk=\n").problem(), "f.yaml:1:4: there are no types by tag here but !reset");
}

TEST(ConfigYaml, OnlyUtf8WithoutControlCharacters) {
    EXPECT_EQ(read("a: b\nc: \xff\n").problem(), "f.yaml:2:4: not UTF-8");
    EXPECT_EQ(read(std::string_view("a: b\0c\n", 7)).problem(), "f.yaml:1:5: a control character");
    EXPECT_EQ(read("a: \x04\nb: 1\n").problem(), "f.yaml:1:4: a control character")
        << "the parser takes it for the end of the file";
    EXPECT_EQ(read("\xef\xbb\xbf"
                   "a: caf\xc3\xa9\n")
                  .problem(),
              "none");
}

TEST(ConfigYaml, KeysAreGivenOnce) {
    const outcome made = read("a: 1\nb: {c: 1, c: 2}\na: 3\n");
    ASSERT_EQ(made.found.problems().size(), 2u);
    EXPECT_EQ(made.found.problems()[0], "f.yaml:2:11: b.c: is given twice, first in line 2");
    EXPECT_EQ(made.found.problems()[1], "f.yaml:3:1: a: is given twice, first in line 1");
}

TEST(ConfigYaml, Limits) {
    EXPECT_EQ(read(std::string((1 << 20) + 1, ' ')).problem(), "f.yaml: more than 1 MiB");
    EXPECT_EQ(read("a: " + std::string(17, '[') + std::string(17, ']')).problem(),
              "f.yaml:1:19: more than 16 levels of lists and maps");
    EXPECT_EQ(read(std::string(129, 'k') + ": 1\n").problem(), "f.yaml:1:1: a key of more than 128 bytes");
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 9; ++i) {
        const std::string name = "a" + std::to_string(i);
        const std::string below = "*a" + std::to_string(i - 1);
        bomb += name + ": &" + name + " [";
        for (int k = 0; k < 10; ++k) bomb += (k == 0 ? "" : ", ") + below;
        bomb += "]\n";
    }
    EXPECT_EQ(read(bomb).problem(),
              "f.yaml:4:45: more than 10000 values, with every alias replaced by what it stands for");
    EXPECT_EQ(read("a: &a [*a]\n").problem(), "f.yaml:1:8: an alias inside of what it stands for");
}

TEST(ConfigYaml, TextIsQuotedWhereItCouldBeTakenForSomethingElse) {
    EXPECT_EQ(yaml_text("http://127.0.0.1:8000/v1"), "http://127.0.0.1:8000/v1");
    EXPECT_EQ(yaml_text("gpt-4o"), "gpt-4o");
    for (const char* text :
         {"", "true", "No", "12", "1e3", "a b", "a: b", "#a", "-", "a:", "\"", "~", "null", "a\nb"}) {
        const std::string written = yaml_text(text);
        EXPECT_EQ(written.front(), '"') << text;
        const outcome made = read("k: " + written + "\n");
        ASSERT_TRUE(made.tree) << written;
        EXPECT_EQ(find(*made.tree, "k")->value.text, text);
        EXPECT_EQ(find(*made.tree, "k")->value.what, shape::text);
    }
}

} // namespace
} // namespace modelmesh::settings
