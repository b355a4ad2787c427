// Lists that come page by page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace modelmesh {

/// Which page of a list: the next one begins after the last id of the one before. What is not set is the
/// provider's choice.
class page {
public:
    page() = default;
    std::optional<std::string> after; ///< the id of an object
    std::optional<std::int64_t> limit;
};

} // namespace modelmesh
