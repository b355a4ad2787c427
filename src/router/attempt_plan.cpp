#include "router/attempt_plan.hpp"

#include <algorithm>

namespace modelmesh::router {
namespace {

// What a failure means for the rest of the request, by kind.
struct verdict {
    bool rotate;   ///< another model may do better
    bool penalise; ///< it counts against the model's health
};

verdict judge(errc kind) noexcept {
    switch (kind) {
    // The caller's own fault: no model can help, and no model is to blame.
    case errc::bad_request:
    case errc::context_length:
    case errc::content_filter:
    case errc::canceled:
    case errc::config:
    case errc::internal:
        return {false, false};
    // This vendor cannot do it, another may.
    case errc::unsupported:
        return {true, false};
    default:
        return {true, true};
    }
}

} // namespace

bool settle_failure(const call& made, std::size_t index, fault& f, time_point now) {
    const model_entry& model = *made.pool->models[index];
    f.pool = made.pool->name;
    f.provider = model.provider->id;
    f.model = model.id;
    model.provider->redact(f.message);
    model.provider->redact(f.param);
    verdict v = judge(f.kind());
    // A deadline that the caller set says nothing about the model's health, and leaves no time for another.
    if (f.kind() == errc::timed_out && now >= made.deadline) v = {false, false};
    if (v.penalise) note_failure(*made.pool, index, now);
    return v.rotate;
}

attempt_plan::attempt_plan(call made, const clock& time)
    : call_(std::move(made)), clock_(&time), tried_(call_.pool->models.size()), started_(time.now()),
      attempt_started_(started_) {}

result<const model_entry*> attempt_plan::next() {
    const time_point now = clock_->now();
    if (now >= call_.deadline) {
        fault f(errc::timed_out,
                "the request's deadline passed after " + std::to_string(number_) + " attempts");
        f.pool = call_.pool->name;
        f.attempts = attempts_;
        return f;
    }
    const std::optional<std::size_t> chosen = select_sticky(*call_.pool, tried_, now);
    if (!chosen) return closing_fault();
    current_ = *chosen;
    tried_.add(current_);
    ++number_;
    attempt_started_ = now;
    return call_.pool->models[current_];
}

void attempt_plan::succeeded() { note_success(*call_.pool, current_, clock_->now()); }

std::optional<fault> attempt_plan::failed(fault f) {
    const time_point now = clock_->now();
    const bool may_rotate = settle_failure(call_, current_, f, now);
    attempts_.push_back(attempt{f.model, f.provider, f.kind(), f.http_status,
                                std::chrono::duration_cast<std::chrono::microseconds>(now - attempt_started_),
                                f.message});
    if (f.retry_after) retry_after_ = std::min(retry_after_.value_or(*f.retry_after), *f.retry_after);
    if (may_rotate) {
        request_id_ = std::move(f.request_id);
        param_ = std::move(f.param);
        return std::nullopt;
    }
    f.attempts = attempts_;
    return f;
}

fault attempt_plan::no_model_fault() const {
    const std::size_t count = call_.pool->models.size();
    std::string text;
    if (count == 0) {
        text = "pool '" + call_.pool->name + "' has no models";
        if (!call_.picture->models.empty())
            text += "; a model outside of it answers to its name, like '" +
                    call_.picture->models.front()->id + "'";
        fault f(errc::no_active_model, std::move(text));
        f.pool = call_.pool->name;
        return f;
    }
    const std::chrono::milliseconds wait = until_available(*call_.pool, clock_->now());
    fault f(errc::no_active_model, "all " + std::to_string(count) + " models of pool '" + call_.pool->name +
                                       "' are out of service; the first returns in " +
                                       std::to_string(wait.count()) + " ms");
    f.pool = call_.pool->name;
    f.retry_after = wait;
    return f;
}

fault attempt_plan::closing_fault() const {
    if (attempts_.empty()) return no_model_fault();
    const errc first = attempts_.front().kind;
    const bool alike = std::all_of(attempts_.begin(), attempts_.end(),
                                   [first](const attempt& a) { return a.kind == first; });
    std::string text = attempts_.size() == 1
                           ? "the only attempt failed in pool '"
                           : "all " + std::to_string(attempts_.size()) + " attempts failed in pool '";
    text += call_.pool->name + "'; the last: " + attempts_.back().message;
    fault f(alike ? first : errc::exhausted, std::move(text));
    f.pool = call_.pool->name;
    f.retry_after = retry_after_;
    f.retryable_hint = std::any_of(attempts_.begin(), attempts_.end(), [](const attempt& a) {
        return make_error_code(a.kind) == cond::retryable;
    });
    if (alike) {
        f.http_status = attempts_.back().http_status;
        f.provider = attempts_.back().provider;
        f.model = attempts_.back().model;
        f.request_id = request_id_;
        f.param = param_;
    }
    f.attempts = attempts_;
    return f;
}

} // namespace modelmesh::router
