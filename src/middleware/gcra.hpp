// The generic cell rate algorithm: a leaky bucket that is one moment, the theoretical arrival time. Pure.
#pragma once

#include <modelmesh/core/clock.hpp>

#include <algorithm>
#include <cstdint>

namespace modelmesh::detail {

class gcra {
public:
    /// @param interval  of one unit. @param tolerance  how much earlier than steadily units may come; at
    /// least one interval.
    gcra(duration interval, duration tolerance) noexcept : interval_(interval), tolerance_(tolerance) {}

    /// How long to wait at this moment before `cost` units may pass, if they were taken now.
    [[nodiscard]] duration wait(time_point now, std::int64_t cost) const noexcept {
        return std::max(std::max(arrival_, now) + interval_ * cost - tolerance_ - now, duration::zero());
    }
    void take(time_point now, std::int64_t cost) noexcept {
        arrival_ = std::max(arrival_, now) + interval_ * cost;
    }
    /// Units that turned out to be more, or fewer, than were taken.
    void correct(std::int64_t more) noexcept { arrival_ += interval_ * more; }
    /// Nothing is remembered: it is as good as new.
    [[nodiscard]] bool is_idle(time_point now) const noexcept { return arrival_ <= now; }

private:
    duration interval_;
    duration tolerance_;
    time_point arrival_{};
};

} // namespace modelmesh::detail
