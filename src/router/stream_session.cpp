#include "router/stream_session.hpp"

#include <utility>

namespace modelmesh::router {
namespace {

// Of a session that outlives the task.
task<result<void>> wait_for_cover(charge* paid) {
    co_await paid->covered();
    co_return result<void>();
}

} // namespace

stream_session::stream_session(const attempt_plan& plan, std::unique_ptr<connector::stream_decoder> decoder,
                               std::unique_ptr<router::body> body, charge paid)
    : call_(plan.made()), index_(plan.current_index()), clock_(&plan.time()), random_(&plan.random()),
      log_(plan.log()), input_(std::move(decoder), std::move(body)), paid_(std::move(paid)) {}

std::optional<fault> stream_session::fail(fault f) {
    if (failure_) return *failure_;
    // Before that, the attempt loop does it for every failure of an attempt.
    if (is_handed_over_) {
        // A deadline that passes while the model talks speaks against nobody.
        const time_point now = clock_->now();
        const verdict v = settle_failure(
            call_, index_, f, now >= call_.deadline ? blame::nobody : blame::health, now, *random_, log_);
        may_be_repaired_ = v.rotates == rotation::any;
        if (f.kind() != errc::canceled) permit_.end();
    }
    if (f.kind() != errc::canceled) {
        failure_ = f;
        paid_.failed();
        paid_.settle();
    }
    return f;
}

void stream_session::hand_over(std::deque<std::string> chunks, permit attempt) {
    held_ = std::move(chunks);
    permit_ = std::move(attempt);
    is_handed_over_ = true;
}

result<stream_state> stream_session::try_next(std::string_view& json) {
    if (failure_) return *failure_;
    if (has_ended_) return paid_.is_covered() ? stream_state::end : stream_state::pending;
    if (!held_.empty()) {
        replayed_ = std::move(held_.front());
        held_.pop_front();
        replayed_.reserve(replayed_.size() + proto::sse_decoder::padding);
        json = replayed_;
        return stream_state::chunk;
    }
    result<stream_state> state = input_.try_next(json);
    while (state && *state == stream_state::chunk && paid_.take_piece(json) == charge::piece::only_for_us)
        state = input_.try_next(json);
    if (!state) return *fail(std::move(state).error());
    if (*state == stream_state::end) {
        served();
        paid_.succeeded();
        if (is_handed_over_) {
            paid_.settle();
            has_ended_ = true;
            if (!paid_.is_covered()) return stream_state::pending;
        }
    }
    return state;
}

task<result<void>> stream_session::wait() {
    if (!has_ended_) return input_.wait();
    return wait_for_cover(&paid_);
}

void stream_session::served() {
    if (!is_handed_over_ || std::exchange(is_counted_, true)) return;
    const time_point now = clock_->now();
    permit_.note_reply(now);
    note_success(*call_.pool, index_, now, call_.id, log_);
    permit_.end();
}

} // namespace modelmesh::router
