// Base URLs: what is accepted, what is refused and how that is said.
#include "net/url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelmesh::net {
namespace {

TEST(Url, Accepts) {
    struct row {
        std::string_view text;
        origin where;
        std::string_view path;
        std::string_view header;
    };
    const row rows[] = {
        {"https://api.openai.com/v1", {true, "api.openai.com", 443}, "/v1", "api.openai.com"},
        {"http://localhost:8080", {false, "localhost", 8080}, "", "localhost:8080"},
        {"HTTPS://API.Example.COM/", {true, "api.example.com", 443}, "", "api.example.com"},
        {"http://127.0.0.1:80/a/b/", {false, "127.0.0.1", 80}, "/a/b", "127.0.0.1"},
        {"http://[::1]:9", {false, "::1", 9}, "", "[::1]:9"},
        {"https://[2001:DB8:0::1]/x", {true, "2001:db8::1", 443}, "/x", "[2001:db8::1]"},
        {"http://my_service.internal.", {false, "my_service.internal.", 80}, "", "my_service.internal."},
    };
    for (const row& r : rows) {
        const auto parsed = parse_url(r.text);
        ASSERT_TRUE(parsed) << r.text << ": " << parsed.error().message;
        EXPECT_EQ(parsed->where, r.where) << r.text;
        EXPECT_EQ(parsed->path, r.path) << r.text;
        EXPECT_EQ(host_header(parsed->where), r.header) << r.text;
    }
}

TEST(Url, RefusesAndNamesTheReasonWithoutRepeatingTheText) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"", "must begin with http"},
        {"api.openai.com", "must begin with http"},
        {"ftp://secret", "scheme must be"},
        {"https://", "no host"},
        {"https:///v1", "no host"},
        {"https://user:secret@host/", "user name or password"},
        {"https://secret@host", "user name or password"},
        {"https://host:0", "port must be"},
        {"https://host:65536", "port must be"},
        {"https://host:", "port must be"},
        {"https://host:8a", "port must be"},
        {"https://host/x?key=secret", "no query"},
        {"https://host#secret", "no fragment"},
        {"https://ho st", "a space"},
        {"https://h\xc3\xb6st", "outside ASCII"},
        {"https://a..b", "no valid name"},
        {"https://-a", "no valid name"},
        {"https://a%20b", "no valid name"},
        {"https://::1", "in brackets"},
        {"https://[::1", "closing bracket"},
        {"https://[::1]x", "may follow"},
        {"https://[fe80::1%25eth0]", "no valid IPv6"},
        {"https://[secret]", "no valid IPv6"},
        {"https://256.1.1.1", "no valid IPv4"},
        {"https://1", "no valid IPv4"},
        {"https://host\\secret", "backslash"},
    };
    for (const auto& [text, reason] : rows) {
        const auto parsed = parse_url(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().kind(), errc::config);
        EXPECT_THAT(parsed.error().message, ::testing::HasSubstr(std::string(reason))) << text;
        EXPECT_THAT(parsed.error().message, ::testing::Not(::testing::HasSubstr("secret"))) << text;
    }
}

} // namespace
} // namespace modelmesh::net
