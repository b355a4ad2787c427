// A stream that goes on at another model when its own one breaks off.
#pragma once

#include "router/attempt_plan.hpp"
#include "router/continuation.hpp"
#include "router/reply_stream.hpp"
#include "router/stream_session.hpp"
#include "router/transport.hpp"

#include <modelmesh/api/route.hpp>
#include <modelmesh/core/log.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::router {

/// Lies over the session of one attempt after the other, each of which settles its own bill and its model's health.
/// The next attempt is made inside wait(), within the call's one deadline. When no model can go on, the stream ends
/// with the failure that broke it, which lists every attempt.
///
/// restart: a mark comes first, a chunk of the reply's own kind whose x_modelmesh has `restarted`. It is not shown
/// before the next model's first content, so whoever cannot be helped keeps the text.
class failover_stream final : public reply_stream {
public:
    /// Whether the pool wants it, and the reply is of a kind that can express it.
    [[nodiscard]] static bool is_for(const call& made);

    /// @param via, log  outlive the stream; `log` may be null.
    /// @param plan  whose current attempt `first` is. @pre is_for(plan.made()).
    failover_stream(transport& via, log_sink* log, attempt_plan plan, std::unique_ptr<stream_session> first);

    result<stream_state> try_next(std::string_view& piece) override;
    task<result<void>> wait() override;
    std::optional<fault> fail(fault f) override;
    void served() override;
    /// Of all attempts that the reader has seen a part of.
    [[nodiscard]] std::optional<std::int64_t> cost() const noexcept override;
    [[nodiscard]] std::optional<token_counts> tokens() const noexcept override;
    [[nodiscard]] const modelmesh::route* moved_to() const noexcept override {
        return failovers_ == 0 ? nullptr : &route_;
    }

private:
    /// Takes note of a failure that ended the current session. False: it ends the stream, too.
    bool is_repairable(const fault& f);
    task<result<void>> move_on();
    void end_with(fault last);
    void report(const fault& broken) const;

    transport* via_;
    log_sink* log_;
    attempt_plan plan_;
    std::unique_ptr<stream_session> current_;
    std::optional<continuation> continuation_; ///< nothing: the next model begins again
    std::shared_ptr<const prepared_request> asked_;
    modelmesh::route route_; ///< since the last failover
    std::string mark_;
    bool is_mark_due_ = false;
    std::optional<fault> broken_;  ///< what ended the current session: the next one is to be found
    std::optional<fault> failure_; ///< the end of the stream
    bool is_served_ = false;
    unsigned failovers_ = 0;
    std::uint64_t received_ = 0; ///< bytes that the reader has been given
    /// Of the sessions before the current one; nothing: not known of one of them.
    std::optional<std::int64_t> spent_ = 0;
    std::optional<token_counts> counted_ = token_counts{0, 0}; ///< the same
};

} // namespace modelmesh::router
