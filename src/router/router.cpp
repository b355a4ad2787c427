#include "router/router.hpp"

#include "router/attempt_log.hpp"
#include "router/charge.hpp"
#include "router/failover_stream.hpp"
#include "router/first_content.hpp"
#include "router/guarded.hpp"
#include "router/hedge.hpp"
#include "router/rate_limits.hpp"

#include <modelmesh/http/body_source.hpp>

#include <array>
#include <deque>
#include <utility>

namespace modelmesh::router {
namespace {

attempt_place place_of(const attempt_plan& plan) {
    const model_entry& model = plan.current();
    return {plan.made().pool->name, model.provider->id, model.id, plan.attempt_number()};
}

/// What begins with a model having been chosen.
void begun(log_sink* log, const attempt_plan& plan) {
    if (log == nullptr || !log->wants(severity::debug)) return;
    const attempt_place at = place_of(plan);
    const std::string id = plan.made().id.text();
    const std::string number = std::to_string(at.number);
    const std::array<log_field, 5> fields{{{"request_id", id},
                                           {"pool", at.pool},
                                           {"provider", at.provider},
                                           {"model", at.model},
                                           {"attempt", number}}};
    log->write(severity::debug, "request.routed", fields);
}

/// What is around one attempt. Who was told that it begins is told how it ended, however that is: Asio reports some
/// cancellations as exceptions, and a loop that is destroyed lets no coroutine go on.
class surrounded {
public:
    /// @param plan  outlives this.
    explicit surrounded(attempt_plan& plan) noexcept : plan_(&plan) {}
    ~surrounded() {
        if (!has_begun_) return;
        const fault given_up(errc::canceled, "given up"); // short enough to need no memory
        ended(&given_up);
    }
    surrounded(const surrounded&) = delete;
    surrounded& operator=(const surrounded&) = delete;

