// How long a peer may take nothing of what is sent to it.
#pragma once

#include "core/time_limit.hpp"
#include "net/stream.hpp"

#include <modelmesh/core/clock.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace modelmesh::net {

/// Renewed whenever the stream becomes writable, and by each byte that the peer's system acknowledges. A socket
/// that is not writable for long does not mean a peer that does not read: see stream::progress(). That is asked
/// only when a wait has timed out, because it costs a system call; so a peer that takes nothing has up to twice
/// the time.
class write_patience {
public:
    write_patience(const stream& to, const clock& time, duration patience) noexcept
        : to_(to), time_(time), patience_(patience) {}

    /// The end of a wait for the stream that begins now.
    [[nodiscard]] time_point until() const noexcept { return core::after(time_.now(), patience_); }
    /// Of a wait that timed out.
    [[nodiscard]] bool is_over() noexcept {
        const std::uint64_t acknowledged = to_.progress().acknowledged;
        const std::optional<std::uint64_t> before = std::exchange(acknowledged_, acknowledged);
        return before && acknowledged <= *before;
    }

private:
    const stream& to_;
    const clock& time_;
    duration patience_;
    std::optional<std::uint64_t> acknowledged_; // when the last wait timed out
};

} // namespace modelmesh::net
