// One streamed reply on its way up: body slices -> SSE events -> the connector's decoder -> chunks of JSON.
#pragma once

#include "proto/sse.hpp"
#include "router/attempt_plan.hpp"
#include "router/transport.hpp"

#include <modelmesh/connector/provider.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace modelmesh::router {

enum class stream_state : std::uint8_t { chunk, pending, end };

/// Owned by the reader; used on the event loop of the transport that opened it. Destroying it abandons the
/// reply.
class stream_session final : private connector::frame_sink {
public:
    stream_session(call made, const model_entry& model, std::unique_ptr<connector::stream_decoder> decoder,
                   std::unique_ptr<router::body> body);

    /// Takes the next chunk that has arrived. `json` is valid until the next call, with 64 readable bytes
    /// after it. Errors: protocol when the reply was cut short or the decoder refuses it; what the vendor
    /// reported.
    result<stream_state> try_next(std::string_view& json);
    /// Completes when try_next would not answer pending.
    task<result<void>> wait() { return body_->wait(); }

    /// Gives chunks back that were read while looking for the first content; they come again, in order.
    void hold_back(std::deque<std::string> chunks) { held_ = std::move(chunks); }

    [[nodiscard]] const model_entry& model() const noexcept { return *model_; }

private:
    void chunk(std::string_view json) override { ready_.push_back(json); }
    void done() override { done_ = true; }
    fault failed(fault f);
    result<stream_state> advance(std::string_view& json);

    call call_; // keeps the snapshot that model_ points into
    const model_entry* model_;
    std::unique_ptr<connector::stream_decoder> decoder_;
    std::unique_ptr<router::body> body_;
    proto::sse_decoder events_;
    std::vector<std::string_view> ready_; ///< chunks of the current frame not yet taken, from next_ready_ on
    std::size_t next_ready_ = 0;
    std::deque<std::string> held_;
    std::string replayed_; ///< the held chunk that the reader looks at
    bool done_ = false;
    std::optional<fault> failure_; ///< the first one; every later read fails the same way
};

} // namespace modelmesh::router
