#include "router/attempt_plan.hpp"

#include "router/attempt_log.hpp"
#include "router/limits.hpp"
#include "router/pool_view.hpp"
#include "router/request_facts.hpp"

#include <modelmesh/connector/backoff.hpp>

#include <algorithm>
#include <utility>

namespace modelmesh::router {
namespace {

// Between two looks at a probe of another request.
constexpr std::chrono::milliseconds least_look{1};

// Told by our own timers, not by the server.
bool is_silence(const fault& f) noexcept { return f.kind() == errc::timed_out && f.http_status == 0; }

} // namespace

connector::rotation_request facts_for(const call& made) {
    connector::rotation_request facts = facts_of(*made.request, made.pool->session_key);
    if (made.session) facts.session = *made.session;
    return facts;
}

namespace {

// How long a provider's word, or the lack of a model, keeps the model out of service by itself.
std::optional<std::chrono::milliseconds> rest_of(const pool& in, const fault& f, blame whose) noexcept {
    if (whose == blame::allowance) return f.retry_after;
    if (whose < blame::overload) return std::nullopt;
    if (whose == blame::absence || whose == blame::account)
        return f.retry_after.value_or(state::trip_rule::longest_cooldown);
    if (f.kind() == errc::rate_limit && in.retry.honor_retry_after) return f.retry_after;
    return std::nullopt;
}

connector::standby_reason reason_of(errc kind) noexcept {
    switch (kind) {
    case errc::rate_limit:
        return connector::standby_reason::rate_limited;
    case errc::quota:
        return connector::standby_reason::provider_quota;
    case errc::budget:
        return connector::standby_reason::budget_exceeded;
    default:
        return connector::standby_reason::model_not_found;
    }
}

// Whether failures have put a model into standby, and not a rule.
bool is_failure(connector::standby_reason why) noexcept {
    using connector::standby_reason;
    return why == standby_reason::error_threshold || why == standby_reason::rate_limited ||
           why == standby_reason::model_not_found || why == standby_reason::provider_quota;
}

void deactivate_provider(const call& made, std::size_t index, const fault& f, time_point now, rng& random,
                         log_sink* log) {
    const pool& in = *made.pool;
    const provider_entry& provider = *in.models[index]->provider;
    state::health_slot& health = provider.slot->health;
    const state::trip_rule at_once{1, in.trips_at.cooldown};
    if (!health.note_failure(at_once, since_epoch(now), {f.kind(), f.http_status}, random.unit())) return;
    if (!in.providers.returns_by_probe)
        health.stand_by(since_epoch(now), state::health_slot::never,
                        connector::standby_reason::error_threshold);
    report_provider_out(log, made.id, provider, now);
}

// All models that the key stands for, for as long as its provider has said.
void rest_account(const call& made, std::size_t index, const fault& f, std::chrono::milliseconds rest,
                  time_point now, log_sink* log) {
    const provider_entry& provider = *made.pool->models[index]->provider;
    const state::health_slot::reason why{f.kind(), f.http_status};
    if (provider.slot->health.stand_by(since_epoch(now), since_epoch(now) + rest, reason_of(f.kind()), why))
        report_provider_out(log, made.id, provider, now);
}

// What a provider has said of a model holds in the other pools that have it, too, if they heed it.
void rest_elsewhere(const call& made, std::size_t index, const fault& f, time_point now, log_sink* log) {
    const model_entry* model = made.pool->models[index];
    const state::health_slot::reason why{f.kind(), f.http_status};
    for (const std::unique_ptr<pool>& each : made.picture->pools) {
        if (each.get() == made.pool || each->kind == pool_kind::joint) continue;
        const auto found = std::find(each->models.begin(), each->models.end(), model);
        if (found == each->models.end()) continue;
        const auto there = static_cast<std::size_t>(found - each->models.begin());
        const std::optional<std::chrono::milliseconds> rest =
            rest_of(*each, f, judge(*each, *model->provider, f).whose);
        if (!rest) continue;
        move_on(*each, there, now);
        const bool is_out = each->state->health[there]->stand_by(since_epoch(now), since_epoch(now) + *rest,
                                                                 reason_of(f.kind()), why);
        // Nobody has configured a pool of one model.
        if (is_out && each->kind == pool_kind::configured)
            report_deactivation(log, made.id, *each, there, now);
    }
}

// What may be an outage of the whole provider. One that is to show that it is back may not fail at all.
void note_outage(const call& made, std::size_t index, const fault& f, time_point now, rng& random,
                 log_sink* log) {
    const pool& in = *made.pool;
    const bool is_kind = f.kind() == errc::connect || f.kind() == errc::timed_out ||
                         f.kind() == errc::overloaded || f.kind() == errc::upstream;
    if (!in.providers.on_api_outage || !is_kind) return;
    state::provider_slot& slot = *in.models[index]->provider->slot;
    const bool is_outage = slot.note_outage(in.providers.outage, index, since_epoch(now));
    if (is_outage || slot.health.load().phase != state::health_slot::phase::active)
        deactivate_provider(made, index, f, now, random, log);
}

void penalise(const call& made, std::size_t index, const fault& f, blame whose, time_point now, rng& random,
              log_sink* log) {
    const pool& in = *made.pool;
    if (whose == blame::nobody) return;
    if (whose == blame::position) return move_on(in, index, now);
    note_outage(made, index, f, now, random, log);
    if (whose == blame::provider) {
        move_on(in, index, now);
        return deactivate_provider(made, index, f, now, random, log);
    }
    const state::health_slot::reason why{f.kind(), f.http_status};
    bool is_out = false;
    if (const std::optional<std::chrono::milliseconds> rest = rest_of(in, f, whose)) {
        move_on(in, index, now);
        if (whose == blame::account) return rest_account(made, index, f, *rest, now, log);
        is_out = in.state->health[index]->stand_by(since_epoch(now), since_epoch(now) + *rest,
                                                   reason_of(f.kind()), why);
    } else {
        is_out = note_failure(in, index, why, now, random, whose == blame::health);
        // A server that is overloaded knows better than the cooldown when it will not be.
        if (is_out && in.retry.honor_retry_after && f.retry_after)
            in.state->health[index]->stand_by(since_epoch(now), since_epoch(now) + *f.retry_after,
                                              connector::standby_reason::error_threshold);
    }
    if (is_out) report_deactivation(log, made.id, in, index, now);
    if (whose != blame::allowance) rest_elsewhere(made, index, f, now, log);
}

std::int64_t window_of(const pool& in, std::size_t index) noexcept {
    const std::int64_t window = in.members[index].traits.context_window;
    return window == model_traits::unlimited ? 0 : window; // not known
}

} // namespace

namespace {

// Says who failed, and takes the key out of the text.
void complete(fault& f, const call& made, std::size_t index) {
    const model_entry& model = *made.pool->models[index];
    f.pool = made.pool->name;
    f.provider = model.provider->id;
    f.model = model.id;
    model.provider->redact(f.message);
    model.provider->redact(f.param);
}

// The same call on another snapshot; nothing: its pool is not there, or not with the same models, by which the request
// knows whom it has asked.
std::optional<call> moved_to(const call& made, const std::shared_ptr<const snapshot>& next) {
    const auto is_its = [&made](const std::unique_ptr<pool>& each) {
        return each->kind == made.pool->kind && each->name == made.pool->name;
    };
    const auto found = std::find_if(next->pools.begin(), next->pools.end(), is_its);
    const auto is_same = [](const model_entry* a, const model_entry* b) { return a->id == b->id; };
    if (found == next->pools.end() ||
        !std::equal((*found)->models.begin(), (*found)->models.end(), made.pool->models.begin(),
                    made.pool->models.end(), is_same))
        return std::nullopt;
    call moved = made;
    moved.pool = found->get();
    moved.picture = next;
    if (made.asked.only != nullptr) {
        const result<const provider_entry*> only = next->find_provider(made.asked.only->id);
        if (!only) return std::nullopt;
        moved.asked.only = *only;
    }
    return moved;
}

} // namespace

verdict settle_failure(const call& made, std::size_t index, fault& f, blame silence, time_point now,
                       rng& random, log_sink* log, bool is_of_account) {
    const model_entry& model = *made.pool->models[index];
    complete(f, made, index);
    verdict v = judge(*made.pool, *model.provider, f);
    if (is_silence(f)) {
        if (now >= made.deadline) v.rotates = rotation::none;
        if (!f.is_local) v.whose = silence;
    }
    if (is_of_account && f.kind() == errc::rate_limit && f.retry_after && v.whose == blame::health &&
        made.pool->retry.honor_retry_after)
        v.whose = blame::account;
    penalise(made, index, f, v.whose, now, random, log);
    return v;
}

attempt_plan::attempt_plan(call made, const clock& time, rng& random, log_sink* log)
    : call_(std::move(made)), clock_(&time), random_(&random), log_(log), request_(facts_for(call_)),
      tried_(call_.pool->models.size()), candidates_(tried_), limits_(call_.deadline), started_(time.now()),
      attempt_started_(started_) {
    call_.pool->state->retries->note_request(retry().budget_ratio);
}

bool attempt_plan::may_begin_another() const noexcept {
    const unsigned most = retry().max_total_attempts;
    return most == 0 || attempt_count() < static_cast<int>(most);
}

attempt_plan::asked_model* attempt_plan::find_asked(std::size_t index) noexcept {
    const auto found = std::find_if(asked_.begin(), asked_.end(),
                                    [index](const asked_model& each) { return each.index == index; });
    return found == asked_.end() ? nullptr : &*found;
}

result<const model_entry*> attempt_plan::next() {
    const time_point now = clock_->now();
    if (now >= call_.deadline) return late_fault();
    keep_windows(*call_.pool, *clock_, log_);
    is_refused_ = false;
    if (may_begin_another()) {
        std::optional<chosen_model> chosen;
        if (!stays_at_current(now)) chosen = choose_new(now);
        if (!chosen) chosen = choose_again(now);
        if (chosen) {
            begin(std::move(*chosen), now);
            return call_.pool->models[current_];
        }
        if (const std::optional<time_point> chance = next_chance(now)) {
            resumes_at_ = *chance;
            ++waits_;
            return nullptr;
        }
    }
    const auto turn = paced_until(*call_.pool, tried_, call_.asked, now);
    fault f = is_refused_                 ? refused_fault()
              : turn && attempts_.empty() ? paced_fault(*turn - since_epoch(now))
                                          : closing_fault();
    report_exhausted(log_, call_.id, f);
    return f;
}

// Whether the same model comes before others. Not while it is out of service, however soon it returns.
bool attempt_plan::stays_at_current(time_point now) {
    if (retry().scope != retry_scope::same_model || asked_.empty()) return false;
    return call_.pool->state->health[current_]->available(since_epoch(now)) && chance_of(current_, now);
}

// Among those that the request has not asked.
std::optional<chosen_model> attempt_plan::choose_new(time_point now) {
    std::optional<chosen_model> chosen;
    if (retry().scope == retry_scope::same_provider && !asked_.empty()) {
        connector::model_set others = tried_;
        for (std::size_t i = 0; i < call_.pool->models.size(); ++i)
            if (call_.pool->models[i]->provider != current().provider) others.insert(i);
        chosen = select(*call_.pool, others, call_.asked, request_, now, *random_, candidates_);
        if (chosen) return chosen;
    }
    chosen = select(*call_.pool, tried_, call_.asked, request_, now, *random_, candidates_);
    is_refused_ = !chosen && !candidates_.empty();
    return chosen;
}

// Among those that it has asked. A retry is taken out of the pool's budget.
std::optional<chosen_model> attempt_plan::choose_again(time_point now) {
    connector::model_set others(call_.pool->models.size());
    bool is_any_due = false;
    for (std::size_t i = 0; i < call_.pool->models.size(); ++i) {
        const asked_model* asked = find_asked(i);
        const bool is_due = asked != nullptr && asked->may_repeat && asked->again_at <= now;
        is_any_due = is_any_due || is_due;
        if (!is_due) others.insert(i);
    }
    if (!is_any_due || !call_.pool->state->retries->has_one(since_epoch(now))) return std::nullopt;
    std::optional<chosen_model> chosen =
        select(*call_.pool, others, call_.asked, request_, now, *random_, candidates_);
    if (chosen) (void)call_.pool->state->retries->take(since_epoch(now));
    return chosen;
}

std::optional<time_point> attempt_plan::next_chance(time_point now) {
    std::optional<time_point> first;
    const auto turn = paced_until(*call_.pool, tried_, call_.asked, now);
    if (turn && time_point(*turn) < call_.deadline) first = time_point(*turn);
    if (is_refused_ || retry().max_attempts <= 1) return first;
    for (std::size_t i = 0; i < call_.pool->models.size(); ++i) {
        const std::optional<time_point> at = chance_of(i, now);
        // Who could be asked now was not wanted, and would not be wanted a moment later.
        if (at && *at > now) first = std::min(first.value_or(*at), *at);
    }
    return first;
}

std::optional<time_point> attempt_plan::chance_of(std::size_t index, time_point now) {
    const pool& in = *call_.pool;
    const asked_model* asked = find_asked(index);
    if (asked == nullptr ? tried_.contains(index) : !asked->may_repeat) return std::nullopt;
    if (asked != nullptr && !in.state->retries->has_one(since_epoch(now))) return std::nullopt;
    if (!is_eligible(in, index, call_.asked)) return std::nullopt;
    time_point at = asked == nullptr ? now : asked->again_at;
    for (const state::health_slot* health :
         {&in.models[index]->provider->slot->health, in.state->health[index].get()}) {
        const state::health_slot::view v = health->load();
        if (v.phase == state::health_slot::phase::probing) {
            // Somebody else's probe will tell; until then nobody knows for how long.
            at = std::max(at, now + std::max<duration>(pause_before(waits_ + 1), least_look));
        } else if (!v.is_available(since_epoch(now))) {
            const time_point back = time_point(std::chrono::duration_cast<duration>(v.until));
            const bool is_promised = health->standby_reason() == connector::standby_reason::rate_limited;
            if (v.is_manual() || (!is_promised && back > now + retry().max_delay)) return std::nullopt;
            at = std::max(at, back);
        }
    }
    if (in.pace.delays && has_turns(in)) at = std::max(at, time_point(next_turn(in, index)));
    return at < call_.deadline ? std::optional(at) : std::nullopt;
}

// Tells when a limit has sent the request elsewhere. @pre the candidates are those that `chosen` is of.
void attempt_plan::report_switch(std::size_t chosen, time_point now) {
    const pool& in = *call_.pool;
    if (log_ == nullptr || !log_->wants(severity::info) || !in.policy) return;
    const pool_view view(in, candidates_, request_, now, call_.asked);
    if (const auto other = in.policy->regardless_of_limits(view); other && *other != chosen)
        return report_limit_switch(log_, call_.id, in, *other, chosen, "threshold");
    if (!has_turns(in)) return;
    connector::model_set unpaced = candidates_;
    for (std::size_t i = 0; i < in.models.size(); ++i)
        if (!tried_.contains(i) && why_not(in, i, call_.asked, since_epoch(now)) == exclusion::paced)
            unpaced.insert(i);
    unpaced.insert(chosen);
    xoshiro256 aside(0); // what is told changes nothing
    const auto other = choose(in, pool_view(in, unpaced, request_, now, call_.asked), aside);
    if (other && *other != chosen && !candidates_.contains(*other))
        report_limit_switch(log_, call_.id, in, *other, chosen, "pace");
}

void attempt_plan::begin(chosen_model&& chosen, time_point now) {
    report_switch(chosen.index, now);
    const asked_model* last = asked_.empty() ? nullptr : find_asked(current_);
    const std::size_t before = std::exchange(current_, chosen.index);
    const pool& in = *call_.pool;
    count_attempt();
    waits_ = 0;
    if (asked_model* again = find_asked(current_)) {
        report_retry(log_, call_.id, in, current_, number_, now - again->failed_at, again->why);
        ++again->tries;
        again->may_repeat = false;
    } else {
        if (last != nullptr) {
            in.state->health[before]->note_rotation();
            report_rotation(log_, call_.id, in, before, current_, last->why);
        }
        asked_.push_back(asked_model{current_, 1});
        tried_.insert(current_);
    }
    start_attempt(std::move(chosen.admission), chosen.tokens, now);
}

// At the current model.
void attempt_plan::start_attempt(admission&& admitted, const state::taken_tokens& tokens, time_point now) {
    permit_ = permit(*current().slot, std::move(admitted), now);
    tokens_ = metered(current(), tokens, *clock_);
    is_of_account_ = is_turned_away_ = has_content_ = false;
    const std::optional<duration> timeout = current().provider->timeout;
    limits_ = patience(timeout ? std::min(call_.deadline, now + *timeout) : call_.deadline);
    candidates_.erase(current_);
    const duration half = (call_.deadline - now) / 2;
    if (!candidates_.empty() || is_new_one_back_by(now + half))
        limits_.first_byte = std::min(limits_.first_byte, half);
    attempt_started_ = now;
}

bool attempt_plan::ask_again(const std::shared_ptr<const snapshot>& with, fault f) {
    const time_point now = clock_->now();
    if (now >= call_.deadline || !may_begin_another()) return false;
    std::optional<call> moved = moved_to(call_, with);
    if (!moved) return false;
    pool_state& there = *moved->pool->state;
    admission admitted(*there.health[current_], moved->pool->models[current_]->provider->slot->health, now);
    if (!admitted) return false; // the other key has been refused as well
    complete(f, call_, current_);
    note_attempt(f, now);
    permit_.end();
    call_ = std::move(*moved);
    request_ = facts_for(call_);
    state::taken_tokens tokens;
    if (has_turns(*call_.pool))
        (void)take_turn(*call_.pool, current_, now, tokens_of(request_), true, tokens);
    asked_model& asked = *find_asked(current_);
    ++asked.tries;
    count_attempt();
    start_attempt(std::move(admitted), tokens, now);
    return true;
}

// Whether somebody who was not asked is in service then, as far as is known.
bool attempt_plan::is_new_one_back_by(time_point then) const {
    const pool& in = *call_.pool;
    const auto is_back = [at = since_epoch(then)](const state::health_slot::view& v) {
        return v.phase != state::health_slot::phase::standby || v.until <= at;
    };
    for (std::size_t i = 0; i < in.models.size(); ++i)
        if (!tried_.contains(i) && is_eligible(in, i, call_.asked) && is_back(in.state->health[i]->load()) &&
            is_back(in.models[i]->provider->slot->health.load()))
            return true;
    return false;
}

duration attempt_plan::pause_before(unsigned retry_number) noexcept {
    const retry_config& how = retry();
    const connector::backoff pauses{how.initial_delay, how.max_delay,
                                    how.backoff == backoff_kind::exponential_jitter};
    return pauses.pause_before(retry_number, *random_);
}

time_point attempt_plan::again_at(const fault& f, unsigned tries, time_point now) noexcept {
    // What the provider says is exact: chance is for those who have to guess.
    if (f.retry_after && retry().honor_retry_after) return now + *f.retry_after;
    return now + pause_before(tries);
}

attempt_plan::attempt_plan(attempt_plan& first, time_point now)
    : call_(first.call_), clock_(first.clock_), random_(first.random_), log_(first.log_),
      request_(first.request_), tried_(first.tried_), candidates_(first.tried_), limits_(first.limits_),
      beside_(&first), started_(first.started_), attempt_started_(now) {}

std::optional<attempt_plan> attempt_plan::begin_beside() {
    if (!may_begin_another()) return std::nullopt;
    const time_point now = clock_->now();
    attempt_plan second(*this, now);
    scope spare = call_.asked;
    spare.is_spare = true;
    std::optional<chosen_model> chosen =
        select(*call_.pool, second.tried_, spare, request_, now, *random_, second.candidates_);
    if (!chosen) return std::nullopt;
    second.begin(std::move(*chosen), now);
    return second;
}

void attempt_plan::merge(attempt_plan&& other, bool takes_over) {
    attempts_.insert(attempts_.end(), other.attempts_.begin(), other.attempts_.end());
    if (other.retry_after_)
        retry_after_ = std::min(retry_after_.value_or(*other.retry_after_), *other.retry_after_);
    // It has asked one model. Who was given up without a word may be asked later.
    const bool has_failed = !other.attempts_.empty();
    if (takes_over || has_failed) {
        asked_.push_back(other.asked_.front());
        tried_.insert(other.current_);
    }
    if (!takes_over) return;
    number_ = other.number_;
    call_ = std::move(other.call_); // it may go on with another key
    current_ = other.current_;
    permit_ = std::move(other.permit_);
    tokens_ = std::move(other.tokens_);
    limits_ = other.limits_;
    is_of_account_ = other.is_of_account_;
    is_turned_away_ = other.is_turned_away_;
    has_content_ = other.has_content_;
    attempt_started_ = other.attempt_started_;
}

void attempt_plan::outrun() noexcept {
    // A stream whose content is held back has shown how fast it is.
    if (!has_content_) permit_.note_outrun(call_.request->stream(), clock_->now());
    permit_.end();
}

void attempt_plan::succeeded() {
    const time_point now = clock_->now();
    permit_.note_reply(now);
    note_success(*call_.pool, current_, now, call_.id, log_);
    permit_.end();
}

permit attempt_plan::hand_over(time_point first_content) {
    const admission::returned back = permit_.note_content(first_content);
    if (back.model) report_reactivation(log_, call_.id, *call_.pool, current_);
    if (back.provider) report_recovery(log_, call_.id, *current().provider);
    return std::move(permit_);
}

void attempt_plan::broke_off(const fault& f) {
    find_asked(current_)->why = f.kind();
    note_attempt(f, clock_->now());
}

void attempt_plan::ask(std::shared_ptr<const prepared_request> instead) {
    call_.request = std::move(instead);
    request_ = facts_for(call_);
}

bool attempt_plan::has_larger() {
    const pool& in = *call_.pool;
    if (window_of(in, current_) == 0) return false;
    bool is_any = false;
    for (std::size_t i = 0; i < in.models.size(); ++i) {
        if (window_of(in, i) <= window_of(in, current_)) tried_.insert(i);
        is_any = is_any || (!tried_.contains(i) && is_eligible(in, i, call_.asked));
    }
    return is_any;
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
    if (is_turned_away_) complete(f, call_, current_);
    const verdict v = is_turned_away_
                          ? verdict{}
                          : settle_failure(call_, current_, f, is_hurried ? blame::position : blame::health,
                                           now, *random_, log_, is_of_account_);
    asked_model& asked = *find_asked(current_);
    asked.may_repeat = asked.tries <= v.repeats && asked.tries < retry().max_attempts;
    asked.failed_at = now;
    asked.again_at = asked.may_repeat ? again_at(f, asked.tries, now) : now;
    asked.why = f.kind();
    const bool may_rotate = v.rotates == rotation::any || (v.rotates == rotation::larger && has_larger());
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

fault attempt_plan::late_fault() const {
    fault f(errc::timed_out, "the request's deadline passed after " + std::to_string(count_) +
                                 (count_ == 1 ? " attempt" : " attempts"));
    f.pool = call_.pool->name;
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
        const health_slot& provider = call_.pool->models[i]->provider->slot->health;
        const health_slot& health = provider.load().is_out() ? provider : *call_.pool->state->health[i];
        const health_slot::view v = health.load();
        if (!is_eligible(*call_.pool, i, call_.asked) || (v.is_manual() && &health != &provider)) continue;
        const connector::standby_reason kind = health.standby_reason();
        if (v.phase == health_slot::phase::standby && !is_failure(kind)) {
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
        const bool is_budget =
            others.size() == 1 && others.front() == to_string(connector::standby_reason::budget_exceeded);
        fault f(is_budget ? errc::budget : errc::no_active_model, std::move(text));
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
    const errc kind = call_.pool->policy->refusal(request_);
    std::string text = "the policy '" + call_.pool->strategy + "' of pool '" + call_.pool->name +
                       "' allows none of the models that are in service";
    if (kind == errc::session_unavailable) text = "the session's model is out of service: " + std::move(text);
    fault f(kind, std::move(text));
    f.pool = call_.pool->name;
    f.retry_after = retry_after_;
    f.attempts = attempts_;
    return f;
}

fault attempt_plan::paced_fault(std::chrono::milliseconds wait) const {
    fault f(errc::rate_limit, "the models of " + described() +
                                  " have had what their rate_limit lets them have; the first may have "
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
