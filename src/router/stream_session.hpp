// One streamed reply of a model on its way up, and what its end says about the model.
#pragma once

#include "router/attempt_plan.hpp"
#include "router/charge.hpp"
#include "router/decoded_stream.hpp"
#include "router/reply_stream.hpp"
#include "router/transport.hpp"

#include <modelmesh/connector/provider.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::router {

/// The chunks of a model's reply.
class stream_session final : public reply_stream {
public:
    /// @param plan  whose current attempt this stream is. @param paid  what it has reserved.
    stream_session(const attempt_plan& plan, std::unique_ptr<connector::stream_decoder> decoder,
                   std::unique_ptr<router::body> body, charge paid);

    result<stream_state> try_next(std::string_view& json) override;
    task<result<void>> wait() override;
    std::optional<fault> fail(fault f) override;
    void served() override;
    [[nodiscard]] std::optional<std::int64_t> cost() const noexcept override { return paid_.cost(); }
    [[nodiscard]] std::optional<token_counts> tokens() const noexcept override { return paid_.tokens(); }

    /// Whether another model may do better than the failure that ended the stream.
    [[nodiscard]] bool may_be_repaired() const noexcept { return may_be_repaired_; }

    /// Passes the stream from the attempt loop, which looked for the first content, to the reader: the chunks
    /// that were read come again, in order. From now on the stream itself tells the model's health how it
    /// ends; a success is one that ended well, because a model that always breaks off would never trip
    /// otherwise. A reader that goes away says nothing about the model.
    void hand_over(std::deque<std::string> chunks, permit attempt);

private:
    call call_;
    std::size_t index_; ///< of the model in the call's pool
    const clock* clock_;
    rng* random_;
    log_sink* log_;
    permit permit_; ///< once the stream is handed over, until it ends
    decoded_stream input_;
    charge paid_; ///< settled at the end, however it comes: at the latest by the destructor
    std::deque<std::string> held_;
    std::string replayed_; ///< the held chunk that the reader looks at
    bool is_handed_over_ = false;
    bool may_be_repaired_ = false;
    bool has_ended_ = false;       ///< well, with everything settled
    bool is_counted_ = false;      ///< the model's health knows of the success
    std::optional<fault> failure_; ///< the first one; every later read fails the same way
};

} // namespace modelmesh::router
