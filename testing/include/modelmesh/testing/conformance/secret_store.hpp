// What every secret store promises; used as those of a storage (conformance/storage.hpp).
#pragma once

#include <modelmesh/connector/secret_store.hpp>
#include <modelmesh/testing/conformance/promise.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace modelmesh::testing {

struct secret_store_kit {
    /// A store that has these secrets: at least one, each of at least 8 characters.
    std::function<std::unique_ptr<connector::secret_store>()> make;
    std::map<std::string, std::string> secrets;
};
using secret_store_promise = promise<secret_store_kit>;

namespace detail {

inline void gives_each_secret_as_it_is(const secret_store_kit& of, broken& told) {
    const auto made = of.make();
    told.expect(!of.secrets.empty(), "the kit names a secret");
    for (int round = 0; round < 2; ++round)
        for (const auto& [name, secret] : of.secrets) {
            const auto got = made->get(name);
            if (told.expect_value(got, "get of '" + name + "'"))
                told.expect(*got == secret, "get gives the secret '" + name + "' as it is, each time");
        }
}

// What the store is asked for that has nothing of the kind.
template <class Check> void ask_for_what_is_not_there(const secret_store_kit& of, const Check& check) {
    const auto made = of.make();
    std::vector<std::string> names{"NO_SUCH_SECRET",
                                   "",
                                   " ",
                                   ".",
                                   "..",
                                   "../..",
                                   "/etc/passwd",
                                   "a=b",
                                   "${secret}",
                                   "a\nb",
                                   "\xc3\xa4",
                                   "%s%n",
                                   std::string("a\0b", 3),
                                   std::string(10'000, 'x')};
    for (const auto& [name, secret] : of.secrets) {
        names.push_back(name + "_");
        names.push_back(" " + name);
        names.push_back(name + std::string("\0x", 2));
    }
    for (const std::string& name : names)
        if (!of.secrets.contains(name)) check(name, made->get(name));
}

inline void has_nothing_for_other_names(const secret_store_kit& of, broken& told) {
    ask_for_what_is_not_there(of, [&told](const std::string& name, const auto& got) {
        if (got) told.expect(!*got, "get gives nothing for '" + name.substr(0, 40) + "'");
    });
}

inline void fails_as_configuration_and_tells_no_secret(const secret_store_kit& of, broken& told) {
    ask_for_what_is_not_there(of, [&](const std::string& name, const auto& got) {
        if (got) return;
        const std::string asked = "get of '" + name.substr(0, 40) + "'";
        told.expect_failure(got, errc::config, asked);
        for (const auto& [known, secret] : of.secrets)
            told.expect(got.error().message.find(secret) == std::string::npos,
                        asked + " tells the secret '" + known + "' in its message");
    });
}

} // namespace detail

inline constexpr secret_store_promise secret_store_promises[] = {
    {"gives_each_secret_as_it_is", detail::gives_each_secret_as_it_is},
    {"has_nothing_for_other_names", detail::has_nothing_for_other_names},
    {"fails_as_configuration_and_tells_no_secret", detail::fails_as_configuration_and_tells_no_secret},
};

} // namespace modelmesh::testing
