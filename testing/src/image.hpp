// Pictures of one point, whose colour depends on what was asked for.
#pragma once

#include <cstdint>
#include <string>

namespace modelmesh::testing::detail {

/// A complete PNG of one point. Its red, green and blue are the lowest three bytes of the number.
std::string png_of(std::uint64_t color);

} // namespace modelmesh::testing::detail
