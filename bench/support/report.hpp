// What a measuring program says: one JSON object on one line.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace modelmesh::bench {

class report {
public:
    report& number(std::string_view name, double value) {
        char text[48];
        std::snprintf(text, sizeof text, "%.3f", value);
        return add(name, text);
    }
    report& count(std::string_view name, std::uint64_t value) { return add(name, std::to_string(value)); }
    /// @param value  needs no escaping.
    report& text(std::string_view name, std::string_view value) {
        return add(name, '"' + std::string(value) + '"');
    }
    void print() const {
        std::printf("{%s}\n", fields_.c_str());
        std::fflush(stdout);
    }

private:
    report& add(std::string_view name, const std::string& value) {
        if (!fields_.empty()) fields_ += ", ";
        fields_.append("\"").append(name).append("\": ").append(value);
        return *this;
    }
    std::string fields_;
};

} // namespace modelmesh::bench
