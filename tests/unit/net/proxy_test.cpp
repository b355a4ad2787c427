// Reading proxy URLs, the exceptions in NO_PROXY, and which variable decides.
#include "net/proxy.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace modelmesh::net {
namespace {

origin https(std::string host, std::uint16_t port = 443) { return origin{true, std::move(host), port}; }
origin http(std::string host, std::uint16_t port = 80) { return origin{false, std::move(host), port}; }

TEST(ParseProxy, Forms) {
    struct form {
        const char* text;
        const char* name;
        bool tls;
        const char* authorization;
    };
    const std::vector<form> forms{
        {"http://proxy:3128", "proxy:3128", false, ""},
        {"http://proxy:3128/", "proxy:3128", false, ""},
        {"HTTP://Proxy.Example.COM", "proxy.example.com:80", false, ""},
        {"https://proxy", "proxy:443", true, ""},
        {"proxy:3128", "proxy:3128", false, ""},
        {"10.1.2.3:8080", "10.1.2.3:8080", false, ""},
        {"http://[fd00::1]:3128", "[fd00::1]:3128", false, ""},
        {"http://me:pw@proxy:1", "proxy:1", false, "Basic bWU6cHc="},
        {"me:pw@proxy:1", "proxy:1", false, "Basic bWU6cHc="},
        {"http://me@proxy:1", "proxy:1", false, "Basic bWU6"},
        {"http://:pw@proxy:1", "proxy:1", false, "Basic OnB3"},
        {"http://m%65:p%40%3a%2F@proxy:1", "proxy:1", false, "Basic bWU6cEA6Lw=="},
        {"http://me:p@w:x@proxy:1", "proxy:1", false, "Basic bWU6cEB3Ong="},
        {"http://me:p\xc3\xa4@proxy:1", "proxy:1", false, "Basic bWU6cMOk"},
    };
    for (const form& each : forms) {
        const result<proxy> got = parse_proxy(each.text);
        ASSERT_TRUE(got) << each.text << ": " << got.error().message;
        EXPECT_EQ(to_string(got->where), each.name) << each.text;
        EXPECT_EQ(got->where.tls, each.tls) << each.text;
        EXPECT_EQ(got->authorization, each.authorization) << each.text;
    }
}

TEST(ParseProxy, RefusalsSayWhyAndNotWhat) {
    const std::vector<std::pair<const char*, const char*>> wrong{
        {"", "it has no host"},
        {"http://", "it has no host"},
        {"http://me:hidden@", "it has no host"},
        {"socks5://me:hidden@proxy:1080", "SOCKS is not supported, only http:// and https:// are"},
        {"socks5h://proxy:1080", "SOCKS is not supported, only http:// and https:// are"},
        {"ftp://hidden", "it must begin with http:// or https://"},
        {"http://me:hid%zz@proxy", "a '%' in the user name or password begins no two hex digits"},
        {"http://me:hidden%4@proxy", "a '%' in the user name or password begins no two hex digits"},
        {"http://m%3Ae:hidden@proxy", "the user name contains a colon"},
        {"http://me:hidden%0d%0a@proxy", "the user name or password contains a control character"},
        {"http://me:hidden%00@proxy", "the user name or password contains a control character"},
        {"http://me:hidden@proxy/path", "a proxy has no path"},
        {"http://me:hid/den@proxy", "the port must be a number from 1 to 65535"},
        {"http://me:hidden@proxy:0", "the port must be a number from 1 to 65535"},
        {"http://me:hidden@proxy:port", "the port must be a number from 1 to 65535"},
        {"http://me:hidden@fd00::1", "an IPv6 address must stand in brackets"},
        {"http://me:hidden@pro xy:1",
         "it contains a space, a control character or a character outside ASCII"},
        {"http://me:hidden@proxy?x", "a base URL has no query ('?...')"},
    };
    for (const auto& [text, why] : wrong) {
        const result<proxy> got = parse_proxy(text);
        ASSERT_FALSE(got) << text;
        EXPECT_EQ(got.error().kind(), errc::config) << text;
        EXPECT_EQ(got.error().message, std::string("invalid proxy URL: ") + why) << text;
    }
}

TEST(NoProxy, Table) {
    struct line {
        const char* no_proxy;
        origin to;
        bool bypassed;
    };
    const std::vector<line> table{
        {"", https("a.example"), false},
        {" , ,", https("a.example"), false},
        {"*", https("a.example"), true},
        {"x, *", https("10.0.0.1"), true},
        {"*x", https("x"), false},
        // names: the host and everything below it
        {"example.com", https("example.com"), true},
        {"example.com", https("a.example.com"), true},
        {"example.com", https("a.b.example.com"), true},
        {"example.com", https("notexample.com"), false},
        {"example.com", https("example.com.evil"), false},
        {".example.com", https("example.com"), true},
        {".example.com", https("a.example.com"), true},
        {"*.example.com", https("a.example.com"), true},
        {".example.com", https("notexample.com"), false},
        {"Example.COM.", https("a.example.com"), true},
        {"example.com", https("example.com."), true},
        {"a.example.com", https("example.com"), false},
        {".", https("example.com"), false},
        {"other,example.com", https("example.com"), true},
        {"other example.com", https("example.com"), true},
        {"localhost", https("localhost"), true},
        {"example.com", https("localhost"), false}, // nothing is direct unless it is named
        {"example.com", https("127.0.0.1"), false},
        // with a port
        {"example.com:8443", https("example.com", 8443), true},
        {"example.com:8443", https("a.example.com", 8443), true},
        {"example.com:8443", https("example.com", 443), false},
        {"example.com:", https("example.com"), false},
        {"example.com:x", https("example.com"), false},
        {"127.0.0.1:80", http("127.0.0.1", 80), true},
        {"127.0.0.1:80", http("127.0.0.1", 81), false},
        {"[::1]:80", http("::1", 80), true},
        {"[::1]:80", http("::1", 81), false},
        // addresses
        {"10.0.0.1", https("10.0.0.1"), true},
        {"10.0.0.1", https("10.0.0.11"), false},
        {"0.0.1", https("10.0.0.1"), false},
        {"10.0.0.1", https("10.0.0.1.example"), false},
        {"::1", http("::1"), true},
        {"[::1]", http("::1"), true},
        {"0:0:0:0:0:0:0:1", http("::1"), true},
        {"fd00::1", http("fd00::2"), false},
        {"[::1", http("::1"), false},
        // blocks
        {"10.0.0.0/8", https("10.200.3.4"), true},
        {"10.0.0.0/8", https("11.0.0.1"), false},
        {"192.168.1.128/25", https("192.168.1.200"), true},
        {"192.168.1.128/25", https("192.168.1.100"), false},
        {"10.1.2.3/32", https("10.1.2.3"), true},
        {"10.1.2.3/32", https("10.1.2.2"), false},
        {"0.0.0.0/0", https("8.8.8.8"), true},
        {"0.0.0.0/0", https("example.com"), false},
        {"0.0.0.0/0", https("::1"), false},
        {"10.0.0.0/33", https("10.0.0.0"), false},
        {"10.0.0.0/", https("10.0.0.0"), false},
        {"10.0.0.0/8x", https("10.0.0.0"), false},
        {"ten/8", https("10.0.0.0"), false},
        {"fd00::/8", https("fd12::1"), true},
        {"fd00::/9", https("fd80::1"), false},
        {"[fd00::]/8", https("fd12::1"), true},
        {"::/0", https("fd12::1"), true},
        {"fd00::/129", https("fd00::"), false},
    };
    for (const line& each : table)
        EXPECT_EQ(bypasses_proxy(each.to, each.no_proxy), each.bypassed)
            << "'" << each.no_proxy << "' for " << to_string(each.to);
}

std::string chosen(const origin& to, std::string_view configured,
                   const std::map<std::string, std::string>& variables) {
    const environment_reader read = [&](const char* name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
    };
    const result<std::optional<proxy>> got = choose_proxy(to, configured, read);
    if (!got) return got.error().message;
    return *got ? to_string((*got)->where) : "direct";
}

TEST(ChooseProxy, TheSchemeDecidesWhichVariableCounts) {
    const std::map<std::string, std::string> all{
        {"http_proxy", "a:1"},  {"HTTP_PROXY", "b:1"}, {"https_proxy", "c:1"},
        {"HTTPS_PROXY", "d:1"}, {"all_proxy", "e:1"},  {"ALL_PROXY", "f:1"},
    };
    const auto without = [&all](std::vector<const char*> names) {
        auto rest = all;
        for (const char* name : names) rest.erase(name);
        return rest;
    };
    EXPECT_EQ(chosen(https("h"), "", {}), "direct");
    EXPECT_EQ(chosen(https("h"), "", all), "c:1");
    EXPECT_EQ(chosen(https("h"), "", without({"https_proxy"})), "d:1");
    EXPECT_EQ(chosen(https("h"), "", without({"https_proxy", "HTTPS_PROXY"})), "e:1");
    EXPECT_EQ(chosen(https("h"), "", without({"https_proxy", "HTTPS_PROXY", "all_proxy"})), "f:1");
    EXPECT_EQ(chosen(http("h"), "", all), "a:1");
    EXPECT_EQ(chosen(http("h"), "", without({"http_proxy"})), "e:1");
    EXPECT_EQ(chosen(http("h"), "", without({"http_proxy", "all_proxy"})), "f:1");
    EXPECT_EQ(chosen(http("h"), "", {{"HTTP_PROXY", "evil:1"}, {"HTTPS_PROXY", "d:1"}}), "direct");
}

TEST(ChooseProxy, ExceptionsConcernTheEnvironmentOnly) {
    EXPECT_EQ(chosen(https("h"), "", {{"HTTPS_PROXY", "d:1"}, {"NO_PROXY", "h"}}), "direct");
    EXPECT_EQ(chosen(https("h"), "", {{"HTTPS_PROXY", "d:1"}, {"no_proxy", "x"}, {"NO_PROXY", "h"}}), "d:1")
        << "small letters win";
    EXPECT_EQ(chosen(https("h"), "http://own:2", {{"HTTPS_PROXY", "d:1"}, {"NO_PROXY", "*"}}), "own:2");
    EXPECT_EQ(chosen(https("h"), "none", {{"HTTPS_PROXY", "d:1"}}), "direct");
}

TEST(ChooseProxy, FailuresNameTheVariable) {
    const std::string socks = "invalid proxy URL: SOCKS is not supported, only http:// and https:// are";
    EXPECT_EQ(chosen(https("h"), "", {{"ALL_PROXY", "socks5://me:hidden@p"}}), "ALL_PROXY: " + socks);
    EXPECT_EQ(chosen(https("h"), "socks5://p", {}), "proxy: " + socks);
    EXPECT_EQ(chosen(https("h"), "", {{"HTTPS_PROXY", "http://me:hidden@p/x"}}),
              "HTTPS_PROXY: invalid proxy URL: a proxy has no path");
    EXPECT_EQ(chosen(https("h"), "", {{"HTTPS_PROXY", "socks5://p"}, {"NO_PROXY", "h"}}), "direct")
        << "what is not used is not read";
}

} // namespace
} // namespace modelmesh::net
