// The secret stores that ship, made from their options as a configuration gives them.
#include <modelmesh/connector/registry.hpp>

#include "secret_stores/dotenv.hpp"
#include "secret_stores/dotenv_parser.hpp"
#include "support/event_list.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace modelmesh::connector {
namespace {

std::string parsed(std::string_view text, std::string_view name = "A") {
    const auto all = parse_dotenv(text);
    if (!all) return all.error().message;
    const auto found = all->find(name);
    return found == all->end() ? "none" : found->second;
}

TEST(Dotenv, ValuesWithoutQuotes) {
    EXPECT_EQ(parsed("A=1"), "1");
    EXPECT_EQ(parsed("\n# note\n\n  A = one two  \r\nB=2"), "one two");
    EXPECT_EQ(parsed("export A=1"), "1");
    EXPECT_EQ(parsed("export=1", "export"), "1");
    EXPECT_EQ(parsed("export =1", "export"), "1");
    EXPECT_EQ(parsed("A=a=b=c"), "a=b=c");
    EXPECT_EQ(parsed("A="), "");
    EXPECT_EQ(parsed("A=   # note"), "");
    EXPECT_EQ(parsed("A=x # note"), "x");
    EXPECT_EQ(parsed("A=x#y"), "x#y");
    EXPECT_EQ(parsed("A=x\t#y"), "x");
    EXPECT_EQ(parsed("A=it's \"so\""), "it's \"so\"");
    EXPECT_EQ(parsed("A=\\n$B"), "\\n$B");
    EXPECT_EQ(parsed("A=one\\\ntwo\\\r\nthree\nB=2"), "onetwothree");
    EXPECT_EQ(parsed("A=one\\"), "one");
    EXPECT_EQ(parsed("A=1\nA=2"), "2");
    EXPECT_EQ(parsed("\xef\xbb\xbf"
                     "A=1"),
              "1");
    EXPECT_EQ(parsed("a.b-c_1=x", "a.b-c_1"), "x");
    EXPECT_EQ(parsed(""), "none");
}

TEST(Dotenv, ValuesInQuotes) {
    EXPECT_EQ(parsed("A='  as it is \\n # $B '"), "  as it is \\n # $B ");
    EXPECT_EQ(parsed("A=\"a\\tb\\n\\\"c\\\" \\\\ \\$B \\x\""), "a\tb\n\"c\" \\ $B \\x");
    EXPECT_EQ(parsed("A='one\ntwo'\nB=2"), "one\ntwo");
    EXPECT_EQ(parsed("A=\"one\r\ntwo\"  # note\nB=2"), "one\ntwo");
    EXPECT_EQ(parsed("A=\"one\\\ntwo\""), "onetwo");
    EXPECT_EQ(parsed("A=\"one\ntwo\"\nB=2", "B"), "2");
    EXPECT_EQ(parsed("A=''"), "");
    EXPECT_EQ(parsed("A='it\"s'"), "it\"s");
}

TEST(Dotenv, WhatIsNoEntryHasItsLine) {
    constexpr const char* expected =
        ": NAME=value is expected, with a name of letters, digits, '_', '.' and '-'";
    EXPECT_EQ(parsed("A=1\nsk-secret"), std::string("line 2") + expected);
    EXPECT_EQ(parsed("=x"), std::string("line 1") + expected);
    EXPECT_EQ(parsed("1A=x"), std::string("line 1") + expected);
    EXPECT_EQ(parsed("A B=x"), std::string("line 1") + expected);
    EXPECT_EQ(parsed("A='1\n2'\nB='x\ny"), "line 3: a quote that is not closed");
    EXPECT_EQ(parsed("A='1\n2' x"), "line 2: text behind a closed quote; a comment begins with #");
    EXPECT_EQ(parsed("A=one\\\ntwo\nwrong"), std::string("line 3") + expected);
}

class dotenv_file {
public:
    explicit dotenv_file(std::string_view text) {
        std::ofstream(path_) << text;
        std::filesystem::permissions(path_, std::filesystem::perms::owner_read |
                                                std::filesystem::perms::owner_write);
    }
    ~dotenv_file() { std::filesystem::remove(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_ =
        testing::TempDir() + "/" + testing::UnitTest::GetInstance()->current_test_info()->name() + ".env";
};

std::string get(const secret_store& from, const char* name) {
    return from.get(name).value().value_or("none");
}

TEST(Dotenv, TheProcessWinsUnlessTheOptionsSayOtherwise) {
    const dotenv_file file("UNIT_TEST_A=file\nUNIT_TEST_B=file\n");
    setenv("UNIT_TEST_A", "process", 1);
    setenv("UNIT_TEST_C", "process", 1);
    dotenv_options options;
    options.path = file.path();
    auto store = dotenv_secrets::make(options, nullptr).value();
    EXPECT_EQ(get(*store, "UNIT_TEST_A"), "process");
    EXPECT_EQ(get(*store, "UNIT_TEST_B"), "file");
    EXPECT_EQ(get(*store, "UNIT_TEST_C"), "process");
    EXPECT_EQ(get(*store, "UNIT_TEST_D"), "none");
    options.override_environment = true;
    store = dotenv_secrets::make(options, nullptr).value();
    EXPECT_EQ(get(*store, "UNIT_TEST_A"), "file");
    EXPECT_EQ(get(*store, "UNIT_TEST_C"), "process");
    unsetenv("UNIT_TEST_A");
    unsetenv("UNIT_TEST_C");
}

TEST(Dotenv, AFileThatIsNotThereIsEmpty) {
    dotenv_options options;
    options.path = "/nonexistent/.env";
    EXPECT_EQ(get(*dotenv_secrets::make(options, nullptr).value(), "UNIT_TEST_A"), "none");
    options.path = testing::TempDir();
    EXPECT_EQ(dotenv_secrets::make(options, nullptr).error().message, options.path + ": not a file");
}

TEST(Dotenv, OthersShouldNotReadIt) {
    const dotenv_file file("A=sk-secret\n");
    dotenv_options options;
    options.path = file.path();
    support::event_list log;
    EXPECT_TRUE(dotenv_secrets::make(options, &log));
    EXPECT_EQ(log.lines(), std::vector<std::string>());
    std::filesystem::permissions(file.path(), std::filesystem::perms::others_read,
                                 std::filesystem::perm_options::add);
    EXPECT_TRUE(dotenv_secrets::make(options, &log));
    EXPECT_EQ(log.lines(), std::vector<std::string>{
                               "secrets.readable_by_others path=" + file.path() +
                               " message=others may read this file of secrets; chmod 600 keeps it private"});
}

TEST(Dotenv, AFileThatIsWrongNamesItsLineAndNotItsText) {
    const dotenv_file file("A=1\nsk-secret\n");
    dotenv_options options;
    options.path = file.path();
    const auto made = dotenv_secrets::make(options, nullptr);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), errc::config);
    EXPECT_EQ(made.error().message, file.path() +
                                        ": line 2: NAME=value is expected, with a name of letters, digits, "
                                        "'_', '.' and '-'");
}

TEST(SecretStores, AreFoundByTheirIds) {
    registry all;
    register_builtin(all);
    EXPECT_EQ(all.secret_stores().ids(),
              (std::vector<std::string_view>{"modelmesh.dotenv.v1", "modelmesh.env.v1",
                                             "modelmesh.memory-secrets.v1"}));
    EXPECT_EQ(all.secret_stores().find("secret-store.modelmesh.env.v1"),
              all.secret_stores().find("modelmesh.env.v1"));
    EXPECT_EQ(all.secret_stores().find("modelmesh.vault.v1"), nullptr);
}

struct vault_options {
    std::string url{};
};
result<std::unique_ptr<secret_store>> make_vault(const vault_options&, log_sink*) {
    return fault(errc::config, "the vault is closed");
}

TEST(SecretStores, OnesOfYourOwn) {
    registry own;
    EXPECT_TRUE(own.add_secret_store<vault_options>("acme.vault.v1", make_vault));
    EXPECT_EQ(own.add_secret_store<vault_options>("acme.vault.v1", make_vault).error().message,
              "connector 'acme.vault.v1' is registered already");
    EXPECT_EQ(own.add_secret_store<vault_options>("", make_vault).error().message, "a connector needs an id");
    EXPECT_EQ(own.add_secret_store<vault_options>("acme.other.v1", nullptr).error().message,
              "connector 'acme.other.v1' needs a factory");
    const kind<secret_store>* found = own.secret_stores().find("acme.vault.v1");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->make(found->make_options().get(), nullptr).error().message, "the vault is closed");
}

} // namespace
} // namespace modelmesh::connector
