// Configurations from texts, with an environment of the test's own.
#pragma once

#include "config/load.hpp"

#include <modelmesh/config/load.hpp>
#include <modelmesh/core/error.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace modelmesh::settings {

inline connector::registry builtin() {
    connector::registry all;
    connector::register_builtin(all);
    return all;
}

inline config read(std::vector<document> documents, const environment& variables = {},
                   log_sink* log = nullptr) {
    return load(documents, variables, builtin(), log);
}
/// The text is the file `mesh.yaml`.
inline config read(std::string text, const environment& variables = {}, log_sink* log = nullptr) {
    return read(std::vector<document>{{"mesh.yaml", std::move(text)}}, variables, log);
}

/// What is said against the file; "no error" when it is taken.
inline std::string refusal(std::string text, const environment& variables = {}) {
    try {
        (void)read(std::move(text), variables);
    } catch (const error& e) {
        EXPECT_EQ(e.code(), errc::config);
        return e.info().message;
    }
    return "no error";
}

} // namespace modelmesh::settings
