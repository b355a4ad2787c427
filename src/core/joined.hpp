// Several findings as one text.
#pragma once

#include <string>
#include <vector>

namespace modelmesh::core {

/// A line each, without a line break behind the last.
[[nodiscard]] inline std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text.append(&line == lines.data() ? "" : "\n").append(line);
    return text;
}

} // namespace modelmesh::core
