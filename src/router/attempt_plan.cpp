#include "router/attempt_plan.hpp"

#include "router/limits.hpp"
#include "router/request_facts.hpp"

#include <algorithm>

namespace modelmesh::router {
namespace {

// What a failure means for the rest of the request, by kind.
struct verdict {
    bool rotate; ///< another model may do better
    blame whose;
};

verdict judge(errc kind) noexcept {
    switch (kind) {
    // The caller's own fault: no model can help, and no model is to blame.
    case errc::bad_request:
    case errc::context_length:
    case errc::content_filter:
    case errc::canceled:
        return {false, blame::nobody};
    // This vendor cannot do it, another may.
    case errc::unsupported:
        return {true, blame::nobody};
    // A defect of one connector, which something odd in this request may have brought to light.
    case errc::internal:
        return {true, blame::position};
    // What is wrong with one provider's settings (config) is not wrong with the others'.
    default:
        return {true, blame::health};
    }
}

// Told by our own timers, not by the server.
bool is_silence(const fault& f) noexcept { return f.kind() == errc::timed_out && f.http_status == 0; }

connector::rotation_request facts_for(const call& made) {
    connector::rotation_request facts = facts_of(*made.request, made.pool->session_key);
    if (made.session) facts.session = *made.session;
    return facts;
}

} // namespace

bool settle_failure(const call& made, std::size_t index, fault& f, blame silence, time_point now,
                    rng& random) {
    const model_entry& model = *made.pool->models[index];
    f.pool = made.pool->name;
    f.provider = model.provider->id;
    f.model = model.id;
    model.provider->redact(f.message);
    model.provider->redact(f.param);
    verdict v = judge(f.kind());
    if (is_silence(f)) v = {now < made.deadline, silence};
    // Told by the program's own ledger, not by the model. One without a price is no matter of what is left to spend.
    // What is used up stays so until the period ends, and the next request had better begin elsewhere.
    if (f.kind() == errc::budget) {
        const bool is_used_up = f.budget && f.budget->resets_at && made.pool->rotates_on_budget;
        v = {made.pool->rotates_on_budget || !f.budget, is_used_up ? blame::position : blame::nobody};
    }
    if (v.whose == blame::position) move_on(*made.pool, index, now);
    if (v.whose == blame::health) note_failure(*made.pool, index, {f.kind(), f.http_status}, now, random);
    return v.rotate;
}

attempt_plan::attempt_plan(call made, const clock& time, rng& random)
    : call_(std::move(made)), clock_(&time), random_(&random),
      request_(facts_for(call_)), tried_(call_.pool->models.size()),
      candidates_(tried_), limits_(call_.deadline), started_(time.now()), attempt_started_(started_) {}

std::optional<time_point> attempt_plan::next_turn() const noexcept {
    const std::optional<std::chrono::milliseconds> turn =
        paced_until(*call_.pool, tried_, call_.asked, clock_->now());
    if (!turn || time_point(*turn) >= call_.deadline) return std::nullopt;
    return time_point(*turn);
}

result<const model_entry*> attempt_plan::next() {
    const time_point now = clock_->now();
    if (now >= call_.deadline) {
        fault f(errc::timed_out, "the request's deadline passed after " + std::to_string(number_) +
                                     (number_ == 1 ? " attempt" : " attempts"));
        f.pool = call_.pool->name;
        f.attempts = attempts_;
        return f;
    }
    keep_windows(*call_.pool, *clock_);
    const std::optional<chosen_model> chosen =
        select(*call_.pool, tried_, call_.asked, request_, now, *random_, candidates_);
    if (!chosen) {
        if (const auto turn = paced_until(*call_.pool, tried_, call_.asked, now); turn && attempts_.empty())
            return paced_fault(*turn - since_epoch(now));
        return candidates_.empty() ? closing_fault() : refused_fault();
    }
    current_ = chosen->index;
    permit_ = permit(*call_.pool->models[current_]->slot, *call_.pool->state->health[current_],
                     chosen->is_probe, now);
    tried_.insert(current_);
    ++number_;
    const std::optional<duration> timeout = call_.pool->models[current_]->provider->timeout;
    limits_ = patience(timeout ? std::min(call_.deadline, now + *timeout) : call_.deadline);
    candidates_.erase(current_);
    if (!candidates_.empty())
        limits_.first_byte = std::min<duration>(limits_.first_byte, (call_.deadline - now) / 2);
    attempt_started_ = now;
    return call_.pool->models[current_];
}

void attempt_plan::succeeded() {
    const time_point now = clock_->now();
    permit_.note_reply(now);
    note_success(*call_.pool, current_, now);
    permit_.end();
}

permit attempt_plan::hand_over(time_point first_content) {
    permit_.note_content(first_content);
    return std::move(permit_);
}

void attempt_plan::broke_off(const fault& f) { note_attempt(f, clock_->now()); }

void attempt_plan::ask(std::shared_ptr<const prepared_request> instead) {
    call_.request = std::move(instead);
    request_ = facts_for(call_);
}

void attempt_plan::note_attempt(const fault& f, time_point now) {
    attempts_.push_back(attempt{f.model, f.provider, f.kind(), f.http_status,
                                std::chrono::duration_cast<std::chrono::microseconds>(now - attempt_started_),
                                f.message});
    if (f.retry_after) retry_after_ = std::min(retry_after_.value_or(*f.retry_after), *f.retry_after);
}

std::optional<fault> attempt_plan::failed(fault f) {
    const time_point now = clock_->now();
    // A wait that the caller's deadline cut short says nothing about the model's health. But the next request
    // begins elsewhere, or a model that hangs would keep a pool whose callers are all in a hurry.
    const bool is_hurried = now >= call_.deadline || limits_.first_byte < patience::usual_wait;
    const bool may_rotate =
        settle_failure(call_, current_, f, is_hurried ? blame::position : blame::health, now, *random_);
    permit_.end();
    note_attempt(f, now);
    if (may_rotate) {
        request_id_ = std::move(f.request_id);
        param_ = std::move(f.param);
        budget_ = std::move(f.budget);
        return std::nullopt;
    }
    f.attempts = attempts_;
    return f;
}

std::string attempt_plan::described() const {
    std::string text = "pool '" + call_.pool->name + "'";
    if (call_.asked.only != nullptr) text += " at provider '" + call_.asked.only->id + "'";
    return text;
}

fault attempt_plan::no_model_fault() const {
    const std::size_t count = count_eligible(*call_.pool, call_.asked);
    std::string text;
    if (count == 0) { // of any provider: a call of one that has none in the pool is refused before
        text = "pool '" + call_.pool->name + "' has no models";
        if (!call_.picture->models.empty())
            text += "; a model outside of it answers to its name, like '" +
                    call_.picture->models.front()->id + "'";
        fault f(errc::no_active_model, std::move(text));
        f.pool = call_.pool->name;
        return f;
    }
    using state::health_slot;
    std::vector<health_slot::reason> reasons;
    std::vector<std::string_view> others; // than failures
    for (std::size_t i = 0; i < call_.pool->models.size(); ++i) {
        const health_slot& health = *call_.pool->state->health[i];
        const health_slot::view v = health.load();
        if (!is_eligible(*call_.pool, i, call_.asked) || v.is_manual()) continue;
        const connector::standby_reason kind = health.standby_reason();
        if (v.phase == health_slot::phase::standby && kind != connector::standby_reason::error_threshold) {
            if (std::find(others.begin(), others.end(), to_string(kind)) == others.end())
                others.push_back(to_string(kind));
            continue;
        }
        const health_slot::reason why = health.last_failure();
        if (std::find(reasons.begin(), reasons.end(), why) == reasons.end()) reasons.push_back(why);
    }
    const std::optional<std::chrono::milliseconds> wait =
        until_available(*call_.pool, clock_->now(), call_.asked);
    text = count == 1 ? "the only model of " : "all " + std::to_string(count) + " models of ";
    text += described() + (count == 1 ? " is" : " are");
    if (!wait || (reasons.empty() && others.empty())) { // all of them, when they were looked at
        text += " rotated out, until somebody reactivates one";
        fault f(errc::no_active_model, std::move(text));
        f.pool = call_.pool->name;
        return f;
    }
    text += " out of service after";
    for (const health_slot::reason& why : reasons) {
        text += &why == reasons.data() ? " " : ", ";
        text += to_string(why.kind);
        if (why.http_status != 0) text += " (HTTP " + std::to_string(why.http_status) + ")";
    }
    for (const std::string_view other : others)
        text.append(reasons.empty() && other == others.front() ? " " : ", ").append(other);
    text +=
        (count == 1 ? "; it returns in " : "; the first returns in ") + std::to_string(wait->count()) + " ms";
    if (reasons.empty()) {
        fault f(errc::no_active_model, std::move(text));
        f.pool = call_.pool->name;
        f.retry_after = wait;
        return f;
    }
    // A model that returns fails again when, say, its key is wrong: waiting helps only where one of the
    // failures may pass.
    const auto may_pass = [](const health_slot::reason& why) {
        return make_error_code(why.kind) == cond::retryable;
    };
    const bool alike = std::all_of(reasons.begin(), reasons.end(), [&](const health_slot::reason& why) {
        return why.kind == reasons.front().kind;
    });
    const bool is_retryable = std::any_of(reasons.begin(), reasons.end(), may_pass);
    fault f(is_retryable ? errc::no_active_model
            : alike      ? reasons.front().kind
                         : errc::exhausted,
            std::move(text));
    f.pool = call_.pool->name;
    f.retry_after = wait;
    if (alike) f.http_status = reasons.front().http_status;
    return f;
}

fault attempt_plan::refused_fault() const {
    fault f(errc::no_active_model, "the policy '" + call_.pool->strategy + "' of pool '" + call_.pool->name +
                                       "' allows none of the models that are in service");
    f.pool = call_.pool->name;
    f.retry_after = retry_after_;
    f.attempts = attempts_;
    return f;
}

fault attempt_plan::paced_fault(std::chrono::milliseconds wait) const {
    fault f(errc::rate_limit,
            "the models of " + described() +
                " have had the requests that its rate_limit lets them have; the first may have "
                "another in " +
                std::to_string(wait.count()) + " ms, behind the request's deadline");
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
                           ? "the only attempt failed in "
                           : "all " + std::to_string(attempts_.size()) + " attempts failed in ";
    text += described() + (attempts_.size() == 1 ? ": " : "; the last: ") + attempts_.back().message;
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
        f.budget = budget_;
    }
    f.attempts = attempts_;
    return f;
}

} // namespace modelmesh::router
