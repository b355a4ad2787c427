// How long a peer may take nothing of what is sent to it.
#pragma once

#include "core/time_limit.hpp"
#include "net/stream.hpp"

#include <modelmesh/core/clock.hpp>

#include <cstdint>

namespace modelmesh::net {

/// Renewed by each byte that the peer's system acknowledges. A socket that is not writable for long does not
/// mean a peer that does not read: see stream::progress().
class write_patience {
public:
    write_patience(const stream& to, const clock& time, duration patience) noexcept
        : to_(to), time_(time), patience_(patience) {}

    /// The end of a wait for the stream that begins now.
    [[nodiscard]] time_point until() noexcept {
        const std::uint64_t acknowledged = to_.progress().acknowledged;
        if (is_begun_ && acknowledged <= acknowledged_) return until_;
        is_begun_ = true;
        acknowledged_ = acknowledged;
        return until_ = core::after(time_.now(), patience_);
    }
    /// Of a wait that timed out.
    [[nodiscard]] bool is_over() const noexcept { return to_.progress().acknowledged <= acknowledged_; }

private:
    const stream& to_;
    const clock& time_;
    duration patience_;
    time_point until_{};
    std::uint64_t acknowledged_ = 0;
    bool is_begun_ = false;
};

} // namespace modelmesh::net
