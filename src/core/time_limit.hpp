// Ends of limits, of which "no limit" is one.
#pragma once

#include <modelmesh/core/clock.hpp>

namespace modelmesh::core {

/// The end of a limit that began at `since`; never, for one beyond the clock's range.
[[nodiscard]] inline time_point after(time_point since, duration limit) noexcept {
    return limit < time_point::max() - since ? since + limit : time_point::max();
}

} // namespace modelmesh::core
