#include "router/decoded_stream.hpp"

#include "router/guarded.hpp"

#include <utility>

namespace modelmesh::router {

decoded_stream::decoded_stream(std::unique_ptr<connector::stream_decoder> decoder,
                               std::unique_ptr<router::body> body)
    : decoder_(std::move(decoder)), is_framed_(decoder_->framing() == connector::framing::sse),
      body_(std::move(body)) {}

result<void> decoded_stream::decode(const connector::frame& input) {
    return guarded([&] { return decoder_->on_frame(input, *this); });
}

result<stream_state> decoded_stream::try_next(std::string_view& piece) {
    for (;;) {
        if (next_ready_ < ready_.size()) {
            piece = ready_[next_ready_++];
            return stream_state::chunk;
        }
        ready_.clear();
        next_ready_ = 0;
        if (done_) {
            body_->done();
            return stream_state::end;
        }

        proto::sse_event event;
        const result<bool> framed = events_.next(event);
        if (!framed) return framed.error();
        if (*framed) {
            const result<void> decoded = decode({event.event, event.data});
            if (!decoded) return decoded.error();
            continue;
        }
        std::string_view slice;
        const result<body_state> state = body_->try_read(slice);
        if (!state) return state.error();
        switch (*state) {
        case body_state::slice:
            if (is_framed_) {
                events_.feed(slice);
            } else if (const result<void> decoded = decode({{}, slice}); !decoded) {
                return decoded.error();
            }
            break;
        case body_state::would_block:
            return stream_state::pending;
        case body_state::end: {
            if (const result<void> framed_to_the_end = events_.finish(); !framed_to_the_end)
                return framed_to_the_end.error();
            const result<void> ended = guarded([&] { return decoder_->on_end(*this); });
            if (!ended) return ended.error();
            done_ = true;
            break;
        }
        }
    }
}

} // namespace modelmesh::router
