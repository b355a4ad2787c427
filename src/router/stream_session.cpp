#include "router/stream_session.hpp"

#include "router/guarded.hpp"

#include <utility>

namespace modelmesh::router {

stream_session::stream_session(const attempt_plan& plan, std::unique_ptr<connector::stream_decoder> decoder,
                               std::unique_ptr<router::body> body)
    : call_(plan.made()), index_(plan.current_index()), clock_(&plan.time()), decoder_(std::move(decoder)),
      is_framed_(decoder_->framing() == connector::framing::sse), body_(std::move(body)) {}

fault stream_session::fail(fault f) {
    if (failure_) return *failure_;
    // Before that, the attempt loop does it for every failure of an attempt.
    if (is_handed_over_) {
        // A deadline that passes while the model talks speaks against nobody.
        const time_point now = clock_->now();
        settle_failure(call_, index_, f, now >= call_.deadline ? blame::nobody : blame::health, now);
    }
    if (f.kind() != errc::canceled) failure_ = f;
    return f;
}

void stream_session::hand_over(std::deque<std::string> chunks) {
    held_ = std::move(chunks);
    is_handed_over_ = true;
}

result<stream_state> stream_session::try_next(std::string_view& json) {
    if (failure_) return *failure_;
    if (!held_.empty()) {
        replayed_ = std::move(held_.front());
        held_.pop_front();
        replayed_.reserve(replayed_.size() + proto::sse_decoder::padding);
        json = replayed_;
        return stream_state::chunk;
    }
    result<stream_state> state = advance(json);
    if (!state) return fail(std::move(state).error());
    if (*state == stream_state::end) served();
    return state;
}

void stream_session::served() {
    if (!is_handed_over_ || std::exchange(is_counted_, true)) return;
    note_success(*call_.pool, index_, clock_->now());
}

result<void> stream_session::decode(const connector::frame& input) {
    return guarded([&] { return decoder_->on_frame(input, *this); });
}

result<stream_state> stream_session::advance(std::string_view& json) {
    for (;;) {
        if (next_ready_ < ready_.size()) {
            json = ready_[next_ready_++];
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