    result<void> begin(http::headers& headers) {
        attempt_hooks* const hooks = plan_->made().hooks.get();
        if (hooks == nullptr) return {};
        has_begun_ = true;
        const result<void> begun = hooks->begin(place_of(*plan_), headers);
        if (!begun) plan_->note_refusal();
        return begun;
    }
    /// @param failure  null: it has ended well.
    void ended(const fault* failure) noexcept {
        if (std::exchange(has_begun_, false)) plan_->made().hooks->end(place_of(*plan_), failure);
    }

private:
    attempt_plan* plan_;
    bool has_begun_ = false;
};

result<std::shared_ptr<const http::request>> encode(const attempt_plan& plan, const model_entry& model,
                                                    surrounded& around) {
    auto request = std::make_shared<http::request>();
    const result<void> encoded = guarded([&] {
        return model.provider->codec->encode(*plan.made().request, model.provider->target_for(model.name),
                                             *request);
    });
    if (!encoded) return encoded.error();
    if (request->source && plan.attempt_number() > 1 && !request->source->rewind())
        return fault(errc::bad_request,
                     "a file of the request can be read only once, and an attempt has read it");
    if (const result<void> begun = around.begin(request->headers); !begun) return begun.error();
    request->is_replayable = request->is_replayable || model.provider->may_be_asked_twice;
    return std::shared_ptr<const http::request>(std::move(request));
}

fault classified(const connector::provider& codec, const http::response& answer, const clock& time) {
    return guarded([&] { return codec.classify(answer, time.wall()); });
}

result<std::string> decoded(const connector::provider& codec, const prepared_request& request,
                            http::response&& answer) {
    return guarded([&] { return codec.decode(request, std::move(answer)); });
}

result<std::unique_ptr<connector::stream_decoder>> make_decoder(const connector::provider& codec,
                                                                const prepared_request& request) {
    using decoder = result<std::unique_ptr<connector::stream_decoder>>;
    decoder made = guarded([&] { return decoder(codec.open_stream(request)); });
    if (made && *made == nullptr) return fault(errc::internal, "the connector has no decoder for streams");
    return made;
}

// The references of this coroutine and of those below outlive it: the attempt loop awaits it where they are
// owned.

// The model of the next attempt, which may have to be waited for.
task<result<const model_entry*>> next_model(transport& via, attempt_plan& plan) {
    for (;;) {
        const result<const model_entry*> model = plan.next();
        if (!model || *model != nullptr) co_return model;
        const result<void> slept = co_await via.sleep_until(plan.resumes_at());
        if (slept) continue;
        fault f = slept.error();
        f.pool = plan.made().pool->name;
        co_return f;
    }
}

task<result<void>> exchange_whole(transport& via, attempt_plan& plan, surrounded& around, charge& paid,
                                  reply_reader& read, bool& is_taken) {
    const model_entry& model = plan.current();
    result<std::shared_ptr<const http::request>> request = encode(plan, model, around);
    if (!request) co_return std::move(request).error();
    if (const result<void> reserved = paid.reserve(); !reserved) co_return reserved.error();
    result<http::response> answer =
        co_await via.exchange(model.provider->where, std::move(*request), plan.limits());
    if (!answer) co_return std::move(answer).error();
    note_limits(answer->headers, *model.slot, via.time().now(), via.time().wall());
    if (is_limit_of_account(answer->headers)) plan.note_limit_of_account();
    const connector::provider& codec = *model.provider->codec;
    if (!is_success(answer->status)) co_return classified(codec, *answer, via.time());
    result<std::string> body = decoded(codec, *plan.made().request, std::move(*answer));
    if (!body) co_return std::move(body).error();
    paid.take_reply(*body);
    if (is_taken) co_return fault(errc::canceled, "another model answered first");
    const result<void> taken = read(std::move(*body));
    is_taken = taken.has_value();
    co_return taken;
}

// Two attempts may have a reply at the same moment: `is_taken` says that the reader has one.
task<result<modelmesh::route>> attempt_whole(transport& via, log_sink* log, attempt_plan& plan,
                                             reply_reader& read, bool& is_taken) {
    begun(log, plan);
    charge paid(plan, log);
    surrounded around(plan);
    const result<void> answered = co_await exchange_whole(via, plan, around, paid, read, is_taken);
    if (!answered) {
        fault failure = answered.error();
        if (failure.kind() != errc::canceled) paid.failed();
        around.ended(&failure);
        co_return failure;
    }
    around.ended(nullptr);
    plan.succeeded();
    paid.succeeded();
    modelmesh::route served = route_of(via, plan);
    served.cost_micro_usd = paid.settle();
    if (const std::optional<token_counts> used = paid.tokens()) {
        served.input_tokens = used->input;
        served.output_tokens = used->output;
    }
    if (!paid.is_covered()) co_await paid.covered();
    co_return served;
}

// Far more than any preamble; a provider that sends this much and says nothing never will.
constexpr std::size_t longest_preamble = 256 * 1024;

// Of content that a pool holds back: a reader who is this far behind would notice.
constexpr std::size_t most_held_back = 64 * 1024;

// Reads on until the first content, and from there on until a chunk comes after the time for which the pool holds
// content back. No timer ends that earlier: a model that pauses there may be about to break off. Everything read is
// kept for the reader.
task<result<void>> read_to_content(stream_session& session, attempt_plan& plan) {
    first_content content(plan.made().request->operation());
    const duration hold_back = plan.made().pool->streaming.hold_back;
    std::deque<std::string> seen;
    std::size_t seen_size = 0;
    std::optional<time_point> found_at;
    for (bool is_over = false; !is_over;) {
        std::string_view json;
        const result<stream_state> state = session.try_next(json);
        if (!state) co_return state.error();
        if (*state == stream_state::end) break; // a reply without content is a reply
        if (*state == stream_state::pending) {
            const result<void> woken = co_await session.wait();
            if (!woken) co_return *session.fail(woken.error());
            continue;
        }
        const result<bool> has_content = found_at ? result<bool>(true) : content.is_in(json);
        if (!has_content) co_return *session.fail(has_content.error());
        seen.emplace_back(json);
        seen_size += json.size();
        if (*has_content) {
            const time_point now = plan.time().now();
            if (!found_at) {
                found_at = now;
                plan.note_content();
            }
            is_over = now - *found_at >= hold_back || seen_size > most_held_back;
        } else if (seen_size > longest_preamble) {
            fault silent(errc::protocol, "the provider streamed " + std::to_string(seen_size) +
                                             " bytes of chunks without any content");
            co_return *session.fail(std::move(silent));
        }
    }
    session.hand_over(std::move(seen), plan.hand_over(found_at.value_or(plan.time().now())));
    co_return result<void>();
}

task<result<std::unique_ptr<stream_session>>> open_session(transport& via, attempt_plan& plan,
                                                           surrounded& around, charge& paid) {
    const model_entry& model = plan.current();
    result<std::shared_ptr<const http::request>> request = encode(plan, model, around);
    if (!request) co_return std::move(request).error();
    if (const result<void> reserved = paid.reserve(); !reserved) co_return reserved.error();
    result<opened> answer = co_await via.open(model.provider->where, std::move(*request), plan.limits());
    if (!answer) co_return std::move(answer).error();
    note_limits(answer->head.headers, *model.slot, via.time().now(), via.time().wall());
    if (is_limit_of_account(answer->head.headers)) plan.note_limit_of_account();
    const connector::provider& codec = *model.provider->codec;
    if (!is_success(answer->head.status)) co_return classified(codec, answer->head, via.time());
    result<std::unique_ptr<connector::stream_decoder>> decoder = make_decoder(codec, *plan.made().request);
    if (!decoder) co_return std::move(decoder).error();
    auto session =
        std::make_unique<stream_session>(plan, std::move(*decoder), std::move(answer->body), std::move(paid));
    const result<void> ready = co_await read_to_content(*session, plan);
    if (!ready) co_return ready.error();
    co_return std::move(session);
}

task<result<std::unique_ptr<stream_session>>> attempt_stream(transport& via, log_sink* log,
                                                             attempt_plan& plan) {
    begun(log, plan);
    charge paid(plan, log);
    surrounded around(plan);
    result<std::unique_ptr<stream_session>> session = co_await open_session(via, plan, around, paid);
    if (!session) {
        fault failure = std::move(session).error();
        if (failure.kind() != errc::canceled) paid.failed();
        around.ended(&failure);
        co_return failure;
    }
    around.ended(nullptr);
    co_return std::move(session);
}

// The current attempt; and when its provider refuses a key that is another one by now, the same again with that.
template <class T>
task<result<T>> attempt_with_keys(transport& via, log_sink* log, attempt_plan& plan, attempt_of<T>& once) {
    result<T> got = co_await once(plan);
    const std::shared_ptr<credentials> keys = plan.made().keys;
    if (got || !keys || !plan.current().provider->renewal) co_return got;
    fault failure = got.error();
    if (plan.is_turned_away() || !is_refused_key(failure)) co_return got;
    const time_point failed_at = via.time().now();
    refusal refused{plan.made().picture, plan.current().provider, plan.made().id, plan.made().deadline};
    const result<std::shared_ptr<const snapshot>> next = co_await keys->renew(via, std::move(refused));
    if (!next) co_return next.error();
    const int number = plan.attempt_number();
    if (!*next || !plan.ask_again(*next, failure)) co_return got;
    const model_entry& model = plan.current();
    report_failure(log, plan.made().id, model.provider->id, model.id, number, failure);
    report_retry(log, plan.made().id, *plan.made().pool, plan.current_index(), plan.attempt_number(),
                 via.time().now() - failed_at, failure.kind());
    co_return co_await once(plan);
}

} // namespace

task<result<modelmesh::route>> complete(transport& via, log_sink* log, call made, reply_reader read) {
    attempt_plan plan(std::move(made), via.time(), via.random(), log);
    bool is_taken = false;
    attempt_of<modelmesh::route> once = [&via, log, &read, &is_taken](attempt_plan& by) {
        return attempt_whole(via, log, by, read, is_taken);
    };
    attempt_of<modelmesh::route> attempt = [&via, log, &once](attempt_plan& by) {
        return attempt_with_keys(via, log, by, once);
    };
    for (;;) {
        const result<const model_entry*> model = co_await next_model(via, plan);
        if (!model) co_return model.error();
        result<std::optional<modelmesh::route>> served = co_await attempt_or_next(via, log, plan, attempt);
        if (!served) co_return std::move(served).error();
        if (!*served) continue;
        (*served)->attempts = plan.attempt_count(); // one may have begun beside it since
        co_return std::move(**served);
    }
}

task<result<modelmesh::route>> place(transport& via, log_sink* log, call made, placement attempt) {
    attempt_plan plan(std::move(made), via.time(), via.random(), log);
    for (;;) {
        const result<const model_entry*> model = co_await next_model(via, plan);
        if (!model) co_return model.error();
        begun(log, plan);
        const result<void> placed = co_await attempt(plan);
        // The attempt ends without a word: how long it took says nothing about how fast its model answers.
        if (placed) co_return route_of(via, plan);
        if (std::optional<fault> final = end_attempt(log, plan, placed.error())) co_return std::move(*final);
    }
}

modelmesh::route route_of(const transport& via, const attempt_plan& plan) {
    modelmesh::route r;
    r.pool = plan.made().pool->name;
    r.provider = plan.current().provider->id;
    r.model = plan.current().id;
    r.attempts = plan.attempt_count();
    r.engine = via.engine_name();
    r.request_id = plan.made().id.text();
    r.latency = std::chrono::duration_cast<std::chrono::milliseconds>(via.time().now() - plan.started());
    return r;
}

task<result<std::unique_ptr<stream_session>>> next_stream(transport& via, log_sink* log, attempt_plan& plan) {
    attempt_of<std::unique_ptr<stream_session>> once = [&via, log](attempt_plan& by) {
        return attempt_stream(via, log, by);
    };
    attempt_of<std::unique_ptr<stream_session>> attempt = [&via, log, &once](attempt_plan& by) {
        return attempt_with_keys(via, log, by, once);
    };
    for (;;) {
        const result<const model_entry*> model = co_await next_model(via, plan);
        if (!model) co_return model.error();
        result<std::optional<std::unique_ptr<stream_session>>> session =
            co_await attempt_or_next(via, log, plan, attempt);
        if (!session) co_return std::move(session).error();
        if (*session) co_return std::move(**session);
    }
}

task<result<served_stream>> open_stream(transport& via, log_sink* log, call made) {
    attempt_plan plan(std::move(made), via.time(), via.random(), log);
    result<std::unique_ptr<stream_session>> session = co_await next_stream(via, log, plan);
    if (!session) co_return std::move(session).error();
    served_stream s;
    s.route = route_of(via, plan);
    if (failover_stream::is_for(plan.made()))
        s.session = std::make_unique<failover_stream>(via, log, std::move(plan), std::move(*session));
    else
        s.session = std::move(*session);
    co_return std::move(s);
}

} // namespace modelmesh::router
