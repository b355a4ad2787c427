// Pieces of a body on their way up: body slices -> SSE events -> the connector's decoder -> chunks.
#pragma once

#include "proto/sse.hpp"
#include "router/reply_stream.hpp"
#include "router/transport.hpp"

#include <modelmesh/connector/provider.hpp>

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace modelmesh::router {

/// Knows what is in the stream, and neither whose it is nor what a failure means.
class decoded_stream final : private connector::frame_sink {
public:
    decoded_stream(std::unique_ptr<connector::stream_decoder> decoder, std::unique_ptr<router::body> body);
    decoded_stream(const decoded_stream&) = delete;
    decoded_stream& operator=(const decoded_stream&) = delete;

    /// As reply_stream::try_next. The stream is not read again after a failure.
    result<stream_state> try_next(std::string_view& piece);
    task<result<void>> wait() { return body_->wait(); }

private:
    void chunk(std::string_view piece) override { ready_.push_back(piece); }
    void done() override { done_ = true; }
    result<void> decode(const connector::frame& input);

    std::unique_ptr<connector::stream_decoder> decoder_;
    bool is_framed_;
    std::unique_ptr<router::body> body_;
    proto::sse_decoder events_;
    std::vector<std::string_view> ready_; ///< chunks of the current frame not yet taken, from next_ready_ on
    std::size_t next_ready_ = 0;
    bool done_ = false;
};

} // namespace modelmesh::router
