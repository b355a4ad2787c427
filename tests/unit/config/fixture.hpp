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

/// Keeps the warnings.
class log_of_warnings final : public log_sink {
public:
    [[nodiscard]] bool wants(severity level) const noexcept override { return level == severity::warning; }
    void write(severity /*level*/, std::string_view event,
               std::span<const log_field> fields) noexcept override {
        std::string line(event);
        for (const log_field& field : fields)
            line.append(" ").append(field.key).append("=").append(field.value);
        lines.push_back(line);
    }
    std::vector<std::string> lines;
};

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
