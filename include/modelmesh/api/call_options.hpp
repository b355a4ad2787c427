// What one call may set differently from the client's defaults.
#pragma once

#include <modelmesh/core/clock.hpp>

#include <optional>

namespace modelmesh {

/// Options of one call. Has a constructor, so that g++ 12 accepts it in a `co_await` expression.
class call_options {
public:
    call_options() = default;
    [[nodiscard]] static const call_options& none() noexcept;

    /// Longest time for the whole call: all attempts, and under streaming also the chunks. Default: 300 s.
    call_options& timeout(duration limit) {
        timeout_ = limit;
        return *this;
    }
    [[nodiscard]] std::optional<duration> timeout() const noexcept { return timeout_; }

private:
    std::optional<duration> timeout_;
};

} // namespace modelmesh
