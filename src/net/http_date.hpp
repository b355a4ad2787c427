// The value of the Date field.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace modelmesh::net {

/// Written anew once a second, however many answers carry it.
class http_date {
public:
    /// "Sun, 06 Nov 1994 08:49:37 GMT"; valid until the next call.
    [[nodiscard]] std::string_view text(std::chrono::system_clock::time_point now) noexcept;

private:
    std::array<char, 29> text_{};
    std::int64_t second_ = -1;
};

} // namespace modelmesh::net
